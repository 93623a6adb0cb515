//! Which header fields leave a request before it is forwarded, and what comes in.
//!
//! On every route, whatever its policy, these leave: issuers' cookies and header fields, the
//! gateway's cookies, and in any spelling the gateway's own field names and those in which any
//! route tells who the user is: `X_Platform_Session` and `x.platform.session` are spellings of
//! `X-Platform-Session`.
//!
//! `Authorization` leaves when
//! - it is `Bearer`, on a route that takes credentials there;
//! - any part of it is a token of a configured issuer or of ours, on every route;
//! - it has the scheme under which upstreams expect the session token there.
//!
//! Any other cookie or field leaves that carries such a token (`proxy/request/copies.rs`).
//!
//! Other cookies and fields stay as they came, byte for byte; several `Cookie` fields become one.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use pingora::http::{IntoCaseHeaderName, RequestHeader};

use super::copies;
use crate::credential::cookie::{self, Remaining};
use crate::credential::{TokenSources, bearer, supabase};
use crate::exchange::Forward;
use crate::field_name::{FieldNames, Lengths};
use crate::proxy::connection::CLIENT_FIELDS;
use crate::route::header_operations::Field;
use crate::route::settings::RouteSettings;
use crate::stepup::ELEVATED_FIELD;

/// What leaves a request, and under which name the session token comes in.
#[derive(Debug)]
pub struct Rewrite {
    names: FieldNames,
    /// Cookie names, sorted.
    cookies: Vec<Box<[u8]>>,
    cookie_lengths: Lengths,
    /// Names of cookies that come in chunks.
    chunked: Vec<Box<str>>,
    /// What the names of providers' further cookies begin with.
    cookie_prefixes: Vec<Box<[u8]>>,
    field: HeaderName,
    /// As configured, since some upstreams are particular about case.
    field_text: Bytes,
    scheme: String,
    /// Whether any issuer's tokens may be in `Authorization`.
    reads_authorization: bool,
    identity: Vec<Field>,
}

impl Rewrite {
    /// Takes the settings from the configuration.
    pub fn new(forward: &Forward, routes: &[RouteSettings], token_sources: &TokenSources) -> Self {
        let field = forward.header.name().clone();
        let names = token_sources
            .headers()
            .map(HeaderName::as_str)
            .chain(OWN_FIELDS.iter().copied())
            .chain(CLIENT_FIELDS)
            .chain((field != AUTHORIZATION).then_some(field.as_str()))
            .chain(identity_names(forward, routes))
            .collect();
        let mut cookies: Vec<Box<[u8]>> = token_sources.cookies().map(Box::from).collect();
        cookies.sort_unstable();
        cookies.dedup();
        Self {
            names,
            cookie_lengths: cookies.iter().map(|name| name.len()).collect(),
            cookies,
            chunked: token_sources.chunked_cookies().map(Box::from).collect(),
            cookie_prefixes: token_sources.cookie_prefixes().map(Box::from).collect(),
            field,
            field_text: Bytes::copy_from_slice(forward.header.as_str().as_bytes()),
            scheme: forward.scheme.clone(),
            reads_authorization: token_sources.reads_authorization(),
            identity: forward
                .identity
                .iter()
                .map(|(name, text)| Field::new(name, text))
                .collect(),
        }
    }

    /// The same, which takes these cookies out as well.
    #[must_use]
    pub fn without_cookies<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Self {
        self.cookies
            .extend(names.map(|name| name.as_bytes().into()));
        self.cookies.sort_unstable();
        self.cookies.dedup();
        self.cookie_lengths = self.cookies.iter().map(|name| name.len()).collect();
        self
    }

    /// The fields that tell upstreams who the user is.
    pub fn identity(&self) -> &[Field] {
        &self.identity
    }

    /// Takes out what must not go further. `is_known` says whether a text is a token, verified or
    /// not, that names a configured issuer or the gateway as its issuer; it is asked only for
    /// texts of three parts. `takes_bearer`: the route looks for tokens in `Authorization`. `is_kept`:
    /// whether a cookie by this name stays, of an issuer or not; `may_stay`: whether a token that is known
    /// does, in a cookie by another name.
    pub fn strip(
        &self,
        request: &mut RequestHeader,
        takes_bearer: bool,
        is_kept: impl Fn(&[u8]) -> bool,
        may_stay: impl Fn(&str) -> bool,
        is_known: impl Fn(&str) -> bool,
    ) {
        let leaving: Vec<HeaderName> = request
            .headers
            .keys()
            .filter(|name| self.names.contains(name.as_str()))
            .cloned()
            .collect();
        for name in &leaving {
            request.remove_header(name);
        }
        if self.takes_authorization(&request.headers, takes_bearer, &is_known) {
            request.remove_header(&AUTHORIZATION);
        }
        copies::take_from_fields(request, &is_known);
        let is_chunk = |name: &[u8]| {
            self.chunked.iter().any(|whole| {
                let name = std::str::from_utf8(name).unwrap_or_default();
                supabase::is_part(whole, name)
            })
        };
        let is_companion = |name: &[u8]| {
            let mut prefixes = self.cookie_prefixes.iter();
            prefixes.any(|prefix| name.starts_with(prefix))
        };
        let is_taken = |name: &[u8], value: &[u8]| {
            let is_named = self.cookie_lengths.has(name.len())
                && self
                    .cookies
                    .binary_search_by(|own| (**own).cmp(name))
                    .is_ok();
            let is_taken = is_named
                || is_chunk(name)
                || is_companion(name)
                || copies::carry_token(value, |text| is_known(text) && !may_stay(text));
            is_taken && !is_kept(name)
        };
        match cookie::without(&request.headers, is_taken) {
            Remaining::Unchanged => {}
            Remaining::Nothing => {
                request.remove_header(&COOKIE);
            }
            Remaining::Joined(value) => insert(request, "Cookie", value),
        }
    }

    /// Puts the session token in, in place of whatever is there. Call it after [`Rewrite::strip`],
    /// and after the proxy's hop-by-hop policy, or a `Connection` field could take it out again.
    pub fn inject(&self, request: &mut RequestHeader, session_value: HeaderValue) {
        insert(request, self.field_text.clone(), session_value);
    }

    /// The field that carries the session token.
    pub fn field(&self) -> &HeaderName {
        &self.field
    }

    fn takes_authorization(
        &self,
        headers: &HeaderMap,
        takes_bearer: bool,
        is_known: impl Fn(&str) -> bool,
    ) -> bool {
        headers.get_all(AUTHORIZATION).iter().any(|field| {
            let field = field.as_bytes();
            let imitates_ours = self.field == AUTHORIZATION
                && !self.scheme.eq_ignore_ascii_case("Bearer")
                && has_scheme(field, &self.scheme);
            imitates_ours
                || takes_bearer && self.reads_authorization && bearer(field).is_some()
                || copies::carry_token(field, &is_known)
        })
    }
}

/// The fields in which some route tells of a session, so that upstreams believe them.
pub fn identity_names<'a>(
    forward: &'a Forward,
    routes: &'a [RouteSettings],
) -> impl Iterator<Item = &'a str> {
    let of_routes = routes
        .iter()
        .flat_map(|route| route.request_headers.incoming())
        .filter(|(_, text)| text.needs_session())
        .map(|(name, _)| name.as_str());
    of_routes.chain(forward.identity.keys().map(|name| name.as_str()))
}

/// Sets one field, keeping its name's case on the wire.
pub(super) fn insert(
    request: &mut RequestHeader,
    name: impl IntoCaseHeaderName,
    value: HeaderValue,
) {
    // The name is already checked and the value is encoded, so this cannot fail.
    let inserted = request.insert_header(name, value);
    debug_assert!(inserted.is_ok());
}

/// Takes out what a browser never sends with a preflight (Fetch standard, section 4.8): every
/// credential, of whomever.
pub(in crate::proxy) fn strip_all_credentials(request: &mut RequestHeader) {
    request.remove_header(&COOKIE);
    request.remove_header(&AUTHORIZATION);
}

/// Removes fields that make some servers use another method than the request's.
pub(in crate::proxy) fn strip_method_overrides(request: &mut RequestHeader) {
    static OVERRIDES: LazyLock<FieldNames> =
        LazyLock::new(|| METHOD_OVERRIDES.iter().copied().collect());
    let names = request.headers.keys();
    let overrides = |name: &&HeaderName| OVERRIDES.contains(name.as_str());
    let leaving: Vec<HeaderName> = names.filter(overrides).cloned().collect();
    for name in &leaving {
        request.remove_header(name);
    }
}

fn has_scheme(field: &[u8], scheme: &str) -> bool {
    let found = field
        .trim_ascii()
        .split(|byte| byte.is_ascii_whitespace())
        .next();
    scheme.is_empty() || found.is_some_and(|found| found.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// Fields that only the gateway may set, whether it does under this configuration or not.
pub const OWN_FIELDS: &[&str] = &[
    "x-platform-session",
    "x-vestibule-session",
    "x-vestibule-user",
    // A credential for a proxy, which is where this one is (RFC 9110 section 11.7.2).
    "proxy-authorization",
    ELEVATED_FIELD,
];

/// The user id in responses to other proxies.
pub(in crate::proxy) const USER_FIELD: HeaderName = HeaderName::from_static("x-vestibule-user");
/// The session id in responses to other proxies.
pub(in crate::proxy) const SESSION_FIELD: HeaderName =
    HeaderName::from_static("x-vestibule-session");

const METHOD_OVERRIDES: &[&str] = &[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

#[cfg(test)]
mod tests;
