//! Header fields that proxies in front set for browsers which they know by a cookie.

use crate::field_name::FieldName;

/// Whether a proxy that signs browsers in itself is known to set this field with each of their requests,
/// whichever page sends them.
pub(super) fn is_known(field: &FieldName) -> bool {
    KNOWN.iter().any(|name| field.is(name))
}

/// Cloudflare Access, AWS load balancers, Google's Identity-Aware Proxy, Azure App Service, authentik,
/// oauth2-proxy and Pomerium.
const KNOWN: [&str; 9] = [
    "cf-access-jwt-assertion",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-auth-request-access-token",
    "x-authentik-jwt",
    "x-goog-iap-jwt-assertion",
    "x-ms-token-aad-access-token",
    "x-ms-token-aad-id-token",
    "x-pomerium-jwt-assertion",
];
