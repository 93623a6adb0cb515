//! How often routes may be asked, counted on through changes of the configuration around them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::settings::{Method, RequestMatch, RouteSettings};
use crate::canonical::{HostPattern, PathPrefix};
use crate::limit::{Key, Limiter, Rate, Sharing};

/// The limiters of all routes, by the requests that a route serves.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<Place, RouteRates>);

/// The limiters of one route.
#[derive(Clone, Debug)]
pub(super) struct RouteRates {
    pub(super) client: Counted<IpAddr>,
    pub(super) user: Counted<Uuid>,
}

/// A limiter, and the rule that it counts by.
#[derive(Clone, Debug)]
pub(super) struct Counted<K: Key> {
    rate: Rate,
    tracked: usize,
    limiter: Option<Arc<Limiter<K>>>,
}

/// What no two routes have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    host: Option<HostPattern>,
    path: PathPrefix,
    exact: bool,
    methods: Vec<Method>,
    any_method: bool,
    /// By its text: it has no order of its own.
    matches: Option<String>,
}

fn described(wanted: &RequestMatch) -> String {
    format!("{wanted:?}")
}

impl Rates {
    /// The limiters of a route: `earlier` ones where the rule is the same.
    pub(super) fn of(
        &mut self,
        route: &RouteSettings,
        tracked: usize,
        sharing: Option<&Arc<Sharing>>,
        earlier: Option<&Self>,
    ) -> RouteRates {
        let place = Place {
            host: route.host.clone(),
            path: route.path.clone(),
            exact: route.exact,
            methods: route.methods.clone(),
            any_method: route.any_method,
            matches: route.matches.as_ref().map(described),
        };
        let earlier = earlier.and_then(|earlier| earlier.0.get(&place));
        // The same at all gateways that have the route.
        let name = sharing.map(|_| format!("{place:?}")).unwrap_or_default();
        let rates = RouteRates {
            client: Counted::after(
                earlier.map(|earlier| &earlier.client),
                route.rate_per_client,
                tracked,
                |rate| Limiter::shared(rate, tracked, &format!("client {name}"), sharing),
            ),
            user: Counted::after(
                earlier.map(|earlier| &earlier.user),
                route.rate_per_user,
                tracked,
                |rate| Limiter::shared(rate, tracked, &format!("user {name}"), sharing),
            ),
        };
        self.0.insert(place, rates.clone());
        rates
    }
}

impl<K: Key> Counted<K> {
    fn after(
        earlier: Option<&Self>,
        rate: Rate,
        tracked: usize,
        new: impl FnOnce(Rate) -> Limiter<K>,
    ) -> Self {
        let same = earlier.filter(|earlier| earlier.rate == rate && earlier.tracked == tracked);
        same.cloned().unwrap_or_else(|| Self {
            rate,
            tracked,
            limiter: (!rate.is_off()).then(|| Arc::new(new(rate))),
        })
    }

    /// `None` for no limit.
    pub(super) fn limiter(&self) -> Option<Arc<Limiter<K>>> {
        self.limiter.clone()
    }
}
