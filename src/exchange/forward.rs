//! How upstreams get the session token.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::template::Template;

/// How upstreams get the session token.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// The header field that contains the session token.
    pub header: String,
    /// The scheme before the token in that field; empty for the bare token.
    pub scheme: String,
    /// Fields that tell upstreams who the user is without a token, such as `X-User-Id:
    /// "{user.id}"`. They are removed from clients' requests on every route, in every spelling.
    pub identity: BTreeMap<String, Template>,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            header: "Authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            identity: BTreeMap::new(),
        }
    }
}
