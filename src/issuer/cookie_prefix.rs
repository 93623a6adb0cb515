//! Beginnings of cookies' names by which browsers ask more of a cookie (RFC 6265bis section 4.1.3).

/// What a browser asks of a cookie because of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookiePrefix {
    /// `__Host-`: it is set by `https`, for one host alone and the path `/`.
    Host,
    /// `__Secure-`: it is set by `https`.
    Secure,
}

impl CookiePrefix {
    /// The prefix of a name, which browsers compare without regard to case.
    pub fn of(name: &str) -> Option<Self> {
        let has = |prefix: &str| {
            let start = name.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        match has("__Host-") {
            true => Some(Self::Host),
            false => has("__Secure-").then_some(Self::Secure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_makes_no_difference() {
        for (name, prefix) in [
            ("__Host-at", Some(CookiePrefix::Host)),
            ("__HOST-at", Some(CookiePrefix::Host)),
            ("__Secure-at", Some(CookiePrefix::Secure)),
            ("__secure-", Some(CookiePrefix::Secure)),
            ("__Host", None),
            ("_Host-at", None),
            ("__Hosté", None),
            ("", None),
        ] {
            assert_eq!(CookiePrefix::of(name), prefix, "{name}");
        }
    }
}
