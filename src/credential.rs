//! Finds the one token of a request.
//!
//! The places are ranked: an explicit header field (`Authorization: Bearer` or an issuer's own)
//! before an issuer's cookie before the gateway's session cookie. The first place that has a
//! value decides; lower ones are not looked at. A place with two different values, or two
//! explicit fields that differ, is refused, since any choice would be a guess; equal values are
//! one. Of several issuers' cookies the first in the order of the configuration is taken.
//!
//! Of cookies, which browsers send for as long as they have them, the first may count no more. Whoever
//! verifies them asks for the next ones then ([`candidates()`]).
//!
//! Routes may read otherwise ([`Reading`]): without `Authorization`, or with what is no JWT for no
//! credential.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

mod candidates;
mod clerk;
pub mod cookie;
mod error;
mod form;
mod in_cookies;
mod removal;
pub mod supabase;
mod token_sources;
mod twins;

pub use candidates::{Candidates, candidates, issuers_cookies};
pub use error::CredentialError;
pub use in_cookies::{sdk_cookie, session_cookie};
pub use token_sources::{
    DASHBOARD_COOKIE, DOMAIN_SESSION_COOKIE, INSECURE_LOGIN_COOKIE, INSECURE_SESSION_COOKIE,
    LOGIN_COOKIE, SDK_COOKIE, SESSION_COOKIE, TokenSourceSettings, TokenSources,
};
pub use twins::{OwnCookie, Values};

use in_cookies::find_own_cookie;
use token_sources::Place;

impl TokenSources {
    /// A token that a request gives in its content, where any issuer's may be.
    pub fn given<'a>(&self, text: &'a str) -> Result<Credential<'a>, CredentialError> {
        let source = Source::Body;
        let token = Token(self.checked(text.as_bytes(), source)?.into());
        Ok(Credential {
            token,
            source,
            issuers: &[],
            session_cookie: None,
        })
    }

    /// A value that is not empty, as the route reads it.
    fn read<'a>(
        &self,
        value: Option<&'a [u8]>,
        source: Source,
        reading: Reading,
    ) -> Result<Option<Token<'a>>, CredentialError> {
        match value {
            None => Ok(None),
            Some(value) if reading.jwt_only && !form::is_jwt(value) => Ok(None),
            Some(value) => Ok(Some(Token(self.checked(value, source)?.into()))),
        }
    }

    fn checked<'a>(&self, value: &'a [u8], source: Source) -> Result<&'a str, CredentialError> {
        if value.len() > self.longest_token {
            return Err(CredentialError::TooLong(source));
        }
        form::token68(value).ok_or(CredentialError::Malformed(source))
    }
}

/// A token that a request presents.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// The token, of RFC 6750's `b64token` characters, no longer than configured.
    pub token: Token<'a>,
    /// Where it was.
    pub source: Source,
    /// The names of the issuers whose place it was in; empty when the place is for any.
    pub issuers: &'a [Arc<str>],
    /// The gateway's session cookie that came with it, where sessions can be bound to devices: of a
    /// bound session, an external token alone is no credential.
    pub session_cookie: Option<Token<'a>>,
}

impl<'a> Credential<'a> {
    /// With the session cookie of the same request, if it matters. Two different ones are none.
    #[must_use]
    pub fn with_session_cookie(
        self,
        headers: &'a HeaderMap,
        token_sources: &'a TokenSources,
    ) -> Self {
        if !token_sources.device_bound {
            return self;
        }
        let cookie = session_cookie(headers, token_sources).ok().flatten();
        Self {
            session_cookie: cookie.map(|cookie| cookie.token),
            ..self
        }
    }

    /// A credential that is nothing but this value of the session cookie.
    pub fn of_session_cookie(token: Token<'a>) -> Self {
        Self {
            token,
            source: Source::SessionCookie,
            issuers: &[],
            session_cookie: None,
        }
    }

    /// Whether an external token of this issuer may be in this place. Session tokens of our own
    /// may be anywhere.
    pub fn admits(&self, issuer_name: &str) -> bool {
        self.issuers.is_empty() || self.issuers.iter().any(|name| **name == *issuer_name)
    }

    /// Whether it can be a JWT or one of our own opaque cookies. Anything else, such as `Bearer
    /// null`, is a mistake rather than an attempt to get in.
    pub fn is_attempt(&self) -> bool {
        self.source == Source::SessionCookie || form::is_jwt(self.token.expose().as_bytes())
    }
}

/// How a route reads the credentials of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether `Authorization` is looked at.
    pub authorization: bool,
    /// Whether any issuer's token may be there under another scheme than `Bearer`, or without one.
    pub any_scheme: bool,
    /// Whether what is no JWT counts for no credential, instead of a bad one.
    pub jwt_only: bool,
}

impl Default for Reading {
    /// As credentials are read where one is asked for.
    fn default() -> Self {
        Self {
            authorization: true,
            any_scheme: false,
            jwt_only: false,
        }
    }
}

/// The text of a token. Its `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token<'a>(Cow<'a, str>);

#[cfg(test)]
impl<'a> From<&'a str> for Token<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.into())
    }
}

impl Token<'_> {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Where a token was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// `Authorization: Bearer`.
    Authorization,
    /// An issuer's header field.
    Header,
    /// One that a proxy in front sets for browsers that it knows by a cookie of its own.
    ProxyHeader,
    /// The cookie that `cookie_name` of an issuer names.
    Cookie,
    /// The gateway's session cookie.
    SessionCookie,
    /// The SDK's cookie, which holds a session token and nothing else.
    SdkCookie,
    /// The content of a request to the gateway's own endpoints.
    Body,
}

impl Source {
    /// All words of [`Source::label`].
    pub const LABELS: [&'static str; 5] = ["bearer", "header", "cookie", "session_cookie", "body"];

    /// The word in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Authorization => "bearer",
            Self::Header | Self::ProxyHeader => "header",
            Self::Cookie => "cookie",
            Self::SessionCookie | Self::SdkCookie => "session_cookie",
            Self::Body => "body",
        }
    }

    /// Whether a browser attaches it by itself, so that the origin rule applies.
    pub fn is_cookie(self) -> bool {
        self == Self::Cookie || self.is_own_cookie()
    }

    /// Whether a proxy in front adds it to what a browser sends, whichever page that is for. Of programs, which
    /// may come by the proxy as well, that is not so.
    pub fn is_by_proxy(self) -> bool {
        self == Self::ProxyHeader
    }

    /// Whether it is a cookie of the gateway's own.
    pub fn is_own_cookie(self) -> bool {
        matches!(self, Self::SessionCookie | Self::SdkCookie)
    }
}

/// Finds the token of a request. `None`: it presents none.
pub fn find<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Result<Option<Credential<'a>>, CredentialError> {
    find_as(headers, token_sources, Reading::default())
}

/// Finds the token of a request as its route reads it.
fn find_as<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
    reading: Reading,
) -> Result<Option<Credential<'a>>, CredentialError> {
    candidates(headers, token_sources, reading)
        .next()
        .transpose()
}

/// Finds the token of a request to the gateway's own endpoints: an explicit header field before
/// the gateway's cookies, which issuers' cookies do not stand in front of.
pub fn find_own<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Result<Option<Credential<'a>>, CredentialError> {
    match find_explicit(headers, token_sources, Reading::default())? {
        Some(explicit) => Ok(Some(explicit.with_session_cookie(headers, token_sources))),
        None => find_own_cookie(headers, token_sources),
    }
}

/// The token of a `Bearer` credential (RFC 6750 section 2.1), still unchecked; `None` for other
/// schemes. The scheme is compared without regard to case (RFC 9110 section 11.1).
pub fn bearer(field: &[u8]) -> Option<&[u8]> {
    let field = field.trim_ascii();
    let (scheme, rest) = field
        .split_at_checked(form::BEARER.len())
        .unwrap_or((field, b""));
    if !scheme.eq_ignore_ascii_case(form::BEARER) {
        return None;
    }
    match rest {
        [] => Some(b""),
        [b' ' | b'\t', token @ ..] => Some(token.trim_ascii()),
        _ => None,
    }
}

/// Whether `Authorization` has a JWT that is not looked at, because its scheme is another one than
/// `Bearer` or missing.
pub fn has_other_scheme(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    fields.any(|field| {
        let field = field.as_bytes();
        bearer(field).is_none() && form::jwt_of_any_scheme(field).is_some()
    })
}

/// Finds the token that a request has in a header field, as its route reads it.
pub fn find_explicit<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
    reading: Reading,
) -> Result<Option<Credential<'a>>, CredentialError> {
    let mut found = None;
    if reading.authorization {
        let field = single(headers, &AUTHORIZATION, |field| field)?;
        let source = Source::Authorization;
        // Some clients put the scheme into the token that they put the scheme before.
        let of_bearer = field.and_then(bearer).map(form::bare);
        let (value, issuers) = match (of_bearer, &*token_sources.of_any_scheme) {
            (Some(_), _) => (of_bearer, token_sources.authorized()),
            (None, _) if reading.any_scheme => (
                field.and_then(form::jwt_of_any_scheme),
                token_sources.authorized(),
            ),
            (None, []) => (None, [].as_slice()),
            (None, issuers) => (field.and_then(form::jwt_of_any_scheme), issuers),
        };
        found = token_sources
            .read(value, source, reading)?
            .map(|token| Credential {
                token,
                source,
                issuers,
                session_cookie: None,
            });
    }
    for place in &token_sources.headers {
        let Place { name, issuers, .. } = place;
        let value = single(headers, name, form::bare)?.filter(|value| !value.is_empty());
        let source = match place.by_proxy {
            true => Source::ProxyHeader,
            false => Source::Header,
        };
        let Some(token) = token_sources.read(value, source, reading)? else {
            continue;
        };
        match &mut found {
            None => {
                found = Some(Credential {
                    token,
                    source,
                    issuers,
                    session_cookie: None,
                })
            }
            Some(first) if first.token != token => return Err(CredentialError::Conflict),
            // The stricter of two equal ones.
            Some(first) => {
                if first.issuers.is_empty() {
                    first.issuers = issuers;
                }
                if source.is_by_proxy() {
                    first.source = source;
                }
            }
        }
    }
    Ok(found)
}

fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    value_of: impl Fn(&'a [u8]) -> &'a [u8],
) -> Result<Option<&'a [u8]>, CredentialError> {
    let fields = headers.get_all(name).iter();
    let mut fields = fields.map(|field| value_of(field.as_bytes()));
    let first = fields.next();
    if fields.all(|other| Some(other) == first) {
        Ok(first)
    } else {
        Err(CredentialError::Conflict)
    }
}

#[cfg(test)]
mod tests;
