//! Domains that cookies are set for.

use std::net::IpAddr;

/// The domain of a cookie that is for all hosts of that domain, in lower case. Browsers take it for a domain
/// that somebody owns only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieDomain(Box<str>);

/// The text is no such domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieDomainError {
    /// No name, or an address, which has no hosts below.
    #[error("not a domain: expected a name such as `example.com`")]
    Shape,
    /// A public suffix.
    #[error("anybody can have a host below this; name a domain of your own")]
    PublicSuffix,
}

impl CookieDomain {
    /// Parses a name, perhaps with the dot in front that older servers write.
    ///
    /// # Errors
    ///
    /// It is none, or everybody's.
    pub fn parse(text: &str) -> Result<Self, CookieDomainError> {
        let name = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let is_address = name.parse::<IpAddr>().is_ok();
        if !name.bytes().all(is_name) || is_address || name.split('.').any(str::is_empty) {
            return Err(CookieDomainError::Shape);
        }
        match psl::domain_str(&name).is_some() {
            true => Ok(Self(name.into())),
            false => Err(CookieDomainError::PublicSuffix),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a browser takes the cookie from this host, a name in lower case (RFC 6265 section 5.1.3).
    pub fn fits(&self, host: &str) -> bool {
        let below = host.strip_suffix(&*self.0);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_one_that_somebody_owns() {
        for text in ["example.com", ".Example.com"] {
            let domain = CookieDomain::parse(text).unwrap();
            assert_eq!(domain.as_str(), "example.com", "{text}");
        }
        for text in ["192.0.2.1", "", ".", "a..example.com", "a b.com"] {
            let refused = CookieDomain::parse(text);
            assert_eq!(refused, Err(CookieDomainError::Shape), "{text}");
        }
        for text in ["com", "co.uk", "localhost"] {
            let refused = CookieDomain::parse(text);
            assert_eq!(refused, Err(CookieDomainError::PublicSuffix), "{text}");
        }
    }

    #[test]
    fn browsers_take_it_from_hosts_of_the_domain() {
        let domain = CookieDomain::parse("example.com").unwrap();
        for host in ["example.com", "auth.example.com", "a.b.example.com"] {
            assert!(domain.fits(host), "{host}");
        }
        for host in ["badexample.com", "example.com.evil.test", "com"] {
            assert!(!domain.fits(host), "{host}");
        }
    }
}
