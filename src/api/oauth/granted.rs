//! What the token endpoint grants: for which audience, with which scopes.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::{OAuthError, Parameters};
use crate::api::ApiState;
use crate::clock::UnixTime;
use crate::session::{Scopes, SessionToken};

/// A granted token (RFC 6749 section 5.1, RFC 8693 section 2.2.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct Granted {
    /// The issued session token.
    access_token: String,
    /// Only of a token exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    issued_token_type: Option<&'static str>,
    #[schema(value_type = String)]
    token_type: &'static str,
    /// The token's remaining lifetime in seconds.
    expires_in: u64,
    /// Its scopes, separated by spaces.
    scope: String,
}

impl Granted {
    /// This token; of a token exchange, by its kind.
    pub(super) fn new(token: SessionToken, issued_token_type: Option<&'static str>) -> Self {
        Self {
            expires_in: UnixTime::now().until(token.expires_at).as_secs(),
            access_token: token.text,
            issued_token_type,
            token_type: "Bearer",
            scope: token.scopes.to_string(),
        }
    }
}

/// The protected resource that the token is asked for; `None` for the usual audience.
pub(super) fn target<'a>(
    api: &'a ApiState,
    parameters: &Parameters,
) -> Result<Option<&'a Arc<str>>, OAuthError> {
    let usual = &api.exchange.minter().audience;
    let mut asked = [parameters.get("audience"), parameters.get("resource")]
        .into_iter()
        .flatten();
    let Some(name) = asked.next().map(without_root) else {
        return Ok(None);
    };
    if asked.any(|other| without_root(other) != name) {
        return Err(OAuthError::invalid_target());
    }
    match api.exchange.audiences().resource(name) {
        _ if name == usual => Ok(None),
        Some(resource) => Ok(Some(resource)),
        None => Err(OAuthError::invalid_target()),
    }
}

/// An address without the `/` that is its whole path, which means the same (RFC 3986 section 6.2.3);
/// URL libraries write it.
fn without_root(name: &str) -> &str {
    let bare = name.strip_suffix('/').unwrap_or(name);
    match bare.split_once("://") {
        Some((_, authority)) if !authority.contains('/') => bare,
        _ => name,
    }
}

/// The requested part of the session's scopes; all of them if nothing is requested.
pub(super) fn part(held: &Arc<Scopes>, asked: Option<&str>) -> Result<Arc<Scopes>, OAuthError> {
    match asked {
        None => Ok(Arc::clone(held)),
        Some(asked) => held
            .narrowed_to(asked)
            .map(Arc::new)
            .ok_or(OAuthError::invalid_scope()),
    }
}

#[cfg(test)]
mod tests {
    use super::without_root;

    #[test]
    fn a_path_that_is_the_root_may_be_left_out() {
        for (name, bare) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example:8443/", "https://a.example:8443"),
            ("https://a.example", "https://a.example"),
            ("https://a.example/mcp/", "https://a.example/mcp/"),
            ("https://a.example//", "https://a.example//"),
            ("urn:a/", "urn:a/"),
            ("/", "/"),
        ] {
            assert_eq!(without_root(name), bare, "{name}");
        }
    }
}
