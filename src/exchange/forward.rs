//! How upstreams get the session token.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::field_name::{FieldName, TokenField};
use crate::template::Template;

/// How upstreams get the session token.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// The header field that contains the session token.
    #[schemars(with = "String", extend("default" = "Authorization"))]
    pub header: TokenField,
    /// The scheme before the token in that field; empty for the bare token.
    #[serde(deserialize_with = "scheme")]
    pub scheme: String,
    /// Fields that tell upstreams who the user is without a token, such as `X-User-Id:
    /// "{user.id}"`. They are removed from clients' requests on every route, in every spelling.
    #[schemars(with = "BTreeMap<String, Template>")]
    pub identity: BTreeMap<TokenField, Template>,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            header: TokenField::authorization(),
            scheme: "Bearer".to_owned(),
            identity: BTreeMap::new(),
        }
    }
}

/// A token of RFC 9110 section 11.1, which has the grammar of a field name, or nothing.
fn scheme<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let is_word = text.is_empty() || text.parse::<FieldName>().is_ok();
    let message = "expected one word, such as `Bearer`, or ``";
    match is_word {
        true => Ok(text),
        false => Err(de::Error::custom(message)),
    }
}
