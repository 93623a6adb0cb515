//! What a refusal asks for: `WWW-Authenticate` (RFC 6750 section 3, RFC 9728 section 5.1).

use crate::proxy::context::RequestContext;
use crate::rejection::Rejection;

/// The field of a refusal, with what its route says beyond the scheme. `None`: nothing that a credential
/// would change.
pub(super) fn of(rejection: &Rejection, ctx: &RequestContext) -> Option<String> {
    let plain = rejection.challenge()?;
    let Some(route) = &ctx.route else {
        return Some(plain.to_owned());
    };
    let mut parameters = route.challenge.parameters().to_owned();
    if let Some(resource) = &route.resource {
        let address = resource.metadata_url();
        parameters += &format!(", resource_metadata=\"{address}\"");
    }
    if let Some(scopes) = &ctx.wanted_scopes
        && !route.challenge.says("scope")
    {
        parameters += &format!(", scope=\"{scopes}\"");
    }
    Some(rejection.challenge_of(route.challenge.realm(), &parameters))
}
