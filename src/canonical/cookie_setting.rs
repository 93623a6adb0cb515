//! Whether the gateway sets a cookie of its own, and for which hosts.

use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::cookie_domain::CookieDomain;
use crate::text_schema::text_schema;

/// Whether the gateway sets a cookie: for its own host alone, or for a domain with all hosts below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CookieSetting {
    /// It sets none.
    #[default]
    Off,
    /// For its own host alone.
    Host,
    /// For this domain and all hosts below it.
    Domain(CookieDomain),
}

impl CookieSetting {
    /// Whether it sets one.
    pub fn is_on(&self) -> bool {
        *self != Self::Off
    }

    /// The domain, if it is not for the gateway's host alone.
    pub fn domain(&self) -> Option<&str> {
        match self {
            Self::Domain(domain) => Some(domain.as_str()),
            Self::Off | Self::Host => None,
        }
    }

    /// Whether a browser takes the cookie from this host, a name in lower case.
    pub fn fits(&self, host: &str) -> bool {
        match self {
            Self::Domain(domain) => domain.fits(host),
            Self::Off | Self::Host => true,
        }
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
                    found = Some(CookieDomain::parse(&text).map_err(de::Error::custom)?);
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
    fn a_cookie_is_of_one_host_or_of_a_domain() {
        let read = |value| serde_json::from_value::<CookieSetting>(value);
        assert_eq!(read(json!(true)).unwrap(), CookieSetting::Host);
        assert_eq!(read(json!(false)).unwrap(), CookieSetting::Off);
        let setting = read(json!({ "domain": ".Example.com" })).unwrap();
        assert_eq!(setting.domain(), Some("example.com"));
        assert!(setting.fits("a.example.com") && !setting.fits("example.org"));
        assert!(CookieSetting::Host.fits("anything"));
        for value in [
            json!("yes"),
            json!({}),
            json!({ "host": "example.com" }),
            json!({ "domain": "com" }),
        ] {
            assert!(read(value.clone()).is_err(), "{value}");
        }
    }
}
