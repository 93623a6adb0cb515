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
            b'a' | b'c' | b'e' | b'f' | b'g' | b'm' | b'p' | b's' | b'w',
            ..,
        ]
        | [b'x', _, b'r', b'e', b'm', ..]
        | [b'c', b'l', b'o', ..]
        | [b'f', b'l', b'y', ..]
        | [b'p', b'r', b'o', b'x', ..]
        | [b's', b's', b'l', ..]
        | [b't', b'a', ..]
        | [b'o', b'i', ..]
        | [b'w', b'l', ..] => NAMES.contains(name.as_str()) || begins(name),
        [b'c' | b'f' | b't' | b'x', ..] | [b'r', b'e', b'm', ..] => NAMES.contains(name.as_str()),
        _ => false,
    }
}

fn begins(name: &HeaderName) -> bool {
    let begins = |prefix: &&str| folded(name.as_str()).take(prefix.len()).eq(prefix.bytes());
    FAMILIES.iter().any(begins)
        && !OF_HTTP
            .iter()
            .any(|own| folded(name.as_str()).eq(own.bytes()))
}

/// Folded names of fields that claim another address, scheme, host, path or user than the request's own, or
/// that it is a framework's own.
const FIELDS: &[&str] = &[
    "cf-access-authenticated-user-email",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "cf-visitor",
    "client-cert",
    "client-cert-chain",
    "client-ip",
    "fastly-client-ip",
    "fastly-ssl",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "front-end-https",
    "proxy",
    "remote-email",
    "remote-groups",
    "remote-name",
    "remote-user",
    "ssl-offloaded",
    "true-client-ip",
    "x-authenticated-user",
    "x-authenticated-userid",
    "x-arr-clientcert",
    "x-arr-ssl",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-dn",
    "x-client-ip",
    "x-client-verify",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-forwarded",
    "x-host",
    "x-host-override",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-nf-client-connection-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-path",
    "x-original-uri",
    "x-original-url",
    "x-originating-ip",
    "x-override-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-rewrite-uri",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
    "x-userinfo",
    "x-vercel-forwarded-for",
    "x-vercel-proxied-for",
    "x-vouch-user",
];

/// How the names of others begin: oauth2-proxy, Grafana's proxy authentication, the request headers that a
/// Kubernetes API server believes, Kong, Apache's OpenID Connect, servers that verify client certificates,
/// WebLogic and its plug-ins, the identity-aware proxies, gateways and networks of clouds and of others, and
/// the requests that Next.js makes of itself.
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
    "x-amzn-oidc-",
    "x-apigateway-",
    "x-appengine-",
    "x-endpoint-api-",
    "x-remote-",
    "x-consumer-",
    "x-credential-",
    "oidc-claim-",
    "x-goog-authenticated-user-",
    "x-middleware-subrequest",
    "x-ms-client-principal",
    "x-pomerium-claim-",
    "x-authentik-",
    "x-waws-",
    "tailscale-user-",
    "cloudfront-",
    "fly-forwarded-",
    "proxy-",
    "wl-proxy-",
];

/// Fields that begin like one of these and are of HTTP: they end at the gateway by rules of their own.
const OF_HTTP: &[&str] = &[
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "proxy-status",
];

/// Fields of these kinds, and others that only a proxy or nobody should send, by their whole names: for
/// proxies in front that cannot remove families.
pub const WELL_KNOWN: &[&str] = &[
    "CF-Access-Authenticated-User-Email",
    "CF-Connecting-IP",
    "Client-IP",
    "CloudFront-Forwarded-Proto",
    "CloudFront-Viewer-Address",
    "Fastly-Client-IP",
    "Forwarded",
    "Front-End-Https",
    "Proxy",
    "Proxy-Client-IP",
    "Proxy-Remote-User",
    "Remote-Email",
    "Remote-Groups",
    "Remote-Name",
    "Remote-User",
    "SSL-Client-Cert",
    "SSL-Client-S-DN",
    "SSL-Client-Verify",
    "Ssl-Offloaded",
    "True-Client-IP",
    "WL-Proxy-Client-Cert",
    "WL-Proxy-Client-IP",
    "WL-Proxy-SSL",
    "X-Access-Token",
    "X-Amzn-OIDC-AccessToken",
    "X-Amzn-OIDC-Data",
    "X-Amzn-OIDC-Identity",
    "X-Apigateway-Api-Userinfo",
    "X-Appengine-Https",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-User",
    "X-Authenticated-User",
    "X-Authenticated-UserId",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Endpoint-API-UserInfo",
    "X-Forwarded-Access-Token",
    "X-Forwarded-Client-Cert",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Prefix",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-User",
    "X-Goog-Authenticated-User-Email",
    "X-Host",
    "X-HTTP-Host-Override",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Middleware-Subrequest",
    "X-MS-Client-Principal",
    "X-Original-Host",
    "X-Original-Path",
    "X-Original-URL",
    "X-Real-IP",
    "X-Remote-User",
    "X-Rewrite-Uri",
    "X-Rewrite-URL",
    "X-Scheme",
    "X-SSL-Client-Cert",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify",
    "X-Url-Scheme",
    "X-Vouch-User",
    "X-WAWS-Unencoded-URL",
    "X-WebAuth-Email",
    "X-WebAuth-User",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is(name: &str) -> bool {
        is_provenance(&HeaderName::from_bytes(name.as_bytes()).unwrap())
    }

    /// What is ruled out by its first letters is none of the names.
    #[test]
    fn each_name_and_each_family_is_looked_for() {
        for name in FIELDS {
            let [plain, other] = [(*name).to_owned(), name.replacen('-', "_", 8)];
            assert!(is(&plain) && is(&other), "{name}");
        }
        for family in FAMILIES {
            let [plain, other] = ["", "x"].map(|end| format!("{family}{end}"));
            let folded = other.replace('-', "_");
            assert!(is(&plain) && is(&other) && is(&folded), "{family}");
        }
        for own in OF_HTTP {
            assert!(!is(own), "{own}");
        }
    }

    #[test]
    fn what_clients_send_themselves_is_none() {
        for name in [
            "cloud-trace",
            "cf-access-client-id",
            "content-type",
            "fly-region",
            "priority",
            "prox",
            "ssl",
            "x-amzn-trace-id",
            "x-api-key",
            "x-endpoint",
            "x-envoy-max-retries",
            "x-http-method",
            "x-middleware-prefetch",
            "x-original",
            "x-request-id",
            "x-vercel-protection-bypass",
        ] {
            assert!(!is(name), "{name}");
        }
    }
}
