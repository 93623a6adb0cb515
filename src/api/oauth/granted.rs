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
    let usual = api.exchange.minter().audience.as_str();
    let asked = asked(api, parameters)?.filter(|asked| *asked != usual);
    Ok(asked.and_then(|asked| api.exchange.audiences().resource(asked)))
}

/// The audience that the token is asked for, by the name that it has here; `None`: by none.
pub(super) fn asked<'a>(
    api: &'a ApiState,
    parameters: &Parameters,
) -> Result<Option<&'a str>, OAuthError> {
    let mut asked = None;
    let names = [parameters.get("audience"), parameters.get("resource")];
    for name in names.into_iter().flatten() {
        let named = api.exchange.audiences().named(name);
        let named = named.ok_or(OAuthError::invalid_target())?;
        if asked.is_some_and(|other| other != named) {
            return Err(OAuthError::invalid_target());
        }
        asked = Some(named);
    }
    Ok(asked)
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
