//! Routes and upstreams as the running configuration has them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::AdminState;
use super::refusals;
use crate::authorize::ClaimRules;
use crate::clock::UnixTime;
use crate::limit::Rate;
use crate::live_config::{OverrideKind, StoredOverride};
use crate::route::settings::{Access, RequestMatch, RouteSettings};
use crate::route::{Methods, display_name};
use crate::session::settings::DeviceBound;
use crate::upstream::{ServerState, Upstream};

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
    /// The upstreams behind it, or what the gateway answers itself.
    pub upstream: String,
    /// The scope that requests must show an elevated token for.
    pub step_up: Option<String>,
    /// The host; null for any.
    pub host: Option<String>,
    /// The prefix of the path, or the whole path if `exact`.
    pub path: String,
    /// Whether the path is the whole path.
    pub exact: bool,
    /// The names of the listeners that serve it; empty for all.
    pub listeners: Vec<String>,
    /// The methods; empty for those of HTTP itself.
    pub methods: Vec<String>,
    /// What the session's claims must say, in words.
    pub require: Vec<String>,
    /// Scopes that the session token must have.
    pub scopes: Vec<String>,
    /// Origins whose pages may send cookies, in addition to the gateway's own.
    pub allowed_origins: Vec<String>,
    /// How often one client may ask, such as `60/1m`; null for any.
    pub rate_per_client: Option<String>,
    /// How often one user may ask; null for any.
    pub rate_per_user: Option<String>,
    /// What else requests must have, in words: fields and parameters, client networks, a session that is bound to
    /// its device, a token for the resource.
    pub in_addition: Vec<String>,
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
    /// How many of its addresses are healthy. None: it fails, or its name is not resolved.
    pub healthy_addresses: u64,
    /// It keeps failing and gets requests nevertheless, since `ejection.max_percent` allows no more servers to
    /// be ejected.
    pub failing_in_use: bool,
    /// Its share of the requests relative to the others', now.
    pub weight: u8,
    /// The weight that the configuration says.
    pub configured_weight: u8,
    /// Why the two differ, if an operator says another; null if none does.
    pub weight_overridden: Option<Overridden>,
    /// Who drains it: it gets no new requests. Null if nobody does.
    pub drained: Option<Overridden>,
    /// How it failed a request the last time; null if it never did.
    pub last_failure: Option<LastFailure>,
}

/// What an operator says of a server for a while.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Overridden {
    /// The operator.
    pub by: String,
    /// Since when.
    pub since: UnixTime,
    /// Until when.
    pub until: UnixTime,
}

impl From<&StoredOverride> for Overridden {
    fn from(says: &StoredOverride) -> Self {
        Self {
            by: says.by.clone(),
            since: says.since,
            until: says.until,
        }
    }
}

/// A failed request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastFailure {
    /// How: `connect`, `connect_timeout`, `tls`, `timeout`, `protocol`, `cut_off` or `status`.
    pub kind: &'static str,
    /// When.
    pub at: UnixTime,
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

/// The routes of the configuration in force, in the order of the file.
pub fn routes(state: &AdminState) -> Vec<RouteRow> {
    let view = state.live_config.view();
    let device_bound = view.config.session.device_bound;
    let row = |route| RouteRow::of(route, device_bound);
    view.config.routes.iter().map(row).collect()
}

impl RouteRow {
    fn of(route: &RouteSettings, device_bound: DeviceBound) -> Self {
        let rate = |rate: Rate| (!rate.is_off()).then(|| rate.to_string());
        let rules = ClaimRules::new(&route.require);
        let methods = match route.any_method {
            true => vec!["any".to_owned()],
            false if route.methods.is_empty() => Vec::new(),
            false => {
                let methods = Methods::new(&route.methods).to_string();
                methods.split(", ").map(str::to_owned).collect()
            }
        };
        Self {
            name: display_name(route),
            auth: match route.auth {
                Access::Required => "required",
                Access::Optional => "optional",
                Access::None => "none",
            },
            upstream: destination(route),
            step_up: route.step_up.clone(),
            host: route.host.as_ref().map(ToString::to_string),
            path: route.path.to_string(),
            exact: route.exact,
            listeners: route.listeners.clone(),
            methods,
            require: rules.described(),
            scopes: route.scopes.clone(),
            allowed_origins: route
                .allowed_origins
                .iter()
                .map(ToString::to_string)
                .collect(),
            rate_per_client: rate(route.rate_per_client),
            rate_per_user: rate(route.rate_per_user),
            in_addition: in_addition(route, device_bound),
        }
    }
}

fn in_addition(route: &RouteSettings, device_bound: DeviceBound) -> Vec<String> {
    let mut all: Vec<String> = route
        .matches
        .iter()
        .flat_map(RequestMatch::described)
        .collect();
    all.extend(route.client_networks.described());
    if route.requires_device(device_bound) {
        all.push("a session that is bound to its device".to_owned());
    }
    if route.resource.as_ref().is_some_and(|it| !it.any_audience) {
        all.push("a token for the resource".to_owned());
    }
    if route.mcp.is_some() {
        all.push("what `mcp` requires of the call".to_owned());
    }
    all
}

/// Where the requests of a route end.
fn destination(route: &RouteSettings) -> String {
    if let Some(redirect) = &route.redirect {
        return format!("redirect to {}", redirect.to.as_str());
    }
    if let Some(answer) = &route.respond {
        return format!("answer {}", answer.status.code().as_u16());
    }
    let names: Vec<_> = route.upstreams().map(|(_, name)| name.to_owned()).collect();
    names.join(", ")
}

/// The upstreams, by name.
pub fn upstreams(state: &AdminState) -> Vec<UpstreamRow> {
    let snapshot = state.snapshot.load();
    let now = UnixTime::now();
    let overrides = state.live_config.server_overrides();
    let row = |upstream: &Arc<Upstream>| {
        let failures = upstream.last_failures();
        let failing = upstream.failing_in_use();
        let said_of = |server: &str, is_meant: fn(&OverrideKind) -> bool| {
            let said = overrides.iter().find(|says| {
                *says.upstream == **upstream.name() && says.server == server && is_meant(&says.kind)
            });
            said.map(Overridden::from)
        };
        let server = |(state, (server, healthy)): (ServerState<'_>, (&str, u64))| ServerRow {
            server: server.to_owned(),
            healthy_addresses: healthy,
            failing_in_use: failing.contains(&server),
            weight: state.weight().get(),
            configured_weight: state.configured_weight.get(),
            weight_overridden: said_of(server, |kind| matches!(kind, OverrideKind::Weight(_))),
            drained: said_of(server, |kind| *kind == OverrideKind::Drained),
            last_failure: failures
                .iter()
                .find(|(failed, _, _)| *failed == server)
                .map(|(_, failure, ago)| LastFailure {
                    kind: failure.label(),
                    at: now.minus(*ago),
                }),
        };
        let servers = upstream.servers().into_iter().zip(upstream.healthy());
        UpstreamRow {
            name: upstream.name().to_string(),
            servers: servers.map(server).collect(),
        }
    };
    snapshot.proxy.upstreams().map(row).collect()
}
