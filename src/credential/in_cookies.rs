//! Finds the token of a request in its cookies: issuers', the gateway's own, the SDK's.

use http::header::HeaderMap;

use super::token_sources::{CookiePlace, Place};
use super::{
    Credential, CredentialError, Reading, Source, Token, TokenSources, clerk, cookie, form,
    supabase,
};
use crate::issuer::CookieFormat;

/// Finds the token in the cookie of one place.
pub(super) fn find_in_place<'a>(
    place: &'a Place<CookiePlace>,
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
    reading: Reading,
) -> Result<Option<Credential<'a>>, CredentialError> {
    let Place {
        name, issuers, iss, ..
    } = place;
    let token = match name.format {
        CookieFormat::Token => {
            let value = single_cookie(headers, name.name.as_bytes(), form::bare)?;
            token_sources.read(value, Source::Cookie, reading)?
        }
        CookieFormat::SupabaseSsr => find_supabase(headers, &name.name, token_sources, reading)?,
        CookieFormat::Clerk => find_clerk(headers, &name.name, iss, token_sources, reading)?,
    };
    Ok(token.map(|token| Credential {
        token,
        source: Source::Cookie,
        issuers,
        session_cookie: None,
    }))
}

/// Finds what is in the gateway's session cookie alone.
pub fn session_cookie<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Result<Option<Credential<'a>>, CredentialError> {
    let name = token_sources.session_cookie.as_bytes();
    let token = find_cookie(headers, name, token_sources, Source::SessionCookie)?;
    Ok(token.map(Credential::of_session_cookie))
}

pub(super) fn find_own_cookie<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Result<Option<Credential<'a>>, CredentialError> {
    if let Some(session) = session_cookie(headers, token_sources)? {
        return Ok(Some(session));
    }
    sdk_cookie(headers, token_sources)
}

/// Finds what is in the SDK's cookie alone.
pub fn sdk_cookie<'a>(
    headers: &'a HeaderMap,
    token_sources: &'a TokenSources,
) -> Result<Option<Credential<'a>>, CredentialError> {
    let Some(name) = token_sources.sdk_cookie else {
        return Ok(None);
    };
    let source = Source::SdkCookie;
    let token = find_cookie(headers, name.as_bytes(), token_sources, source)?;
    Ok(token.map(|token| Credential {
        token,
        source,
        issuers: &[],
        session_cookie: None,
    }))
}

fn find_cookie<'a>(
    headers: &'a HeaderMap,
    name: &'a [u8],
    token_sources: &TokenSources,
    source: Source,
) -> Result<Option<Token<'a>>, CredentialError> {
    match single_cookie(headers, name, form::unquoted)? {
        None => Ok(None),
        Some(value) => Ok(Some(Token(token_sources.checked(value, source)?.into()))),
    }
}

/// The values of the suffixed cookies that name one of the issuers, else those of the plain one.
pub(super) fn of_clerk<'a>(headers: &'a HeaderMap, name: &str, iss: &[String]) -> Vec<&'a [u8]> {
    let own: Vec<_> = suffixed(headers, &clerk::prefix(name), iss).collect();
    if own.is_empty() {
        return plain_of_clerk(headers, name, iss).collect();
    }
    own
}

/// The values of all of them that name one of the issuers, whichever count; if there are none, those of the plain
/// one.
pub(super) fn every_one_of_clerk<'a>(
    headers: &'a HeaderMap,
    name: &str,
    iss: &[String],
) -> Vec<&'a [u8]> {
    let plain: Vec<_> = plain_of_clerk(headers, name, iss).collect();
    let named = plain.iter().copied();
    let named = named.filter(|value| clerk::names_issuer(value, iss));
    let all: Vec<_> = suffixed(headers, &clerk::prefix(name), iss)
        .chain(named)
        .collect();
    if all.is_empty() { plain } else { all }
}

/// The plain cookie's values, but for those of other applications on the domain.
fn plain_of_clerk<'a>(
    headers: &'a HeaderMap,
    name: &str,
    iss: &[String],
) -> impl Iterator<Item = &'a [u8]> {
    cookie::values(headers, name.as_bytes())
        .map(form::bare)
        .filter(|value| !clerk::names_another(value, iss))
}

fn suffixed<'a>(
    headers: &'a HeaderMap,
    prefix: &str,
    iss: &[String],
) -> impl Iterator<Item = &'a [u8]> {
    let named = cookie::named(headers).filter(|(name, _)| name.starts_with(prefix.as_bytes()));
    named
        .map(|(_, value)| form::bare(value))
        .filter(|value| clerk::names_issuer(value, iss))
}

/// A suffixed cookie that names one of the issuers, else the plain one.
fn find_clerk<'a>(
    headers: &'a HeaderMap,
    name: &'a str,
    iss: &[String],
    token_sources: &TokenSources,
    reading: Reading,
) -> Result<Option<Token<'a>>, CredentialError> {
    let prefix = clerk::prefix(name);
    let mut own = suffixed(headers, &prefix, iss);
    let value = match own.next() {
        None => single_cookie(headers, name.as_bytes(), |value| {
            let value = form::bare(value);
            // As if it were not there.
            if clerk::names_another(value, iss) {
                b""
            } else {
                value
            }
        })?,
        Some(value) if own.all(|other| other == value) => Some(value),
        Some(_) => return Err(CredentialError::TwinCookies),
    };
    token_sources.read(value, Source::Cookie, reading)
}

fn find_supabase<'a>(
    headers: &'a HeaderMap,
    name: &str,
    token_sources: &TokenSources,
    reading: Reading,
) -> Result<Option<Token<'a>>, CredentialError> {
    let source = Source::Cookie;
    let mut conflict = Ok(());
    let found = supabase::access_token(name, |part| {
        let value = single_cookie(headers, part.as_bytes(), form::unquoted);
        let value = value.unwrap_or_else(|error| {
            conflict = Err(error);
            None
        });
        value.and_then(|value| std::str::from_utf8(value).ok())
    });
    conflict?;
    let token = match found {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(None),
        Err(_) if reading.jwt_only => return Ok(None),
        Err(_) => return Err(CredentialError::Malformed(source)),
    };
    token_sources.checked(token.as_bytes(), source)?;
    Ok(Some(Token(token.into())))
}

/// The one value of the cookies by a name; empty ones are none, and equal ones are one.
pub(super) fn single_cookie<'a>(
    headers: &'a HeaderMap,
    name: &[u8],
    value_of: impl Fn(&'a [u8]) -> &'a [u8],
) -> Result<Option<&'a [u8]>, CredentialError> {
    let mut values = cookie::values(headers, name)
        .map(value_of)
        .filter(|value| !value.is_empty());
    let first = values.next();
    match values.any(|other| Some(other) != first) {
        true => Err(CredentialError::TwinCookies),
        false => Ok(first),
    }
}
