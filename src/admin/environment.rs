//! The environment's settings in the shape of the platform's own admin API (`ProjectSettings`).
//!
//! What this gateway has of them is `security.externalAuth`: the issuer whose settings SDKs see.
//! Other members are taken, since clients send whole objects, and not kept.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::body::Body;
use super::issuers;
use super::refusals;
use crate::diagnostic::Diagnostic;
use crate::live_config::{Document, View};

/// Show the environment's settings in the format of the platform's API.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}",
    operation_id = "showEnvironment",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "The settings.", body = ProjectSettings),
        refusals::Look, refusals::BadRequest, refusals::Missing,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
) -> Result<Json<Value>, ApiError> {
    check(&state, environment)?;
    Ok(Json(settings(&state)))
}

/// Set `security.externalAuth`, the issuer whose settings SDKs see.
#[utoipa::path(
    put,
    path = "/api/v0/environments/{environment}",
    operation_id = "replaceEnvironment",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    request_body = ProjectSettings,
    responses(
        (status = 200, description = "The settings afterwards.", body = ProjectSettings),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::Conflict,
        refusals::TooLarge, refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn replace(
    State(state): State<AdminState>,
    operator: Operator,
    Path(environment): Path<Uuid>,
    Body(sent): Body<Document>,
) -> Result<Json<Value>, ApiError> {
    check(&state, environment)?;
    let external = sent
        .get("security")
        .and_then(|security| security.get("externalAuth"));
    match external {
        None | Some(Value::Null) => {}
        Some(Value::Object(wanted)) => write(&state, &operator, wanted).await?,
        Some(_) => return Err(invalid("", "expected an object").into()),
    }
    Ok(Json(settings(&state)))
}

/// The part of the platform's `ProjectSettings` that this gateway has; the other members are shown
/// empty.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what is read and written as JSON")]
pub(super) struct ProjectSettings {
    security: Security,
}

/// How users sign in.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what is read and written as JSON")]
struct Security {
    #[schema(rename = "externalAuth")]
    external_auth: ExternalAuth,
}

/// The issuer whose settings SDKs see.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "describes what is read and written as JSON")]
struct ExternalAuth {
    enabled: bool,
    iss: Option<String>,
    aud: Option<String>,
    jwks_url: Option<String>,
    cookie_name: Option<String>,
    assume_email_verified: bool,
}

/// 404 for an environment that is not this gateway's.
pub fn check(state: &AdminState, environment: Uuid) -> Result<(), ApiError> {
    if environment == state.exchange().minter().environment_id {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "environment_not_found",
        "there is no such environment",
    ))
}

/// Writes the members that differ from what is shown, so that an object that was read and is sent
/// back changes nothing.
async fn write(
    state: &AdminState,
    operator: &Operator,
    wanted: &Map<String, Value>,
) -> Result<(), ApiError> {
    let view = state.live_config.view().clone();
    let issuer = view.config.sdk_issuer();
    let Some(issuer) = issuer else {
        if !view.config.issuers.is_empty() {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "issuer_ambiguous",
                "there are several issuers; set `sdk.issuer` in the configuration file",
            ));
        }
        let mut document = Document::new();
        document.insert("name".to_owned(), NAME.into());
        apply(&mut document, wanted, &Map::new());
        let made = issuers::create_issuer(state, operator, document).await;
        return made.map(drop).map_err(renamed);
    };
    let Some(written) = view.made.get(&issuer.name) else {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "issuer_from_file",
            format!(
                "the issuer `{}` comes from the configuration file; change it there",
                issuer.name
            ),
        ));
    };
    let mut document = written.clone();
    apply(&mut document, wanted, &shown(state, &view));
    if document == *written {
        return Ok(());
    }
    let remade = issuers::replace_issuer(state, operator, &issuer.name, document).await;
    remade.map(drop).map_err(renamed)
}

fn settings(state: &AdminState) -> Value {
    let view = state.live_config.view();
    let sets_cookie = view.config.sdk.cookie;
    let storage = if sets_cookie {
        "cookie"
    } else {
        "localstorage"
    };
    json!({
        "chains": [],
        "kyc": [],
        "design": {},
        "general": {},
        "privacy": {},
        "sdk": {},
        "security": {
            "auth": { "storage": [storage] },
            "externalAuth": shown(state, &view),
        },
    })
}

/// `security.externalAuth` as it is now.
fn shown(state: &AdminState, view: &View) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut show = |member: &str, value: Value| shown.insert(member.to_owned(), value);
    let Some(issuer) = view.config.sdk_issuer() else {
        show("enabled", false.into());
        return shown;
    };
    let running = state.issuers();
    let enabled = running.by_name(&issuer.name).map(|issuer| issuer.enabled());
    show("enabled", enabled.unwrap_or(issuer.enabled).into());
    show("iss", issuer.iss.as_str().into());
    show("aud", issuer.aud.first().map(String::as_str).into());
    let url = match &issuer.source {
        crate::issuer::KeySource::Url(url) => Some(url.as_str()),
        _ => None,
    };
    show("jwksUrl", url.into());
    show("cookieName", issuer.cookie_name.as_deref().into());
    show("assumeEmailVerified", issuer.assume_email_verified.into());
    shown
}

/// Puts what is wanted and not shown already into an issuer's settings.
fn apply(document: &mut Document, wanted: &Map<String, Value>, shown: &Map<String, Value>) {
    for (member, key, alias) in MEMBERS {
        let Some(value) = wanted
            .get(member)
            .filter(|value| shown.get(member) != Some(value))
        else {
            continue;
        };
        document.remove(alias);
        match value {
            Value::Null => document.remove(key),
            value => document.insert(key.to_owned(), value.clone()),
        };
    }
}

/// The same fault with the members' names.
fn renamed(fault: ApiError) -> ApiError {
    if fault.problems.is_empty() {
        return fault;
    }
    let rename = |problem: Diagnostic| {
        let member = MEMBERS
            .iter()
            .find(|(_, key, alias)| [*key, *alias].contains(&problem.path.as_str()))
            .map_or(problem.path.as_str(), |(member, _, _)| member);
        Diagnostic::error(format!("security.externalAuth.{member}"), problem.message)
    };
    let problems: Vec<_> = fault.problems.into_iter().map(rename).collect();
    problems.into()
}

fn invalid(field: &str, message: &str) -> Vec<Diagnostic> {
    let field = format!("security.externalAuth.{field}");
    vec![Diagnostic::error(field.trim_end_matches('.'), message)]
}

/// What `externalAuth` calls what, and the issuer's key and its other name.
const MEMBERS: [(&str, &str, &str); 6] = [
    ("enabled", "enabled", ""),
    ("iss", "iss", ""),
    ("aud", "aud", ""),
    ("jwksUrl", "jwks_url", "jwksUrl"),
    ("cookieName", "cookie_name", "cookieName"),
    (
        "assumeEmailVerified",
        "assume_email_verified",
        "assumeEmailVerified",
    ),
];
/// The name of an issuer that is created this way.
const NAME: &str = "external";
