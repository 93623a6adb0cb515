//! Routes and upstreams as the running configuration has them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::AdminState;
use super::refusals;
use crate::route::settings::Access;

/// The response of `GET /admin/api/routes`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Routing {
    /// The routes, in the order of the file.
    pub routes: Vec<RouteRow>,
    /// The upstreams, sorted by name.
    pub upstreams: Vec<UpstreamRow>,
}

/// A route, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RouteRow {
    /// Its name in logs and metrics.
    pub name: String,
    /// The route's `auth`: `required`, `optional` or `none`.
    pub auth: &'static str,
    /// The servers behind it.
    pub upstream: String,
    /// The scope that requests must show an elevated token for.
    pub step_up: Option<String>,
}

/// A group of servers that serve the same content.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpstreamRow {
    /// The name in the configuration.
    pub name: String,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<ServerRow>,
}

/// The health of one server of an upstream.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerRow {
    /// As the configuration has it.
    pub server: String,
    /// How many of its addresses take requests. None: it fails, or its name is not resolved.
    pub healthy_addresses: u64,
}

/// List the routes and the upstreams with the health of their servers.
#[utoipa::path(
    get,
    path = "/admin/api/routes",
    operation_id = "listRoutes",
    tag = "routes",
    responses(
        (status = 200, description = "The running configuration.", body = Routing),
        refusals::Look,
    ),
)]
pub async fn list(State(state): State<AdminState>) -> Json<Routing> {
    Json(Routing {
        routes: routes(&state),
        upstreams: upstreams(&state),
    })
}

/// The routes, by name.
pub fn routes(state: &AdminState) -> Vec<RouteRow> {
    let snapshot = state.snapshot.load();
    let mut routes = snapshot.proxy.routes.routes();
    routes.sort_by(|one, other| one.name.cmp(&other.name));
    let row = |route: &crate::route::Route| RouteRow {
        name: route.name.to_string(),
        auth: match route.access {
            Access::Required => "required",
            Access::Optional => "optional",
            Access::None => "none",
        },
        upstream: route.upstream.name().to_string(),
        step_up: route.step_up.as_deref().map(str::to_owned),
    };
    routes.into_iter().map(|route| row(route)).collect()
}

/// The upstreams, by name.
pub fn upstreams(state: &AdminState) -> Vec<UpstreamRow> {
    let snapshot = state.snapshot.load();
    let server = |(server, healthy): (&str, u64)| ServerRow {
        server: server.to_owned(),
        healthy_addresses: healthy,
    };
    let row = |upstream: &std::sync::Arc<crate::upstream::Upstream>| UpstreamRow {
        name: upstream.name().to_string(),
        servers: upstream.healthy().into_iter().map(server).collect(),
    };
    snapshot.proxy.upstreams().map(row).collect()
}
