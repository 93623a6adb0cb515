//! Routes of one host, by path and method.

use std::sync::Arc;

use http::Method;

use super::{Methods, Route};
use crate::canonical::path::{PathPrefix, Segment};

/// The tree of path segments.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By decoded segment, sorted.
    children: Vec<(Box<[u8]>, Tree)>,
    prefix: Choices,
    exact: Choices,
}

impl Tree {
    /// The route of the exact path, or else of the longest prefix, that serves `method`. The most
    /// specific path decides: when it does not serve the method, no shorter one is asked, or
    /// what it protects could be reached by another method.
    pub(super) fn find<'a>(
        &self,
        segments: impl Iterator<Item = Segment<'a>>,
        method: &Method,
    ) -> Option<Result<&Arc<Route>, Methods>> {
        let mut node = self;
        let mut best = &node.prefix;
        for segment in segments {
            let Some(next) = by_key(&node.children, segment.decoded()) else {
                return best.choose(method);
            };
            node = next;
            if !node.prefix.is_empty() {
                best = &node.prefix;
            }
        }
        if !node.exact.is_empty() {
            best = &node.exact;
        }
        best.choose(method)
    }

    /// Whether it has no routes.
    pub(super) fn is_empty(&self) -> bool {
        self.children.is_empty() && self.prefix.is_empty() && self.exact.is_empty()
    }

    /// Adds a route. The error is the one that serves the same requests.
    pub(super) fn insert(
        &mut self,
        path: &PathPrefix,
        is_exact: bool,
        methods: Methods,
        route: Arc<Route>,
    ) -> Result<(), Arc<Route>> {
        let mut node = self;
        for segment in path.segments() {
            node = by_key_or_insert(&mut node.children, segment.clone());
        }
        let choices = if is_exact {
            &mut node.exact
        } else {
            &mut node.prefix
        };
        choices.insert(methods, route)
    }

    /// All routes.
    pub(super) fn routes(&self) -> Vec<&Arc<Route>> {
        let mut found = Vec::new();
        let mut pending = vec![self];
        while let Some(node) = pending.pop() {
            found.extend(
                node.exact
                    .0
                    .iter()
                    .chain(&node.prefix.0)
                    .map(|(_, route)| route),
            );
            pending.extend(node.children.iter().map(|(_, child)| child));
        }
        found
    }
}

/// Routes of one path, by method; disjoint, but for at most one that serves all.
#[derive(Debug, Default)]
struct Choices(Vec<(Methods, Arc<Route>)>);

impl Choices {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `None` when there is nothing to choose from.
    fn choose(&self, method: &Method) -> Option<Result<&Arc<Route>, Methods>> {
        // The one for all methods is last, since any other is more specific.
        let fits = self.0.iter().find(|(methods, _)| methods.contains(method));
        match fits {
            Some((_, route)) => Some(Ok(route)),
            None => self
                .0
                .iter()
                .map(|(methods, _)| *methods)
                .reduce(Methods::or)
                .map(Err),
        }
    }

    fn insert(&mut self, methods: Methods, route: Arc<Route>) -> Result<(), Arc<Route>> {
        let is_all = methods.is_rest();
        let same = self
            .0
            .iter()
            .find(|(other, _)| other.is_rest() == is_all && !other.and(methods).is_empty());
        if let Some((_, other)) = same {
            return Err(Arc::clone(other));
        }
        let at = if is_all { self.0.len() } else { 0 };
        self.0.insert(at, (methods, route));
        Ok(())
    }
}

/// Finds by a key that is computed byte by byte, so that it need not be stored.
pub(super) fn by_key<T>(
    sorted: &[(Box<[u8]>, T)],
    key: impl Iterator<Item = u8> + Clone,
) -> Option<&T> {
    let at = sorted
        .binary_search_by(|(name, _)| name.iter().copied().cmp(key.clone()))
        .ok()?;
    sorted.get(at).map(|(_, found)| found)
}

/// Finds by a key, or puts a default there.
pub(super) fn by_key_or_insert<T: Default>(
    sorted: &mut Vec<(Box<[u8]>, T)>,
    key: Box<[u8]>,
) -> &mut T {
    let at = match sorted.binary_search_by(|(name, _)| name.cmp(&key)) {
        Ok(at) => at,
        Err(at) => {
            sorted.insert(at, (key, T::default()));
            at
        }
    };
    #[expect(
        clippy::indexing_slicing,
        reason = "found at `at` or just inserted there"
    )]
    &mut sorted[at].1
}
