//! Resolves servers' names in the background, for both families of addresses.
//!
//! A server may listen on one family only, `localhost` on `::1` above all. Both are asked for, and a
//! connection tries all addresses of a server, those of IPv4 first (the order of RFC 8305 section 4
//! with IPv4 as the preferred family, since a gateway's servers are next to it).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolveHosts,
    ResolverConfig,
};
use hickory_resolver::lookup_ip::LookupIp;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::sync::watch;

use super::resolver_settings::ResolverSettings;
use super::{Address, Upstream};

mod system_files;

use system_files::SystemFiles;

/// Resolves the names of all upstreams, each again when its records have lived their time, and
/// publishes the addresses. A name that does not resolve keeps its last addresses, for as long as the
/// settings say.
pub struct Resolver {
    /// Those by which `client` was built, where it goes by the system's settings.
    system: Option<SystemFiles>,
    client: Result<Clients, NetError>,
    settings: ResolverSettings,
    upstreams: Vec<Arc<Upstream>>,
    names: BTreeMap<String, Name>,
}

/// One resolver for each family: no server waits for one that does not answer.
struct Clients {
    v4: TokioResolver,
    v6: TokioResolver,
}

impl Clients {
    fn new(settings: &ResolverSettings) -> Result<Self, NetError> {
        Ok(Self {
            v4: client(settings, LookupIpStrategy::Ipv4Only)?,
            v6: client(settings, LookupIpStrategy::Ipv6Only)?,
        })
    }
}

/// What is known of a name.
#[derive(Debug)]
struct Name {
    addresses: Vec<IpAddr>,
    /// When it is asked for next.
    due: Instant,
    /// How often in a row it did not resolve.
    failures: u32,
    /// When it resolved last; before that, since when it is asked for.
    resolved: Instant,
    /// Its addresses are those of too long ago.
    is_expired: bool,
    /// How many addresses did not count the last time.
    ignored: usize,
}

/// What a name stands for.
struct Answer {
    addresses: Vec<IpAddr>,
    until: Instant,
    /// How many more there are.
    ignored: usize,
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
            resolved: Instant::now(),
            is_expired: false,
            ignored: 0,
        };
        let names = upstreams.iter().flat_map(|upstream| upstream.hosts());
        let has_own = !settings.nameservers.is_empty();
        Self {
            system: (!has_own).then(SystemFiles::new),
            client: Clients::new(settings),
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

    /// Reads the system's settings again if they have changed. While they cannot be read, the former
    /// ones stay in use.
    async fn follow_system(&mut self) {
        let Some(system) = &mut self.system else {
            return;
        };
        if !system.have_changed().await {
            return;
        }
        match Clients::new(&self.settings) {
            Ok(client) => self.client = Ok(client),
            Err(error) => {
                tracing::warn!(%error, "the system's settings of name servers cannot be read");
            }
        }
    }

    async fn resolve(&mut self, hosts: Vec<String>) {
        self.follow_system().await;
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
                Ok(answer) => {
                    if answer.ignored > 0 && answer.ignored != name.ignored {
                        let (used, ignored) = (answer.addresses.len(), answer.ignored);
                        tracing::warn!(
                            host,
                            used,
                            ignored,
                            "a server's name has more addresses than are used"
                        );
                    }
                    name.ignored = answer.ignored;
                    name.addresses = answer.addresses;
                    name.failures = 0;
                    name.resolved = now;
                    name.is_expired = false;
                    let lives = answer.until.saturating_duration_since(now);
                    lives.clamp(self.settings.min_ttl, self.settings.max_ttl)
                }
                Err(problem) => {
                    tracing::warn!(host, %problem, "a server's name does not resolve");
                    let age = now.saturating_duration_since(name.resolved);
                    let limit = self.settings.expire_after;
                    if limit.is_some_and(|limit| age >= limit) && !name.is_expired {
                        tracing::warn!(host, "a server's addresses have expired");
                        name.addresses.clear();
                        name.is_expired = true;
                    }
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
                Some(name) if name.is_expired => Vec::new(),
                // Not yet resolved by this resolver, but perhaps by one before it.
                _ => upstream.known(host, port),
            });
        }
    }

    async fn ask(&self, client: &TokioResolver, host: &str) -> Result<LookupIp, Problem> {
        let answer = tokio::time::timeout(self.settings.timeout, client.lookup_ip(host));
        let found = answer.await.map_err(|_| Problem::Timeout)?;
        found.map_err(
            |error| match error.is_no_records_found() || error.is_nx_domain() {
                true => Problem::Empty,
                false => Problem::Dns(error.to_string()),
            },
        )
    }

    /// The addresses, and when they expire.
    async fn look_up(&self, host: &str) -> Result<Answer, Problem> {
        let client = self
            .client
            .as_ref()
            .map_err(|error| Problem::Dns(error.to_string()))?;
        let (v4, v6) = (self.ask(&client.v4, host), self.ask(&client.v6, host));
        tokio::pin!(v6);
        // Both are under way at once. Once there are addresses of the preferred family, a server of
        // names that is silent about the other holds nobody up for long.
        let (v4, early) = both_begun(v4, &mut v6).await;
        let v6 = match (early, &v4) {
            (Some(answer), _) => answer,
            (None, Ok(_)) => tokio::time::timeout(RESOLUTION_DELAY, v6)
                .await
                .unwrap_or(Err(Problem::Timeout)),
            (None, Err(_)) => v6.await,
        };
        let of = |answer: &Result<LookupIp, Problem>| -> Vec<IpAddr> {
            answer.iter().flat_map(LookupIp::iter).collect()
        };
        let (four, six) = (of(&v4), of(&v6));
        let mut ignored = four.len().saturating_sub(MOST_ADDRESSES);
        let mut addresses = four;
        addresses.truncate(MOST_ADDRESSES);
        let mut reachable: Vec<_> = six.iter().copied().filter(|ip| has_route(*ip)).collect();
        if addresses.is_empty() && reachable.is_empty() {
            // Without a route to any, the connection itself says what is wrong.
            reachable = six;
        }
        ignored += reachable.len().saturating_sub(MOST_ADDRESSES);
        addresses.extend(reachable.into_iter().take(MOST_ADDRESSES));
        let until = [&v4, &v6].into_iter().flatten().map(LookupIp::valid_until);
        match (addresses.is_empty(), until.min(), v4) {
            (false, Some(until), _) => Ok(Answer {
                addresses,
                until,
                ignored,
            }),
            (_, _, Err(problem)) => Err(problem),
            _ => Err(Problem::Empty),
        }
    }
}

/// Polls both until the first has ended; what the second said by then.
async fn both_begun<A, B>(
    first: impl Future<Output = A>,
    second: &mut (impl Future<Output = B> + Unpin),
) -> (A, Option<B>) {
    tokio::pin!(first);
    tokio::select! {
        biased;
        answer = &mut first => (answer, None),
        early = second => (first.await, Some(early)),
    }
}

/// Whether this machine could send to an address. Nothing is sent.
fn has_route(ip: IpAddr) -> bool {
    let from: SocketAddr = match ip {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let connect = |socket: UdpSocket| socket.connect((ip, ANY_PORT));
    UdpSocket::bind(from).and_then(connect).is_ok()
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    Dns(String),
    #[error("no response in time")]
    Timeout,
    #[error("the name server has no address for it")]
    Empty,
}

fn client(
    settings: &ResolverSettings,
    family: LookupIpStrategy,
) -> Result<TokioResolver, NetError> {
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
    options.ip_strategy = family;
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
/// The most addresses of a name that count, of each family.
const MOST_ADDRESSES: usize = 32;
/// RFC 8305 section 3.
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// Of the discard service (RFC 863): any will do.
const ANY_PORT: u16 = 9;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_that_are_asked_at_once_the_first_is_waited_for() {
        let never = || Box::pin(std::future::pending::<u8>());
        let soon = |value: u8| Box::pin(async move { value });
        assert_eq!(both_begun(soon(4), &mut never()).await, (4, None));
        let later = async {
            tokio::task::yield_now().await;
            4
        };
        assert_eq!(both_begun(later, &mut soon(6)).await, (4, Some(6)));
    }

    #[test]
    fn there_is_a_route_to_this_machine() {
        assert!(has_route(Ipv4Addr::LOCALHOST.into()));
    }

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
