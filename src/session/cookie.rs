//! The gateway's session cookie: an opaque value that refers to a session. The store has only its
//! hash.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::HeaderValue;

use crate::clock::UnixTime;
use crate::store::Digest;

/// 256 random bits, in base64url.
#[derive(Clone)]
pub struct CookieValue(String);

impl CookieValue {
    /// A fresh one. `None`: the system has no randomness.
    pub fn generate() -> Option<Self> {
        let mut bits = [0; 32];
        rand::fill(&mut bits).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// What the store knows it by.
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }

    /// The value itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for CookieValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CookieValue(..)")
    }
}

/// What the store knows a presented value by.
pub fn digest(value: &str) -> Digest {
    Digest::of(&["cookie", value])
}

/// Whether a presented value can be one of ours, and not a token.
pub fn is_opaque(value: &str) -> bool {
    value.len() == LENGTH && !value.contains('.')
}

/// What the cookie is called, and which hosts it is for.
#[derive(Clone, Copy, Debug)]
pub struct CookiePlace<'a> {
    /// Its name, with the prefix that fits its attributes.
    pub name: &'static str,
    /// All hosts of this domain; `None`: the gateway's alone.
    pub domain: Option<&'a str>,
}

/// A `Set-Cookie` field (RFC 6265bis) that sets the cookie until `until`.
pub fn set(
    place: CookiePlace<'_>,
    value: &CookieValue,
    now: UnixTime,
    until: UnixTime,
) -> HeaderValue {
    let seconds = i64::try_from(now.until(until).as_secs()).unwrap_or(i64::MAX);
    field(place, value.expose(), Duration::seconds(seconds))
}

/// A `Set-Cookie` field that takes the cookie away.
pub fn clear(place: CookiePlace<'_>) -> HeaderValue {
    field(place, "", Duration::ZERO)
}

fn field(place: CookiePlace<'_>, value: &str, max_age: Duration) -> HeaderValue {
    let CookiePlace { name, domain } = place;
    let mut cookie = Cookie::build((name, value))
        .path("/")
        // The prefixes demand it (RFC 6265bis section 4.1.3); without one there is plain http.
        .secure(name.starts_with("__"))
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(max_age);
    if let Some(domain) = domain {
        cookie = cookie.domain(domain);
    }
    let mut field = HeaderValue::from_str(&cookie.to_string())
        // Name, base64url and attributes are visible ASCII.
        .unwrap_or(HeaderValue::from_static(""));
    field.set_sensitive(true);
    field
}

/// Of 32 bytes in base64url without padding.
const LENGTH: usize = 43;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_opaque_and_differ() {
        let (one, two) = (
            CookieValue::generate().unwrap(),
            CookieValue::generate().unwrap(),
        );
        assert!(is_opaque(one.expose()) && !is_opaque("a.b.c"));
        assert_ne!(one.digest(), two.digest());
        assert_eq!(one.digest(), digest(one.expose()));
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    #[test]
    fn attributes_follow_the_name() {
        let value = CookieValue("v".repeat(43));
        let text = |field: HeaderValue| field.to_str().unwrap().to_owned();
        let place = |name, domain| CookiePlace { name, domain };
        let host = place("__Host-vestibule", None);
        let secure = text(set(host, &value, UnixTime(100), UnixTime(160)));
        assert!(secure.starts_with(&format!("__Host-vestibule={};", value.expose())));
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=60"] {
            assert!(secure.contains(&format!("; {attribute}")), "{secure}");
        }
        assert!(!secure.contains("Domain"), "{secure}");
        let plain = place("vestibule", None);
        let plain = text(set(plain, &value, UnixTime(100), UnixTime(160)));
        assert!(!plain.contains("Secure"), "{plain}");
        let domain = place("__Secure-vestibule", Some("example.com"));
        for field in [
            set(domain, &value, UnixTime(100), UnixTime(160)),
            clear(domain),
        ] {
            let field = text(field);
            assert!(field.contains("; Domain=example.com"), "{field}");
            assert!(field.contains("; Secure"), "{field}");
        }
        let gone = text(clear(host));
        assert!(gone.starts_with("__Host-vestibule=;") && gone.contains("Max-Age=0"));
    }
}
