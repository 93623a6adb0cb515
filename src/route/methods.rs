//! A set of request methods.

use std::fmt;

use http::Method;

use super::settings;

/// Which methods a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u64);

impl Methods {
    /// Those that a route serves which names none.
    pub const ALL: Self = Self((1 << USUAL) - 1);
    /// Every method, known or not. TRACE reflects credentials, CONNECT tunnels, and PRI begins HTTP/2.
    pub const ANY: Self = Self(OTHER | ((1 << NAMES.len()) - 1));

    /// From the configuration, where none means the usual ones. `GET` includes `HEAD`: a server answers
    /// both alike, so who may not read a page may not read its header either.
    pub fn new(named: &[settings::Method]) -> Self {
        use settings::Method::{Get, Head};
        let bit = |method: settings::Method| 1 << method as u32;
        let bits = named.iter().fold(0, |bits, method| {
            bits | match method {
                Get => bit(Get) | bit(Head),
                other => bit(*other),
            }
        });
        if named.is_empty() {
            Self::ALL
        } else {
            Self(bits)
        }
    }

    /// Whether `method` is one of them.
    pub fn contains(self, method: &Method) -> bool {
        let name = method.as_str();
        let bit = match NAMES.iter().position(|known| *known == name) {
            Some(at) => 1 << at,
            None if NEVER.contains(&name) || name.len() > LONGEST => return false,
            // `get` is not `GET`, though some servers take it for it.
            None if name.bytes().any(|byte| byte.is_ascii_lowercase()) => return false,
            None => OTHER,
        };
        self.0 & bit != 0
    }

    /// Whether a route with these serves what others of its path do not.
    pub(super) fn is_rest(self) -> bool {
        self == Self::ALL || self == Self::ANY
    }

    /// The intersection of both sets.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The union of both sets.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl settings::Method {
    /// The method itself.
    pub(super) fn to_http(self) -> Method {
        let name = NAMES.get(self as usize).copied().unwrap_or_default();
        // Each of the names is a token.
        Method::from_bytes(name.as_bytes()).unwrap_or_default()
    }
}

/// As in `Allow` (RFC 9110 section 10.2.1).
impl fmt::Display for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (at, name) in NAMES.iter().enumerate() {
            if self.0 & 1 << at != 0 {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// In the order of the bits, which is that of the configuration's methods.
const NAMES: [&str; 37] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];
/// How many of them HTTP itself has (RFC 9110 section 9.3, RFC 5789).
const USUAL: usize = 7;
/// Of all that are not among them.
const OTHER: u64 = 1 << 63;
const NEVER: [&str; 3] = ["CONNECT", "TRACE", "PRI"];
/// Longer than any that is registered.
const LONGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::settings::Method as Named;

    #[test]
    fn none_named_is_all_and_get_includes_head() {
        assert_eq!(Methods::new(&[]), Methods::ALL);
        assert_eq!(
            Methods::ALL.to_string(),
            "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
        );
        let some = Methods::new(&[Named::Post, Named::Get]);
        assert_eq!(some.to_string(), "GET, HEAD, POST");
        assert_eq!(Methods::new(&[Named::Head]).to_string(), "HEAD");
        assert!(some.contains(&Method::HEAD) && some.contains(&Method::POST));
        assert!(!some.contains(&Method::PUT) && !some.contains(&Method::TRACE));
    }

    #[test]
    fn methods_of_extensions_are_served_when_they_are_named_or_any_is() {
        let method = |name: &str| Method::from_bytes(name.as_bytes()).unwrap();
        for (at, name) in NAMES.iter().enumerate() {
            let named: Named = serde_json::from_value(serde_json::json!(name)).unwrap();
            let alone = Methods::new(&[named]);
            assert!(alone.contains(&method(name)), "{name}");
            assert!(!alone.contains(&method("PURGE")), "{name}");
            assert_eq!(Methods::ALL.contains(&method(name)), at < USUAL, "{name}");
            assert!(Methods::ANY.contains(&method(name)), "{name}");
        }
        assert!(Methods::ANY.contains(&method("PURGE")));
        assert!(!Methods::ALL.contains(&method("PURGE")));
        for never in ["TRACE", "CONNECT", "PRI", "get", "Purge", &"A".repeat(33)] {
            assert!(!Methods::ANY.contains(&method(never)), "{never}");
        }
    }
}
