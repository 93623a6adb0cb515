//! Routes that lead to the admin listener, which their audience says.

use crate::credential::DASHBOARD_COOKIE;
use crate::exchange::OPERATORS;
use crate::route::Route;

/// Whether a route leads to the admin listener.
pub(super) fn leads_there(route: &Route) -> bool {
    route.audience.as_deref() == Some(OPERATORS)
}

/// Whether a cookie by this name stays in the route's requests although it is a credential: any other
/// server could use what an operator's browser sends.
pub(super) fn keeps_cookie(route: &Route, name: &[u8]) -> bool {
    name == DASHBOARD_COOKIE.as_bytes() && leads_there(route)
}
