//! Connections to one of several servers, any of which may be away or hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::Connect;
use futures::future::BoxFuture;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How to reach the database.
#[derive(Clone)]
pub(in crate::store::postgres) struct Connector(Arc<Servers>);

struct Servers {
    /// The URL as it was read.
    whole: Config,
    /// The same for each of its servers alone.
    each: Vec<Config>,
    /// Bound on an attempt at one of them.
    patience: Duration,
    /// The place of the one that was connected to last. It is tried first: one that is away costs its
    /// time once, and not for each connection.
    last: AtomicUsize,
    tls: MakeRustlsConnect,
}

/// A connection, and what has to be polled for it.
pub(in crate::store::postgres) type Opened = (
    Client,
    Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>,
);

impl Connector {
    /// Reads which servers there are; connects to none yet.
    pub(super) fn new(whole: Config, tls: MakeRustlsConnect) -> Self {
        let patience = whole.get_connect_timeout();
        let patience = patience.map_or(CONNECT, |said| (*said).min(LONGEST));
        Self(Arc::new(Servers {
            each: alone(&whole, patience),
            whole,
            patience,
            last: AtomicUsize::new(0),
            tls,
        }))
    }

    /// Bound on finding a server that can be connected to.
    pub(in crate::store::postgres) fn patience(&self) -> Duration {
        let servers = u32::try_from(self.0.each.len()).unwrap_or(u32::MAX);
        self.0.patience.saturating_mul(servers.max(1))
    }

    /// Connects to a server that answers in time and is what the URL asks for. Whoever asks gives up
    /// after [`Self::patience`].
    pub(in crate::store::postgres) async fn open(&self) -> Result<Opened, Error> {
        let first = self.first();
        let mut failure = None;
        for place in order(first, self.0.each.len()) {
            // Also where it takes the connection and says nothing after that.
            match timeout(self.0.patience, self.open_at(place)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) => failure = Some(error),
                Err(_) => {}
            }
        }
        match failure {
            Some(error) => Err(error),
            // Nobody waits for this any more.
            None => self.open_at(first).await,
        }
    }

    async fn open_at(&self, place: usize) -> Result<Opened, Error> {
        let server = self.0.each.get(place).unwrap_or(&self.0.whole);
        let opened = server.connect(self.0.tls.clone()).await?;
        self.0.last.store(place, Ordering::Relaxed);
        Ok(opened)
    }

    fn first(&self) -> usize {
        match self.0.whole.get_load_balance_hosts() == LoadBalanceHosts::Random {
            true => fastrand::usize(..self.0.each.len().max(1)),
            false => self.0.last.load(Ordering::Relaxed),
        }
    }
}

/// Connections of the pool.
impl Connect for Connector {
    fn connect(&self, _: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        Box::pin(async move {
            let (client, connection) = self.open().await?;
            // That it is lost is said to whoever uses it.
            let task = tokio::spawn(async move { drop(connection.await) });
            match client.batch_execute(SET_UP).await {
                Ok(()) => Ok((client, task)),
                Err(error) => {
                    task.abort();
                    Err(error)
                }
            }
        })
    }
}

/// The servers to try, one after the other.
fn order(first: usize, servers: usize) -> impl Iterator<Item = usize> {
    let servers = servers.max(1);
    (0..servers).map(move |step| (first + step) % servers)
}

/// The servers of a URL, each by itself. None where it says of more servers than it has where they are,
/// which connecting complains of.
fn alone(whole: &Config, patience: Duration) -> Vec<Config> {
    let (hosts, addresses) = (whole.get_hosts(), whole.get_hostaddrs());
    let ports = whole.get_ports();
    let servers = hosts.len().max(addresses.len());
    let fit = [hosts.len(), addresses.len()].map(|number| number == 0 || number == servers);
    if fit != [true; 2] || (ports.len() > 1 && ports.len() != servers) {
        return Vec::new();
    }
    let server = |at: usize| {
        let mut server = without_servers(whole);
        // A name may have two addresses.
        server.connect_timeout(patience / 2);
        match hosts.get(at) {
            Some(Host::Tcp(name)) => server.host(name),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => server.host_path(folder),
            None => &mut server,
        };
        if let Some(address) = addresses.get(at) {
            server.hostaddr(*address);
        }
        if let Some(port) = ports.get(at).or(ports.first()) {
            server.port(*port);
        }
        server
    };
    (0..servers).map(server).collect()
}

/// All that a URL says, but for where the servers are.
fn without_servers(whole: &Config) -> Config {
    let mut config = Config::new();
    config
        .ssl_mode(whole.get_ssl_mode())
        .ssl_negotiation(whole.get_ssl_negotiation())
        .keepalives(whole.get_keepalives())
        .keepalives_idle(whole.get_keepalives_idle())
        .target_session_attrs(whole.get_target_session_attrs())
        .channel_binding(whole.get_channel_binding())
        .load_balance_hosts(whole.get_load_balance_hosts());
    if let Some(user) = whole.get_user() {
        config.user(user);
    }
    if let Some(password) = whole.get_password() {
        config.password(password);
    }
    if let Some(name) = whole.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = whole.get_options() {
        config.options(options);
    }
    if let Some(name) = whole.get_application_name() {
        config.application_name(name);
    }
    if let Some(time) = whole.get_connect_timeout() {
        config.connect_timeout(*time);
    }
    if let Some(time) = whole.get_tcp_user_timeout() {
        config.tcp_user_timeout(*time);
    }
    if let Some(time) = whole.get_keepalives_interval() {
        config.keepalives_interval(time);
    }
    if let Some(number) = whole.get_keepalives_retries() {
        config.keepalives_retries(number);
    }
    config
}

/// Bounds that the server keeps, so that a gateway which stopped in the middle of a transaction
/// holds no row for long.
const SET_UP: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '10s'";
/// Bound on an attempt at one server, where the URL has no `connect_timeout`.
const CONNECT: Duration = Duration::from_secs(3);
/// The greatest one that counts: people wait.
const LONGEST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn of(url: &str) -> Vec<Config> {
        alone(&Config::from_str(url).unwrap(), 2 * SECOND)
    }

    #[test]
    fn a_server_alone_is_what_the_url_says() {
        for url in [
            "host=db.example hostaddr=192.0.2.7 port=5433 user=ada password=secret dbname=vestibule \
             options='-c geqo=off' application_name=one sslmode=require sslnegotiation=direct \
             connect_timeout=1 tcp_user_timeout=7 keepalives=0 keepalives_idle=8 \
             keepalives_interval=9 keepalives_retries=10 target_session_attrs=read-write \
             channel_binding=require load_balance_hosts=random",
            "host=/run/postgresql connect_timeout=1",
            "hostaddr=192.0.2.7 connect_timeout=1",
        ] {
            assert_eq!(of(url), [Config::from_str(url).unwrap()], "{url}");
        }
    }

    #[test]
    fn several_servers_are_tried_one_by_one() {
        let servers = |url: &str| {
            let each = of(url).into_iter();
            let hosts =
                each.map(|server| (server.get_hosts().to_vec(), server.get_ports().to_vec()));
            hosts.collect::<Vec<_>>()
        };
        let at = |name: &str, port| (vec![Host::Tcp(name.to_owned())], vec![port]);
        assert_eq!(
            servers("postgres://ada@one,two:5433/db"),
            [at("one", 5432), at("two", 5433)]
        );
        assert_eq!(
            servers("host=one,two port=5433 user=ada"),
            [at("one", 5433), at("two", 5433)]
        );
        // What does not fit together is for whoever connects to complain of.
        assert_eq!(servers("host=one,two port=1,2,3"), []);
        assert_eq!(servers("host=one,two hostaddr=192.0.2.7"), []);

        let tried = |first, servers| order(first, servers).collect::<Vec<_>>();
        assert_eq!(tried(0, 3), [0, 1, 2]);
        assert_eq!(tried(2, 3), [2, 0, 1]);
        assert_eq!(tried(0, 0), [0]);
    }

    #[test]
    fn each_server_has_the_time_that_the_url_says_within_bounds() {
        let roots = rustls::RootCertStore::empty();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ));
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let tls = MakeRustlsConnect::new(tls);
        for (url, patience) in [
            ("host=one", CONNECT),
            ("host=one,two", 2 * CONNECT),
            ("host=one,two connect_timeout=1", 2 * SECOND),
            ("host=one connect_timeout=600", LONGEST),
            ("host=one connect_timeout=0", CONNECT),
        ] {
            let whole = Config::from_str(url).unwrap();
            assert_eq!(
                Connector::new(whole, tls.clone()).patience(),
                patience,
                "{url}"
            );
        }
    }
}
