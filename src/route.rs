//! Which route a request is on.
//!
//! The most specific route wins: an exact host before the longest wildcard before any host, then
//! an exact path before the longest prefix of whole segments, then named methods before all.
//! Finding it costs a binary search for the host and one for each segment, whatever the number of
//! routes, and allocates nothing. A path that servers read in several ways must lead to one route
//! in all of them, or to one that asks for no less than the others where servers are known to take
//! different spellings for one (`route/loose.rs`); looking that up is left to paths that have any.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use uuid::Uuid;

use crate::authorize::ClaimRules;
use crate::canonical::{AllowedOrigin, CanonicalPath, PathPrefix};
use crate::issuer::AuthorizationField;
use crate::limit::{Limiter, Limits};
use crate::mcp::Calls;
use crate::session::settings::DeviceBound;
use crate::upstream;

mod destination;
pub mod header_operations;
mod loose;
pub mod lowered;
pub mod methods;
mod miss;
pub mod protected_resource;
mod protection;
mod rates;
pub mod settings;
mod table;
mod tree;
mod view;

pub use destination::{Destination, Split};
pub use methods::Methods;
pub use miss::{RouteMiss, Spelling};
pub use table::RouteTable;

use header_operations::PreparedOperations;
use loose::Looseness;
pub use protected_resource::ProtectedResource;
use protection::Protection;
pub use protection::{admits_others, asks_for_all_of};
use settings::{
    Access, Challenge, ClientNetworks, LoginUrl, QueryTokens, RequestMatch, RouteSettings,
};

/// Where a request goes, and who may pass.
#[derive(Debug)]
pub struct Route {
    /// The name in logs and metrics, from the configuration.
    pub name: Arc<str>,
    /// Who has access.
    pub access: Access,
    /// Whether `Authorization` is looked at.
    pub authorization: AuthorizationField,
    /// Where its requests end.
    pub destination: Destination,
    /// How many segments its path has.
    pub segments: usize,
    /// Which clients are served.
    pub client_networks: ClientNetworks,
    /// Routes for the same requests that carry something in addition.
    variants: Vec<(RequestMatch, Arc<Route>)>,
    /// Origins from which credentials in cookies are accepted, in addition to the request's own:
    /// `public_url`, the gateway's `allowed_origins` and the route's.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// What a session's claims must say. Only a route that requires a session has any.
    pub rules: ClaimRules,
    /// `aud` of the session tokens that go upstream; `None` for the gateway's usual one.
    pub audience: Option<Arc<str>>,
    /// What clients learn of it, if it is a protected resource.
    pub resource: Option<Arc<ProtectedResource>>,
    /// What calls of MCP need. Only a route that requires a session has any.
    pub calls: Option<Calls>,
    /// Scopes that the session token must have. Only a route that requires a session has any.
    pub scopes: Vec<Box<str>>,
    /// Whether the session must be bound to a device. Only a route that requires a session asks.
    pub requires_device: bool,
    /// The scope that requests must show an elevated token for.
    pub step_up: Option<Box<str>>,
    /// The maximum size of a request body in bytes; `None` for no limit.
    pub body_size: Option<u64>,
    /// Time limits, if they differ from the upstream's.
    pub timeouts: Timeouts,
    /// How often one client may ask; `None` for any.
    pub client_rate: Option<Arc<Limiter<IpAddr>>>,
    /// How often one user may ask; `None` for any.
    pub user_rate: Option<Arc<Limiter<Uuid>>>,
    /// Edits of the request's header.
    pub request_headers: PreparedOperations,
    /// Edits of the header of the upstream's response.
    pub response_headers: PreparedOperations,
    /// Whether the gateway's own refusals are edited, too.
    pub edits_refusals: bool,
    /// What refusals that ask for a credential say beyond that.
    pub challenge: Challenge,
    /// Where browsers without a session are sent.
    pub login: Option<LoginUrl>,
    /// The issuers whose cookies the upstream gets.
    pub forwards_cookies_of: Vec<Box<str>>,
    /// Whether another method would be on another route, or on none.
    pub decides_by_method: bool,
    /// What becomes of a query that carries a token.
    pub query_tokens: QueryTokens,
    listeners: Vec<Box<str>>,
    allows_escaped_slash: bool,
    allows_empty_segments: bool,
    protection: Protection,
    looseness: Looseness,
    rewrite: Option<PrefixRewrite>,
}

impl Route {
    /// The route of a request that host, path and method lead here: this one, unless the request carries
    /// what another is for.
    pub fn of_request<'a>(
        self: &'a Arc<Self>,
        fields: &HeaderMap,
        query: Option<&[u8]>,
    ) -> &'a Arc<Self> {
        let mut variants = self.variants.iter();
        let found = variants.find(|(wanted, _)| wanted.admits(fields, query));
        found.map_or(self, |(_, variant)| variant)
    }

    /// The route of requests that carry this, and nothing that another is for; of others for `None`.
    fn with(&self, wanted: Option<&RequestMatch>) -> &Self {
        let mut variants = self.variants.iter();
        let found = variants.find(|(own, _)| Some(own) == wanted);
        found.map_or(self, |(_, variant)| &**variant)
    }

    /// Whether whoever passes here, with whatever the request carries, passes there as well.
    fn covers(&self, other: &Self) -> bool {
        self.protections()
            .all(|own| other.protections().all(|other| own.covers(other)))
    }

    fn protections(&self) -> impl Iterator<Item = &Protection> {
        let variants = self.variants.iter();
        let variants = variants.map(|(_, variant)| &variant.protection);
        variants.chain([&self.protection])
    }

    /// Whether it is served at the listener of that name.
    pub fn serves(&self, listener: &str) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|name| **name == *listener)
    }

    /// Whether a bearer token in `Authorization` is a credential for the gateway.
    pub fn takes_bearer(&self) -> bool {
        self.access != Access::None && self.authorization.is_read()
    }

    /// The path that upstreams see in place of `path`, which led to this route. `None`: the same.
    pub fn rewritten(&self, path: &CanonicalPath<'_>) -> Option<String> {
        let rewrite = self.rewrite.as_ref()?;
        let rest = path.after(rewrite.segments);
        let rewritten = format!("{}{rest}", rewrite.replacement);
        Some(if rewritten.is_empty() {
            "/".to_owned()
        } else {
            rewritten
        })
    }
}

/// Bounds on time; those on talking to a server are the upstream's where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// On the arrival of the whole request, and then on its whole answer.
    pub whole: Option<Duration>,
    /// The time limit for connecting.
    pub connect: Option<Duration>,
    /// The time limit for each read.
    pub read: Option<Duration>,
    /// The time limit for each write.
    pub write: Option<Duration>,
    /// How long a stream may be silent; `None` for any time.
    pub stream_idle: Option<Duration>,
}

/// How a path changes on its way.
#[derive(Debug)]
struct PrefixRewrite {
    /// How many segments go.
    segments: usize,
    /// What comes, without a trailing slash.
    replacement: String,
}

/// What the configuration says of routes.
#[derive(Clone, Debug)]
pub struct RouteTableSettings<'a> {
    /// Each route.
    pub routes: &'a [RouteSettings],
    /// The prefix of the gateway's own paths, under which no route may be.
    pub api_prefix: &'a PathPrefix,
    /// The origin at which clients reach the gateway.
    pub public_url: &'a str,
    /// Origins from which every route accepts credentials in cookies.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Where browsers without a session are sent, unless a route has its own.
    pub login_url: Option<&'a LoginUrl>,
    /// Whether sessions are bound to devices, unless a route asks for something else.
    pub device_bound: DeviceBound,
    /// Limits of routes that have none of their own.
    pub limits: &'a Limits,
    /// How each upstream is configured, by its name.
    pub upstreams: &'a BTreeMap<String, upstream::Settings>,
}

/// Why routes are no table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteTableError {
    /// A route under the gateway's own prefix.
    #[error("the path `{0}` is reserved for the gateway itself (`api_prefix`)")]
    Reserved(String),
    /// The upstream is not configured.
    #[error("there is no upstream `{0}`")]
    Upstream(String),
    /// Nothing, or more than one thing, says where requests end.
    #[error("the route `{0}` needs one of `upstream`, `split`, `redirect` and `respond`")]
    Destination(String),
    /// Claim rules that a request without a session would pass by.
    #[error(
        "the route `{0}` has rules (`require`, `scopes`, `mcp`), so it requires `auth: required`"
    )]
    RulesWithoutSession(String),
    /// A `match` without a route for the requests that do not have it.
    #[error("the route `{0}` has a `match`, and no route is for the same requests without it")]
    NoBase(Arc<str>),
    /// Two routes match the same requests.
    #[error("the routes `{0}` and `{1}` match the same requests")]
    Ambiguous(Arc<str>, Arc<str>),
}

/// The name of a route in logs and metrics.
pub fn display_name(settings: &RouteSettings) -> String {
    match (&settings.name, &settings.host) {
        (Some(name), _) => name.clone(),
        (None, Some(host)) => format!("{host}{}", settings.path),
        (None, None) => settings.path.to_string(),
    }
}

#[cfg(test)]
mod tests;
