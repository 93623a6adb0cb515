//! Deleting cookies in browsers: issuers', and the gateway's own wherever an earlier configuration set them.
//!
//! A browser deletes a cookie for whoever names it, its domain and its path. So the gateway can where
//! the configuration says with which ones an issuer sets its cookie.

use cookie::Cookie;
use cookie::time::Duration;
use http::{HeaderMap, HeaderValue};

use super::clerk;
use super::cookie as request_cookie;
use super::form;
use super::token_sources::TokenSources;
use super::twins::OwnCookie;
use crate::claims::unverified::UnverifiedPart;
use crate::issuer::{CookieFormat, CookiePrefix};

impl TokenSources {
    /// The `Set-Cookie` fields that delete those of the issuers' cookies which a request has, in both
    /// spellings: of the host alone, and of its domain. None where it is not known how they are set.
    pub fn removal(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let mut fields = Vec::new();
        for place in &self.cookies {
            let Some(scope) = &place.scope else { continue };
            // Every application on a domain has its own of these, and none of them is the gateway's to delete.
            let is_of_issuer = |value: &[u8]| {
                place.name.format != CookieFormat::Clerk
                    || !clerk::names_another(form::bare(value), &place.iss)
            };
            let mut names: Vec<&str> = request_cookie::named(headers)
                .filter(|(name, value)| place.name.is(name) && is_of_issuer(value))
                .filter_map(|(name, _)| std::str::from_utf8(name).ok())
                .collect();
            names.sort_unstable();
            names.dedup();
            names.truncate(MOST);
            for name in names {
                fields.extend(removal(name, &scope.path, None));
                if let Some(domain) = &scope.domain
                    && CookiePrefix::of(name) != Some(CookiePrefix::Host)
                {
                    fields.extend(removal(name, &scope.path, Some(domain)));
                }
            }
        }
        fields
    }

    /// The fields that delete one of the gateway's own cookies where the configuration does not set it, but an
    /// earlier one may have: for the host alone and for it as a domain; for the domains above it only where no
    /// other deployment can have set what the browser has. None for a request without that cookie.
    pub fn removal_elsewhere(&self, own: OwnCookie, headers: &HeaderMap) -> Vec<HeaderValue> {
        let name = self.own_name(own);
        let is_there = request_cookie::values(headers, name.as_bytes())
            .next()
            .is_some();
        if !is_there || name.starts_with("__Host-") {
            return Vec::new();
        }
        let configured = self.own_domain(own);
        let reach = match self.are_ours(own, headers) {
            true => self.domains.len(),
            false => 1,
        };
        let domains = self.domains.iter().take(reach);
        let domains = domains.map(|domain| Some(&**domain));
        let elsewhere =
            [None]
                .into_iter()
                .chain(domains)
                .filter(|domain| match (domain, configured) {
                    (Some(domain), Some(configured)) => !domain.eq_ignore_ascii_case(configured),
                    (domain, configured) => domain.is_some() || configured.is_some(),
                });
        elsewhere
            .filter_map(|domain| removal(name, "/", domain))
            .collect()
    }

    /// The fields that delete those of the gateway's own cookies of which a request has several, so that the
    /// next one says who it is.
    pub fn removal_of_own_twins(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let mut fields = Vec::new();
        for own in self.own_twins(headers) {
            fields.extend(removal(self.own_name(own), "/", self.own_domain(own)));
            fields.extend(self.removal_elsewhere(own, headers));
        }
        fields
    }

    /// Whether every value that a request has of a cookie says that it is this gateway's. Nothing is verified,
    /// because all that follows is that this browser's cookies are deleted.
    fn are_ours(&self, own: OwnCookie, headers: &HeaderMap) -> bool {
        let is_ours = |value| {
            let iss = UnverifiedPart::payload(form::unquoted(value)).text("iss");
            iss.is_some_and(|iss| *iss == *self.own_iss)
        };
        match own {
            // An opaque value does not say whose it is.
            OwnCookie::Session => false,
            OwnCookie::Sdk => {
                request_cookie::values(headers, self.own_name(own).as_bytes()).all(is_ours)
            }
        }
    }

    fn own_domain(&self, own: OwnCookie) -> Option<&str> {
        let domain = match own {
            OwnCookie::Session => self.session_cookie_domain(),
            OwnCookie::Sdk => self.sdk_cookie_domain.as_deref(),
        };
        domain.map(|domain| domain.trim_start_matches('.'))
    }

    /// Whether issuers' cookies are deleted when a login is over.
    pub fn clears_issuers_cookies(&self) -> bool {
        self.clears
    }
}

fn removal(name: &str, path: &str, domain: Option<&str>) -> Option<HeaderValue> {
    let mut cookie = Cookie::build((name, ""))
        .path(path)
        // The prefixes demand it (RFC 6265bis section 4.1.3); elsewhere it may be missing.
        .secure(CookiePrefix::of(name).is_some())
        .max_age(Duration::ZERO);
    if let Some(domain) = domain {
        cookie = cookie.domain(domain);
    }
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// How many cookies of one issuer are deleted at once: a session in one piece and one in as many chunks as are read,
/// and some more.
const MOST: usize = 24;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
    use http::header::COOKIE;
    use serde_json::json;

    use super::*;
    use crate::config::Config;

    #[test]
    fn deletes_what_is_there_in_both_spellings() {
        let config: Config = serde_json::from_value(json!({
            "public_url": "https://app.example.com", "listeners": [],
            "issuers": [
                { "name": "a", "iss": "https://a", "jwks_url": "https://a/k", "cookie_name": "tok",
                  "cookie_domain": ".example.com", "cookie_path": "/" },
                { "name": "b", "iss": "https://b", "jwks_url": "https://b/k", "cookie_name": "other" },
                { "name": "c", "iss": "https://c", "jwks_url": "https://c/k",
                  "cookie_name": "__Secure-c", "cookie_path": "/app" },
                { "name": "d", "iss": "https://d", "jwks_url": "https://d/k",
                  "cookie_name": "__host-d", "cookie_path": "/" },
            ],
        }))
        .unwrap();
        let sources = TokenSources::new(&config.token_sources());
        let removed = |cookies: &'static str| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookies))]);
            let fields = sources.removal(&headers).into_iter();
            let fields = fields.map(|field| field.to_str().unwrap().to_owned());
            fields.collect::<Vec<_>>()
        };
        assert_eq!(
            removed("x=1; tok=a; tok=b; other=1"),
            [
                "tok=; Path=/; Max-Age=0",
                "tok=; Path=/; Domain=example.com; Max-Age=0"
            ]
            .map(sorted),
        );
        assert_eq!(
            removed("__Secure-c=1"),
            [sorted("__Secure-c=; Path=/app; Secure; Max-Age=0")]
        );
        assert_eq!(
            removed("__host-d=1"),
            [sorted("__host-d=; Path=/; Secure; Max-Age=0")]
        );
        assert!(removed("other=1; tokx=1").is_empty());
    }

    #[test]
    fn own_cookies_are_deleted_wherever_an_earlier_configuration_set_them() {
        let token = |iss: &str| {
            let payload = BASE64URL.encode(json!({ "iss": iss }).to_string());
            format!("DYNAMIC_JWT_TOKEN=e30.{payload}.s")
        };
        let removed = |public_url: &str, cookie: serde_json::Value, cookies: &str| {
            let config: Config = serde_json::from_value(json!({
                "public_url": public_url, "listeners": [], "sdk": { "cookie": cookie },
            }))
            .unwrap();
            let sources = TokenSources::new(&config.token_sources());
            let own = token(&config.own_iss());
            let cookies = cookies.replace("OWN", &own);
            let cookies = cookies.replace("OTHER", &token("https://example.com/_vestibule"));
            let headers = HeaderMap::from_iter([(COOKIE, cookies.parse().unwrap())]);
            let fields = sources.removal_elsewhere(OwnCookie::Sdk, &headers);
            let text = |field: HeaderValue| field.to_str().unwrap().to_owned();
            let of_twins = sources.removal_of_own_twins(&headers).len();
            (fields.into_iter().map(text).collect::<Vec<_>>(), of_twins)
        };
        let host = sorted("DYNAMIC_JWT_TOKEN=; Path=/; Max-Age=0");
        let of = |domain| {
            sorted(&format!(
                "DYNAMIC_JWT_TOKEN=; Path=/; Domain={domain}; Max-Age=0"
            ))
        };
        let url = "https://app.example.com:8443";
        let (one, two) = ("OWN", "OWN; OWNx");
        let domain = json!({ "domain": "example.com" });
        let others = vec![host, of("app.example.com")];
        assert_eq!(removed(url, domain.clone(), one), (others.clone(), 0));
        assert_eq!(removed(url, domain, two), (others, 3));
        let others = vec![of("app.example.com"), of("example.com")];
        assert_eq!(removed(url, json!(true), two), (others, 3));
        // Another deployment's may be at a domain above.
        for (theirs, of_twins) in [
            ("OTHER", 0),
            ("OWN; OTHER", 2),
            ("OTHER; OWN", 2),
            ("OWN; DYNAMIC_JWT_TOKEN=opaque", 2),
            ("OWN; DYNAMIC_JWT_TOKEN=", 0),
        ] {
            let others = vec![of("app.example.com")];
            assert_eq!(
                removed(url, json!(true), theirs),
                (others, of_twins),
                "{theirs}"
            );
        }
        assert_eq!(removed(url, json!(true), "a=1"), (Vec::new(), 0));
        for url in [
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert_eq!(removed(url, json!(true), two), (Vec::new(), 1), "{url}");
        }
    }

    /// In the order in which the crate writes attributes.
    fn sorted(field: &str) -> String {
        Cookie::parse(field.to_owned()).unwrap().to_string()
    }
}
