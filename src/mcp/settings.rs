//! What a route asks for calls of MCP.

use std::collections::BTreeMap;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::authorize::ClaimRule;
use crate::text_schema::SizeText;

/// What calls of MCP need beyond what the route requires. The content of each request is read before it is
/// forwarded, and compared with `Mcp-Method` and `Mcp-Name`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Mcp", deny_unknown_fields, default)]
pub struct McpSettings {
    /// Which calls need what. All entries that a call matches must be satisfied.
    pub calls: Vec<CallSettings>,
    /// What becomes of calls that no entry matches: `allow` or `refuse`.
    pub unlisted: Unlisted,
    /// The maximum size of a message.
    #[schemars(with = "SizeText")]
    pub content_size: ByteSize,
    /// Decide by the fields alone, and do not read the content. By forward auth there is no other way,
    /// because other proxies do not pass on the content.
    #[schemars(extend("x-unsafe" = "a server that does not compare the fields with the content itself runs calls that these rules forbid"))]
    pub fields_only: bool,
}

impl Default for McpSettings {
    fn default() -> Self {
        Self {
            calls: Vec::new(),
            unlisted: Unlisted::Allow,
            content_size: ByteSize::mib(1),
            fields_only: false,
        }
    }
}

/// What some calls need.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Call", deny_unknown_fields)]
pub struct CallSettings {
    /// The method: `tools/call`, `resources/read`, `prompts/get` or another one.
    pub method: String,
    /// The tools, prompts or URIs of resources; `*` at the end stands for any ending. If empty, all.
    #[serde(default)]
    pub names: Vec<String>,
    /// Scopes from `session.scopes`, all of which the session token must have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Required claims of the session, by name.
    #[serde(default)]
    pub require: BTreeMap<String, ClaimRule>,
}

/// What becomes of calls that no entry matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unlisted {
    /// They pass as the route says.
    #[default]
    Allow,
    /// They are refused.
    Refuse,
}
