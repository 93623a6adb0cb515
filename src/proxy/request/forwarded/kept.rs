//! Which of these fields stay in a request.
//!
//! A trusted proxy is believed where a request came from. Whatever else an application takes a proxy's word
//! for (a user, a path, another host) it may have passed on from its client, since few proxies remove what
//! they do not set. So only what says the address and the scheme stays, and what says nothing else than the
//! gateway would. The configuration names the others that all trusted proxies set themselves.

use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName};

use super::provenance::is_provenance;
use super::rfc7239;
use super::said::{parse_address, scheme_of, ssl_of};
use super::{
    Client, Peer, Sender, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO,
    X_FORWARDED_SCHEME, X_FORWARDED_SSL, is_other,
};

/// What the gateway found of a request, which its fields may repeat.
pub(super) struct Found<'a> {
    pub(super) client: Client,
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl Peer<'_> {
    /// Whether a field of the request leaves it.
    pub(super) fn removes(
        &self,
        headers: &HeaderMap,
        name: &HeaderName,
        found: &Found<'_>,
    ) -> bool {
        is_provenance(name)
            && !self.trusted_proxies.of_clients.contains(name.as_str())
            && !(self.is_trusted_proxy() && self.keeps(headers, name, found))
    }

    fn keeps(&self, headers: &HeaderMap, name: &HeaderName, found: &Found<'_>) -> bool {
        // No proxy sets it. CGI programs read it as HTTP_PROXY, an address that they connect to
        // (CVE-2016-5385).
        let is_never_kept = *name == PROXY || is_other(self.trusted_proxies.language, name);
        if is_never_kept {
            return false;
        }
        // A trusted proxy sets the spelling that is configured, or else the plain one; others came through
        // it from its client.
        let is_plain = || {
            let mut bytes = name.as_str().bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let names_other_host = || {
            *name == FORWARDED
                && self.sender == Sender::Another
                && !self.believes_hosts()
                && rfc7239::names_other_host(headers, found.host)
        };
        // Whoever asks about a request keeps a field of it or does not, so that none is mended there.
        self.trusted_proxies.fields.contains(name)
            || is_plain() && found.says(headers, name) && !names_other_host()
    }

    /// Whether it may name another host than the request does.
    pub(super) fn believes_hosts(&self) -> bool {
        self.trusted_proxies.fields.contains(&X_FORWARDED_HOST)
    }
}

impl Found<'_> {
    /// Whether a trusted proxy's field of this name says where the request came from, and nothing that is
    /// not so.
    fn says(&self, headers: &HeaderMap, name: &HeaderName) -> bool {
        let Client { is_https, .. } = self.client;
        let scheme = if is_https { "https" } else { "http" };
        let is = |text: &str| {
            let value = single(headers, name);
            value.is_some_and(|value| value.eq_ignore_ascii_case(text.as_bytes()))
        };
        if [FORWARDED, X_FORWARDED_FOR].contains(name) {
            // All of the way, of which the nearest part counts.
            true
        } else if *name == X_FORWARDED_PROTO {
            is(scheme)
        } else if *name == X_FORWARDED_SCHEME {
            scheme_of(headers, name) == Some(is_https)
        } else if *name == X_FORWARDED_SSL {
            ssl_of(headers) == Some(is_https)
        } else if *name == X_FORWARDED_HOST {
            is(self.host)
        } else if *name == X_FORWARDED_PORT {
            is(&self.port.to_string())
        } else {
            names_address(name) && self.is_client(single(headers, name).and_then(parse_address))
        }
    }

    fn is_client(&self, address: Option<IpAddr>) -> bool {
        address == Some(self.client.address.to_canonical())
    }
}

/// Whether a field's name says that it has an address: `X-Real-IP`, `CF-Connecting-IP` and the like.
fn names_address(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.ends_with("ip") || ["x-envoy-external-address", "x-appengine-remote-addr"].contains(&text)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

const PROXY: HeaderName = HeaderName::from_static("proxy");
