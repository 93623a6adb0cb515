//! The grants by an assertion (RFC 7523 section 2.1): the Identity Assertion JWT Authorization Grant
//! (draft-ietf-oauth-identity-assertion-authz-grant-03) and, where it is configured, the plain one.

use std::sync::Arc;

use axum::Json;
use axum::http::HeaderMap;
use serde_json::Value;

use super::client::{self, GrantClient};
use super::granted::{self, Granted};
use super::{OAuthError, Parameters};
use crate::api::{ApiState, Caller};
use crate::clock::UnixTime;
use crate::exchange::{Assertion, ScopeDemand};
use crate::jwt::{AssertionForm, Verified, assertion_form};
use crate::rejection::{Code, Rejection};
use crate::session::{Scopes, Terms};

/// A session token for an assertion, which is then used up.
pub(super) async fn grant(
    api: &ApiState,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Json<Granted>, OAuthError> {
    let assertion = parameters.required("assertion")?;
    let form = assertion_form(assertion);
    let rules = api.settings.grants.rules(form);
    let rules = rules.ok_or(OAuthError::unsupported_grant_type())?;
    // First, since a client can have its metadata fetched.
    api.limits.sign_in(caller.address)?;
    let client = match form {
        AssertionForm::IdentityAssertion => {
            let lifetime = rules.max_lifetime;
            Some(client::of_grant(api, caller, headers, parameters, lifetime).await?)
        }
        AssertionForm::Bearer => {
            let client = client::authenticate(api, caller, headers, parameters)?;
            client.map(GrantClient::registered)
        }
    };
    let client_id = client.as_ref().map(|client| client.id.as_str());
    let given = api.settings.token_sources.given(assertion);
    let given = given.map_err(|error| OAuthError::grant_refused(error.into()))?;
    let verified = api.verify_assertion(caller, &given, form).await;
    let verified = verified.map_err(OAuthError::grant_refused)?;
    let now = UnixTime::now();
    let refused = |reason| OAuthError::grant_refused(Rejection::new(Code::TokenInvalid, reason));
    if !rules.admit(verified.issuer().name()) {
        return Err(refused("assertion_issuer_not_accepted"));
    }
    if verified.expires_at() > now.plus(rules.max_lifetime) {
        return Err(refused("assertion_too_long"));
    }
    if form == AssertionForm::IdentityAssertion && verified.claims().text("client_id") != client_id
    {
        return Err(refused("assertion_of_another_client"));
    }
    let act = actor(&verified).map_err(refused)?;
    let target = target(api, &verified, parameters)?;
    let named = named_scopes(&verified)?;
    let asked = (named.as_deref(), parameters.get("scope"));
    // What nobody can get does not even use the client's own assertion up. Whether this user gets what access lists
    // add is known only where the session is opened.
    scopes(&api.exchange.all_scopes(), asked)?;
    let opened = Assertion {
        verified,
        ends_at: now.plus(rules.session_lifetime),
        demand: demand(asked),
    };
    // Last, so that an assertion which is refused for itself can come again.
    if let Some(client) = &client {
        client.use_up(api, caller).await?;
    }
    let granted = api.grant_by_assertion(caller, headers, opened).await;
    let granted = granted.map_err(OAuthError::grant_refused)?;
    let held = api.exchange.minter().all_scopes(&granted.account.session);
    let terms = Terms {
        audience: target,
        scopes: Some(scopes(&held, asked)?),
        client_id: client.map(|client| client.id),
        act,
        ..Terms::until(granted.token_end)
    };
    let token = api.exchange.mint(&granted.account, &terms)?;
    Ok(Json(Granted::new(token, None)))
}

/// Who acts for the user (RFC 8693 section 4.1), which the session token repeats.
fn actor(verified: &Verified) -> Result<Option<Value>, &'static str> {
    match verified.claims().stated("act") {
        None => Ok(None),
        Some(act @ Value::Object(_)) if act.to_string().len() <= LONGEST_ACTOR => {
            Ok(Some(act.clone()))
        }
        Some(_) => Err("assertion_actor_invalid"),
    }
}

/// The audience of the token: the resource that the assertion names, of several the one that the request
/// asks for. `None`: the usual one.
fn target(
    api: &ApiState,
    verified: &Verified,
    parameters: &Parameters,
) -> Result<Option<String>, OAuthError> {
    let named: Vec<&str> = match verified.claims().stated("resource") {
        None => return Ok(granted::target(api, parameters)?.map(ToString::to_string)),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(OAuthError::invalid_target()),
    };
    let audiences = api.exchange.audiences();
    let mut ours: Vec<&str> = named
        .into_iter()
        .filter_map(|name| audiences.named(name))
        .collect();
    ours.sort_unstable();
    ours.dedup();
    let target = match (granted::asked(api, parameters)?, ours.as_slice()) {
        (Some(asked), ours) if ours.contains(&asked) => asked,
        (None, [only]) => only,
        _ => return Err(OAuthError::invalid_target()),
    };
    let usual = api.exchange.minter().audience.as_str();
    Ok(Some(target.to_owned()).filter(|target| target != usual))
}

/// The scopes that the assertion names; `None`: it leaves them to the gateway.
fn named_scopes(verified: &Verified) -> Result<Option<String>, OAuthError> {
    match verified.claims().stated("scope") {
        None => Ok(None),
        Some(Value::String(named)) => Ok(Some(named.clone())),
        Some(_) => Err(OAuthError::invalid_scope()),
    }
}

/// The scopes of the token: of those that the assertion names, what is held, and of these what the request
/// asks for.
fn scopes(
    held: &Arc<Scopes>,
    (named, asked): (Option<&str>, Option<&str>),
) -> Result<Arc<Scopes>, OAuthError> {
    let named = match named {
        None => Arc::clone(held),
        Some(named) => Arc::new(held.still_in(named)),
    };
    let part = granted::part(&named, asked)?;
    let is_empty = part.words().next().is_none();
    match is_empty {
        true => Err(OAuthError::invalid_scope()),
        false => Ok(part),
    }
}

/// That the session has the scopes of the token.
fn demand((named, asked): (Option<&str>, Option<&str>)) -> ScopeDemand {
    let (named, asked) = (named.map(str::to_owned), asked.map(str::to_owned));
    ScopeDemand::new(move |held| scopes(held, (named.as_deref(), asked.as_deref())).is_ok())
}

/// In bytes of JSON. It goes into every token of the session.
const LONGEST_ACTOR: usize = 1024;
