//! `POST {api}/oauth/token`: a token of an issuer, or of ours, for a session token (RFC 8693).

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use utoipa::ToSchema;

use super::granted::{self, Granted};
use super::grants::ASSERTION_GRANT;
use super::{OAuthError, Parameters, assertion, client, refusals};
use crate::api::{ApiState, Caller};
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::exchange::{Account, Recipient, ScopeDemand};
use crate::rejection::{Code, Rejection};
use crate::session::Terms;

/// The form of a token exchange (RFC 8693 section 2.1), or of a grant by an assertion (RFC 7523 section
/// 2.1). [`Parameters`] reads it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the document")]
pub struct TokenRequest {
    /// `urn:ietf:params:oauth:grant-type:` and `token-exchange` or, where it is configured, `jwt-bearer`.
    grant_type: String,
    /// A token of a configured issuer, or a session token.
    subject_token: Option<String>,
    /// `urn:ietf:params:oauth:token-type:` and `jwt`, `id_token` or `access_token`.
    subject_token_type: Option<String>,
    /// The assertion, in place of a subject.
    assertion: Option<String>,
    /// `urn:ietf:params:oauth:token-type:` and `access_token`, the default, or `jwt`.
    requested_token_type: Option<String>,
    /// Scopes of the subject, apart by spaces; all of them by default.
    scope: Option<String>,
    /// The audience of session tokens, or the identifier of a protected resource.
    audience: Option<String>,
    /// The same as an address (RFC 8707).
    resource: Option<String>,
    /// Of a client that does not authenticate by `Authorization`.
    client_id: Option<String>,
    /// The client's secret, if it authenticates in the body.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` of a client that authenticates with a key.
    client_assertion_type: Option<String>,
    /// What the client has signed (RFC 7523 section 2.2).
    client_assertion: Option<String>,
}

/// A token of an issuer, or of ours, for a session token (RFC 8693). A token of ours only narrows:
/// the same session, the same end.
#[utoipa::path(
    post,
    path = "/oauth/token",
    operation_id = "exchangeToken",
    tag = "oauth",
    request_body(
        content = TokenRequest,
        content_type = "application/x-www-form-urlencoded",
        example = json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "header.payload.signature",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        })
    ),
    security((), ("client" = [])),
    responses(
        (
            status = 200,
            description = "The session token.",
            body = Granted,
            example = json!({
                "access_token": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 7200,
                "scope": "user:basic",
            })
        ),
        refusals::Token
    )
)]
pub async fn exchange(
    State(api): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Json<Granted>, OAuthError> {
    let parameters = Parameters::read(&headers, &content)?;
    match parameters.required("grant_type")? {
        GRANT => {}
        ASSERTION_GRANT if api.settings.grants.are_any() => {
            return assertion::grant(&api, &caller, &headers, &parameters).await;
        }
        _ => return Err(OAuthError::unsupported_grant_type()),
    }
    client::authenticate(&api, &caller, &headers, &parameters)?;
    let issued_token_type = check_types(&parameters)?;
    let target = granted::target(&api, &parameters)?;
    let asked = parameters.get("scope");
    let subject = parameters.required("subject_token")?;
    api.limits.sign_in(caller.address)?;
    let call = (&caller, &headers);
    let given = api.settings.token_sources.given(subject);
    let given = given.map_err(|error| OAuthError::subject_refused(error.into()))?;
    let (account, terms) = match is_self_issued(&api, subject) {
        true => narrowed(&api, call, &given, asked).await?,
        false => opened(&api, call, &given, asked, target).await?,
    };
    let terms = Terms {
        audience: target.map(ToString::to_string).or(terms.audience),
        ..terms
    };
    let token = api.exchange.mint(&account, &terms)?;
    Ok(Json(Granted::new(token, Some(issued_token_type))))
}

/// Checks the kinds of tokens that go in and come out; the latter.
fn check_types(parameters: &Parameters) -> Result<&'static str, OAuthError> {
    let is_kind = |kind: &str| TOKEN_TYPES.contains(&kind);
    if !is_kind(parameters.required("subject_token_type")?) {
        return Err(OAuthError::invalid_request(
            "unsupported subject token type",
        ));
    }
    if parameters.get("actor_token").is_some() || parameters.get("actor_token_type").is_some() {
        return Err(OAuthError::invalid_request(
            "actor tokens are not supported",
        ));
    }
    match parameters.get("requested_token_type") {
        None | Some(ACCESS_TOKEN) => Ok(ACCESS_TOKEN),
        Some(JWT) => Ok(JWT),
        Some(_) => Err(OAuthError::invalid_request(
            "unsupported requested token type",
        )),
    }
}

fn is_self_issued(api: &ApiState, token: &str) -> bool {
    crate::jwt::unverified_issuer(token).is_some_and(|iss| api.exchange.is_self_issued(&iss))
}

/// A token of ours only narrows: the same session, the same end, for the same audience or a resource.
async fn narrowed(
    api: &ApiState,
    (caller, headers): (&Caller, &HeaderMap),
    given: &Credential<'_>,
    asked: Option<&str>,
) -> Result<(Account, Terms), OAuthError> {
    let session = api.session_of(caller, headers, given).await;
    let session = session.map_err(OAuthError::subject_refused)?;
    let scopes = granted::part(session.scopes(), asked)?;
    let old = api
        .exchange
        .minter()
        .read(given.token.expose(), UnixTime::now())
        .map_err(|_| Rejection::new(Code::TokenInvalid, "not_a_session_token"))
        .map_err(OAuthError::subject_refused)?;
    let account = api.exchange.sessions().account(&session).await;
    let account = account.map_err(OAuthError::subject_refused)?;
    let devices = api.exchange.devices();
    let end = devices.own_token_until(&account.session, old.iat);
    let terms = Terms {
        audience: Some(old.aud),
        scopes: Some(scopes),
        session_public_key: old.session_public_key,
        client_id: old.client_id,
        act: old.act,
        device_bound: old.device_bound,
        ..Terms::until(end.map_or(old.exp, |end| end.min(old.exp)))
    };
    Ok((account, terms))
}

async fn opened(
    api: &ApiState,
    (caller, headers): (&Caller, &HeaderMap),
    given: &Credential<'_>,
    asked: Option<&str>,
    target: Option<&Arc<str>>,
) -> Result<(Account, Terms), OAuthError> {
    // First, since what nobody can get needs no look at the token. Whether this user gets what access lists add is
    // known only where the session is opened.
    granted::part(&api.exchange.all_scopes(), asked)?;
    let recipient = target.map_or(Recipient::Gateway, Recipient::Resource);
    let demand = asked.map(|asked| {
        let asked = asked.to_owned();
        ScopeDemand::new(move |held| granted::part(held, Some(&asked)).is_ok())
    });
    let granted = api.grant(caller, headers, given, (recipient, demand)).await;
    let granted = granted.map_err(OAuthError::subject_refused)?;
    let held = api.exchange.minter().all_scopes(&granted.account.session);
    let terms = Terms {
        scopes: Some(granted::part(&held, asked)?),
        device_bound: granted.device_bound,
        ..Terms::until(granted.token_end)
    };
    Ok((granted.account, terms))
}

/// The grant that the endpoint has (RFC 8693 section 2.1).
pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const TOKEN_TYPES: [&str; 3] = [
    JWT,
    ACCESS_TOKEN,
    "urn:ietf:params:oauth:token-type:id_token",
];
