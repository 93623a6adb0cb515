//! From where clients may use a route.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::text_schema::text_schema;

/// Which clients a route serves, by their address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientNetworks {
    /// Only clients in these networks; if omitted, all.
    #[serde(deserialize_with = "at_least_one")]
    #[schemars(with = "Option<Vec<ClientNetwork>>")]
    pub allow: Option<Vec<ClientNetwork>>,
    /// No clients in these networks, also if `allow` includes them.
    pub deny: Vec<ClientNetwork>,
}

impl ClientNetworks {
    /// Whether a client at this address is served.
    pub fn admit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let has = |networks: &[ClientNetwork]| networks.iter().any(|it| it.0.contains(&address));
        self.allow.as_deref().is_none_or(has) && !has(&self.deny)
    }

    /// Whether `deny` has all of what `allow` names, so that no client is served.
    pub fn admit_nobody(&self) -> bool {
        let is_denied = |network: &ClientNetwork| {
            let mut denied = self.deny.iter();
            denied.any(|denied| denied.0.contains(&network.0))
        };
        let allowed = self.allow.as_deref();
        allowed.is_some_and(|networks| networks.iter().all(is_denied))
    }

    /// What is asked of clients, in words.
    pub fn described(&self) -> Vec<String> {
        let names = |networks: &[ClientNetwork]| {
            let names = networks.iter().map(|network| format!("`{}`", network.0));
            names.collect::<Vec<_>>().join(", ")
        };
        let allowed = self.allow.as_deref();
        let allowed = allowed.map(|networks| format!("clients in {}", names(networks)));
        let denied = Some(&*self.deny).filter(|networks| !networks.is_empty());
        let denied = denied.map(|networks| format!("no clients in {}", names(networks)));
        allowed.into_iter().chain(denied).collect()
    }

    /// Whether every client is served.
    pub fn is_everyone(&self) -> bool {
        *self == Self::default()
    }
}

/// A network such as `10.0.0.0/8`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientNetwork(IpNet);

/// A text that is no network of clients.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum ClientNetworkError {
    /// Neither a network nor an address.
    #[error("not a network such as `10.0.0.0/8`, or an address")]
    Syntax,
    /// Bits of the address that the prefix leaves open are set.
    #[error("the address is not the first of its network: did you mean `{0}`?")]
    HostBits(IpNet),
    /// An IPv4 network as IPv6 writes it.
    #[error("clients with IPv4 addresses are matched by IPv4 networks: write it as one")]
    Mapped,
}

impl ClientNetwork {
    fn parse(text: &str) -> Result<Self, ClientNetworkError> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse().or_else(|_| address());
        let network: IpNet = network.map_err(|_| ClientNetworkError::Syntax)?;
        if let IpNet::V6(six) = network
            && six.addr().to_ipv4_mapped().is_some()
        {
            return Err(ClientNetworkError::Mapped);
        }
        match network.trunc() {
            first if first == network => Ok(Self(network)),
            first => Err(ClientNetworkError::HostBits(first)),
        }
    }
}

impl<'de> Deserialize<'de> for ClientNetwork {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

text_schema!(ClientNetwork, "ClientNetwork", {
    "description": "Such as `10.0.0.0/8`, or an address.",
    "type": "string",
    "pattern": "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$",
});

/// A list without entries would let nobody pass, which a route cannot be for.
fn at_least_one<'de, D>(from: D) -> Result<Option<Vec<ClientNetwork>>, D::Error>
where
    D: Deserializer<'de>,
{
    let networks = Option::<Vec<ClientNetwork>>::deserialize(from)?;
    match networks.as_deref() {
        Some([]) => Err(de::Error::custom(
            "empty, so nobody could pass; omit it to admit everyone",
        )),
        _ => Ok(networks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(yaml: &str) -> Result<ClientNetworks, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_denied_is_not_allowed_by_a_wider_network() {
        let both =
            networks("{allow: [10.0.0.0/8, '2001:db8::/32'], deny: [10.9.0.0/16, 10.1.1.1]}");
        let both = both.unwrap();
        for (address, is_admitted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("2001:db8::1", true),
            ("10.9.0.1", false),
            ("::ffff:10.9.0.1", false),
            ("10.1.1.1", false),
            ("192.0.2.1", false),
            ("2001:db9::1", false),
        ] {
            assert_eq!(
                both.admit(address.parse().unwrap()),
                is_admitted,
                "{address}"
            );
        }
        let denied = networks("{deny: [192.0.2.0/24]}").unwrap();
        assert!(denied.admit("198.51.100.1".parse().unwrap()));
        assert!(!denied.admit("192.0.2.1".parse().unwrap()));
        assert!(networks("{}").unwrap().is_everyone());
    }

    #[test]
    fn what_would_match_something_else_is_no_network() {
        for (yaml, said) in [
            ("{allow: []}", "nobody could pass"),
            ("{allow: [10.1.2.3/8]}", "did you mean `10.0.0.0/8`?"),
            ("{deny: ['::ffff:10.0.0.0/104']}", "write it as one"),
            ("{deny: [intern]}", "not a network"),
            ("{deny: [10.0.0.0/33]}", "not a network"),
        ] {
            let error = networks(yaml).unwrap_err();
            assert!(error.contains(said), "{yaml}: {error}");
        }
    }
}
