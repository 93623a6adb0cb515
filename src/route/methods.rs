//! A set of request methods.

use std::fmt;

use http::Method;

use crate::config;

/// Which methods a route serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// All that the gateway forwards.
    pub const ALL: Self = Self((1 << NAMES.len()) - 1);

    /// From the configuration, where none means all. `GET` includes `HEAD`: a server answers both
    /// alike, so who may not read a page may not read its header either.
    pub fn new(named: &[config::route::Method]) -> Self {
        use config::route::Method::{Delete, Get, Head, Options, Patch, Post, Put};
        let bits = named.iter().fold(0, |bits, method| {
            bits | match method {
                Get => 0b11,
                Head => 1 << 1,
                Post => 1 << 2,
                Put => 1 << 3,
                Patch => 1 << 4,
                Delete => 1 << 5,
                Options => 1 << 6,
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
        let at = NAMES.iter().position(|name| *name == method.as_str());
        at.is_some_and(|at| self.0 & 1 << at != 0)
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

/// In the order of the bits.
const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::route::Method as Named;

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
}
