//! Where the gateway listens for the public, and how.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::text_schema::{DurationText, text_schema};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

pub mod acme;
mod tickets;

pub use acme::{Acme, AcmeChallenge};
pub use tickets::TlsTickets;

/// One public listening address.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The name in logs and metrics; by default the address.
    #[serde(default)]
    pub name: Option<String>,
    /// `IP:PORT`, or `unix:/PATH`.
    pub address: ListenAddress,
    /// The file permissions of a Unix socket, which decide who can connect.
    #[serde(default)]
    pub mode: SocketMode,
    /// Accept HTTP/2 with prior knowledge on this plaintext listener.
    #[serde(default)]
    pub h2c: bool,
    /// Only serve Envoy's `ext_authz` and health checks, both by gRPC. A plaintext listener then accepts
    /// HTTP/2 with prior knowledge.
    #[serde(default)]
    pub grpc: bool,
    /// Answer `{api}/check`, where proxies in `trusted_proxies` ask whether a request may pass. Whoever gets there
    /// by way of such a proxy reads session tokens, cookies and what routes add for their upstreams.
    #[serde(default)]
    pub forward_auth: bool,
    /// TLS; if omitted, the listener is plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// TLS ends right before this plaintext listener, so that its clients come by `https` although
    /// nobody says so in a field. What peers in `trusted_proxies` say of a request takes precedence.
    #[serde(default)]
    pub tls_terminated: bool,
    /// Take the client's address from a PROXY protocol header, version 1 or 2, which every peer in
    /// `trusted_proxies` must then send. Other peers are served under their own address.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// Redirect every request to its `https` address.
    #[serde(default)]
    pub redirect_to_https: bool,
    /// Tell browsers to use only `https` (RFC 6797).
    #[serde(default)]
    pub hsts: Option<Hsts>,
}

impl Listener {
    /// The name in logs and metrics.
    pub fn name(&self) -> String {
        let named = self.name.clone();
        named.unwrap_or_else(|| self.address.to_string())
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A TCP port.
    Inet(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The TCP port's address.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(WrittenAddress)
    }
}

struct WrittenAddress;

impl de::Visitor<'_> for WrittenAddress {
    type Value = ListenAddress;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("socket address")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ListenAddress, E> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return match path.is_absolute() {
                true => Ok(ListenAddress::Unix(path)),
                false => Err(E::custom("expected `unix:` and an absolute path")),
            };
        }
        text.parse().map(ListenAddress::Inet).map_err(E::custom)
    }
}

text_schema!(ListenAddress, "ListenAddress", {
    "description": "`IP:PORT`, or `unix:/PATH`.",
    "type": "string",
    "pattern": "^(unix:/.+|.+:[0-9]{1,5})$",
});

/// The mode of a Unix socket's file, written in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl Default for SocketMode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl<'de> Deserialize<'de> for SocketMode {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mode = u32::from_str_radix(&text, 8).ok();
        mode.filter(|mode| *mode <= 0o777)
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected a quoted octal mode such as \"0660\""))
    }
}

text_schema!(SocketMode, "SocketMode", {
    "description": "A quoted octal mode.",
    "type": "string",
    "pattern": "^0?[0-7]{1,3}$",
});

/// The content of `Strict-Transport-Security`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Hsts {
    /// How long browsers remember the setting.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_age: Duration,
    /// Also apply it to all hosts below this one.
    pub include_subdomains: bool,
    /// Consent to inclusion in browsers' preload lists.
    pub preload: bool,
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(365 * 24 * 3600),
            include_subdomains: false,
            preload: false,
        }
    }
}

/// TLS of one listener.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates with their keys. The client's server name (SNI) selects one; clients that send
    /// no name, or one that no certificate has, get the first.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// A certificate that the gateway orders itself, after those of `certificates`.
    #[serde(default)]
    pub acme: Option<Acme>,
    /// The minimum TLS version.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// Offer HTTP/2 as well as HTTP/1.1 (ALPN).
    #[serde(default = "yes")]
    pub http2: bool,
    /// Ask clients for certificates.
    #[serde(default)]
    pub client_auth: Option<ClientAuth>,
    /// How often the files are checked for changes.
    #[serde(default = "default_check_interval", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub check_interval: Duration,
}

/// A certificate's files.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The name in logs and metrics; by default the path of `cert`.
    #[serde(default)]
    pub name: Option<String>,
    /// The certificate chain as a PEM file, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key as a PEM file.
    pub key: PathBuf,
}

impl Certificate {
    /// The name in logs and metrics.
    pub fn name(&self) -> String {
        let named = self.name.clone();
        named.unwrap_or_else(|| self.cert.display().to_string())
    }
}

/// Client certificates.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientAuth {
    /// The certificate authorities that issue them, as a PEM file.
    pub authorities: PathBuf,
    /// Whether a client certificate is required.
    #[serde(default)]
    pub mode: ClientAuthMode,
}

/// Whether a client certificate is required.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMode {
    /// Connections without one are refused.
    #[default]
    Required,
    /// Clients can connect without one; an invalid one is refused.
    Optional,
}

/// The lowest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    #[default]
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl<'de> Deserialize<'de> for TlsVersion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Version)
    }
}

/// `1.2` is a number in YAML, and people quote it or not.
struct Version;

impl de::Visitor<'_> for Version {
    type Value = TlsVersion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`1.2` or `1.3`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TlsVersion, E> {
        match text {
            "1.2" => Ok(TlsVersion::V1_2),
            "1.3" => Ok(TlsVersion::V1_3),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<TlsVersion, E> {
        self.visit_str(&number.to_string())
    }
}

text_schema!(TlsVersion, "TlsVersion", {
    "enum": ["1.2", "1.3", 1.2, 1.3],
});

fn yes() -> bool {
    true
}

fn default_check_interval() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_or_texts() {
        let read = |text| serde_yaml::from_str::<TlsVersion>(text);
        assert_eq!(read("1.2").unwrap(), TlsVersion::V1_2);
        assert_eq!(read("'1.3'").unwrap(), TlsVersion::V1_3);
        for wrong in ["1.1", "'1.1'", "tls13", "[]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
