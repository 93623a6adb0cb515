//! Servers of upstreams as operators drain and weigh them, for a while and at all gateways.

use std::num::NonZeroU8;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Body, Path};
use super::refusals;
use super::routing::{self, UpstreamRow};
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::live_config::{OverrideKind, StoredOverride};

/// The response of `GET /admin/api/upstreams`.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamList {
    /// Sorted by name.
    pub upstreams: Vec<UpstreamRow>,
}

/// Which server, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// The server's address as the configuration writes it.
    pub server: String,
    /// For how many seconds, at most 30 days; an hour if omitted.
    #[serde(default = "an_hour")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub seconds: u64,
}

/// Which server.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Undrain {
    /// The server's address as the configuration writes it.
    pub server: String,
}

/// Which server, how much it gets, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Weigh {
    /// The server's address as the configuration writes it.
    pub server: String,
    /// Its share of the requests relative to the others', 1 to 255; null for the configured one.
    #[schema(value_type = Option<u8>, minimum = 1)]
    pub weight: Option<NonZeroU8>,
    /// For how many seconds, at most 30 days; an hour if omitted.
    #[serde(default = "an_hour")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub seconds: u64,
}

/// List the upstreams with the state of their servers.
#[utoipa::path(
    get,
    path = "/admin/api/upstreams",
    operation_id = "listUpstreams",
    tag = "upstreams",
    responses(
        (status = 200, description = "As this gateway sees them.", body = UpstreamList),
        refusals::Look,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Json<UpstreamList> {
    let upstreams = routing::upstreams(&state);
    Json(UpstreamList { upstreams })
}

/// Drain a server: at all gateways it gets no new requests, and those that it has finish. Where all
/// servers of an upstream are drained, its requests are answered with 503.
#[utoipa::path(
    post,
    path = "/admin/api/upstreams/{name}/drain",
    operation_id = "drainServer",
    tag = "upstreams",
    params(("name" = String, Path, description = "The upstream.")),
    request_body = Drain,
    responses(
        (status = 200, description = "The upstream afterwards.", body = UpstreamRow),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::Conflict,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn drain(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(wanted): Body<Drain>,
) -> Result<Json<UpstreamRow>, ApiError> {
    drain_server(&state, &operator, &name, wanted).await?;
    row(&state, &name).map(Json)
}

/// End the drain of a server, at all gateways.
#[utoipa::path(
    post,
    path = "/admin/api/upstreams/{name}/undrain",
    operation_id = "undrainServer",
    tag = "upstreams",
    params(("name" = String, Path, description = "The upstream.")),
    request_body = Undrain,
    responses(
        (status = 200, description = "The upstream afterwards.", body = UpstreamRow),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::Conflict,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn undrain(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(wanted): Body<Undrain>,
) -> Result<Json<UpstreamRow>, ApiError> {
    undrain_server(&state, &operator, &name, &wanted.server).await?;
    row(&state, &name).map(Json)
}

/// Give a server another weight than the configured one, at all gateways.
#[utoipa::path(
    post,
    path = "/admin/api/upstreams/{name}/weight",
    operation_id = "weighServer",
    tag = "upstreams",
    params(("name" = String, Path, description = "The upstream.")),
    request_body = Weigh,
    responses(
        (status = 200, description = "The upstream afterwards.", body = UpstreamRow),
        refusals::Change, refusals::BadRequest, refusals::Missing, refusals::Conflict,
        refusals::Invalid, refusals::Unavailable,
    ),
)]
pub async fn weigh(
    State(state): State<AdminState>,
    operator: Operator,
    Path(name): Path<String>,
    Body(wanted): Body<Weigh>,
) -> Result<Json<UpstreamRow>, ApiError> {
    weigh_server(&state, &operator, &name, wanted).await?;
    row(&state, &name).map(Json)
}

/// Drains a server.
///
/// # Errors
///
/// There is no such server, the time is not valid, or the store did not keep it.
pub async fn drain_server(
    state: &AdminState,
    operator: &Operator,
    upstream: &str,
    wanted: Drain,
) -> Result<(), ApiError> {
    let Drain { server, seconds } = wanted;
    let says = says(
        operator,
        upstream,
        &server,
        (OverrideKind::Drained, seconds),
    )?;
    let detail = detail(&server, [("until", json!(says.until.rfc3339()))]);
    state.live_config.override_server(says).await?;
    record(state, operator, "server.drain", upstream, detail).await;
    Ok(())
}

/// Ends the drain of a server, if there is one.
///
/// # Errors
///
/// There is no such server, or the store did not keep it.
pub async fn undrain_server(
    state: &AdminState,
    operator: &Operator,
    upstream: &str,
    server: &str,
) -> Result<(), ApiError> {
    let ended = state
        .live_config
        .end_override(upstream, server, OverrideKind::Drained)
        .await?;
    if ended {
        let detail = detail(server, []);
        record(state, operator, "server.undrain", upstream, detail).await;
    }
    Ok(())
}

/// Gives a server another weight, or the configured one again.
///
/// # Errors
///
/// There is no such server, the time is not valid, or the store did not keep it.
pub async fn weigh_server(
    state: &AdminState,
    operator: &Operator,
    upstream: &str,
    wanted: Weigh,
) -> Result<(), ApiError> {
    let Weigh {
        server,
        weight,
        seconds,
    } = wanted;
    let Some(weight) = weight else {
        let kind = OverrideKind::Weight(NonZeroU8::MIN);
        let live_config = &state.live_config;
        if live_config.end_override(upstream, &server, kind).await? {
            let detail = detail(&server, [("weight", Value::Null)]);
            record(state, operator, "server.weight", upstream, detail).await;
        }
        return Ok(());
    };
    let kind = OverrideKind::Weight(weight);
    let says = says(operator, upstream, &server, (kind, seconds))?;
    let members = [
        ("weight", json!(weight)),
        ("until", json!(says.until.rfc3339())),
    ];
    let detail = detail(&server, members);
    state.live_config.override_server(says).await?;
    record(state, operator, "server.weight", upstream, detail).await;
    Ok(())
}

fn says(
    operator: &Operator,
    upstream: &str,
    server: &str,
    (kind, seconds): (OverrideKind, u64),
) -> Result<StoredOverride, ApiError> {
    if !(1..=LONGEST).contains(&seconds) {
        let problem = Diagnostic::error("seconds", "must be from 1 to 2592000, which is 30 days");
        return Err(vec![problem].into());
    }
    let since = UnixTime::now();
    Ok(StoredOverride {
        upstream: upstream.to_owned(),
        server: server.to_owned(),
        kind,
        since,
        until: since.plus(Duration::from_secs(seconds)),
        by: operator.name.to_string(),
    })
}

fn detail<const N: usize>(server: &str, more: [(&str, Value); N]) -> Map<String, Value> {
    let members = more.into_iter().chain([("server", json!(server))]);
    members
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

async fn record(
    state: &AdminState,
    operator: &Operator,
    action: &str,
    upstream: &str,
    detail: Map<String, Value>,
) {
    audit::record(&*state.store, operator, action, upstream, detail).await;
}

fn row(state: &AdminState, name: &str) -> Result<UpstreamRow, ApiError> {
    let mut upstreams = routing::upstreams(state).into_iter();
    let found = upstreams.find(|upstream| upstream.name == name);
    found.ok_or_else(|| ApiError::not_found("upstream"))
}

fn an_hour() -> u64 {
    3600
}

/// In seconds.
const LONGEST: u64 = 30 * 24 * 3600;
