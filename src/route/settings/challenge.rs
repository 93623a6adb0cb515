//! What a route asks for with a 401, beyond the scheme (RFC 9110 section 11.6.1).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Parameters of `WWW-Authenticate: Bearer`, such as `resource_metadata` (RFC 9728), `scope` or
/// `authorization_uri`, from which clients learn where to get a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub struct Challenge {
    realm: Option<String>,
    /// The others, as they stand in the field.
    parameters: String,
    names: Vec<String>,
}

impl Challenge {
    /// The `realm`, when it is another than the gateway's.
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// The other parameters, each with a comma before it.
    pub fn parameters(&self) -> &str {
        &self.parameters
    }

    /// Whether a parameter is among them.
    pub fn says(&self, name: &str) -> bool {
        self.names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl TryFrom<BTreeMap<String, String>> for Challenge {
    type Error = String;

    fn try_from(given: BTreeMap<String, String>) -> Result<Self, String> {
        let mut challenge = Self::default();
        for (name, value) in given {
            let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(format!("`{name}` is not the name of a parameter"));
            }
            // What went wrong, only a response knows.
            if name.eq_ignore_ascii_case("error") {
                return Err("`error` is set by the gateway".to_owned());
            }
            let is_text = |byte: u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(&byte);
            if !value.bytes().all(is_text) {
                return Err(format!(
                    "`{name}` has characters that a quoted value cannot have"
                ));
            }
            match name.eq_ignore_ascii_case("realm") {
                true => challenge.realm = Some(value),
                false => challenge.parameters += &format!(", {name}=\"{value}\""),
            }
            challenge.names.push(name);
        }
        Ok(challenge)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(given: Value) -> Result<Challenge, String> {
        serde_json::from_value(given).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn parameters_are_written_as_the_field_has_them() {
        let challenge =
            parse(json!({ "scope": "a b", "realm": "mcp", "resource_metadata": "https://a/" }));
        let challenge = challenge.unwrap();
        assert_eq!(challenge.realm(), Some("mcp"));
        assert!(challenge.says("Scope") && !challenge.says("error"));
        let expected = r#", resource_metadata="https://a/", scope="a b""#;
        assert_eq!(challenge.parameters(), expected);
        assert_eq!(parse(json!({})), Ok(Challenge::default()));
        for wrong in [
            json!({ "error": "x" }),
            json!({ "Error": "x" }),
            json!({ "a b": "x" }),
            json!({ "": "x" }),
            json!({ "scope": "a\"b" }),
            json!({ "scope": "a\r\nb" }),
            json!({ "scope": "\u{e9}" }),
        ] {
            assert!(parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
