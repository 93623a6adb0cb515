//! Shares requests out among servers, by Pingora's selection algorithms and health checks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::FutureExt;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::lb::discovery::ServiceDiscovery;
use pingora::lb::health_check::{HealthCheck, HttpHealthCheck, TcpHealthCheck};
use pingora::lb::selection::{Consistent, Random, RoundRobin};
use pingora::lb::{Backend, Backends, LoadBalancer};

use super::UpstreamError;
use crate::config::upstream as config;

/// The servers of one upstream that have an address, and which is next.
pub(super) struct Balancer {
    algorithm: Algorithm,
    published: Published,
    probe: Option<Probe>,
}

/// The pace of health checks.
#[derive(Clone, Copy)]
pub(super) struct Probe {
    /// Time between them; not zero.
    pub(super) interval: Duration,
    /// Bound on all of one, since Pingora bounds each read only.
    limit: Duration,
}

enum Algorithm {
    RoundRobin(LoadBalancer<RoundRobin>),
    Random(LoadBalancer<Random>),
    ConsistentHash(LoadBalancer<Consistent>),
}

/// Runs the same call on whichever algorithm it is.
macro_rules! on {
    ($algorithm:expr, $balancer:ident => $call:expr) => {
        match $algorithm {
            Algorithm::RoundRobin($balancer) => $call,
            Algorithm::Random($balancer) => $call,
            Algorithm::ConsistentHash($balancer) => $call,
        }
    };
}

impl Balancer {
    /// Without servers; [`Balancer::publish`] gives it some.
    pub(super) fn new(settings: &config::Upstream) -> Result<Self, UpstreamError> {
        let published = Published::default();
        let mut backends = Backends::new(Box::new(published.clone()));
        let mut probe = None;
        if let Some(settings) = &settings.health_check {
            if settings.interval.is_zero() {
                return Err(UpstreamError::ProbeInterval);
            }
            backends.set_health_check(health_check(settings)?);
            probe = Some(Probe {
                interval: settings.interval,
                limit: settings.timeout.saturating_mul(3),
            });
        }
        let algorithm = match settings.balance {
            config::Balance::RoundRobin => {
                Algorithm::RoundRobin(LoadBalancer::from_backends(backends))
            }
            config::Balance::Random => Algorithm::Random(LoadBalancer::from_backends(backends)),
            config::Balance::ConsistentHash => {
                Algorithm::ConsistentHash(LoadBalancer::from_backends(backends))
            }
        };
        Ok(Self {
            algorithm,
            published,
            probe,
        })
    }

    /// Takes these servers in place of all before. Those that stay keep their health.
    pub(super) fn publish(&self, servers: &BTreeMap<SocketAddr, NonZeroU8>) {
        let backend = |(address, weight): (&SocketAddr, &NonZeroU8)| Backend {
            addr: (*address).into(),
            weight: usize::from(weight.get()),
            ext: Default::default(),
        };
        self.published
            .0
            .store(Arc::new(servers.iter().map(backend).collect()));
        // Our discovery answers at once, so the update is done after one poll.
        let updated = on!(&self.algorithm, balancer => balancer.update().now_or_never());
        debug_assert!(matches!(updated, Some(Ok(()))));
    }

    /// The next healthy server that `accepts` takes. `key` decides under consistent hashing.
    pub(super) fn select(
        &self,
        key: &[u8],
        accepts: impl Fn(&SocketAddr) -> bool,
    ) -> Option<SocketAddr> {
        let is_fit = |backend: &Backend, is_healthy: bool| {
            is_healthy && backend.addr.as_inet().is_some_and(&accepts)
        };
        on!(&self.algorithm, balancer => {
            let chosen = balancer.select_with(key, MOST_STEPS, is_fit);
            // The algorithms may step past a lone fit server; then any fit one is right.
            chosen.and_then(|backend| backend.addr.as_inet().copied()).or_else(|| {
                let all = balancer.backends().get_backend();
                let fit = all.iter().find(|one| is_fit(one, balancer.backends().ready(one)));
                fit.and_then(|backend| backend.addr.as_inet().copied())
            })
        })
    }

    /// The pace of health checks; `None` when servers are not probed.
    pub(super) fn probe(&self) -> Option<Probe> {
        self.probe
    }

    /// Probes all servers at once. One that does not come to an end in time stays what it was.
    pub(super) async fn run_probe(&self, probe: Probe) {
        let checks = on!(&self.algorithm, balancer => balancer.backends());
        if tokio::time::timeout(probe.limit, checks.run_health_check(true))
            .await
            .is_err()
        {
            tracing::warn!("a health check does not come to an end");
        }
    }
}

impl std::fmt::Debug for Balancer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Balancer")
            .field(&self.published.0.load())
            .finish()
    }
}

/// What the resolver found, handed to Pingora.
#[derive(Clone, Default)]
struct Published(Arc<ArcSwap<BTreeSet<Backend>>>);

#[async_trait]
impl ServiceDiscovery for Published {
    async fn discover(&self) -> pingora::Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        Ok((BTreeSet::clone(&self.0.load()), HashMap::new()))
    }
}

fn health_check(
    probe: &config::HealthCheck,
) -> Result<Box<dyn HealthCheck + Send + Sync>, UpstreamError> {
    let (unhealthy_after, healthy_after) =
        (count(probe.unhealthy_after), count(probe.healthy_after));
    let Some(path) = &probe.path else {
        let mut check = TcpHealthCheck::new();
        check.consecutive_failure = unhealthy_after;
        check.consecutive_success = healthy_after;
        check.peer_template.options.connection_timeout = Some(probe.timeout);
        return Ok(check);
    };
    let invalid = || UpstreamError::HealthCheck(path.clone());
    let mut request = RequestHeader::build("GET", path.as_bytes(), None).map_err(|_| invalid())?;
    if !path.starts_with('/') {
        return Err(invalid());
    }
    let mut check = HttpHealthCheck::new("localhost", false);
    request
        .insert_header("Host", probe.host.as_str())
        .map_err(|_| invalid())?;
    request
        .insert_header("User-Agent", "vestibule")
        .map_err(|_| invalid())?;
    check.req = request;
    check.consecutive_failure = unhealthy_after;
    check.consecutive_success = healthy_after;
    check.peer_template.options.connection_timeout = Some(probe.timeout);
    check.peer_template.options.read_timeout = Some(probe.timeout);
    check.validator = Some(Box::new(answers_well));
    Ok(Box::new(check))
}

fn answers_well(response: &ResponseHeader) -> pingora::Result<()> {
    if response.status.is_success() || response.status.is_redirection() {
        return Ok(());
    }
    pingora::Error::e_explain(
        pingora::ErrorType::CustomCode("health check", response.status.as_u16()),
        "neither 2xx nor 3xx",
    )
}

fn count(number: std::num::NonZeroU32) -> usize {
    usize::try_from(number.get()).unwrap_or(usize::MAX)
}

/// How far an algorithm searches for a fit server.
const MOST_STEPS: usize = 256;
