//! Shares requests out among servers, by Pingora's selection algorithms.

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use futures::FutureExt;
use pingora::lb::discovery::ServiceDiscovery;
use pingora::lb::selection::{Consistent, Random, RoundRobin};
use pingora::lb::{Backend, Backends, HealthRegistry, LoadBalancer};

use super::Address;
use super::in_flight::Load;
use super::members::Members;
use super::probe::Probe;
use super::settings::{Balance, Settings};

/// The servers of one upstream that have an address, and which is next.
pub(super) struct Balancer {
    algorithm: Algorithm,
    published: Published,
    probe_every: Option<Duration>,
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
    /// Without servers; [`Balancer::publish`] gives it some. Those in `members` are probed.
    pub(super) fn new(settings: &Settings, members: Arc<ArcSwap<Members>>) -> Self {
        let published = Published::default();
        // By address alone: a server keeps its health when its weight changes.
        let health = Arc::new(HealthRegistry::with_equivalence(address_key));
        let discovery = Box::new(published.clone());
        let mut backends = Backends::new_with_health_registry(discovery, health);
        if let Some(settings) = &settings.health_check {
            backends.set_health_check(Box::new(Probe::new(settings, members)));
        }
        let algorithm = match settings.balance {
            // Who has the least is found without an algorithm of theirs.
            Balance::RoundRobin | Balance::LeastRequests => {
                Algorithm::RoundRobin(LoadBalancer::from_backends(backends))
            }
            Balance::Random => Algorithm::Random(LoadBalancer::from_backends(backends)),
            Balance::ConsistentHash => {
                Algorithm::ConsistentHash(LoadBalancer::from_backends(backends))
            }
        };
        Self {
            algorithm,
            published,
            probe_every: settings.health_check.as_ref().map(|check| check.interval),
        }
    }

    /// Takes these servers in place of all before. Those that stay keep their health.
    pub(super) fn publish(&self, servers: &Members) {
        let backends = servers.iter().map(|(address, member)| Backend {
            addr: address.clone(),
            weight: usize::from(member.weight.get()),
            ext: Default::default(),
        });
        self.published.0.store(Arc::new(backends.collect()));
        // Our discovery answers at once, so the update is done after one poll.
        let updated = on!(&self.algorithm, balancer => balancer.update().now_or_never());
        debug_assert!(matches!(updated, Some(Ok(()))));
    }

    /// The next healthy server that `accepts` takes. `key` decides under consistent hashing.
    pub(super) fn select(&self, key: &[u8], accepts: impl Fn(&Address) -> bool) -> Option<Address> {
        let is_fit = |backend: &Backend, is_healthy: bool| is_healthy && accepts(&backend.addr);
        let backends = on!(&self.algorithm, balancer => balancer.backends());
        // Of one there is nothing to choose.
        if self.published.0.load().len() == 1
            && let all = backends.get_backend()
            && let (Some(only), 1) = (all.first(), all.len())
        {
            return is_fit(only, self.is_ready(backends, only)).then(|| only.addr.clone());
        }
        on!(&self.algorithm, balancer => {
            let chosen = balancer.select_with(key, MOST_STEPS, is_fit);
            // The algorithms may step past a lone fit server; then any fit one is right.
            chosen.map(|backend| backend.addr).or_else(|| {
                let all = backends.get_backend();
                let fit = all.iter().find(|one| is_fit(one, self.is_ready(backends, one)));
                fit.map(|backend| backend.addr.clone())
            })
        })
    }

    /// The healthy server that `accepts` takes with the smallest load; of several, one by chance.
    pub(super) fn least(
        &self,
        accepts: impl Fn(&Address) -> bool,
        load: impl Fn(&Address) -> Option<Load>,
    ) -> Option<Address> {
        let backends = on!(&self.algorithm, balancer => balancer.backends());
        let all = backends.get_backend();
        let mut least: Option<(&Backend, Load)> = None;
        let mut equals: usize = 0;
        for backend in all.iter() {
            if !self.is_ready(backends, backend) || !accepts(&backend.addr) {
                continue;
            }
            let Some(load) = load(&backend.addr) else {
                continue;
            };
            let order = least.map_or(Ordering::Less, |(_, least)| load.compare(least));
            equals = match order {
                Ordering::Less => 1,
                Ordering::Equal => equals + 1,
                Ordering::Greater => continue,
            };
            // Each of the equals so far with the same chance.
            if fastrand::usize(..equals) == 0 {
                least = Some((backend, load));
            }
        }
        least.map(|(backend, _)| backend.addr.clone())
    }

    /// Whether the probes of a server go well, or nobody probes it.
    pub(super) fn is_healthy(&self, address: &Address) -> bool {
        let backends = on!(&self.algorithm, balancer => balancer.backends());
        let all = backends.get_backend();
        let mut named = all.iter().filter(|backend| backend.addr == *address);
        named.any(|backend| self.is_ready(backends, backend))
    }

    /// The same. What nobody probes is not looked up.
    fn is_ready(&self, backends: &Backends, backend: &Backend) -> bool {
        self.probe_every.is_none() || backends.ready(backend)
    }

    /// Time between probes; `None` when servers are not probed.
    pub(super) fn probe_every(&self) -> Option<Duration> {
        self.probe_every
    }

    /// Probes all servers at once.
    pub(super) async fn probe(&self) {
        let checks = on!(&self.algorithm, balancer => balancer.backends());
        checks.run_health_check(true).await;
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

fn address_key(backend: &Backend) -> u64 {
    let mut hasher = DefaultHasher::new();
    backend.addr.hash(&mut hasher);
    hasher.finish()
}

/// How far an algorithm searches for a fit server.
const MOST_STEPS: usize = 256;
