//! Which route a request is on.
//!
//! The most specific route wins: an exact host before the longest wildcard before any host, then
//! an exact path before the longest prefix of whole segments, then named methods before all.
//! Finding it costs a binary search for the host and one for each segment, whatever the number of
//! routes, and allocates nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};

use crate::authorize::ClaimRules;
use crate::config::{self, Access, Config, Origin};
use crate::rejection::{Code, Rejection};
use crate::upstream::Upstream;

pub mod host;
pub mod methods;
pub mod path;
mod tree;

pub use host::{Host, HostError};
pub use methods::Methods;
pub use path::{CanonicalPath, PathError, PathPrefix};

use path::Parameters;
use tree::{Tree, by_key, by_key_or_insert};

/// Where a request goes, and who may pass.
#[derive(Debug)]
pub struct Route {
    /// The name in logs and metrics, from the configuration.
    pub name: Arc<str>,
    /// Who may pass.
    pub access: Access,
    /// The servers behind it.
    pub upstream: Arc<Upstream>,
    /// Origins that may send cookie-borne credentials beside the request's own: `public_url`, the
    /// gateway's `allowed_origins` and the route's.
    pub allowed_origins: Vec<Origin>,
    /// What a session's claims must say. Only a route that requires a session has any.
    pub rules: ClaimRules,
    /// The scope that requests must show an elevated token for.
    pub step_up: Option<Box<str>>,
    rewrite: Option<PrefixRewrite>,
}

impl Route {
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

/// How a path changes on its way.
#[derive(Debug)]
struct PrefixRewrite {
    /// How many segments go.
    segments: usize,
    /// What comes, without a trailing slash.
    replacement: String,
}

/// All routes of a configuration.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// By lower-case host name, sorted.
    hosts: Vec<(Box<[u8]>, Tree)>,
    /// By what follows `*.`, sorted.
    wildcards: Vec<(Box<[u8]>, Tree)>,
    any_host: Tree,
}

impl RouteTable {
    /// Builds the table. `upstreams` has each upstream of the configuration by its name.
    pub fn new(
        config: &Config,
        upstreams: &BTreeMap<String, Arc<Upstream>>,
    ) -> Result<Self, RouteTableError> {
        let prefix = |text: &str| {
            PathPrefix::parse(text).map_err(|cause| RouteTableError::Path {
                path: text.to_owned(),
                cause,
            })
        };
        let reserved = prefix(&config.api_prefix)?;
        let mut table = Self::default();
        for settings in &config.routes {
            let path = prefix(&settings.path)?;
            if reserved.covers(&path) {
                return Err(RouteTableError::Reserved(settings.path.clone()));
            }
            let rewrite = match &settings.replace_prefix {
                None => None,
                Some(text) => {
                    prefix(text)?;
                    let replacement = text.trim_end_matches('/').to_owned();
                    Some(PrefixRewrite {
                        segments: path.segments().len(),
                        replacement,
                    })
                }
            };
            let rules = ClaimRules::new(settings);
            if !rules.is_empty() && settings.auth != Access::Required {
                return Err(RouteTableError::RulesWithoutSession(display_name(settings)));
            }
            let upstream = upstreams
                .get(&settings.upstream)
                .ok_or_else(|| RouteTableError::Upstream(settings.upstream.clone()))?;
            let route = Arc::new(Route {
                name: display_name(settings).into(),
                access: settings.auth,
                upstream: Arc::clone(upstream),
                allowed_origins: std::iter::once(&config.public_url)
                    .chain(&config.allowed_origins)
                    .chain(&settings.allowed_origins)
                    .cloned()
                    .collect(),
                rules,
                step_up: settings.step_up.as_deref().map(Box::from),
                rewrite,
            });
            let methods = Methods::new(&settings.methods);
            table
                .tree_of(settings)?
                .insert(&path, settings.exact, methods, Arc::clone(&route))
                .map_err(|other| {
                    RouteTableError::Ambiguous(Arc::clone(&other.name), Arc::clone(&route.name))
                })?;
        }
        Ok(table)
    }

    /// The route of a request.
    pub fn find(
        &self,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> Result<&Arc<Route>, RouteMiss> {
        let found = self.find_reading(host, path, method, Parameters::Kept);
        if path.has_parameters() {
            let other = self.find_reading(host, path, method, Parameters::Cut);
            let agree = match (&found, &other) {
                (Ok(found), Ok(other)) => Arc::ptr_eq(found, other),
                (found, other) => found.is_err() && other.is_err(),
            };
            if !agree {
                return Err(RouteMiss::Ambiguous);
            }
        }
        found
    }

    /// All routes, in no particular order.
    pub fn routes(&self) -> Vec<&Arc<Route>> {
        let named = self
            .hosts
            .iter()
            .chain(&self.wildcards)
            .map(|(_, tree)| tree);
        named
            .chain([&self.any_host])
            .flat_map(Tree::routes)
            .collect()
    }

    fn find_reading(
        &self,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
        parameters: Parameters,
    ) -> Result<&Arc<Route>, RouteMiss> {
        let exact = by_key(&self.hosts, host.folded());
        let wildcards = host
            .parents()
            .filter_map(|parent| by_key(&self.wildcards, parent));
        let found = exact
            .into_iter()
            .chain(wildcards)
            .chain([&self.any_host])
            .find_map(|tree| tree.find(path.segments(), parameters, method));
        found.ok_or(RouteMiss::Nowhere)?.map_err(RouteMiss::Method)
    }

    fn tree_of(&mut self, settings: &config::Route) -> Result<&mut Tree, RouteTableError> {
        let Some(text) = &settings.host else {
            return Ok(&mut self.any_host);
        };
        let (hosts, name) = match text.strip_prefix("*.") {
            Some(parent) => (&mut self.wildcards, parent),
            None => (&mut self.hosts, text.as_str()),
        };
        match Host::parse(name) {
            Ok(host) if host.port().is_none() => {
                Ok(by_key_or_insert(hosts, host.folded().collect()))
            }
            _ => Err(RouteTableError::Host(text.clone())),
        }
    }
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteMiss {
    /// Nothing is configured for its host and path.
    #[error("nothing is configured for this host and path")]
    Nowhere,
    /// The path leads to another route when its parameters (`;`) are cut off, as some servers do.
    #[error("the path leads to two routes")]
    Ambiguous,
    /// What is configured there serves these methods only.
    #[error("the method is not served here, but {0}")]
    Method(Methods),
}

impl From<RouteMiss> for Rejection {
    fn from(miss: RouteMiss) -> Self {
        match miss {
            RouteMiss::Nowhere => Self::new(Code::NotFound, "no_route"),
            RouteMiss::Ambiguous => Self::new(Code::NotFound, "route_ambiguous"),
            RouteMiss::Method(_) => Self::new(Code::InvalidRequest, "method_not_served")
                .with_status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}

/// Why routes are no table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteTableError {
    /// A host is not a bare host name.
    #[error("`{0}` is not a host name (a name, an address or `*.name`, without a port)")]
    Host(String),
    /// A path could never match, because such paths are refused.
    #[error("the path `{path}` can not be used: {cause}")]
    Path {
        /// The path of the configuration.
        path: String,
        /// What is wrong with it.
        cause: PathError,
    },
    /// A route under the gateway's own prefix.
    #[error("the path `{0}` is reserved for the gateway itself (`api_prefix`)")]
    Reserved(String),
    /// The upstream is not configured.
    #[error("there is no upstream `{0}`")]
    Upstream(String),
    /// Claim rules that a request without a session would pass by.
    #[error("the route `{0}` has claim rules (`require`), so it needs `auth: required`")]
    RulesWithoutSession(String),
    /// Two routes match the same requests.
    #[error("the routes `{0}` and `{1}` match the same requests")]
    Ambiguous(Arc<str>, Arc<str>),
}

fn display_name(settings: &config::Route) -> String {
    match (&settings.name, &settings.host) {
        (Some(name), _) => name.clone(),
        (None, Some(host)) => format!("{host}{}", settings.path),
        (None, None) => settings.path.clone(),
    }
}

#[cfg(test)]
mod tests;
