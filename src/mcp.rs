//! Calls of the Model Context Protocol (MCP) over HTTP, and what a route asks for each.
//!
//! A call is a JSON-RPC message in the content of a POST. Since the revision of 2026-07-28 its method and
//! what it is about are also in the fields `Mcp-Method` and `Mcp-Name`, and an upstream may go by either.
//! So both are read, each in one way, and a request in which they differ is refused.

use std::collections::BTreeMap;

mod fields;
mod message;
mod names;
pub mod settings;

pub use fields::Fields;
pub use message::Call;
pub use settings::McpSettings;

use crate::authorize::{ClaimRule, ClaimRules};
use crate::rejection::{Code, Rejection};
use names::NamePattern;
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
    names: Vec<NamePattern>,
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

    /// The rules that a call must satisfy: all that are for it in any reading of its name.
    ///
    /// # Errors
    ///
    /// There is none for it in one of these readings, and calls without any are refused.
    pub fn rules_for(&self, call: &Call) -> Result<Vec<&Rule>, Rejection> {
        let readings = names::readings(call);
        let is_listed = |name: &str| self.rules.iter().any(|rule| rule.is_for(call, name));
        let has_unlisted = readings.iter().any(|name| !is_listed(name));
        if has_unlisted && self.refuses_unlisted && !call.is_answer {
            return Err(Rejection::new(Code::Forbidden, "mcp_call_unlisted"));
        }
        let is_for_one = |rule: &&Rule| readings.iter().any(|name| rule.is_for(call, name));
        Ok(self.rules.iter().filter(is_for_one).collect())
    }
}

impl Rule {
    fn new(settings: &CallSettings) -> Self {
        let require: &BTreeMap<String, ClaimRule> = &settings.require;
        let method = settings.method.as_str();
        let names = settings.names.iter();
        let scopes = settings.scopes.iter();
        Self {
            method: method.into(),
            names: names.map(|name| NamePattern::new(method, name)).collect(),
            scopes: scopes.map(|scope| scope.as_str().into()).collect(),
            claims: ClaimRules::new(require),
        }
    }

    fn is_for(&self, call: &Call, name: &str) -> bool {
        let is_method = call.method.as_deref() == Some(&self.method);
        let mut names = self.names.iter();
        is_method && (self.names.is_empty() || names.any(|pattern| pattern.matches(name)))
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
