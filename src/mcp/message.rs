//! A JSON-RPC message, as far as it says what is called.

use serde_json::{Map, Value};

use super::McpError;
use crate::strict_json::{self, StrictError};

/// What a message asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its `method`; `None`: it asks for nothing.
    pub method: Option<String>,
    /// What it is about: the name of a tool or prompt, the URI of a resource.
    pub name: Option<String>,
    /// It answers what the server asked, as clients of older revisions do.
    pub is_answer: bool,
}

impl Call {
    /// Reads the content of a request.
    ///
    /// # Errors
    ///
    /// Not one message, or one that another server may read in another way.
    pub fn read(content: &[u8]) -> Result<Self, McpError> {
        let message = strict_json::object(content).map_err(|error| match error {
            StrictError::Duplicate => McpError::Duplicate,
            StrictError::NotAnObject if content.trim_ascii_start().starts_with(b"[") => {
                McpError::Batch
            }
            StrictError::NotAnObject => McpError::NotAnObject,
        })?;
        one_spelling(&message, &["method", "params"])?;
        let method = text(&message, "method")?;
        let params = match message.get("params") {
            None | Some(Value::Null) => None,
            Some(Value::Object(params)) => Some(params),
            // By position: no method of the protocol has such.
            Some(_) => return Err(McpError::MemberType),
        };
        let name = match (&method, params) {
            (Some(method), Some(params)) => {
                one_spelling(params, &["name", "uri", "taskId"])?;
                text(params, names_by(method))?
            }
            _ => None,
        };
        let is_answer =
            method.is_none() && (message.contains_key("result") || message.contains_key("error"));
        Ok(Self {
            method: method.map(str::to_owned),
            name: name.map(str::to_owned),
            is_answer,
        })
    }

    /// Whether its name must be in a field (MCP 2026-07-28, Streamable HTTP).
    pub(super) fn names_in_field(&self) -> bool {
        let method = self.method.as_deref();
        method.is_some_and(|method| NAMED.contains(&method)) && self.name.is_some()
    }
}

/// The parameter that says what a call is about.
pub(super) fn names_by(method: &str) -> &'static str {
    match method.split('/').next() {
        Some("resources") => "uri",
        Some("tasks") => "taskId",
        _ => "name",
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, McpError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(McpError::MemberType),
    }
}

/// Refuses what a server that ignores letter case, as those in Go do, takes for one of these members.
fn one_spelling(members: &Map<String, Value>, known: &[&str]) -> Result<(), McpError> {
    let imitates = |name: &String| {
        let is_other = |known: &&str| **known != **name && folded(known) == folded(name);
        known.iter().any(is_other)
    };
    match members.keys().any(imitates) {
        true => Err(McpError::MemberSpelling),
        false => Ok(()),
    }
}

/// Beyond ASCII, too: `ſ` is an `s` and `K` a `k` when case is ignored.
fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

const NAMED: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];
