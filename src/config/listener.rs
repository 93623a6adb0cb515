//! Where the gateway listens for the public, and how.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// One public listening address.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Its name in logs and metrics; its address by default.
    #[serde(default)]
    pub name: Option<String>,
    /// `IP:PORT`.
    pub address: ListenAddress,
    /// Accept HTTP/2 with prior knowledge on this plaintext listener.
    #[serde(default)]
    pub h2c: bool,
    /// Speak TLS. Without it the listener is plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
}

impl Listener {
    /// What logs and metrics call it.
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
}

impl ListenAddress {
    /// The TCP port's address.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Inet(address) => Some(*address),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => address.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for ListenAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        SocketAddr::deserialize(from).map(Self::Inet)
    }
}

/// TLS of one listener.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates with their keys. The client's server name (SNI) decides which one it is
    /// shown; the first is for clients that name none, or one that no certificate has.
    pub certificates: Vec<Certificate>,
    /// The oldest version that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// Offer HTTP/2 beside HTTP/1.1 (ALPN).
    #[serde(default = "yes")]
    pub http2: bool,
    /// How often the files are looked at for changes.
    #[serde(default = "default_check_interval", with = "humantime_serde")]
    pub check_interval: Duration,
}

/// A certificate's files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its name in logs and metrics; the path of `cert` by default.
    #[serde(default)]
    pub name: Option<String>,
    /// The chain, as PEM, the server's own certificate first.
    pub cert: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

impl Certificate {
    /// What logs and metrics call it.
    pub fn name(&self) -> String {
        let named = self.name.clone();
        named.unwrap_or_else(|| self.cert.display().to_string())
    }
}

/// A version of TLS.
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
