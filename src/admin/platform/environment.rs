//! The environment's settings in the shape of the platform's own admin API (`ProjectSettings`).
//!
//! What this gateway has of them is `security.externalAuth`: the issuer whose settings SDKs see.
//! Clients send whole objects, so other members may be sent as they are shown; one that would have
//! to change is refused by its name.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::check;
use crate::admin::access::Operator;
use crate::admin::api_error::ApiError;
use crate::admin::body::{Body, Path};
use crate::admin::{AdminState, issuers, refusals};
use crate::diagnostic::Diagnostic;
use crate::live_config::{BasedOn, Document, View};

/// Show the environment's settings in the format of the platform's API.
#[utoipa::path(
    get,
    path = "/api/v0/environments/{environment}",
    operation_id = "showEnvironment",
    tag = "platform",
    params(("environment" = Uuid, Path)),
    responses(
        (status = 200, description = "The environment.", body = ProjectEnvironment),
        refusals::Look, refusals::BadRequest, refusals::Missing,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(environment): Path<Uuid>,
) -> Result<Json<ProjectEnvironment>, ApiError> {
    check(&state, environment)?;
    Ok(Json(ProjectEnvironment {
        id: environment,
        settings: settings(&state),
    }))
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
    if !matches!(external, None | Some(Value::Null | Value::Object(_))) {
        return Err(invalid("", "expected an object").into());
    }
    let unsupported = unsupported(&sent, &settings(&state));
    if !unsupported.is_empty() {
        return Err(unsupported.into());
    }
    if let Some(Value::Object(wanted)) = external {
        write(&state, &operator, wanted).await?;
    }
    Ok(Json(settings(&state)))
}

/// The environment and its settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectEnvironment {
    id: Uuid,
    #[schema(value_type = ProjectSettings)]
    settings: Value,
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

/// Writes the members that differ from what is shown, so that an object that was read and is sent
/// back changes nothing.
async fn write(
    state: &AdminState,
    operator: &Operator,
    wanted: &Map<String, Value>,
) -> Result<(), ApiError> {
    let view = state.live_config.view().clone();
    let shown = shown(state, &view);
    let changes = |(member, _, _): &(&str, &str, &str)| {
        let value = wanted.get(*member);
        value.is_some_and(|value| shown.get(*member) != Some(value))
    };
    if !MEMBERS.iter().any(changes) {
        return Ok(());
    }
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
    apply(&mut document, wanted, &shown);
    let change = (document, &BasedOn::settings(written));
    let remade = issuers::replace_issuer(state, operator, &issuer.name, change).await;
    remade.map(drop).map_err(renamed)
}

fn settings(state: &AdminState) -> Value {
    let view = state.live_config.view();
    let sets_cookie = view.config.sdk.cookie.is_on();
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

/// The fault with the names of members in place of configuration keys.
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

/// What was sent that this gateway cannot be set to, by name.
fn unsupported(sent: &Document, shown: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (member, value) in sent {
        differences(member, value, shown.get(member), &mut found);
    }
    found
}

/// Compares a member with what is shown of it. What says nothing, such as `{}`, is not compared.
fn differences(path: &str, sent: &Value, shown: Option<&Value>, found: &mut Vec<Diagnostic>) {
    if found.len() == MOST_PROBLEMS || says_nothing(sent) || shown == Some(sent) {
        return;
    }
    match (sent, shown) {
        // Written member by member.
        (Value::Object(members), _) if path == "security.externalAuth" => {
            let known = |name: &str| MEMBERS.iter().any(|(member, _, _)| *member == name);
            let unknown = members.iter().filter(|(name, _)| !known(name));
            for (name, value) in unknown {
                differences(&format!("{path}.{name}"), value, None, found);
            }
        }
        (Value::Object(members), Some(Value::Object(shown))) => {
            for (name, value) in members {
                differences(&format!("{path}.{name}"), value, shown.get(name), found);
            }
        }
        _ => {
            let message = "this gateway does not support changing it here";
            let mut problem = Diagnostic::error(path, message);
            let elsewhere = ELSEWHERE.iter().find(|(member, _)| *member == path);
            if let Some((_, hint)) = elsewhere {
                problem = problem.hint(*hint);
            }
            found.push(problem);
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.values().all(says_nothing),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn invalid(field: &str, message: &str) -> Vec<Diagnostic> {
    let field = format!("security.externalAuth.{field}");
    vec![Diagnostic::error(field.trim_end_matches('.'), message)]
}

/// What the configuration file has instead.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "security.jwtDuration",
        "set `session.max_age` and `session.token_ttl` in the configuration file",
    ),
    (
        "security.auth.storage",
        "set `sdk.cookie` in the configuration file",
    ),
];
/// Problems that one answer names.
const MOST_PROBLEMS: usize = 20;
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
