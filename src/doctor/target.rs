//! What is examined, and whether that is its operator's to ask for.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// A running set-up: where it listens, and a path of it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The path, `/` at least, without a query.
    pub path: String,
    /// What the `Host` field says.
    pub authority: String,
}

/// Why a URL is not examined.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is not `http://` or `https://`.
    #[error("`{0}` is not a URL such as https://app.example.com/path")]
    NotHttp(String),
    /// The name has no address.
    #[error("`{host}` cannot be resolved: {error}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver said.
        error: std::io::Error,
    },
    /// It may be somebody else's.
    #[error(
        "`{0}` is a public host. Examine only what you operate; say --i-own-this if that is yours"
    )]
    NotOwned(String),
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// If it is not one of HTTP.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let no = || TargetError::NotHttp(text.to_owned());
        let url = Url::parse(text).map_err(|_| no())?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(no()),
        };
        let host = match url.host().ok_or_else(no)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let authority = match (url.host_str(), url.port()) {
            (Some(name), Some(port)) => format!("{name}:{port}"),
            (Some(name), None) => name.to_owned(),
            (None, _) => return Err(no()),
        };
        Ok(Self {
            is_tls,
            host,
            port: url.port_or_known_default().ok_or_else(no)?,
            path: url.path().to_owned(),
            authority,
        })
    }

    /// Whether the host can only be of this machine or of a private network.
    ///
    /// # Errors
    ///
    /// [`TargetError::NotOwned`] if an address of it is public, [`TargetError::Unresolved`] if it has
    /// none.
    pub async fn require_private(&self) -> Result<(), TargetError> {
        let unresolved = |error| TargetError::Unresolved {
            host: self.host.clone(),
            error,
        };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map_err(unresolved)?.collect();
        if addresses.iter().all(|address| is_private(address.ip())) {
            return Ok(());
        }
        Err(TargetError::NotOwned(self.host.clone()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// Loopback, RFC 1918, link-local and unique local addresses.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_examined() {
        let target = Target::parse("https://app.example.com:8443/echo?x=1").unwrap();
        assert!(target.is_tls);
        assert_eq!(
            (target.host.as_str(), target.port),
            ("app.example.com", 8443)
        );
        assert_eq!(target.path, "/echo");
        assert_eq!(target.to_string(), "https://app.example.com:8443/echo");
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!(
            (target.host.as_str(), target.authority.as_str()),
            ("::1", "[::1]:8080")
        );
        assert_eq!(target.path, "/");
        for other in ["app.example.com", "ftp://app.example.com", "http://"] {
            assert!(Target::parse(other).is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn public_hosts_are_somebodys() {
        for own in ["127.0.0.1", "10.1.2.3", "[fd00::1]", "localhost"] {
            let target = Target::parse(&format!("http://{own}/")).unwrap();
            target.require_private().await.unwrap();
        }
        for public in ["192.0.2.1", "[2001:db8::1]", "[::ffff:8.8.8.8]"] {
            let target = Target::parse(&format!("http://{public}/")).unwrap();
            let refused = target.require_private().await.unwrap_err();
            assert!(matches!(refused, TargetError::NotOwned(_)), "{public}");
        }
    }
}
