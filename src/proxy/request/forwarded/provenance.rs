//! The fields by which a proxy says where a request comes from, what it asked for, and who sent it.
//!
//! What an application believes of one of these, set by the proxy that was in front of it before, a client
//! must not be able to say itself.

use std::sync::LazyLock;

use http::HeaderName;

use crate::field_name::{FieldNames, folded};

/// Whether a field with this name is one of them, in any spelling.
pub fn is_provenance(name: &HeaderName) -> bool {
    static NAMES: LazyLock<FieldNames> = LazyLock::new(|| FIELDS.iter().copied().collect());
    // Few fields begin like one of these, and every field of every request comes by here.
    match name.as_str().as_bytes() {
        [
            b'x',
            _,
            b'a' | b'c' | b'f' | b'g' | b'm' | b'p' | b's' | b'w',
            ..,
        ]
        | [b'x', _, b'r', b'e', b'm', ..]
        | [b't', b'a', ..]
        | [b'o', b'i', ..] => NAMES.contains(name.as_str()) || begins(name),
        [b's', b's', ..] => begins(name),
        [b'c' | b'f' | b't' | b'x', ..] | [b'p', b'r', b'o', ..] | [b'r', b'e', b'm', ..] => {
            NAMES.contains(name.as_str())
        }
        _ => false,
    }
}

fn begins(name: &HeaderName) -> bool {
    let begins = |prefix: &&str| folded(name.as_str()).take(prefix.len()).eq(prefix.bytes());
    FAMILIES.iter().any(begins)
}

/// Folded names of fields that claim another address, host, path or user than the request's own.
const FIELDS: &[&str] = &[
    "cf-access-authenticated-user-email",
    "cf-connecting-ip",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "proxy",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "true-client-ip",
    "x-amzn-oidc-identity",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-appengine-remote-addr",
    "x-appengine-user-ip",
    "x-arr-clientcert",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "x-forwarded",
    "x-http-destinationurl",
    "x-nf-client-connection-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-originating-ip",
    "x-override-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-rewrite-url",
    "x-userinfo",
    "x-vouch-user",
];

/// How the names of others begin: oauth2-proxy, Grafana's proxy authentication, the request headers that a
/// Kubernetes API server believes, Kong, Apache's OpenID Connect, servers that verify client certificates,
/// and the identity-aware proxies of clouds and of others.
const FAMILIES: &[&str] = &[
    "x-forwarded-",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-auth-request-groups",
    "x-auth-request-preferred-username",
    "x-webauth-",
    "ssl-client-",
    "x-ssl-",
    "x-client-cert",
    "x-amzn-mtls-clientcert",
    "x-remote-",
    "x-consumer-",
    "x-credential-",
    "oidc-claim-",
    "x-goog-authenticated-user-",
    "x-ms-client-principal",
    "x-pomerium-claim-",
    "x-authentik-",
    "tailscale-user-",
];

/// Fields of these kinds, and others that only a proxy or nobody should send, by their whole names: for
/// proxies in front that cannot remove families.
pub const WELL_KNOWN: &[&str] = &[
    "CF-Access-Authenticated-User-Email",
    "CF-Connecting-IP",
    "Client-IP",
    "Fastly-Client-IP",
    "Forwarded",
    "Proxy",
    "Remote-Email",
    "Remote-Groups",
    "Remote-Name",
    "Remote-User",
    "SSL-Client-Cert",
    "SSL-Client-S-DN",
    "SSL-Client-Verify",
    "True-Client-IP",
    "X-Access-Token",
    "X-Amzn-OIDC-Identity",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-User",
    "X-Authenticated-User",
    "X-Authenticated-UserId",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Prefix",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-User",
    "X-Goog-Authenticated-User-Email",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-MS-Client-Principal",
    "X-Original-Host",
    "X-Original-URL",
    "X-Real-IP",
    "X-Remote-User",
    "X-Rewrite-URL",
    "X-SSL-Client-Cert",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify",
    "X-Vouch-User",
    "X-WebAuth-Email",
    "X-WebAuth-User",
];
