//! Routes of one host, by path and method.

use std::sync::Arc;

use http::Method;

use super::loose::{self, LooseSegment, Looseness};
use super::{Methods, Route};
use crate::canonical::PathPrefix;
use crate::canonical::path::Segment;

/// The tree of path segments.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// By decoded segment, sorted.
    children: Vec<(Box<[u8]>, Tree)>,
    /// The keys of `children` by what they are folded to, sorted.
    folded: Vec<(Box<[u8]>, Keys)>,
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

    /// Whether `agrees` to every choice that a server may make which reads paths loosely.
    pub(super) fn all_loose<'a>(
        &'a self,
        segments: &[LooseSegment],
        looseness: Looseness,
        method: &Method,
        agrees: &mut impl FnMut(Option<Result<&'a Arc<Route>, Methods>>) -> bool,
    ) -> bool {
        self.all_loose_below(segments, looseness, &self.prefix, &mut |choices| {
            agrees(choices.choose(method))
        })
    }

    fn all_loose_below<'a>(
        &'a self,
        segments: &[LooseSegment],
        looseness: Looseness,
        longest: &'a Choices,
        agrees: &mut impl FnMut(&'a Choices) -> bool,
    ) -> bool {
        let longest = match self.prefix.is_empty() {
            true => longest,
            false => &self.prefix,
        };
        let Some((segment, rest)) = segments.split_first() else {
            return agrees(match self.exact.is_empty() {
                true => longest,
                false => &self.exact,
            });
        };
        let below = self.loose_children(segment, looseness);
        if below.is_empty() {
            return agrees(longest);
        }
        below
            .into_iter()
            .all(|child| child.all_loose_below(rest, looseness, longest, agrees))
    }

    /// What a segment may lead to. A suffix counts only where its whole name leads nowhere: who
    /// configures `/app.js` in addition to `/app` says which is which.
    fn loose_children(&self, segment: &LooseSegment, looseness: Looseness) -> Vec<&Self> {
        let mut found: Vec<&Self> = Vec::new();
        for name in segment.names() {
            self.children_of(name, looseness, &mut found);
        }
        if found.is_empty() {
            for stem in segment.stems() {
                self.children_of(stem, looseness, &mut found);
            }
        }
        found
    }

    fn children_of<'a>(&'a self, name: &[u8], looseness: Looseness, found: &mut Vec<&'a Self>) {
        let child = |key: &[u8]| by_key(&self.children, key.iter().copied());
        if looseness.letters {
            let keys = by_key(&self.folded, name.iter().copied());
            found.extend(keys.into_iter().flatten().filter_map(|key| child(key)));
        } else {
            found.extend(child(name));
        }
    }

    /// Whether it has a path that folding changes.
    pub(super) fn has_folded_paths(&self) -> bool {
        let is_changed = |(folded, keys): &(Box<[u8]>, Keys)| keys.iter().any(|key| key != folded);
        self.folded.iter().any(is_changed)
            || self
                .children
                .iter()
                .any(|(_, child)| child.has_folded_paths())
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
            let keys = by_key_or_insert(&mut node.folded, loose::folded(segment).into());
            if !keys.contains(segment) {
                keys.push(segment.clone());
            }
            node = by_key_or_insert(&mut node.children, segment.clone());
        }
        let choices = if is_exact {
            &mut node.exact
        } else {
            &mut node.prefix
        };
        choices.insert(methods, route)
    }
}

/// Names of children.
type Keys = Vec<Box<[u8]>>;

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
