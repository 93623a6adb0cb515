//! What the gateway answers by itself, whatever its routes say.

use std::sync::Arc;

use crate::canonical::PathError;
use crate::proxy::request::inspect::Inspected;
use crate::proxy::snapshot::ProxySettings;
use crate::rejection::Rejection;
use crate::route::ProtectedResource;

/// What answers a path that belongs to the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnAnswer {
    /// One of the gateway's endpoints.
    Endpoint,
    /// The metadata of a protected resource.
    Metadata(Arc<ProtectedResource>),
}

/// What answers a request at this listener; `None`: it is for a route.
///
/// # Errors
///
/// The path is below `api_prefix`, and has more than one reading.
pub fn find(
    proxy: &ProxySettings,
    listener: &str,
    inspected: &Inspected<'_>,
) -> Result<Option<OwnAnswer>, Rejection> {
    let Inspected { host, path, .. } = inspected;
    if !proxy.reserves(path) {
        let resource = proxy.routes.metadata_at(listener, host, path);
        return Ok(resource.map(|resource| OwnAnswer::Metadata(Arc::clone(resource))));
    }
    // What another proxy asks about is judged by its own route, which may allow either.
    if proxy.asked_path(inspected.target).is_some() {
        return Ok(Some(OwnAnswer::Endpoint));
    }
    if path.has_escaped_slash() {
        return Err(PathError::EscapedSlash.into());
    }
    if path.has_empty_segment() {
        return Err(PathError::EmptySegment.into());
    }
    Ok(Some(OwnAnswer::Endpoint))
}
