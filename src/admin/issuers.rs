//! Issuers as operators see and switch them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::AdminState;
use super::access::Operator;
use super::audit;
use super::body::Body;
use super::fault::Fault;
use crate::jwks::KeysStatus;
use crate::jwt::Issuer;

/// One issuer.
#[derive(Debug, Serialize)]
pub struct IssuerRow {
    /// Its name.
    pub name: String,
    /// The exact `iss` of its tokens.
    pub iss: String,
    /// Whether its tokens are accepted now.
    pub enabled: bool,
    /// Whether the file says so; the switch was turned where it differs from `enabled`.
    pub enabled_in_file: bool,
    /// Where the settings come from.
    pub origin: &'static str,
    /// Accepted audiences; empty for any.
    pub aud: Vec<String>,
    /// The cookie that carries its token.
    pub cookie_name: Option<String>,
    /// The header field, beside `Authorization`, that carries its token.
    pub header: Option<String>,
    /// Accepted algorithms.
    pub algorithms: Vec<&'static str>,
    /// Its keys.
    pub keys: KeysStatus,
}

impl IssuerRow {
    /// What is known of it now.
    pub fn of(issuer: &Issuer) -> Self {
        let settings = issuer.settings();
        Self {
            name: issuer.name().to_string(),
            iss: issuer.iss().to_owned(),
            enabled: issuer.enabled(),
            enabled_in_file: settings.enabled,
            origin: "file",
            aud: settings.aud.clone(),
            cookie_name: settings.cookie_name.clone(),
            header: settings.header.clone(),
            algorithms: settings.algorithms.iter().map(|it| it.name()).collect(),
            keys: issuer.keys().status(),
        }
    }
}

/// All of them.
#[derive(Debug, Serialize)]
pub struct IssuerList {
    /// In the order of the file.
    pub issuers: Vec<IssuerRow>,
}

/// What a fetch on request came to.
#[derive(Debug, Serialize)]
pub struct Refreshed {
    /// Whether it succeeded. Inline keys are never fetched.
    pub refreshed: bool,
    /// The keys afterwards.
    pub keys: KeysStatus,
}

/// The body of a switch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    enabled: bool,
}

/// `GET /admin/api/issuers`.
pub async fn list(State(state): State<AdminState>) -> Json<IssuerList> {
    Json(IssuerList {
        issuers: rows(&state),
    })
}

/// `GET /admin/api/issuers/{name}`.
pub async fn show(
    State(state): State<AdminState>,
    Path(name): Path<String>,
) -> Result<Json<IssuerRow>, Fault> {
    Ok(Json(IssuerRow::of(&*find(&state, &name)?)))
}

/// `POST /admin/api/issuers/{name}/refresh`.
pub async fn refresh(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<Refreshed>, Fault> {
    fetch_now(&state, &operator, &name).await.map(Json)
}

/// `PUT /admin/api/issuers/{name}/enabled`.
pub async fn switch(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(Switch { enabled }): Body<Switch>,
) -> Result<Json<IssuerRow>, Fault> {
    turn(&state, &operator, &name, enabled).await.map(Json)
}

/// All issuers in the order of the file.
pub fn rows(state: &AdminState) -> Vec<IssuerRow> {
    let issuers = state.exchange.issuers();
    issuers.iter().map(|issuer| IssuerRow::of(issuer)).collect()
}

/// Fetches an issuer's keys now, whatever the interval, and waits for the end.
pub async fn fetch_now(
    state: &AdminState,
    operator: &Operator,
    name: &str,
) -> Result<Refreshed, Fault> {
    let issuer = find(state, name)?;
    let refreshed = issuer.keys().refresh().await;
    audit::note(&*state.store, operator, "issuer.refresh", name, Map::new()).await;
    Ok(Refreshed {
        refreshed,
        keys: issuer.keys().status(),
    })
}

/// Switches an issuer on or off, from the very next request on.
pub async fn turn(
    state: &AdminState,
    operator: &Operator,
    name: &str,
    enabled: bool,
) -> Result<IssuerRow, Fault> {
    let issuer = find(state, name)?;
    state.switches.turn(&issuer, enabled).await?;
    let action = if enabled {
        "issuer.enable"
    } else {
        "issuer.disable"
    };
    audit::note(&*state.store, operator, action, name, Map::new()).await;
    Ok(IssuerRow::of(&issuer))
}

fn find(state: &AdminState, name: &str) -> Result<Arc<Issuer>, Fault> {
    let issuers = state.exchange.issuers();
    issuers
        .by_name(name)
        .cloned()
        .ok_or_else(|| Fault::not_found("issuer"))
}
