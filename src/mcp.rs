//! Calls of the Model Context Protocol (MCP) over HTTP, and what a route asks for each.
//!
//! A call is a JSON-RPC message in the content of a POST. Since the revision of 2026-07-28 its method and
//! what it is about are also in the fields `Mcp-Method` and `Mcp-Name`, and an upstream may go by either.
//! So both are read, each in one way, and a request in which they differ is refused.

use std::collections::BTreeMap;

mod fields;
mod message;
pub mod settings;

pub use fields::Fields;
pub use message::Call;
pub use settings::McpSettings;

use crate::authorize::{ClaimRule, ClaimRules};
use crate::rejection::{Code, Rejection};
use settings::{CallSettings, Unlisted};

/// What a route asks for calls.
#[derive(Debug)]
pub struct Calls {
    rules: Vec<Rule>,
    refuses_unlisted: bool,
    fields_only: bool,
    longest: usize,
}

/// What some calls need.
#[derive(Debug)]
pub struct Rule {
    method: Box<str>,
    names: Vec<Box<str>>,
    /// Scopes that the token must have.
    pub scopes: Vec<Box<str>>,
    /// What the session's claims must say.
    pub claims: ClaimRules,
}

impl Calls {
    /// Takes the settings from the configuration.
    pub fn new(settings: &McpSettings) -> Self {
        Self {
            rules: settings.calls.iter().map(Rule::new).collect(),
            refuses_unlisted: settings.unlisted == Unlisted::Refuse,
            fields_only: settings.fields_only,
            longest: usize::try_from(settings.content_size.as_u64()).unwrap_or(usize::MAX),
        }
    }

    /// Whether the fields decide alone, and the content is not read.
    pub fn go_by_fields(&self) -> bool {
        self.fields_only
    }

    /// The most bytes of a message.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The rules that a call must satisfy.
    ///
    /// # Errors
    ///
    /// There is none for it, and calls without any are refused.
    pub fn rules_for(&self, call: &Call) -> Result<Vec<&Rule>, Rejection> {
        let rules: Vec<&Rule> = self.rules.iter().filter(|it| it.is_for(call)).collect();
        if rules.is_empty() && self.refuses_unlisted && !call.is_answer {
            return Err(Rejection::new(Code::Forbidden, "mcp_call_unlisted"));
        }
        Ok(rules)
    }
}

impl Rule {
    fn new(settings: &CallSettings) -> Self {
        let require: &BTreeMap<String, ClaimRule> = &settings.require;
        let boxed = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
        Self {
            method: settings.method.as_str().into(),
            names: boxed(&settings.names),
            scopes: boxed(&settings.scopes),
            claims: ClaimRules::new(require),
        }
    }

    fn is_for(&self, call: &Call) -> bool {
        let is_method = call.method.as_deref() == Some(&self.method);
        let is_named = |pattern: &str| {
            let name = call.name.as_deref().unwrap_or_default();
            match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            }
        };
        is_method && (self.names.is_empty() || self.names.iter().any(|name| is_named(name)))
    }
}

/// Why a message and its fields are not one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum McpError {
    /// The content is not a JSON object.
    #[error("the content is not a JSON object")]
    NotAnObject,
    /// A member is there twice, at any depth.
    #[error("a member occurs twice")]
    Duplicate,
    /// A batch of messages.
    #[error("the content is a batch of messages")]
    Batch,
    /// A member that servers which ignore letter case take for another one.
    #[error("a member imitates another one")]
    MemberSpelling,
    /// A member has another type than it must have.
    #[error("a member has the wrong type")]
    MemberType,
    /// A field is there twice.
    #[error("a field occurs twice")]
    FieldTwice,
    /// A field that servers take for one of the two.
    #[error("a field imitates `Mcp-Method` or `Mcp-Name`")]
    FieldSpelling,
    /// A field is not visible ASCII, or not the Base64 that it says.
    #[error("a field is not readable")]
    FieldInvalid,
    /// A field is missing that the protocol's version requires.
    #[error("a field is missing")]
    FieldMissing,
    /// The fields say something else than the content.
    #[error("the fields and the content differ")]
    Mismatch,
}

impl From<McpError> for Rejection {
    fn from(error: McpError) -> Self {
        let reason = match error {
            McpError::NotAnObject => "mcp_content_invalid",
            McpError::Duplicate => "mcp_member_duplicate",
            McpError::Batch => "mcp_batch",
            McpError::MemberSpelling => "mcp_member_spelling",
            McpError::MemberType => "mcp_member_type",
            McpError::FieldTwice => "mcp_field_twice",
            McpError::FieldSpelling => "mcp_field_spelling",
            McpError::FieldInvalid => "mcp_field_invalid",
            McpError::FieldMissing => "mcp_field_missing",
            McpError::Mismatch => "mcp_mismatch",
        };
        Self::new(Code::InvalidRequest, reason)
    }
}

#[cfg(test)]
mod tests;
