//! What a changed configuration asks less for, or serves no more.
//!
//! Both are often meant, and both are what a mistake in the file looks like; so they are named to
//! whoever reads the log.

use std::collections::BTreeSet;

use http::Method;

use super::settings::RouteSettings;
use super::{Route, RouteMiss, RouteTable};
use crate::canonical::{CanonicalPath, Host};

/// Routes of a configuration, built and as they were written.
#[derive(Clone, Copy, Debug)]
pub struct Routes<'a> {
    /// The routes that were, or are, in force.
    pub table: &'a RouteTable,
    /// What it was built from.
    pub settings: &'a [RouteSettings],
}

/// What became less protected from `before` to `after` at these listeners, in words, by the places
/// that either names.
pub fn lowered(before: Routes<'_>, after: Routes<'_>, listeners: &[String]) -> Vec<String> {
    let named = before.settings.iter().chain(after.settings);
    let mut found = BTreeSet::new();
    for settings in named {
        for place in places(settings) {
            for listener in listeners {
                found.extend(place.lowered(listener, before.table, after.table));
            }
        }
    }
    found.into_iter().collect()
}

/// A request that a route is for.
struct Place {
    host: String,
    path: String,
    method: Method,
}

/// The requests that tell a route from its neighbours: at its path, and below it.
fn places(settings: &RouteSettings) -> Vec<Place> {
    let host = match &settings.host {
        None => "any.invalid".to_owned(),
        Some(host) => host.as_str().replacen("*.", "any.", 1),
    };
    let below = format!("{}/{BELOW}", settings.path.as_base());
    let paths = [settings.path.to_string(), below];
    let methods: Vec<Method> = match settings.methods.as_slice() {
        [] => vec![Method::GET, Method::POST],
        named => named.iter().map(|method| method.to_http()).collect(),
    };
    let is_meant = |path: &&String| !settings.exact || **path == *settings.path.as_str();
    let paths = paths.iter().filter(is_meant);
    paths
        .flat_map(|path| methods.iter().map(move |method| (path, method)))
        .map(|(path, method)| Place {
            host: host.clone(),
            path: path.clone(),
            method: method.clone(),
        })
        .collect()
}

impl Place {
    fn lowered(&self, listener: &str, before: &RouteTable, after: &RouteTable) -> Vec<String> {
        let routes = self
            .route(listener, before)
            .zip(self.route(listener, after));
        match routes {
            Some((Err(RouteMiss::OtherListener), Ok(later))) => {
                let route = &later.name;
                vec![format!(
                    "the route `{route}` is now served at `{listener}`, too"
                )]
            }
            Some((Ok(earlier), Err(_))) => vec![format!("the route `{}` is gone", earlier.name)],
            Some((Ok(earlier), Ok(later))) => {
                // The routes for what requests carry beyond that, by each condition that either has.
                let variants = earlier.variants.iter().chain(&later.variants);
                let conditions = variants.map(|(wanted, _)| Some(wanted)).chain([None]);
                conditions
                    .filter_map(|wanted| between(earlier.with(wanted), later.with(wanted)))
                    .collect()
            }
            Some((Err(_), _)) | None => Vec::new(),
        }
    }

    /// `None` for a place that no request can be at.
    fn route<'a>(
        &self,
        listener: &str,
        table: &'a RouteTable,
    ) -> Option<Result<&'a Route, RouteMiss>> {
        let host = Host::parse(&self.host).ok()?;
        let path = CanonicalPath::parse(&self.path).ok()?;
        let found = table.find_at(listener, &host, &path, &self.method);
        Some(found.map(AsRef::as_ref))
    }
}

/// What a request that was on one route and is on another is asked less for.
fn between(earlier: &Route, later: &Route) -> Option<String> {
    if later.protection.covers(&earlier.protection) {
        return None;
    }
    Some(match later.name == earlier.name {
        true => format!("the route `{}` asks for less than before", later.name),
        false => format!(
            "requests of the route `{}` are now on `{}`, which asks for less",
            earlier.name, later.name
        ),
    })
}

/// A name that no route has.
const BELOW: &str = "vestibule-any-path";
