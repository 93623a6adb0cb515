//! The servers that the configuration names.

use std::net::SocketAddr;
use std::num::NonZeroU8;

use super::{Address, UpstreamError};
use crate::config::upstream as config;

/// A configured server.
#[derive(Debug)]
pub(super) struct Server {
    /// As the configuration writes it.
    pub(super) text: String,
    pub(super) place: Place,
    pub(super) weight: NonZeroU8,
}

/// Where a server is.
#[derive(Debug)]
pub(super) enum Place {
    /// A socket address, or a path.
    Literal(Address),
    /// A name, to be resolved.
    Name { host: String, port: u16 },
}

impl Server {
    pub(super) fn parse(settings: &config::Server) -> Result<Self, UpstreamError> {
        Ok(Self {
            text: settings.address.clone(),
            place: Place::parse(&settings.address)
                .ok_or_else(|| UpstreamError::Server(settings.address.clone()))?,
            weight: settings.weight,
        })
    }

    /// The name or IP address that its certificate must be for; none of a Unix socket.
    pub(super) fn host(&self) -> Option<String> {
        match &self.place {
            Place::Literal(address) => address.as_inet().map(|inet| inet.ip().to_string()),
            Place::Name { host, .. } => Some(host.clone()),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix(config::UNIX) {
            let path = std::os::unix::net::SocketAddr::from_pathname(path).ok()?;
            let is_absolute = path.as_pathname().is_some_and(|path| path.is_absolute());
            return is_absolute.then_some(Self::Literal(Address::Unix(path)));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(Self::Literal(Address::Inet(address)));
        }
        let (host, port) = text.rsplit_once(':')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let port = port.parse().ok().filter(|port| *port != 0)?;
        (!host.is_empty() && host.bytes().all(is_name)).then(|| Self::Name {
            host: host.to_owned(),
            port,
        })
    }
}
