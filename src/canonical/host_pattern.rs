//! Hosts, as the configuration names them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::host::{BareHostError, Host};

/// One host, or all hosts below a name: `app.example.com`, `*.example.com`.
#[derive(Clone, Debug)]
pub struct HostPattern {
    text: Box<str>,
    /// The bytes that hosts are compared by, without `*.`.
    name: Box<[u8]>,
    is_wildcard: bool,
}

impl HostPattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for all hosts below its name.
    pub fn is_wildcard(&self) -> bool {
        self.is_wildcard
    }

    /// Whether it stands for this host.
    pub fn admits(&self, host: &Host<'_>) -> bool {
        let host: Vec<u8> = host.folded().collect();
        match self.is_wildcard {
            false => *host == *self.name,
            true => host
                .strip_suffix(&*self.name)
                .is_some_and(|below| below.len() > 1 && below.ends_with(b".")),
        }
    }

    /// The bytes that hosts are compared by, without `*.`.
    pub(crate) fn folded(&self) -> &[u8] {
        &self.name
    }
}

/// Two patterns are equal when they stand for the same hosts.
impl PartialEq for HostPattern {
    fn eq(&self, other: &Self) -> bool {
        (self.is_wildcard, &self.name) == (other.is_wildcard, &other.name)
    }
}

impl Eq for HostPattern {}

impl Hash for HostPattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.is_wildcard, &self.name).hash(state);
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for HostPattern {
    type Err = BareHostError;

    fn from_str(text: &str) -> Result<Self, BareHostError> {
        let below = text.strip_prefix("*.");
        let host = Host::parse_bare(below.unwrap_or(text))?;
        Ok(Self {
            text: text.into(),
            name: host.folded().collect(),
            is_wildcard: below.is_some(),
        })
    }
}

impl<'de> Deserialize<'de> for HostPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_refused_for_what_is_wrong_with_it() {
        for host in ["app.example.com", "App.Example.com", "127.0.0.1", "[::1]"] {
            let pattern: HostPattern = host.parse().unwrap();
            assert_eq!((pattern.as_str(), pattern.is_wildcard()), (host, false));
        }
        let below: HostPattern = "*.example.com".parse().unwrap();
        assert!(below.is_wildcard());
        let long = "a".repeat(254);
        for (error, hosts) in [
            (
                BareHostError::Wildcard,
                &["*", "*.*.example.com", "a.*.example.com", "*a.example.com"][..],
            ),
            (
                BareHostError::Form,
                &[
                    "",
                    "*.",
                    "app:80",
                    "a/b",
                    "a..b.example",
                    ".a.example",
                    "a~b.example",
                    "a!b.example",
                    "münchen.example",
                    "127.1",
                    &long,
                ],
            ),
        ] {
            for host in hosts {
                assert_eq!(host.parse::<HostPattern>(), Err(error), "{host}");
            }
        }
    }

    #[test]
    fn patterns_are_equal_by_the_hosts_that_they_stand_for() {
        let pattern = |text: &str| text.parse::<HostPattern>().unwrap();
        for (one, other, equal) in [
            ("a.example", "A.Example", true),
            ("a.example", "a.example.", true),
            ("*.a.example", "*.A.example", true),
            ("*.a.example", "a.example", false),
            ("a.example", "b.example", false),
        ] {
            assert_eq!(pattern(one) == pattern(other), equal, "{one} {other}");
        }
    }
}
