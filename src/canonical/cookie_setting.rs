//! Whether the gateway sets a cookie of its own, and for which hosts.

use std::fmt;
use std::net::IpAddr;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::text_schema::text_schema;

/// Whether the gateway sets a cookie: for its own host alone, or for a domain with all hosts below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CookieSetting {
    /// It sets none.
    #[default]
    Off,
    /// For its own host alone.
    Host,
    /// For this domain and all hosts below it, in lower case.
    Domain(Box<str>),
}

impl CookieSetting {
    /// Whether it sets one.
    pub fn is_on(&self) -> bool {
        *self != Self::Off
    }

    /// The domain, if it is not for the gateway's host alone.
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Off | Self::Host => None,
        }
    }

    /// Whether a browser takes the cookie from this host (RFC 6265 section 5.1.3).
    pub fn fits(&self, host: &str) -> bool {
        self.domain().is_none_or(|domain| {
            let below = host.strip_suffix(domain);
            below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
        })
    }
}

/// The domain of a cookie, which browsers take for a domain that somebody owns only.
fn domain(text: &str) -> Result<Box<str>, &'static str> {
    let name = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let shape = "not a domain: expected a name such as `example.com`";
    if name.is_empty() || !name.bytes().all(is_name) || name.parse::<IpAddr>().is_ok() {
        return Err(shape);
    }
    if name.split('.').any(str::is_empty) {
        return Err(shape);
    }
    match psl::domain_str(&name).is_some() {
        true => Ok(name.into()),
        false => Err("anybody can have a host below this; name a domain of your own"),
    }
}

impl<'de> Deserialize<'de> for CookieSetting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Setting;

        impl<'de> Visitor<'de> for Setting {
            type Value = CookieSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false` or `{domain: example.com}`")
            }

            fn visit_bool<E: de::Error>(self, on: bool) -> Result<CookieSetting, E> {
                Ok(match on {
                    true => CookieSetting::Host,
                    false => CookieSetting::Off,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<CookieSetting, A::Error> {
                let mut found = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "domain" {
                        map.next_value::<IgnoredAny>()?;
                        return Err(de::Error::unknown_field(&key, &["domain"]));
                    }
                    let text: String = map.next_value()?;
                    found = Some(domain(&text).map_err(de::Error::custom)?);
                }
                let found = found.ok_or_else(|| de::Error::missing_field("domain"))?;
                Ok(CookieSetting::Domain(found))
            }
        }

        from.deserialize_any(Setting)
    }
}

text_schema!(CookieSetting, "CookieSetting", {
    "description": "`true` for the gateway's own host, or `{domain: example.com}` for all hosts below.",
    "anyOf": [
        { "type": "boolean" },
        {
            "type": "object",
            "properties": { "domain": { "type": "string", "minLength": 1 } },
            "required": ["domain"],
            "additionalProperties": false,
        },
    ],
});

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_domain_is_one_that_somebody_owns() {
        let read = |value| serde_json::from_value::<CookieSetting>(value);
        assert_eq!(read(json!(true)).unwrap(), CookieSetting::Host);
        assert_eq!(read(json!(false)).unwrap(), CookieSetting::Off);
        for text in ["example.com", ".Example.com"] {
            let setting = read(json!({ "domain": text })).unwrap();
            assert_eq!(setting.domain(), Some("example.com"), "{text}");
        }
        for text in [
            "com",
            "co.uk",
            "localhost",
            "192.0.2.1",
            "",
            ".",
            "a..example.com",
            "a b.com",
        ] {
            assert!(read(json!({ "domain": text })).is_err(), "{text}");
        }
        for value in [json!("yes"), json!({}), json!({ "host": "example.com" })] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn browsers_take_it_from_hosts_of_the_domain() {
        let setting = CookieSetting::Domain("example.com".into());
        for host in ["example.com", "auth.example.com", "a.b.example.com"] {
            assert!(setting.fits(host), "{host}");
        }
        for host in ["badexample.com", "example.com.evil.test", "com"] {
            assert!(!setting.fits(host), "{host}");
        }
        assert!(CookieSetting::Host.fits("anything"));
    }
}
