//! The URL of the database: what it leaves out, and what is wrong with one that is none.

use std::net::IpAddr;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Why a URL is none. Names parameters that are known, and nothing else of it: whatever was not
/// understood may be part of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// A parameter that other clients take.
    #[error("it has the parameter `{name}`, which is not supported: {instead}")]
    Unsupported {
        /// The parameter.
        name: &'static str,
        /// What to do without it.
        instead: &'static str,
    },
    /// A parameter has a value that it cannot have.
    #[error("the value of `{name}` must be {allowed}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its values.
        allowed: &'static str,
    },
    /// A parameter that nobody takes.
    #[error(
        "one of the parameters after its `?` is not known; known are, among others, `sslmode`, \
         `target_session_attrs` and `connect_timeout`"
    )]
    Unknown,
    /// No server can be found by it.
    #[error(
        "it names no server, or not as many addresses or ports as hosts: write the host after the `@`, as in \
         `postgres://user:password@host:5432/database`, or a socket's folder as `host=/run/postgresql`"
    )]
    Servers,
    /// It is wrong elsewhere.
    #[error(
        "expected `postgres://user:password@host:5432/database`, or keywords such as `host=... \
         user=...`. In the name or the password of a URL, write `@` as `%40` and `%` as `%25`"
    )]
    Form,
}

/// Reads a URL, and sets what it leaves to the gateway: a connection that leaves the machine is
/// encrypted, and a server that takes no writes, as a standby, is none to connect to.
pub(super) fn read(url: &str) -> Result<Config, UrlFault> {
    let mut config = Config::from_str(url).map_err(|_| fault(url))?;
    if !names_servers(&config) {
        return Err(UrlFault::Servers);
    }
    if !says(url, "sslmode", ["disable", "require"]) {
        config.ssl_mode(match stays_on_machine(&config) {
            true => SslMode::Disable,
            false => SslMode::Require,
        });
    }
    if !says(url, "target_session_attrs", ["any", "read-write"]) {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(config)
}

/// Whether a connection finds a server; the client looks for that when it connects.
fn names_servers(config: &Config) -> bool {
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let (servers, ports) = (hosts.max(addresses), config.get_ports().len());
    let is_matched = hosts == 0 || addresses == 0 || hosts == addresses;
    servers > 0 && is_matched && (ports <= 1 || ports == servers)
}

/// Whether the URI, or the string of keywords and values, has this parameter, of which two values
/// are given. The word may as well be part of a password or of a name.
fn says(url: &str, name: &str, values: [&str; 2]) -> bool {
    if let Some(mut parameters) = parameters_of_uri(url) {
        return parameters.any(|(said, _)| said == name);
    }
    // Of two values of a keyword the last one counts: one that goes before changes nothing where
    // the string has its own.
    let configs = values.map(|value| Config::from_str(&format!("{name}={value} {url}")));
    matches!(&configs, [Ok(one), Ok(other)] if one == other)
}

/// `None`: it is a string of keywords and values.
fn parameters_of_uri(url: &str) -> Option<impl Iterator<Item = (String, String)>> {
    let schemes = ["postgres://", "postgresql://"];
    let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme))?;
    // Whatever is before the first `@` is a name and a password, question marks and all.
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let parameters = ::url::form_urlencoded::parse(query.as_bytes());
    Some(parameters.map(|(name, value)| (name.into_owned(), value.into_owned())))
}

/// What is wrong with a URL that cannot be read.
fn fault(url: &str) -> UrlFault {
    let Some(mut parameters) = parameters_of_uri(url) else {
        // A value in quotes may hold what looks like keywords: only what is known is taken for one.
        let keywords = url
            .split_whitespace()
            .filter_map(|word| word.split_once('='));
        let mut faults =
            keywords.filter_map(|(name, value)| of_known(name, value.trim_matches('\'')));
        return faults.next().unwrap_or(UrlFault::Form);
    };
    let is_known = |name: &str| TAKEN.iter().any(|(taken, _)| *taken == name);
    let of_any = |(name, value): (String, String)| {
        of_known(&name, &value).or_else(|| (!is_known(&name)).then_some(UrlFault::Unknown))
    };
    parameters.find_map(of_any).unwrap_or(UrlFault::Form)
}

/// What is wrong with a parameter, as far as its name says.
fn of_known(name: &str, value: &str) -> Option<UrlFault> {
    if let Some(&(name, instead)) = UNSUPPORTED.iter().find(|(known, _)| *known == name) {
        return Some(UrlFault::Unsupported { name, instead });
    }
    let &(name, allowed) = TAKEN.iter().find(|(taken, _)| *taken == name)?;
    let escaped = value.replace('\\', r"\\").replace('\'', r"\'");
    let alone = Config::from_str(&format!("{name}='{escaped}'"));
    alone.is_err().then_some(UrlFault::Value { name, allowed })
}

/// Whether every address that is connected to is this machine's. An address in `hostaddr` is
/// connected to whatever the host's name says, which then is only what a certificate is compared with.
fn stays_on_machine(config: &Config) -> bool {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    match addresses {
        [] => hosts.iter().all(is_own_machine),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

fn is_own_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The parameters that a URL may have, and their values.
const TAKEN: &[(&str, &str)] = &[
    (
        "sslmode",
        "`disable`, `prefer` or `require`. `require` verifies the certificate and the host's name, \
         like `verify-full` of other clients",
    ),
    ("sslnegotiation", "`postgres` or `direct`"),
    ("target_session_attrs", "`read-write` or `any`"),
    ("channel_binding", "`disable`, `prefer` or `require`"),
    ("load_balance_hosts", "`disable` or `random`"),
    ("hostaddr", IP_ADDRESS),
    ("port", "a number up to 65535"),
    ("connect_timeout", SECONDS),
    ("tcp_user_timeout", SECONDS),
    ("keepalives", "`0` or `1`"),
    ("keepalives_idle", SECONDS),
    ("keepalives_interval", SECONDS),
    ("keepalives_retries", "a number"),
    ("host", TEXT),
    ("user", TEXT),
    ("password", TEXT),
    ("dbname", TEXT),
    ("options", TEXT),
    ("application_name", TEXT),
];
const IP_ADDRESS: &str = "an IP address";
const SECONDS: &str = "a number of seconds";
const TEXT: &str = "a text in UTF-8";
/// Parameters of other clients, and what to do instead.
const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "sslrootcert",
        "name the file of the authorities in `store.postgres_authorities`",
    ),
    ("sslcert", NO_CERTIFICATE),
    ("sslkey", NO_CERTIFICATE),
    ("sslpassword", NO_CERTIFICATE),
    ("ssl", "use `sslmode`"),
    ("requiressl", "use `sslmode`"),
    ("sslcrl", LEAVE_OUT),
    ("sslcompression", LEAVE_OUT),
    ("sslsni", LEAVE_OUT),
    ("ssl_min_protocol_version", LEAVE_OUT),
    ("ssl_max_protocol_version", LEAVE_OUT),
    ("gssencmode", LEAVE_OUT),
    ("krbsrvname", LEAVE_OUT),
    ("requirepeer", LEAVE_OUT),
    ("client_encoding", LEAVE_OUT),
    ("pgbouncer", LEAVE_OUT),
    (
        "schema",
        "leave it out; the tables are in the schema `vestibule`",
    ),
    ("passfile", "put the password into the URL"),
    ("service", "write the service's parameters into the URL"),
    ("connection_limit", "use `store.postgres_connections`"),
    ("pool_timeout", LEAVE_OUT),
];
const NO_CERTIFICATE: &str = "there are no client certificates; use a password";
const LEAVE_OUT: &str = "leave it out";

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        read(url).unwrap().get_ssl_mode()
    }

    #[test]
    fn a_connection_that_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgres://ada@localhost/db", SslMode::Disable),
            ("postgres://ada@127.0.0.1,[::1]/db", SslMode::Disable),
            ("host=/run/postgresql user=ada", SslMode::Disable),
            ("postgres://ada@db.example/db", SslMode::Require),
            ("postgres://ada@localhost,db.example/db", SslMode::Require),
            // The address is what is connected to.
            (
                "host=localhost hostaddr=192.0.2.7 user=ada",
                SslMode::Require,
            ),
            (
                "host=localhost hostaddr=127.0.0.1 user=ada",
                SslMode::Disable,
            ),
            ("hostaddr=192.0.2.7 user=ada", SslMode::Require),
            ("hostaddr=::1 user=ada", SslMode::Disable),
            (
                "host=/run/postgresql hostaddr=192.0.2.7 user=ada",
                SslMode::Require,
            ),
            (
                "host=db.example hostaddr=127.0.0.1 user=ada",
                SslMode::Disable,
            ),
            (
                "postgres://ada@localhost/db?hostaddr=192.0.2.7",
                SslMode::Require,
            ),
            (
                "host=localhost,localhost hostaddr=127.0.0.1,192.0.2.7 user=ada",
                SslMode::Require,
            ),
            // The word in a password, a name or a value is no setting.
            ("postgres://ada:sslmode@db.example/db", SslMode::Require),
            ("postgres://ada@db.example/sslmode", SslMode::Require),
            (
                "host=db.example password=sslmode user=ada",
                SslMode::Require,
            ),
            (
                "host=db.example user=ada application_name='sslmode=disable'",
                SslMode::Require,
            ),
            // What is said counts.
            (
                "postgres://ada@db.example/db?sslmode=disable",
                SslMode::Disable,
            ),
            (
                "postgres://ada@db.example/db?sslmode=prefer",
                SslMode::Prefer,
            ),
            ("host=db.example user=ada sslmode=prefer", SslMode::Prefer),
            (
                "host=localhost user=ada sslmode = require",
                SslMode::Require,
            ),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }

    #[test]
    fn a_server_that_takes_no_writes_is_none_unless_the_url_says_otherwise() {
        for (url, expected) in [
            (
                "postgres://ada@db.example/db",
                TargetSessionAttrs::ReadWrite,
            ),
            (
                "postgres://ada:target_session_attrs=any@one,two/db?sslmode=prefer",
                TargetSessionAttrs::ReadWrite,
            ),
            ("host=db.example user=ada", TargetSessionAttrs::ReadWrite),
            (
                "postgres://ada@one,two/db?target_session_attrs=any",
                TargetSessionAttrs::Any,
            ),
            (
                "host=db.example target_session_attrs = any user=ada",
                TargetSessionAttrs::Any,
            ),
        ] {
            let config = read(url).unwrap();
            assert_eq!(config.get_target_session_attrs(), expected, "{url}");
        }
    }

    #[test]
    fn the_parameter_that_is_wrong_is_named_with_what_to_do() {
        for (url, said) in [
            (
                "postgres://ada@db/db?sslmode=verify-full",
                "the value of `sslmode` must be",
            ),
            (
                "host=db user=ada sslmode='verify-full'",
                "`require` verifies the certificate",
            ),
            (
                "postgres://ada@db/db?sslmode=require&sslrootcert=/etc/ca.pem",
                "`store.postgres_authorities`",
            ),
            ("host=db sslrootcert=/etc/ca.pem", "`sslrootcert`"),
            ("postgres://ada@db/db?pgbouncer=true", "`pgbouncer`"),
            (
                "postgres://ada@db/db?connect_timeout=soon",
                "`connect_timeout` must be a number of seconds",
            ),
            (
                "postgres://ada@db/db?target_session_attrs=primary",
                "`target_session_attrs` must be `read-write`",
            ),
            ("postgres://ada@db/db?colour=red", "is not known"),
            ("postgres:///db", "names no server"),
            ("postgres://ada:pass@/db", "names no server"),
            ("user=ada dbname=db", "names no server"),
            ("host=one,two port=1,2,3", "as many"),
            ("host=one,two hostaddr=192.0.2.7", "as many"),
            ("postgres://ada@[db/db", "expected `postgres://"),
            ("db.example", "expected `postgres://"),
        ] {
            let fault = read(url).err().unwrap().to_string();
            assert!(fault.contains(said), "{url}: {fault}");
        }
    }

    #[test]
    fn no_fault_shows_what_may_be_a_secret() {
        for url in [
            "postgres://ada:pass@db/db?hunter2=x",
            "postgres://ada:what?hunter2=x@[db/db",
            "postgres://ada:pass@db/db?sslmode=hunter2",
            "postgres://ada:hunter2@db/db?sslrootcert=hunter2",
            "host=db password='x hunter2=1' user",
            "password=hunter2 hunter2=hunter2",
        ] {
            let fault = read(url).err().unwrap();
            let shown = format!("{fault} {fault:?}");
            assert!(!shown.contains("hunter2"), "{url}: {shown}");
        }
        assert!(read("postgres://ada:hunter2@db/db?sslmode=require").is_ok());
    }
}
