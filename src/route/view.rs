//! The routes as one listener has them.
//!
//! A route that names its listeners still decides about its path on the others: there it is served
//! by nobody, and not by a wider route.

use std::sync::Arc;

use http::Method;

use super::loose::{self, Looseness};
use super::settings::RouteSettings;
use super::tree::{Tree, by_key, by_key_or_insert};
use super::{Methods, Route, RouteMiss, RouteTableError, Spelling};
use crate::canonical::path::Reading;
use crate::canonical::{CanonicalPath, Host};

/// Routes by host, path and method.
#[derive(Debug, Default)]
pub(super) struct View {
    /// By lower-case host name, sorted.
    hosts: Vec<(Box<[u8]>, Tree)>,
    /// By what follows `*.`, sorted.
    wildcards: Vec<(Box<[u8]>, Tree)>,
    any_host: Tree,
    /// Whether a path is configured that folding changes, so that a plain one may be taken for it.
    has_folded_paths: bool,
}

/// A route, and for which requests it is.
pub(super) struct Placed<'a> {
    pub(super) settings: &'a RouteSettings,
    pub(super) methods: Methods,
    pub(super) route: Arc<Route>,
}

impl View {
    /// The view of the listener of this name.
    pub(super) fn new(routes: &[Placed<'_>], listener: &str) -> Result<Self, RouteTableError> {
        let mut view = Self::default();
        let (served, closed): (Vec<_>, Vec<_>) = routes
            .iter()
            .partition(|placed| placed.route.serves(listener));
        for Placed {
            settings,
            methods,
            route,
        } in served
        {
            view.tree_of(settings)
                .insert(&settings.path, settings.exact, *methods, Arc::clone(route))
                .map_err(|other| {
                    RouteTableError::Ambiguous(Arc::clone(&other.name), Arc::clone(&route.name))
                })?;
        }
        for placed in closed {
            let tree = view.tree_of(placed.settings);
            let (path, exact) = (&placed.settings.path, placed.settings.exact);
            // Where this listener has a route for the same requests, that one decides.
            let _ = tree.insert(path, exact, placed.methods, Arc::clone(&placed.route));
        }
        let has_folded_paths = view.trees().any(Tree::has_folded_paths);
        view.has_folded_paths = has_folded_paths;
        Ok(view)
    }

    /// Whether it has routes for the host.
    pub(super) fn serves_host(&self, host: &Host<'_>) -> bool {
        self.trees_of(host).any(|tree| !tree.is_empty())
    }

    /// The route of a request that came by `listener`.
    pub(super) fn find(
        &self,
        listener: &str,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> Result<&Arc<Route>, RouteMiss> {
        let mut readings = path.readings();
        let found = self.find_reading(host, path, method, Reading::PLAIN);
        let agrees = |reading| match (&found, self.find_reading(host, path, method, reading)) {
            (Ok(found), Ok(other)) => Arc::ptr_eq(found, other),
            (found, other) => found.is_err() && other.is_err(),
        };
        if !readings.all(agrees) {
            return Err(RouteMiss::Ambiguous);
        }
        if found.as_ref().is_ok_and(|route| !route.serves(listener)) {
            return Err(RouteMiss::OtherListener);
        }
        let allows = |route: &&Arc<Route>| route.allows_empty_segments;
        if path.has_empty_segment() && !found.as_ref().is_ok_and(allows) {
            return Err(RouteMiss::EmptySegment);
        }
        let allows = |route: &&Arc<Route>| route.allows_escaped_slash;
        if path.has_escaped_slash() && !found.as_ref().is_ok_and(allows) {
            return Err(RouteMiss::EscapedSlash);
        }
        if let Ok(route) = found
            && (!path.is_plain() || self.has_folded_paths)
            && let Some(spelling) = self.misread(route, listener, host, path, method)
        {
            return Err(RouteMiss::Spelling(spelling));
        }
        found
    }

    /// In which way the servers of a route may take the path for one that asks for more.
    fn misread(
        &self,
        route: &Arc<Route>,
        listener: &str,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> Option<Spelling> {
        let looseness = route.looseness;
        let asks_enough =
            |looseness| self.asks_enough(route, listener, looseness, host, path, method);
        if asks_enough(looseness) {
            return None;
        }
        let with_suffixes_told_apart = Looseness {
            suffixes: false,
            ..looseness
        };
        Some(match asks_enough(with_suffixes_told_apart) {
            true => Spelling::Suffix,
            false => Spelling::Letters,
        })
    }

    /// Whether a route asks for no less than any other that such servers may take the path for.
    fn asks_enough(
        &self,
        route: &Arc<Route>,
        listener: &str,
        looseness: Looseness,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
    ) -> bool {
        if !looseness.is_any() {
            return true;
        }
        // A server that ends a name at `;`, or divides it at `%2F`, may read what is left loosely, too.
        let readings = path.readings().flat_map(|reading| {
            let segments = path.segments(reading);
            let decoded = segments.map(|segment| segment.decoded().collect());
            loose::readings(decoded, looseness)
        });
        readings.collect::<Vec<_>>().iter().all(|segments| {
            for tree in self.trees_of(host) {
                let mut is_found = false;
                let agrees = tree.all_loose(segments, looseness, method, &mut |choice| {
                    is_found |= choice.is_some();
                    match choice {
                        Some(Ok(other)) => {
                            let covers = || route.covers(other);
                            // What another listener serves is protected from this one.
                            Arc::ptr_eq(route, other) || other.serves(listener) && covers()
                        }
                        // What is served there by other methods alone is protected from this one.
                        Some(Err(_)) => false,
                        None => true,
                    }
                });
                if !agrees || is_found {
                    return agrees;
                }
            }
            true
        })
    }

    fn trees(&self) -> impl Iterator<Item = &Tree> {
        let named = self.hosts.iter().chain(&self.wildcards);
        named.map(|(_, tree)| tree).chain([&self.any_host])
    }

    /// The trees that serve a host, the most specific first.
    fn trees_of(&self, host: &Host<'_>) -> impl Iterator<Item = &Tree> {
        let exact = by_key(&self.hosts, host.folded());
        let parents = (!self.wildcards.is_empty()).then(|| host.parents());
        let wildcards = parents
            .into_iter()
            .flatten()
            .filter_map(|parent| by_key(&self.wildcards, parent));
        exact.into_iter().chain(wildcards).chain([&self.any_host])
    }

    fn find_reading(
        &self,
        host: &Host<'_>,
        path: &CanonicalPath<'_>,
        method: &Method,
        reading: Reading,
    ) -> Result<&Arc<Route>, RouteMiss> {
        let mut is_served = false;
        let found = self
            .trees_of(host)
            .inspect(|tree| is_served |= !tree.is_empty())
            .find_map(|tree| tree.find(path.segments(reading), method));
        match found {
            Some(found) => found.map_err(RouteMiss::Method),
            None if is_served => Err(RouteMiss::Nowhere),
            None => Err(RouteMiss::Misdirected),
        }
    }

    fn tree_of(&mut self, settings: &RouteSettings) -> &mut Tree {
        let Some(host) = &settings.host else {
            return &mut self.any_host;
        };
        let hosts = match host.is_wildcard() {
            true => &mut self.wildcards,
            false => &mut self.hosts,
        };
        by_key_or_insert(hosts, host.folded().into())
    }
}
