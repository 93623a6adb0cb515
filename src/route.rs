//! Which route a request is on.
//!
//! The most specific route wins: an exact host before the longest wildcard before any host, then
//! an exact path before the longest prefix of whole segments, then named methods before all.
//! Finding it costs a binary search for the host and one for each segment, whatever the number of
//! routes, and allocates nothing. A path that servers read in several ways must lead to one route
//! in all of them, or to one that asks for no less than the others where servers are known to take
//! different spellings for one (`route/loose.rs`); looking that up is left to paths that have any.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use uuid::Uuid;

use crate::authorize::ClaimRules;
use crate::canonical::{AllowedOrigin, CanonicalPath, Host, PathPrefix};
use crate::issuer::AuthorizationField;
use crate::limit::{Limiter, Limits};
use crate::mcp::Calls;
use crate::session::settings::DeviceBound;
use crate::upstream::{self, Upstream};

pub mod header_operations;
mod loose;
pub mod lowered;
pub mod methods;
mod miss;
pub mod protected_resource;
mod protection;
mod rates;
pub mod settings;
mod tree;
mod view;

pub use methods::Methods;
pub use miss::{RouteMiss, Spelling};

use header_operations::PreparedOperations;
use loose::Looseness;
pub use protected_resource::ProtectedResource;
use protected_resource::Published;
use protection::Protection;
use rates::Rates;
use settings::{Access, Challenge, LoginUrl, QueryTokens, RouteSettings};
use view::{Placed, View};

/// Where a request goes, and who may pass.
#[derive(Debug)]
pub struct Route {
    /// The name in logs and metrics, from the configuration.
    pub name: Arc<str>,
    /// Who has access.
    pub access: Access,
    /// Whether `Authorization` is looked at.
    pub authorization: AuthorizationField,
    /// The servers behind it.
    pub upstream: Arc<Upstream>,
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
    /// Whether its host is configured, and not any.
    pub names_host: bool,
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
    /// Whether it is served at the listener of that name.
    pub fn serves(&self, listener: &str) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|name| **name == *listener)
    }

    /// Whether a bearer token in `Authorization` is a credential for the gateway.
    pub fn takes_bearer(&self) -> bool {
        self.access != Access::None && self.authorization == AuthorizationField::Read
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

/// All routes of a configuration.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// In the order of the configuration.
    routes: Vec<Arc<Route>>,
    /// For the listeners that some route names, by their names.
    named: Vec<(Box<str>, View)>,
    /// For all others.
    rest: View,
    published: Published,
    rates: Rates,
}

impl RouteTable {
    /// Builds the table. `upstreams` has each upstream of the configuration by its name.
    pub fn new(
        config: &RouteTableSettings<'_>,
        upstreams: &BTreeMap<String, Arc<Upstream>>,
    ) -> Result<Self, RouteTableError> {
        Self::succeeding(config, upstreams, None)
    }

    /// Takes over the counts of the previous table: a route with the same requests and the same
    /// rate limit continues counting.
    pub fn succeeding(
        config: &RouteTableSettings<'_>,
        upstreams: &BTreeMap<String, Arc<Upstream>>,
        earlier: Option<&Self>,
    ) -> Result<Self, RouteTableError> {
        let own_iss = format!("{}{}", config.public_url, config.api_prefix);
        let mut table = Self::default();
        let mut placed = Vec::with_capacity(config.routes.len());
        for settings in config.routes {
            if config.api_prefix.covers(&settings.path) {
                return Err(RouteTableError::Reserved(settings.path.to_string()));
            }
            let replacement = settings.replace_prefix.as_ref();
            let rewrite = replacement.map(|replacement| PrefixRewrite {
                segments: settings.path.segments().len(),
                replacement: replacement.as_base().to_owned(),
            });
            let rules = ClaimRules::new(&settings.require);
            let has_rules =
                !rules.is_empty() || !settings.scopes.is_empty() || settings.mcp.is_some();
            if has_rules && settings.auth != Access::Required {
                return Err(RouteTableError::RulesWithoutSession(display_name(settings)));
            }
            let upstream = upstreams
                .get(&settings.upstream)
                .ok_or_else(|| RouteTableError::Upstream(settings.upstream.clone()))?;
            let earlier = earlier.map(|earlier| &earlier.rates);
            let rates = table
                .rates
                .of(settings, config.limits.rates.tracked, earlier);
            let resource = protected_resource::of(settings, config.public_url, &own_iss);
            let audience = settings.audience.as_deref().map(Arc::from);
            let named = resource
                .as_ref()
                .map(|resource| Arc::clone(resource.name()));
            let route = Arc::new(Route {
                name: display_name(settings).into(),
                access: settings.auth,
                authorization: settings.authorization,
                upstream: Arc::clone(upstream),
                allowed_origins: config
                    .allowed_origins
                    .iter()
                    .chain(&settings.allowed_origins)
                    .cloned()
                    .collect(),
                rules,
                audience: audience.or(named),
                resource,
                calls: settings.mcp.as_ref().map(Calls::new),
                scopes: settings
                    .scopes
                    .iter()
                    .map(|scope| scope.as_str().into())
                    .collect(),
                requires_device: settings.requires_device(config.device_bound),
                step_up: settings.step_up.as_deref().map(Box::from),
                body_size: settings
                    .body_size
                    .or(config.limits.body_size)
                    .map(|size| size.as_u64()),
                client_rate: rates.client.limiter(),
                user_rate: rates.user.limiter(),
                timeouts: Timeouts {
                    whole: settings.timeout,
                    connect: settings.connect_timeout,
                    read: settings.read_timeout,
                    write: settings.write_timeout,
                    stream_idle: settings.stream_idle_timeout.or_else(|| {
                        let upstream = config.upstreams.get(&settings.upstream);
                        upstream.and_then(|upstream| upstream.stream_idle_timeout)
                    }),
                },
                request_headers: PreparedOperations::new(&settings.request_headers),
                response_headers: PreparedOperations::new(&settings.response_headers),
                edits_refusals: settings.response_headers_on_refusals,
                challenge: settings.challenge.clone(),
                login: settings.login_url.as_ref().or(config.login_url).cloned(),
                forwards_cookies_of: settings
                    .forward_issuer_cookie
                    .iter()
                    .map(|issuer| issuer.as_str().into())
                    .collect(),
                names_host: settings.host.is_some(),
                decides_by_method: decides_by_method(settings, config.routes),
                query_tokens: settings.query_tokens,
                listeners: settings
                    .listeners
                    .iter()
                    .map(|name| name.as_str().into())
                    .collect(),
                allows_escaped_slash: settings.allow_encoded_slash,
                allows_empty_segments: settings.allow_empty_segments,
                protection: Protection::new(settings, config),
                looseness: Looseness::of(upstream),
                rewrite,
            });
            let methods = match settings.any_method {
                true => Methods::ANY,
                false => Methods::new(&settings.methods),
            };
            table.published.add(settings, &route);
            placed.push(Placed {
                settings,
                methods,
                route,
            });
        }
        table.routes = placed.iter().map(|one| Arc::clone(&one.route)).collect();
        let named = config.routes.iter().flat_map(|route| &route.listeners);
        for listener in named.collect::<BTreeSet<_>>() {
            let view = View::new(&placed, listener)?;
            table.named.push((listener.as_str().into(), view));
        }
        table.rest = View::new(&placed, "")?;
        Ok(table)
    }

    /// The route of a request at a listener that no route names.
    pub fn find(
        &self,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> Result<&Arc<Route>, RouteMiss> {
        self.rest.find("", host, path, method)
    }

    /// The route of a request at the listener of that name.
    pub fn find_at(
        &self,
        listener: &str,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> Result<&Arc<Route>, RouteMiss> {
        let named = self.named.iter().find(|(name, _)| **name == *listener);
        let view = named.map_or(&self.rest, |(_, view)| view);
        view.find(listener, host, path, method)
    }

    /// The resource whose metadata (RFC 9728 section 3) are at this path.
    pub fn metadata_at(
        &self,
        listener: &str,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
    ) -> Option<&Arc<ProtectedResource>> {
        self.published.find(listener, host, path)
    }

    /// All routes, in the order of the configuration.
    pub fn routes(&self) -> Vec<&Arc<Route>> {
        self.routes.iter().collect()
    }
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
    /// Claim rules that a request without a session would pass by.
    #[error(
        "the route `{0}` has rules (`require`, `scopes`, `mcp`), so it requires `auth: required`"
    )]
    RulesWithoutSession(String),
    /// Two routes match the same requests.
    #[error("the routes `{0}` and `{1}` match the same requests")]
    Ambiguous(Arc<str>, Arc<str>),
}

fn decides_by_method(settings: &RouteSettings, all: &[RouteSettings]) -> bool {
    let same_place = all.iter().filter(|other| {
        other.host == settings.host && other.path == settings.path && other.exact == settings.exact
    });
    !settings.methods.is_empty() || same_place.count() > 1
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
