//! Logout: by the browser, and by the issuer behind its back.

use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub mod settings;

pub use settings::LogoutSettings;

use super::{ApiSettings, ApiState, Caller, Refused, listed_pages, refusals};
use crate::credential::{self, Credential, CredentialError, Reading};
use crate::exchange::{Named, store_failed};
use crate::jwt::Issuer;
use crate::origin::AttachedBy;
use crate::rejection::{Code, Rejection};
use crate::store::RevocationReason;

/// The endpoints below the API prefix. Pages post to the first, providers to the second.
pub fn router(state: &ApiState) -> OpenApiRouter<ApiState> {
    let of_pages = OpenApiRouter::new().routes(routes!(logout));
    listed_pages::may_call(of_pages, state).routes(routes!(backchannel))
}

/// What a form may say of a logout.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct LogoutForm {
    /// Where the browser goes then: a path, or an address of a host that `public_url` or a route names,
    /// of an allowed origin or of a login page.
    return_to: Option<String>,
    /// Delete the issuer's cookie as well, as with `logout.clear_issuer_cookie`: whatever is neither empty nor
    /// `false` or `0`, such as the `on` of a checkbox.
    delete_issuer_cookie: Option<String>,
}

impl LogoutForm {
    fn deletes_issuer_cookie(&self) -> bool {
        let text = self.delete_issuer_cookie.as_deref().unwrap_or_default();
        !["", "false", "0"].contains(&text)
    }
}

/// Ends the sessions of the request's credentials and takes the gateway's cookie away. 204 also when
/// there was no session any more, so that a page can always call it. A form with `return_to`, or of a
/// gateway that leads on to the provider's logout, is answered with a redirect.
#[utoipa::path(
    post,
    path = "/logout",
    operation_id = "logout",
    tag = "logout",
    request_body(
        content = Option<LogoutForm>,
        content_type = "application/x-www-form-urlencoded",
        example = json!({ "return_to": "/" })
    ),
    security((), ("session_token" = []), ("session_cookie" = [])),
    responses(
        (
            status = 204,
            description = "The session has ended.",
            headers(("set-cookie" = String))
        ),
        (
            status = 303,
            description = "The session has ended, and the browser is redirected.",
            headers(("set-cookie" = String), ("location" = String))
        ),
        refusals::Logout
    )
)]
pub async fn logout(
    State(state): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    method: Method,
    headers: HeaderMap,
    form: Result<Form<LogoutForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Refused> {
    let settings = &state.settings;
    let is_form = is_form(&headers);
    let form = match (is_form, form) {
        (false, _) => LogoutForm::default(),
        (true, Ok(Form(form))) => form,
        (true, Err(_)) => return Err(refused("logout_form_malformed")),
    };
    let deletes = form.deletes_issuer_cookie() || settings.token_sources.clears_issuers_cookies();
    let return_to = form.return_to.filter(|address| !address.is_empty());
    if return_to
        .as_ref()
        .is_some_and(|address| !settings.leads_to(address, &caller, &headers))
    {
        return Err(refused("return_to_foreign"));
    }
    let provider = end_sessions(&state, &caller, &method, &headers).await?;
    let provider = provider.or_else(|| named_issuer(&state, &headers));
    let provider = provider.filter(|_| is_form && settings.logs_out_at_provider);
    let back = return_to.as_deref();
    let leads_on =
        provider.and_then(|issuer| at_provider(&issuer, settings, back, (&caller, &headers)));
    let mut response = match leads_on.or(return_to) {
        Some(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    };
    let fields = response.headers_mut();
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let sources = &settings.token_sources;
    for gone in settings.session_cookie_removal(&headers) {
        fields.append(SET_COOKIE, gone);
    }
    if has_sdk_cookie(&state, &headers) {
        for gone in settings.sdk_cookie_removal(&headers) {
            fields.append(SET_COOKIE, gone);
        }
    }
    if deletes || sources.has_issuers_twins(&headers) {
        for gone in sources.removal(&headers) {
            fields.append(SET_COOKIE, gone);
        }
    }
    Ok(response)
}

/// The address of the provider's own logout (OpenID Connect RP-Initiated Logout 1.0, section 2). It is
/// asked without the ID token, which has no place in an address.
fn at_provider(
    issuer: &Issuer,
    settings: &ApiSettings,
    return_to: Option<&str>,
    (caller, headers): (&Caller, &HeaderMap),
) -> Option<String> {
    let mut url = issuer.end_session_endpoint()?;
    let client = issuer.settings().end_session_client_id.as_deref();
    let back = return_to.map(|address| settings.absolute(address, caller, headers));
    let parameters = [
        ("client_id", client),
        ("post_logout_redirect_uri", back.as_deref()),
    ];
    for (name, value) in parameters {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Some(url.into())
}

/// The issuer that a cookie of the request names. Its provider may still take the browser for signed in,
/// although no session is left here.
fn named_issuer(state: &ApiState, headers: &HeaderMap) -> Option<Arc<Issuer>> {
    let cookies = state.settings.token_sources.every_cookie(headers);
    let verifier = state.exchange.verifier();
    let mut named = cookies
        .iter()
        .flat_map(|values| &values.credentials)
        .filter_map(|credential| verifier.named_issuer(credential));
    named.next().cloned()
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or("");
    kind.trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn refused(reason: &'static str) -> Refused {
    Refused(Rejection::new(Code::InvalidRequest, reason))
}

/// Whether the request came with the SDK's cookie, or may have it where scripts see none.
fn has_sdk_cookie(state: &ApiState, headers: &HeaderMap) -> bool {
    let found = credential::sdk_cookie(headers, &state.settings.token_sources);
    state.settings.sdk.sets_cookie || !matches!(found, Ok(None))
}

/// The content of a back-channel logout request (section 2.5).
#[derive(Deserialize, ToSchema)]
pub struct BackchannelRequest {
    /// A logout token of the issuer (section 2.4).
    logout_token: String,
}

/// The issuer ends sessions (OpenID Connect Back-Channel Logout 1.0).
#[utoipa::path(
    post,
    path = "/backchannel-logout",
    operation_id = "backchannelLogout",
    tag = "logout",
    request_body(
        content = BackchannelRequest,
        content_type = "application/x-www-form-urlencoded",
        example = json!({ "logout_token": "header.payload.signature" })
    ),
    responses((status = 200, description = "The sessions have ended."), refusals::Backchannel)
)]
pub async fn backchannel(
    State(state): State<ApiState>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Result<Form<BackchannelRequest>, axum::extract::rejection::FormRejection>,
) -> Response {
    let Ok(Form(request)) = request else {
        let malformed = Rejection::new(Code::InvalidRequest, "logout_token_missing");
        return Refused(malformed).into_response();
    };
    let token = &request.logout_token;
    let given = state.settings.token_sources.given(token).ok();
    given.iter().for_each(|given| caller.presents(given));
    match state
        .exchange
        .backchannel_logout(token, caller.address)
        .await
    {
        Ok(()) => (StatusCode::OK, [(CACHE_CONTROL, "no-store")]).into_response(),
        Err(rejection) => {
            let exchange = &state.exchange;
            given
                .iter()
                .for_each(|given| caller.refused(exchange, given));
            Refused(rejection).into_response()
        }
    }
}

/// Ends what the request's credentials stand for: an explicit one and the gateway's own cookies, or all
/// cookies that could stand for somebody on the next request, because one stands in for another that counts
/// no more. Of several values by one name, and of several forms of a cookie, each is one of these. Returns the
/// issuer of one of the sessions.
async fn end_sessions(
    state: &ApiState,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Arc<Issuer>>, Rejection> {
    let settings = &state.settings;
    let sources = &settings.token_sources;
    let reading = Reading {
        // `Bearer null`, of a script that has no token, says nothing about the cookies.
        jwt_only: true,
        ..Reading::default()
    };
    let explicit = credential::find_explicit(headers, sources, reading)?;
    let cookies = match &explicit {
        // Another session may be in the gateway's own cookies.
        Some(explicit) => {
            if explicit.source.is_by_proxy() {
                settings.check_origin(AttachedBy::Proxy, caller, method, headers)?;
            }
            sources.own_values(headers)
        }
        None => {
            // The response deletes a cookie, even if a page of another site sent the request.
            settings.check_origin(AttachedBy::Browser, caller, method, headers)?;
            sources.every_cookie(headers)
        }
    };
    let explicit = explicit.map(|explicit| explicit.with_session_cookie(headers, sources));
    let (mut provider, mut failed, mut has_ended) = (None, None, false);
    if cookies.iter().any(|values| values.has_more) {
        failed = Some(CredentialError::TwinCookies.into());
    }
    let cookies = cookies.into_iter().flat_map(|values| values.credentials);
    for credential in &explicit.into_iter().chain(cookies).collect::<Vec<_>>() {
        if credential.source.is_cookie() && !credential.is_attempt() {
            // What is no token stands for nobody.
            continue;
        }
        match end_session(state, (caller, headers), credential).await {
            Ok(None) => {}
            Ok(Some(ended)) => {
                has_ended = true;
                provider = provider.or(ended.provider);
            }
            // What can end ends nevertheless.
            Err(rejection) => failed = failed.or(Some(rejection)),
        }
    }
    match failed {
        // What an old token next to a cookie that counted stood for is over.
        Some(rejection) if !(has_ended && is_logged_out(&rejection)) => Err(rejection),
        _ => Ok(provider),
    }
}

/// Ends the session of one credential. `None`: there was none any more.
async fn end_session(
    state: &ApiState,
    (caller, headers): (&Caller, &HeaderMap),
    credential: &Credential<'_>,
) -> Result<Option<Named>, Rejection> {
    let session = match state.session_to_end(caller, headers, credential).await {
        Ok(session) => session,
        // A cookie that a browser kept for too long counts as logged out.
        Err(rejection) if credential.source.is_cookie() && is_logged_out(&rejection) => {
            return Ok(None);
        }
        Err(rejection) => return Err(rejection),
    };
    let exchange = &state.exchange;
    exchange
        .sessions()
        .end_session(session.sid, RevocationReason::Logout)
        .await
        .map_err(|error| store_failed(&error))?;
    Ok(Some(session))
}

/// Whether a refused credential leaves nothing to log out of.
pub(super) fn is_logged_out(rejection: &Rejection) -> bool {
    matches!(
        rejection.code,
        Code::TokenInvalid
            | Code::TokenExpired
            | Code::LoginRequired
            | Code::Forbidden
            | Code::NoAccess
    )
}
