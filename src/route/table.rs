//! The routes of a configuration, built from its settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;

use super::header_operations::PreparedOperations;
use super::loose::Looseness;
use super::protected_resource::{self, ProtectedResource, Published};
use super::protection::Protection;
use super::rates::{Rates, RouteRates};
use super::settings::{Access, RouteSettings};
use super::view::{Placed, View};
use super::{
    Destination, Methods, PrefixRewrite, Route, RouteMiss, RouteTableError, RouteTableSettings,
    Split, Timeouts, display_name,
};
use crate::authorize::ClaimRules;
use crate::canonical::{CanonicalPath, Host};
use crate::limit::Sharing;
use crate::mcp::Calls;
use crate::upstream::Upstream;

/// All routes of a configuration.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// Those with a `match` first.
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
        Self::succeeding(config, upstreams, None, None)
    }

    /// Takes over the counts of the previous table: a route with the same requests and the same
    /// rate limit continues counting. With `sharing`, gateways count together.
    pub fn succeeding(
        config: &RouteTableSettings<'_>,
        upstreams: &BTreeMap<String, Arc<Upstream>>,
        sharing: Option<&Arc<Sharing>>,
        earlier: Option<&Self>,
    ) -> Result<Self, RouteTableError> {
        let own_iss = format!("{}{}", config.public_url, config.api_prefix);
        let mut table = Self::default();
        let mut built = Vec::with_capacity(config.routes.len());
        for settings in config.routes {
            if config.api_prefix.covers(&settings.path) {
                return Err(RouteTableError::Reserved(settings.path.to_string()));
            }
            if has_rules(settings) && settings.auth != Access::Required {
                return Err(RouteTableError::RulesWithoutSession(display_name(settings)));
            }
            let destination = destination(settings, upstreams)?;
            let earlier = earlier.map(|earlier| &earlier.rates);
            let tracked = config.limits.rates.tracked;
            let rates = table.rates.of(settings, tracked, sharing, earlier);
            let route = route(settings, config, &own_iss, destination, &rates);
            built.push((settings, route));
        }
        let placed = table.place(built)?;
        let named = config.routes.iter().flat_map(|route| &route.listeners);
        for listener in named.collect::<BTreeSet<_>>() {
            let view = View::new(&placed, listener)?;
            table.named.push((listener.as_str().into(), view));
        }
        table.rest = View::new(&placed, "")?;
        Ok(table)
    }

    /// Attaches the routes for what requests carry to those that are otherwise for the same requests.
    fn place<'a>(
        &mut self,
        built: Vec<(&'a RouteSettings, Route)>,
    ) -> Result<Vec<Placed<'a>>, RouteTableError> {
        let (mut bases, mut variants) = (Vec::new(), Vec::new());
        for (settings, route) in built {
            match &settings.matches {
                Some(wanted) => variants.push((settings, wanted.clone(), Arc::new(route))),
                None => bases.push((settings, route)),
            }
        }
        for (settings, wanted, variant) in variants {
            let is_base = |(base, _): &&mut (&RouteSettings, Route)| base.is_same_place(settings);
            let Some((_, base)) = bases.iter_mut().find(is_base) else {
                return Err(RouteTableError::NoBase(Arc::clone(&variant.name)));
            };
            self.routes.push(Arc::clone(&variant));
            self.published.add(settings, &variant);
            base.variants.push((wanted, variant));
        }
        let placed = bases.into_iter().map(|(settings, route)| {
            let route = Arc::new(route);
            self.routes.push(Arc::clone(&route));
            self.published.add(settings, &route);
            Placed {
                settings,
                methods: match settings.any_method {
                    true => Methods::ANY,
                    false => Methods::new(&settings.methods),
                },
                route,
            }
        });
        Ok(placed.collect())
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
        self.view_at(listener).find(listener, host, path, method)
    }

    /// Whether some route serves the host, here or at another listener.
    pub fn serves_host(&self, listener: &str, host: &Host<'_>) -> bool {
        self.view_at(listener).serves_host(host)
    }

    fn view_at(&self, listener: &str) -> &View {
        let named = self.named.iter().find(|(name, _)| **name == *listener);
        named.map_or(&self.rest, |(_, view)| view)
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

    /// All routes, those with a `match` first.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }
}

/// Whether it has rules for sessions, which a request without one would pass by.
fn has_rules(settings: &RouteSettings) -> bool {
    !settings.require.is_empty() || !settings.scopes.is_empty() || settings.mcp.is_some()
}

fn destination(
    settings: &RouteSettings,
    upstreams: &BTreeMap<String, Arc<Upstream>>,
) -> Result<Destination, RouteTableError> {
    let known = |name: &String| {
        let upstream = upstreams.get(name).map(Arc::clone);
        upstream.ok_or_else(|| RouteTableError::Upstream(name.clone()))
    };
    let unclear = || RouteTableError::Destination(display_name(settings));
    if settings.destinations().len() > 1 {
        return Err(unclear());
    }
    if let Some(redirect) = &settings.redirect {
        return Ok(Destination::Redirect(redirect.clone()));
    }
    if let Some(answer) = &settings.respond {
        return Ok(Destination::Answer(answer.clone()));
    }
    if let Some(name) = &settings.upstream {
        return Ok(Destination::Upstreams(Split::whole(known(name)?)));
    }
    let shares = settings
        .split
        .iter()
        .map(|share| Ok((u64::from(share.weight.get()), known(&share.upstream)?)));
    let shares: Vec<_> = shares.collect::<Result<_, RouteTableError>>()?;
    match shares.is_empty() {
        true => Err(unclear()),
        false => Ok(Destination::Upstreams(Split::new(shares))),
    }
}

/// The route as its settings describe it. Its variants are attached once all routes are there.
fn route(
    settings: &RouteSettings,
    config: &RouteTableSettings<'_>,
    own_iss: &str,
    destination: Destination,
    rates: &RouteRates,
) -> Route {
    let looseness = Looseness::of_all(destination.upstreams());
    let resource = protected_resource::of(settings, config.public_url, own_iss);
    let audience = settings.audience.as_deref().map(Arc::from);
    let named = resource
        .as_ref()
        .map(|resource| Arc::clone(resource.name()));
    let body_size = settings.body_size.or(config.limits.body_size);
    Route {
        variants: Vec::new(),
        name: display_name(settings).into(),
        access: settings.auth,
        authorization: settings.authorization,
        destination,
        segments: settings.path.segments().len(),
        client_networks: settings.client_networks.clone(),
        allowed_origins: config
            .allowed_origins
            .iter()
            .chain(&settings.allowed_origins)
            .cloned()
            .collect(),
        rules: ClaimRules::new(&settings.require),
        audience: audience.or(named),
        resource,
        calls: settings.mcp.as_ref().map(Calls::new),
        scopes: boxed(&settings.scopes),
        requires_device: settings.requires_device(config.device_bound),
        step_up: settings.step_up.as_deref().map(Box::from),
        body_size: body_size.map(|size| size.as_u64()),
        client_rate: rates.client.limiter(),
        user_rate: rates.user.limiter(),
        timeouts: timeouts(settings, config),
        request_headers: PreparedOperations::new(&settings.request_headers),
        response_headers: PreparedOperations::new(&settings.response_headers),
        edits_refusals: settings.response_headers_on_refusals,
        challenge: settings.challenge.clone(),
        login: settings.login_url.as_ref().or(config.login_url).cloned(),
        forwards_cookies_of: boxed(&settings.forward_issuer_cookie),
        decides_by_method: decides_by_method(settings, config.routes),
        query_tokens: settings.query_tokens,
        listeners: boxed(&settings.listeners),
        allows_escaped_slash: settings.allow_encoded_slash,
        allows_empty_segments: settings.allow_empty_segments,
        protection: Protection::new(settings, config),
        looseness,
        rewrite: rewrite(settings),
    }
}

fn boxed(names: &[String]) -> Vec<Box<str>> {
    names.iter().map(|name| name.as_str().into()).collect()
}

fn timeouts(settings: &RouteSettings, config: &RouteTableSettings<'_>) -> Timeouts {
    Timeouts {
        whole: settings.timeout,
        connect: settings.connect_timeout,
        read: settings.read_timeout,
        write: settings.write_timeout,
        stream_idle: settings.stream_idle_timeout.or_else(|| {
            let names = settings.upstreams();
            let limits = names.filter_map(|(_, name)| {
                let upstream = config.upstreams.get(name)?;
                upstream.stream_idle_timeout
            });
            limits.min()
        }),
    }
}

fn decides_by_method(settings: &RouteSettings, all: &[RouteSettings]) -> bool {
    let others = all.iter().filter(|other| other.matches.is_none());
    let same_place = others.filter(|other| {
        other.host == settings.host && other.path == settings.path && other.exact == settings.exact
    });
    !settings.methods.is_empty() || same_place.count() > 1
}

fn rewrite(settings: &RouteSettings) -> Option<PrefixRewrite> {
    let replacement = settings.replace_prefix.as_ref()?;
    Some(PrefixRewrite {
        segments: settings.path.segments().len(),
        replacement: replacement.as_base().to_owned(),
    })
}
