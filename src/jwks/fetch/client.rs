//! HTTP clients that go only where they may.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::redirect;
use rustls::ClientConfig;
use url::Url;

use super::trust::Trust;
use crate::jwks::error::{FetchError, SourceError};
use crate::public_network::{PrivateAddress, PublicResolver, is_loopback, names_private_address};

/// Where fetches of an issuer may go.
#[derive(Clone, Copy, Debug)]
pub(in crate::jwks) struct Policy {
    pub(super) insecure_http: bool,
    pub(super) networks: Networks,
}

/// Which networks fetches may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Networks {
    /// Public and private ones.
    All,
    /// Public ones, and never through a proxy, which would resolve the name itself.
    Public,
    /// Public ones; where the environment names a proxy, what that may reach.
    PublicOrProxied,
}

impl Policy {
    /// Plain HTTP on loopback only, unless allowed by name.
    pub(super) fn allows_scheme(self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.insecure_http || is_loopback(url),
            _ => false,
        }
    }

    /// The policy at the `jwks_uri` of the discovery document at `document`. The document's host may
    /// be trusted with its own address and the world's, but not to send the gateway around in the
    /// network that the gateway is in, nor to take the encryption off.
    pub(super) fn at(
        self,
        document: &Url,
        jwks_uri: &Url,
        allow_private: bool,
    ) -> Result<Self, FetchError> {
        if document.scheme() == "https" && jwks_uri.scheme() != "https" {
            return Err(FetchError::DiscoveryDowngrade);
        }
        if !self.allows_scheme(jwks_uri) {
            return Err(FetchError::DiscoveryUri);
        }
        let is_near = document.host() == jwks_uri.host() || is_loopback(document) || allow_private;
        Ok(match self.networks {
            Networks::All if !is_near => Self {
                networks: Networks::PublicOrProxied,
                ..self
            },
            _ => self,
        })
    }

    /// Refuses an address written as numbers; names are checked when they are resolved.
    pub(super) fn check_address(self, url: &Url) -> Result<(), FetchError> {
        match self.networks != Networks::All && names_private_address(url) {
            true => Err(self.private_network()),
            false => Ok(()),
        }
    }

    fn private_network(self) -> FetchError {
        match self.networks {
            Networks::PublicOrProxied => FetchError::DiscoveryPrivate,
            Networks::All | Networks::Public => FetchError::PrivateNetwork,
        }
    }
}

/// The clients of all issuers: one for each way of connecting, so that trust anchors are loaded
/// once.
///
/// No connection is kept: each fetch resolves the name and connects, so that an issuer whose name
/// moves is followed at once, even while its old server still answers. A fetch comes once in
/// minutes, so there is little to save.
#[derive(Clone, Default)]
pub(in crate::jwks) struct Clients(Arc<Slots>);

#[derive(Default)]
struct Slots {
    through_proxies: Slot,
    direct: Slot,
    public: Slot,
    public_or_proxied: Slot,
}

type Slot = Mutex<Option<reqwest::Client>>;

impl Clients {
    /// The client for an address. Only those that may ask private networks beyond loopback go
    /// through the proxies of the environment: a proxy would resolve the name itself.
    /// An issuer with a trust of its own has a client of its own.
    pub(super) fn get(
        &self,
        policy: Policy,
        url: &Url,
        trust: &Trust,
    ) -> Result<reqwest::Client, SourceError> {
        let builder = builder().redirect(redirect::Policy::custom(stay_on_host));
        let slots = &*self.0;
        let (slot, builder) = match policy.networks {
            Networks::Public => {
                let resolver = PublicResolver::default();
                let builder = builder.no_proxy().dns_resolver(Arc::new(resolver));
                (&slots.public, builder)
            }
            Networks::PublicOrProxied => (&slots.public_or_proxied, public_or_proxied(builder)),
            Networks::All if is_loopback(url) => (&slots.direct, builder.no_proxy()),
            Networks::All => (&slots.through_proxies, builder),
        };
        let builder = match trust {
            Trust::Default => builder,
            Trust::Authorities(authorities) => {
                return Ok(builder.tls_certs_only(authorities.clone()).build()?);
            }
            Trust::Pinned(tls) => {
                return Ok(builder
                    .tls_backend_preconfigured(ClientConfig::clone(tls))
                    .build()?);
            }
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(client) => Ok(client.clone()),
            None => Ok(slot.insert(builder.build()?).clone()),
        }
    }
}

/// A client that keeps no connection.
pub(super) fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(0)
}

/// Names are resolved to public addresses; a proxy of the environment may be anywhere.
pub(super) fn public_or_proxied(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let resolver = PublicResolver::but_proxies(|name| std::env::var(name).ok());
    builder.dns_resolver(Arc::new(resolver))
}

/// Says what went wrong in one line, without the address, which is known.
pub(super) fn error(error: reqwest::Error, policy: Policy) -> FetchError {
    if error.is_redirect() {
        let elsewhere = error
            .source()
            .and_then(|it| it.downcast_ref::<LeadsElsewhere>());
        return FetchError::Redirect(elsewhere.map(|it| it.0.clone()));
    }
    let mut cause = error.source();
    let mut text = String::from("the connection failed");
    while let Some(inner) = cause {
        if inner.is::<PrivateAddress>() {
            return policy.private_network();
        }
        text = inner.to_string();
        cause = inner.source();
    }
    if text.contains("CaUsedAsEndEntity") {
        text =
            "the server shows the certificate of an authority (CA:TRUE) as its own: make it with \
                `basicConstraints=CA:FALSE`, or name it as `jwks.pinned_certificate`"
                .to_owned();
    }
    if text.contains("UnknownIssuer") {
        text =
            "the server's certificate is not from an authority that this machine trusts: name the \
                authority as `jwks.ca`, or the certificate as `jwks.pinned_certificate`"
                .to_owned();
    }
    FetchError::Connection(text)
}

fn stay_on_host(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let previous = attempt.previous();
    let stays = previous
        .first()
        .is_some_and(|first| is_same_origin(first, attempt.url()));
    if stays && previous.len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        let elsewhere = LeadsElsewhere(attempt.url().origin().ascii_serialization());
        attempt.error(elsewhere)
    }
}

/// The origin that a redirect leads to.
#[derive(Debug, thiserror::Error)]
#[error("leads to {0}")]
struct LeadsElsewhere(String);

fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

const MAX_REDIRECTS: usize = 5;

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{FetchError, Networks, Policy, is_same_origin};

    #[test]
    fn discovery_takes_neither_encryption_off_nor_leads_into_private_networks() {
        let at = |document: &str, jwks_uri: &str, networks, insecure_http, allow_private| {
            let policy = Policy {
                insecure_http,
                networks,
            };
            let (document, jwks_uri) = (Url::parse(document).unwrap(), Url::parse(jwks_uri));
            let policy = policy.at(&document, &jwks_uri.unwrap(), allow_private);
            policy.map(|policy| policy.networks)
        };
        let all = |document, jwks_uri| at(document, jwks_uri, Networks::All, true, false);
        for plain in ["http://idp.example/keys", "http://127.0.0.1/keys"] {
            let refused = all("https://idp.example", plain).unwrap_err();
            assert!(matches!(refused, FetchError::DiscoveryDowngrade), "{plain}");
        }
        let secure = "https://idp.example/keys";
        let networks = all("https://idp.example", secure).unwrap();
        assert_eq!(networks, Networks::All, "the document's own host");
        for elsewhere in ["https://keys.example", "https://127.0.0.1", "https://[::1]"] {
            let networks = all("https://idp.example", elsewhere).unwrap();
            assert_eq!(networks, Networks::PublicOrProxied, "{elsewhere}");
            let allowed = at("https://idp.example", elsewhere, Networks::All, false, true);
            assert_eq!(allowed.unwrap(), Networks::All, "{elsewhere}");
            let denied = at(
                "https://idp.example",
                elsewhere,
                Networks::Public,
                false,
                false,
            );
            assert_eq!(denied.unwrap(), Networks::Public, "{elsewhere}");
        }
        for (document, jwks_uri) in [
            ("http://127.0.0.1:1", "http://localhost:2"),
            ("http://localhost:1", "https://keys.example"),
        ] {
            let networks = at(document, jwks_uri, Networks::All, false, false);
            assert_eq!(networks.unwrap(), Networks::All, "{jwks_uri}");
        }
        let plain = at(
            "http://127.0.0.1",
            "http://idp.example",
            Networks::All,
            false,
            false,
        );
        assert!(matches!(plain, Err(FetchError::DiscoveryUri)));
    }

    #[test]
    fn a_redirect_stays_on_scheme_host_and_port() {
        let from = Url::parse("https://idp.example/a").unwrap();
        for (to, stays) in [
            ("https://idp.example/b", true),
            ("https://idp.example:443/b", true),
            ("https://IDP.example/b", true),
            ("http://idp.example/a", false),
            ("https://idp.example:8443/a", false),
            ("https://idp.example.evil.example/a", false),
            ("https://idp.example@evil.example/a", false),
            ("ftp://idp.example/a", false),
        ] {
            assert_eq!(
                is_same_origin(&from, &Url::parse(to).unwrap()),
                stays,
                "{to}"
            );
        }
    }
}
