//! The gateway's session cookie: an opaque value that refers to a session. The store has only its
//! hash.
//!
//! The cookie of a session that is bound to a device says itself until when it counts. Nobody can
//! change that, since the hash is of the whole value.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use http::HeaderValue;

use crate::clock::UnixTime;
use crate::store::Digest;

/// 256 random bits in base64url, and the end of a bound one.
#[derive(Clone)]
pub struct CookieValue(String);

impl CookieValue {
    /// A fresh one. `None`: the system has no randomness.
    pub fn generate() -> Option<Self> {
        let mut bits = [0; 32];
        rand::fill(&mut bits).ok()?;
        Some(Self(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// One of a device-bound session, which counts until `until`. `None`: the system has no
    /// randomness.
    pub fn generate_bound(until: UnixTime) -> Option<Self> {
        let mut bytes = [0; RANDOM + TIME];
        let (bits, end) = bytes.split_at_mut(RANDOM);
        rand::fill(bits).ok()?;
        end.copy_from_slice(&until.0.to_be_bytes());
        Some(Self(URL_SAFE_NO_PAD.encode(bytes)))
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
    [LENGTH, BOUND_LENGTH].contains(&value.len()) && !value.contains('.')
}

/// Until when a presented value counts, if it is the cookie of a device-bound session.
pub fn bound_until(value: &str) -> Option<UnixTime> {
    if value.len() != BOUND_LENGTH {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
    let end = bytes.get(RANDOM..)?.try_into().ok()?;
    Some(UnixTime(u64::from_be_bytes(end)))
}

/// The attributes of the cookie called `name` for one host, but for its time, as Device Bound Session Credentials
/// describe a cookie.
pub fn attributes(name: &str) -> &'static str {
    match is_secure(name) {
        true => "Path=/; Secure; HttpOnly; SameSite=Lax",
        false => "Path=/; HttpOnly; SameSite=Lax",
    }
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
        .secure(is_secure(name))
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

/// The prefixes demand it (RFC 6265bis section 4.1.3); without one there is plain http.
fn is_secure(name: &str) -> bool {
    name.starts_with("__")
}

const RANDOM: usize = 32;
const TIME: usize = 8;
/// Of 32 bytes in base64url without padding.
const LENGTH: usize = 43;
/// Of 40 bytes.
const BOUND_LENGTH: usize = 54;

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
    fn a_bound_value_says_its_end() {
        let until = UnixTime(1_800_000_000);
        let bound = CookieValue::generate_bound(until).unwrap();
        assert!(is_opaque(bound.expose()));
        assert_eq!(bound_until(bound.expose()), Some(until));
        let other = CookieValue::generate_bound(until).unwrap();
        assert_ne!(bound.digest(), other.digest());
        let lasting = CookieValue::generate().unwrap();
        assert_eq!(bound_until(lasting.expose()), None);
        assert_eq!(bound_until(&"!".repeat(BOUND_LENGTH)), None);
    }

    #[test]
    fn attributes_are_those_of_the_cookie() {
        let value = CookieValue::generate().unwrap();
        for name in ["__Host-vestibule", "vestibule"] {
            let place = CookiePlace { name, domain: None };
            let field = set(place, &value, UnixTime(100), UnixTime(160));
            let field = field.to_str().unwrap();
            for attribute in attributes(name).split("; ") {
                assert!(field.contains(&format!("; {attribute}")), "{field}");
            }
            let (all, named) = (field.matches(';'), attributes(name).matches(';'));
            assert_eq!(all.count(), named.count() + 2, "only Max-Age in addition");
        }
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
