//! What a request has to carry, beyond host, path and method, to be on a route.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use url::form_urlencoded;

use crate::text_schema::text_schema;

/// Fields and parameters that a request must have, each once and with this value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestMatch {
    /// Fields of the header, by name.
    #[serde(default)]
    pub headers: BTreeMap<MatchedField, MatchedValue>,
    /// Parameters of the query, by name; compared once percent-decoded.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
}

impl RequestMatch {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.query.is_empty()
    }

    /// The names of the fields that are asked for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(|name| name.0.as_str())
    }

    /// What is asked of requests, in words.
    pub fn described(&self) -> Vec<String> {
        let fields = self.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.0.as_bytes());
            format!("the field `{}: {value}`", name.0)
        });
        let parameters = self.query.iter();
        let parameters = parameters.map(|(name, value)| format!("the parameter `{name}={value}`"));
        fields.chain(parameters).collect()
    }

    /// Whether a request has all of it. What it has twice, it does not have: upstreams would differ in
    /// which of the two counts.
    pub fn admits(&self, fields: &HeaderMap, query: Option<&[u8]>) -> bool {
        let has_field = |(name, value): (&MatchedField, &MatchedValue)| {
            let mut found = fields.get_all(&name.0).iter();
            found.next() == Some(&value.0) && found.next().is_none()
        };
        let has_parameter = |(name, value): (&String, &String)| {
            let parameters = form_urlencoded::parse(query.unwrap_or_default());
            let mut found = parameters.filter(|(found, _)| found == name);
            found.next().is_some_and(|(_, found)| found == *value) && found.next().is_none()
        };
        self.headers.iter().all(has_field) && self.query.iter().all(has_parameter)
    }
}

/// The name of a field that routes may go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedField(HeaderName);

impl PartialOrd for MatchedField {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MatchedField {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl<'de> Deserialize<'de> for MatchedField {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match HeaderName::from_bytes(text.as_bytes()) {
            Err(_) => Err(de::Error::custom("not the name of a field")),
            // A configuration has no secrets, and who somebody is, is decided after the route.
            Ok(name) if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(&name) => Err(
                de::Error::custom("credentials do not decide about the route"),
            ),
            Ok(name) if name == http::header::HOST => {
                Err(de::Error::custom("the host is matched by `host`"))
            }
            Ok(name) => Ok(Self(name)),
        }
    }
}

text_schema!(MatchedField, "MatchedField", {
    "description": "The name of a field.",
    "type": "string",
    "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
});

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedValue(HeaderValue);

impl<'de> Deserialize<'de> for MatchedValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match HeaderValue::from_str(text.trim()) {
            Ok(value) if value.len() == text.len() => Ok(Self(value)),
            _ => Err(de::Error::custom("not the value of a field")),
        }
    }
}

text_schema!(MatchedValue, "MatchedValue", {
    "description": "The value of a field, compared byte for byte.",
    "type": "string",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> Result<RequestMatch, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_there_once_and_says_this_is_a_match() {
        let wanted = of("{headers: {X-Version: '2'}, query: {beta: 'a b'}}").unwrap();
        let admits = |versions: &[&'static str], query: &str| {
            let versions = versions
                .iter()
                .map(|version| HeaderValue::from_static(version));
            let name = HeaderName::from_static("x-version");
            let fields = versions.map(|version| (name.clone(), version)).collect();
            wanted.admits(&fields, Some(query.as_bytes()))
        };
        assert!(admits(&["2"], "x=1&beta=a%20b"));
        assert!(admits(&["2"], "%62eta=a+b"));
        for (versions, query) in [
            (&["2", "2"][..], "beta=a+b"),
            (&["2", "3"], "beta=a+b"),
            (&["02"], "beta=a+b"),
            (&[], "beta=a+b"),
            (&["2"], "beta=a+b&beta=c"),
            (&["2"], "beta=a"),
            (&["2"], ""),
        ] {
            assert!(!admits(versions, query), "{versions:?} {query}");
        }
        assert!(!wanted.admits(&HeaderMap::new(), None));
    }

    #[test]
    fn credentials_decide_about_no_route() {
        for (yaml, said) in [
            ("{headers: {Authorization: a}}", "credentials"),
            ("{headers: {cookie: a}}", "credentials"),
            ("{headers: {Host: a}}", "`host`"),
            ("{headers: {'a b': a}}", "not the name"),
            ("{headers: {a: \"b\\n\"}}", "not the value"),
        ] {
            let error = of(yaml).unwrap_err();
            assert!(error.contains(said), "{yaml}: {error}");
        }
        assert!(of("{}").unwrap().is_empty());
    }
}
