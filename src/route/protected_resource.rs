//! Protected resources: what clients learn of a route that takes tokens (RFC 9728).

use std::cmp::Reverse;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::Route;
use super::settings::{ResourceName, RouteSettings};
use crate::canonical::{CanonicalPath, Host, HostPattern};

/// A resource, as clients know it.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtectedResource {
    name: Arc<str>,
    path: Box<str>,
    metadata_url: Box<str>,
    scopes: Box<str>,
    any_audience: bool,
    document: Bytes,
}

/// RFC 9728 section 2.
#[derive(Serialize)]
struct Metadata<'a> {
    resource: &'a str,
    authorization_servers: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

impl ProtectedResource {
    /// The resource of a route with this identifier, which the gateway with the issuer name `own_iss` issues
    /// tokens for unless others do.
    fn new(name: &ResourceName, settings: &RouteSettings, own_iss: &str) -> Option<Self> {
        let resource = settings.resource.as_ref()?;
        let servers = resource.authorization_servers.iter();
        let mut servers: Vec<&str> = servers.map(ResourceName::as_str).collect();
        if servers.is_empty() {
            servers.push(own_iss);
        }
        let metadata = Metadata {
            resource: name.as_str(),
            authorization_servers: servers,
            scopes_supported: &resource.scopes,
            bearer_methods_supported: ["header"],
        };
        Some(Self {
            name: name.as_str().into(),
            path: name.path().into(),
            metadata_url: format!("{}{WELL_KNOWN}{}", name.origin(), name.path()).into(),
            scopes: resource.scopes.join(" ").into(),
            any_audience: resource.any_audience,
            // Of strings: this cannot fail.
            document: serde_json::to_vec(&metadata).unwrap_or_default().into(),
        })
    }

    /// Its identifier, the `aud` of tokens for it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The address of its metadata.
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The scopes that clients can ask for, separated by spaces.
    pub fn scopes(&self) -> &str {
        &self.scopes
    }

    /// Whether tokens for other audiences are accepted.
    pub fn any_audience(&self) -> bool {
        self.any_audience
    }

    /// Its metadata, as JSON.
    pub fn document(&self) -> &Bytes {
        &self.document
    }
}

/// The identifier of a route's resource: the configured one, or the address of the route. `None`: it has
/// no resource, or its host is no single one.
pub fn name_of(settings: &RouteSettings, public_url: &str) -> Option<ResourceName> {
    let resource = settings.resource.as_ref()?;
    if let Some(name) = &resource.name {
        return Some(name.clone());
    }
    let path = settings.path.as_base();
    let origin = match &settings.host {
        None => public_url.to_owned(),
        Some(host) if host.is_wildcard() => return None,
        Some(host) => {
            let (scheme, authority) = public_url.split_once("://")?;
            let own = Host::parse(authority).ok()?;
            let port = own.port().map(|port| format!(":{port}"));
            format!("{scheme}://{host}{}", port.unwrap_or_default())
        }
    };
    ResourceName::try_from(format!("{origin}{path}")).ok()
}

/// The resource of a route.
pub(super) fn of(
    settings: &RouteSettings,
    public_url: &str,
    own_iss: &str,
) -> Option<Arc<ProtectedResource>> {
    let name = name_of(settings, public_url)?;
    ProtectedResource::new(&name, settings, own_iss).map(Arc::new)
}

/// Where the metadata of resources are.
#[derive(Debug, Default)]
pub(super) struct Published(Vec<Place>);

/// One place of a resource's metadata.
#[derive(Debug)]
struct Place {
    route: Arc<Route>,
    /// As configured; `None` for any.
    host: Option<HostPattern>,
    /// What follows the well-known part.
    path: Box<str>,
    why: Why,
}

/// Why the metadata are at a place, in the order in which resources have a right to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// It is the path of the resource.
    Identifier,
    /// It is the path of the route.
    Route,
    /// Clients that do not know the path look there.
    Root,
}

impl Published {
    /// Adds the places of a route's resource.
    pub(super) fn add(&mut self, settings: &RouteSettings, route: &Arc<Route>) {
        let Some(resource) = &route.resource else {
            return;
        };
        let own = settings.path.as_base();
        for (path, why) in [
            (&*resource.path, Why::Identifier),
            (own, Why::Route),
            ("", Why::Root),
        ] {
            self.0.push(Place {
                route: Arc::clone(route),
                host: settings.host.clone(),
                path: path.into(),
                why,
            });
        }
    }

    /// The resource whose metadata are at this path.
    pub(super) fn find(
        &self,
        listener: &str,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
    ) -> Option<&Arc<ProtectedResource>> {
        let path = path.as_str().strip_prefix(WELL_KNOWN)?;
        if !(path.is_empty() || path.starts_with('/')) {
            return None;
        }
        let path = path.trim_end_matches('/');
        let places = self.0.iter().filter(|place| {
            *place.path == *path && place.route.serves(listener) && place.is_on(host)
        });
        // Of equals the first.
        let best = places.min_by_key(|place| (Reverse(place.rank()), place.why));
        best?.route.resource.as_ref()
    }
}

impl Place {
    fn is_on(&self, host: &Host<'_>) -> bool {
        let is = |name: &[u8], wanted: &HostPattern| wanted.folded() == name;
        let name: Vec<u8> = host.folded().collect();
        match &self.host {
            None => true,
            Some(pattern) if pattern.is_wildcard() => host
                .parents()
                .any(|above| is(&above.collect::<Vec<u8>>(), pattern)),
            Some(pattern) => is(&name, pattern),
        }
    }

    /// How specific its host is.
    fn rank(&self) -> (bool, usize) {
        match &self.host {
            None => (false, 0),
            Some(pattern) => (!pattern.is_wildcard(), pattern.folded().len()),
        }
    }
}

/// RFC 9728 section 3.
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
