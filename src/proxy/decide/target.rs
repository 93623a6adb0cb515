//! What replaces the request's target on its way to the upstream.

use crate::exchange::Exchange;
use crate::proxy::request::copies;
use crate::proxy::request::inspect::Inspected;
use crate::proxy::request::method_in_query;
use crate::rejection::{Code, Rejection};
use crate::route::Route;
use crate::route::settings::QueryTokens;

/// What replaces the request's target: a rewritten path, a query without tokens, or the origin-form
/// of an absolute one.
///
/// # Errors
///
/// The query carries a token, and the route does not say that it may; or it names another method, and the
/// request's has led to this route.
pub fn upstream_target(
    exchange: &Exchange,
    route: &Route,
    inspected: &Inspected<'_>,
) -> Result<Option<Vec<u8>>, Rejection> {
    if route.decides_by_method && inspected.query.is_some_and(method_in_query::names_method) {
        return Err(Rejection::new(Code::InvalidRequest, "method_in_query"));
    }
    let is_known = |text: &str| exchange.knows(text);
    let carries = inspected.query.is_some_and(|query| {
        route.query_tokens != QueryTokens::Forward && copies::carry_token(query, is_known)
    });
    let kept;
    let (query, path) = match (inspected.query, route.rewritten(&inspected.path)) {
        (Some(_), _) if carries && route.query_tokens == QueryTokens::Refuse => {
            return Err(Rejection::new(Code::InvalidRequest, "token_in_query"));
        }
        (Some(query), path) if carries => {
            kept = copies::without_tokens(query, is_known);
            let path = path.unwrap_or_else(|| inspected.path.as_str().to_owned());
            (kept.as_deref(), Some(path))
        }
        unchanged => unchanged,
    };
    Ok(match (path, query) {
        (Some(path), Some(query)) => Some([path.as_bytes(), b"?", query].concat()),
        (Some(path), None) => Some(path.into_bytes()),
        (None, _) => inspected.is_absolute.then(|| inspected.target.to_owned()),
    })
}
