//! Resolves servers' names in the background.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts,
    ResolverConfig,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::watch;

use super::resolver_settings::ResolverSettings;
use super::{Address, Upstream};

/// Resolves the names of all upstreams, each again when its records have lived their time, and
/// publishes the addresses. A name that does not resolve keeps its last addresses.
pub struct Resolver {
    client: Result<TokioResolver, NetError>,
    settings: ResolverSettings,
    upstreams: Vec<Arc<Upstream>>,
    names: BTreeMap<String, Name>,
}

/// What is known of a name.
#[derive(Debug)]
struct Name {
    addresses: Vec<IpAddr>,
    /// When it is asked for next.
    due: Instant,
    /// How often in a row it did not resolve.
    failures: u32,
}

impl Resolver {
    /// Takes the upstreams that name servers; the others need no resolution.
    pub fn new(
        settings: &ResolverSettings,
        upstreams: impl IntoIterator<Item = Arc<Upstream>>,
    ) -> Self {
        let upstreams: Vec<_> = upstreams
            .into_iter()
            .filter(|one| one.hosts().next().is_some())
            .collect();
        let unknown = || Name {
            addresses: Vec::new(),
            due: Instant::now(),
            failures: 0,
        };
        let names = upstreams.iter().flat_map(|upstream| upstream.hosts());
        Self {
            client: client(settings),
            settings: settings.clone(),
            names: names.map(|host| (host.to_owned(), unknown())).collect(),
            upstreams,
        }
    }

    /// Runs until `shutdown` turns true or its sender is gone.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let stopped = shutdown.wait_for(|stop| *stop);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = self.resolve_next() => {}
            }
        }
    }

    /// Resolves each name once. A server that starts listening awaits this first, so that its
    /// first requests find addresses.
    pub async fn resolve_all(&mut self) {
        let hosts = self.names.keys().cloned().collect();
        self.resolve(hosts).await;
    }

    /// Waits until a name is due, and resolves all that are.
    async fn resolve_next(&mut self) {
        let Some(next) = self.names.values().map(|name| name.due).min() else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(next.into()).await;
        let now = Instant::now();
        let due = self.names.iter().filter(|(_, name)| name.due <= now);
        let hosts = due.map(|(host, _)| host.clone()).collect();
        self.resolve(hosts).await;
    }

    async fn resolve(&mut self, hosts: Vec<String>) {
        let look_ups = hosts.into_iter().map(|host| async {
            let answer = self.look_up(&host).await;
            (host, answer)
        });
        let answers: Vec<_> = futures::stream::iter(look_ups)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let now = Instant::now();
        for (host, answer) in answers {
            let Some(name) = self.names.get_mut(&host) else {
                continue;
            };
            let wait = match answer {
                Ok((addresses, until)) => {
                    name.addresses = addresses;
                    name.failures = 0;
                    let lives = until.saturating_duration_since(now);
                    lives.clamp(self.settings.min_ttl, self.settings.max_ttl)
                }
                Err(problem) => {
                    tracing::warn!(host, %problem, "a server's name does not resolve");
                    name.failures = name.failures.saturating_add(1);
                    pause(&self.settings, name.failures)
                }
            };
            name.due = now + wait;
        }
        for upstream in &self.upstreams {
            upstream.publish_resolved(|host, port| match self.names.get(host) {
                Some(name) if !name.addresses.is_empty() => name
                    .addresses
                    .iter()
                    .map(|ip| Address::Inet((*ip, port).into()))
                    .collect(),
                // Not yet resolved by this resolver, but perhaps by one before it.
                _ => upstream.known(host, port),
            });
        }
    }

    /// The addresses, and when they expire.
    async fn look_up(&self, host: &str) -> Result<(Vec<IpAddr>, Instant), Problem> {
        let client = self
            .client
            .as_ref()
            .map_err(|error| Problem::Dns(error.to_string()))?;
        let answer = tokio::time::timeout(self.settings.timeout, client.lookup_ip(host));
        let found = answer
            .await
            .map_err(|_| Problem::Timeout)?
            .map_err(|error| Problem::Dns(error.to_string()))?;
        let addresses: Vec<IpAddr> = found.iter().take(MOST_ADDRESSES).collect();
        if addresses.is_empty() {
            return Err(Problem::Empty);
        }
        Ok((addresses, found.valid_until()))
    }
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Dns(String),
    #[error("no response in time")]
    Timeout,
    #[error("no address")]
    Empty,
}

fn client(settings: &ResolverSettings) -> Result<TokioResolver, NetError> {
    let mut builder = if settings.nameservers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = settings.nameservers.iter().map(|server| {
            let at = |protocol| {
                let mut connection = ConnectionConfig::new(protocol);
                connection.port = server.port();
                connection
            };
            let connections = vec![at(ProtocolConfig::Udp), at(ProtocolConfig::Tcp)];
            NameServerConfig::new(server.ip(), true, connections)
        });
        let servers = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    // Time to live is kept here, not twice.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    // A server of both kinds is one server, not two.
    options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    // Leaves time for a second try.
    options.timeout = options.timeout.min(settings.timeout / 2);
    builder.build()
}

/// Until a name that did not resolve is asked for again: longer each time.
fn pause(settings: &ResolverSettings, failures: u32) -> Duration {
    let doubled = 1u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE.max(settings.min_ttl).saturating_mul(doubled);
    pause.min(LONGEST_PAUSE).min(settings.max_ttl)
}

/// Look-ups at once.
const AT_ONCE: usize = 16;
/// The most addresses of a name that count.
const MOST_ADDRESSES: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let settings = ResolverSettings::default();
        let seconds = |failures| pause(&settings, failures).as_secs();
        assert_eq!([1, 2, 3, 6, 1000].map(seconds), [1, 2, 4, 30, 30]);
        let brief = ResolverSettings {
            max_ttl: Duration::from_millis(200),
            min_ttl: Duration::from_millis(100),
            ..settings
        };
        assert_eq!(pause(&brief, 1), Duration::from_millis(200));
    }
}
