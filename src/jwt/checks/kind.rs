//! What a token is for.

use serde_json::Value;

use super::Subject;
use crate::jwt::refusal::Reason;

/// Whether the token is a login, and not word of an event or bound to a key.
pub(in crate::jwt) fn kind(token: &Subject<'_>) -> Result<(), Reason> {
    if token.claims.stated("events").is_some_and(names_event) {
        return Err(Reason::EventsPresent);
    }
    if token.claims.stated("cnf").is_some() {
        Err(Reason::CnfPresent)
    } else {
        Ok(())
    }
}

/// Whether it is what RFC 8417 section 2.2 calls `events`: an object with a member for each event, named by
/// a URI. Any other `events` is an application's own.
fn names_event(events: &Value) -> bool {
    let mut names = events.as_object().into_iter().flatten();
    names.any(|(name, _)| is_uri(name))
}

/// Whether it begins with a scheme (RFC 3986 section 3.1).
fn is_uri(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(rest)
    };
    text.split_once(':')
        .is_some_and(|(scheme, _)| is_scheme(scheme))
}
