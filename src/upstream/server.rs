//! The servers that the configuration names.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Address;
use crate::canonical::Host;

/// A configured server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub address: ServerAddress,
    /// Its share of the requests relative to the others', 1 to 255.
    pub weight: NonZeroU8,
}

/// `HOST:PORT` or `unix:/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// As the configuration writes it.
    text: String,
    pub(super) place: Place,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A socket address, or a path.
    Literal(Address),
    /// A name, to be resolved.
    Name { host: String, port: u16 },
}

/// Why a text is no server's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerAddressError {
    /// Not a name or an address with a port.
    #[error("expected `HOST:PORT`")]
    Inet,
    /// Not a path that a socket can have.
    #[error("expected `unix:` and an absolute path")]
    Unix,
}

impl ServerAddress {
    /// As the configuration writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self.place, Place::Literal(Address::Unix(_)))
    }

    /// The name or IP address that its certificate must be for; none of a Unix socket.
    pub(super) fn host(&self) -> Option<String> {
        match &self.place {
            Place::Literal(address) => address.as_inet().map(|inet| inet.ip().to_string()),
            Place::Name { host, .. } => Some(host.clone()),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let place = match text.strip_prefix(UNIX) {
            Some(path) => unix(path).ok_or(ServerAddressError::Unix)?,
            None => inet(text).ok_or(ServerAddressError::Inet)?,
        };
        Ok(Self {
            text: text.to_owned(),
            place,
        })
    }
}

fn unix(path: &str) -> Option<Place> {
    // The root is no socket, and longer ones do not fit.
    let is_absolute = path.len() > 1 && path.starts_with('/');
    let address = std::os::unix::net::SocketAddr::from_pathname(path).ok()?;
    is_absolute.then_some(Place::Literal(Address::Unix(address)))
}

fn inet(text: &str) -> Option<Place> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(Place::Literal(Address::Inet(address)));
    }
    Host::parse_bare(host).ok()?;
    Some(Place::Name {
        host: host.to_owned(),
        port,
    })
}

impl<'de> Deserialize<'de> for ServerAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrMapping)
    }
}

struct TextOrMapping;

impl<'de> Visitor<'de> for TextOrMapping {
    type Value = Server;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`HOST:PORT`, `unix:/PATH` or `{ address: HOST:PORT, weight: 1..255 }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Server, E> {
        Ok(Server {
            address: text.parse().map_err(E::custom)?,
            weight: weight_one(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Server, A::Error> {
        let Weighted { address, weight } =
            Weighted::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Server { address, weight })
    }
}

/// One of several servers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Weighted {
    /// `HOST:PORT` or `unix:/PATH`.
    #[schemars(with = "String")]
    address: ServerAddress,
    /// Its share of the requests relative to the others'.
    #[serde(default = "weight_one")]
    weight: NonZeroU8,
}

impl JsonSchema for Server {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Server".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let weighted = generator.subschema_for::<Weighted>();
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, weighted] })
    }
}

fn weight_one() -> NonZeroU8 {
    NonZeroU8::MIN
}

/// The prefix of a Unix socket's address.
const UNIX: &str = "unix:";
