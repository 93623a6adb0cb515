//! Issuers whose tokens programs hold: there is nobody to make a user of.

use super::defaults::{
    algorithms, audience_given, iss, keys, label, requires_value_of, types, workload,
};
use crate::issuer::Algorithm;
use crate::issuer::error::IssuerError;
use crate::issuer::raw::RawIssuer;

/// Anyone can run a workflow and request a token with any audience: only the repository or its
/// owner identifies whose token it is.
pub(super) fn github_actions(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    iss(raw, GITHUB_ACTIONS.to_owned());
    keys(raw, format!("{GITHUB_ACTIONS}/.well-known/jwks"));
    audience_given(raw)?;
    if !requires_value_of(raw, &GITHUB_OWNERS) {
        return Err(IssuerError::NobodyTrusted(
            "`repository`, `repository_id`, `repository_owner`, `repository_owner_id`, `sub`",
        ));
    }
    algorithms(raw, &[Algorithm::RS256]);
    workload(raw);
    Ok(())
}

/// The API server publishes its keys below its issuer, behind the cluster's own authority.
pub(super) fn kubernetes(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let url = raw
        .url
        .take()
        .unwrap_or_else(|| "https://kubernetes.default.svc.cluster.local".to_owned());
    // Old clusters have an `iss` that is no address.
    keys(raw, format!("{}/openid/v1/jwks", url.trim_end_matches('/')));
    iss(raw, url);
    audience_given(raw)?;
    algorithms(raw, &[Algorithm::RS256, Algorithm::ES256, Algorithm::ES384]);
    workload(raw);
    Ok(())
}

/// JWT-SVID sections 2 and 3. The address of the bundle is the operator's own.
pub(super) fn spiffe(raw: &mut RawIssuer) -> Result<(), IssuerError> {
    let domain = label(raw.trust_domain.take(), "trust_domain")?;
    iss(raw, format!("spiffe://{domain}"));
    raw.trust_domain = Some(domain);
    if !raw.has_key_source() {
        return Err(IssuerError::PresetWithoutKeys);
    }
    audience_given(raw)?;
    types(raw, &["jwt", "jose"]);
    workload(raw);
    Ok(())
}

/// The `iss` of all workflows.
pub(crate) const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";
/// The claims that say whose workflow it is.
pub(crate) const GITHUB_OWNERS: [&str; 5] = [
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "sub",
];
