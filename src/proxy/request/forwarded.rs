//! The fields that tell upstreams where a request came from.
//!
//! `X-Forwarded-*` and `Forwarded` (RFC 7239) are derived from the socket. Only those of peers in
//! `trusted_proxies` that say where a request came from are extended; others are removed, in every
//! spelling, along with fields that make some servers believe in another address, path or user than the
//! request's (`X-Real-IP`, `X-Original-URL`, `Remote-User` and the like), except those for which the
//! configuration says that clients have a use of their own.
//!
//! A trusted proxy may speak either language. Where it speaks both and they differ, one of them is
//! probably its client's: the request is refused, unless `forwarded_fields` says which of them counts. Each
//! says nothing of the client, hides it, or names its address, and what is hidden in one is not looked
//! for in the other.

use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use pingora::http::RequestHeader;

use super::headers::insert;
use crate::field_name::FieldNames;
use crate::proxy::connection::forwarded_values::LastForwarded;
use crate::proxy::settings::ForwardedFields;

mod error;
mod kept;
mod provenance;
mod rfc7239;
mod said;

pub use error::ForwardedError;
use kept::Found;
pub use provenance::{is_provenance, well_known, whole_families};
use said::{Said, Word, is_https, parse_address, scheme_of, ssl_of};

/// The client's address, if it is known for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The nearest address that is no trusted proxy.
    pub address: IpAddr,
    /// Whether it came by `https`.
    pub is_https: bool,
}

/// Peers whose word on where a request came from is taken, and how they say it.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    language: ForwardedFields,
    /// In the spelling in which they are set.
    fields: Vec<HeaderName>,
    of_clients: FieldNames,
}

impl TrustedProxies {
    /// Those in these networks.
    pub fn new(networks: Vec<IpNet>, language: ForwardedFields) -> Self {
        Self {
            networks,
            language,
            fields: Vec::new(),
            of_clients: FieldNames::default(),
        }
    }

    /// The same, whose word is also taken for what these fields say, in this spelling.
    #[must_use]
    pub fn setting(mut self, fields: impl Iterator<Item = HeaderName>) -> Self {
        self.fields = fields.collect();
        self
    }

    /// The same, where clients have a use of their own for these fields, so that anybody's word is taken.
    #[must_use]
    pub fn beside<'a>(mut self, fields: impl Iterator<Item = &'a str>) -> Self {
        self.of_clients = fields.collect();
        self
    }

    /// Whether the address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// The connection that a request arrived on.
#[derive(Clone, Copy, Debug)]
pub struct Peer<'a> {
    /// The address of the connection's peer.
    pub address: IpAddr,
    /// Whether that is one of TLS, by what is known of the listener.
    pub is_https: bool,
    /// Whose requests come on it.
    pub sender: Sender,
    /// Peers whose word is taken.
    pub trusted_proxies: &'a TrustedProxies,
}

/// Whose requests a peer sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sender {
    /// Its own, but for those of which a trusted proxy says something.
    #[default]
    Peer,
    /// Those of others, always: it asks about requests that it has got.
    Another,
    /// Those of somebody whom a proxy of bytes does not name. What they say of themselves is not the
    /// proxy's word.
    Unnamed,
}

impl Peer<'_> {
    /// The same peer where it asks about somebody else's request (forward auth, `ext_authz`).
    pub fn asking(self) -> Self {
        let sender = match self.sender {
            Sender::Peer | Sender::Another => Sender::Another,
            Sender::Unnamed => Sender::Unnamed,
        };
        Self { sender, ..self }
    }

    /// Who the client is: the peer, or what a chain of trusted proxies says.
    pub fn client(&self, headers: &HeaderMap) -> Client {
        let peer = Client {
            address: self.address,
            is_https: self.is_https,
        };
        if !self.is_trusted_proxy() {
            return peer;
        }
        let said = self.said(headers);
        let is_https = said.is_https.unwrap_or(self.is_https);
        let address = said.client.address().unwrap_or(self.address);
        Client { address, is_https }
    }

    /// Whether the client is somebody whose address nobody tells, so that it counts as its proxy and is
    /// not it.
    pub fn hides_client(&self, headers: &HeaderMap) -> bool {
        match self.sender {
            Sender::Unnamed => true,
            _ if !self.is_trusted_proxy() => false,
            Sender::Another => self.said(headers).client.address().is_none(),
            Sender::Peer => self.said(headers).client == Word::Hidden,
        }
    }

    /// Refuses a request about which a trusted proxy says two things, or what cannot be read.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ForwardedError> {
        let language = self.trusted_proxies.language;
        if !self.is_trusted_proxy() || language == ForwardedFields::XForwarded {
            return Ok(());
        }
        rfc7239::check(headers)?;
        if language != ForwardedFields::Auto {
            return Ok(());
        }
        let (standard, usual) = (self.by_forwarded(headers), self.by_x_forwarded(headers));
        let schemes = [
            scheme_of(headers, &X_FORWARDED_PROTO),
            scheme_of(headers, &X_FORWARDED_SCHEME),
            ssl_of(headers),
            standard.is_https,
        ];
        let mut schemes = schemes.into_iter().flatten();
        let first = schemes.next();
        if schemes.any(|other| Some(other) != first) || standard.client.contradicts(usual.client) {
            return Err(ForwardedError::Contradiction);
        }
        Ok(())
    }

    fn said(&self, headers: &HeaderMap) -> Said {
        match self.trusted_proxies.language {
            ForwardedFields::Forwarded => self.by_forwarded(headers),
            ForwardedFields::XForwarded => self.by_x_forwarded(headers),
            ForwardedFields::Auto => {
                let usual = self.by_x_forwarded(headers);
                let standard = self.by_forwarded(headers);
                Said {
                    client: usual.client.and(standard.client),
                    is_https: usual.is_https.or(standard.is_https),
                }
            }
        }
    }

    fn by_x_forwarded(&self, headers: &HeaderMap) -> Said {
        let fields = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let items = fields.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
        Said {
            client: self.nearest(items.map(parse_address)),
            is_https: scheme_of(headers, &X_FORWARDED_PROTO)
                .or_else(|| scheme_of(headers, &X_FORWARDED_SCHEME))
                .or_else(|| ssl_of(headers)),
        }
    }

    fn by_forwarded(&self, headers: &HeaderMap) -> Said {
        let elements = rfc7239::elements(headers);
        Said {
            client: self.nearest(elements.iter().rev().map(rfc7239::Element::address)),
            is_https: elements
                .last()
                .and_then(|element| is_https(element.proto.as_deref()?)),
        }
    }

    /// The nearest address that is no trusted proxy, going back from the gateway. What stands before
    /// something that is no address is not known to be true, and the proxies after it are not the
    /// client.
    fn nearest(&self, addresses: impl Iterator<Item = Option<IpAddr>>) -> Word {
        let mut nearest = Word::Nothing;
        for address in addresses {
            let Some(address) = address else {
                return Word::Hidden;
            };
            nearest = Word::Address(address);
            if !self.trusted_proxies.contains(address) {
                break;
            }
        }
        nearest
    }

    /// Takes out of a request what only a proxy may say. `host` is the checked `Host`.
    pub fn clear(&self, request: &mut RequestHeader, host: &str, port: Option<u16>) {
        self.cleared(request, host, port);
    }

    /// The same, with what is so instead.
    fn cleared<'a>(
        &self,
        request: &mut RequestHeader,
        host: &'a str,
        port: Option<u16>,
    ) -> Found<'a> {
        let client = self.client(&request.headers);
        let port = port.unwrap_or(if client.is_https { 443 } else { 80 });
        let found = Found { client, host, port };
        let headers = &request.headers;
        let leaving: Vec<HeaderName> = headers
            .keys()
            .filter(|name| self.removes(headers, name, &found))
            .cloned()
            .collect();
        for name in &leaving {
            request.remove_header(name);
        }
        found
    }

    /// Tells the upstream where the request came from. `host` is the checked `Host`, `last` what was said of
    /// the connection's last request.
    pub fn rewrite(
        &self,
        request: &mut RequestHeader,
        host: &str,
        port: Option<u16>,
        last: &LastForwarded,
    ) {
        let Found { client, port, .. } = self.cleared(request, host, port);
        if self.is_trusted_proxy() {
            if !self.believes_hosts() {
                rfc7239::forget_other_hosts(request, host);
            }
            translate(request);
        }
        let scheme = if client.is_https { "https" } else { "http" };
        let Some(values) = last.values(self.address, scheme, host) else {
            return;
        };
        append(request, "X-Forwarded-For", &X_FORWARDED_FOR, values.address);
        append(request, "Forwarded", &FORWARDED, values.element);
        set(request, "X-Forwarded-Proto", &X_FORWARDED_PROTO, || {
            HeaderValue::from_static(scheme)
        });
        set(request, "X-Forwarded-Host", &X_FORWARDED_HOST, || {
            values.host
        });
        set(
            request,
            "X-Forwarded-Port",
            &X_FORWARDED_PORT,
            || match port {
                443 => HeaderValue::from_static("443"),
                80 => HeaderValue::from_static("80"),
                port => port.into(),
            },
        );
    }

    /// Whether what it says of clients is believed.
    pub fn is_trusted_proxy(&self) -> bool {
        self.sender != Sender::Unnamed && self.trusted_proxies.contains(self.address)
    }
}

/// Whether a field is of the language that does not count.
fn is_other(language: ForwardedFields, name: &HeaderName) -> bool {
    match language {
        ForwardedFields::Auto => false,
        ForwardedFields::Forwarded => name.as_str().starts_with("x-forwarded-"),
        ForwardedFields::XForwarded => *name == FORWARDED,
    }
}

/// Tells in `X-Forwarded-For`, too, what a trusted proxy says only in `Forwarded`: most servers read
/// no other. Who is hidden there stays a hop, or the one before would be taken for the client.
fn translate(request: &mut RequestHeader) {
    if request.headers.contains_key(X_FORWARDED_FOR) {
        return;
    }
    let elements = rfc7239::elements(&request.headers);
    let addresses: Vec<String> = elements
        .iter()
        .map(|element| match element.address() {
            Some(address) => address.to_string(),
            None => UNKNOWN.to_owned(),
        })
        .collect();
    if let Ok(value) = HeaderValue::try_from(addresses.join(", "))
        && !value.is_empty()
    {
        insert(request, "X-Forwarded-For", value);
    }
}

/// Extends a trusted proxy's field; that of any other peer has already been removed.
fn append(request: &mut RequestHeader, text: &'static str, name: &HeaderName, item: HeaderValue) {
    let mut fields = request.headers.get_all(name).iter().peekable();
    if fields.peek().is_none() {
        insert(request, text, item);
        return;
    }
    let mut joined = Vec::new();
    for field in fields {
        joined.extend_from_slice(field.as_bytes());
        joined.extend_from_slice(b", ");
    }
    joined.extend_from_slice(item.as_bytes());
    if let Ok(value) = HeaderValue::try_from(joined) {
        insert(request, text, value);
    }
}

/// Sets the fields that no trusted proxy has set.
fn set(
    request: &mut RequestHeader,
    text: &'static str,
    name: &HeaderName,
    value: impl FnOnce() -> HeaderValue,
) {
    if !request.headers.contains_key(name) {
        insert(request, text, value());
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const X_FORWARDED_SSL: HeaderName = HeaderName::from_static("x-forwarded-ssl");

/// In place of an address that is not told (RFC 7239 section 6.2).
const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests;
