//! What the header fields of a request say of its call.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;

use super::{Call, McpError};
use crate::field_name::folded;

/// The fields, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    method: Option<String>,
    name: Option<String>,
    /// Whether the protocol's version requires them.
    required: bool,
}

impl Fields {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// One of them is there twice, in another spelling, or is not readable.
    pub fn read(headers: &HeaderMap) -> Result<Self, McpError> {
        let imitates = |name: &str| {
            let is_other = |known: &str| name != known && folded(name).eq(known.bytes());
            is_other(METHOD) || is_other(NAME)
        };
        if headers.keys().any(|name| imitates(name.as_str())) {
            return Err(McpError::FieldSpelling);
        }
        let name = match text(headers, NAME)? {
            Some(text) => Some(decoded(text)?),
            None => None,
        };
        Ok(Self {
            method: text(headers, METHOD)?.map(str::to_owned),
            name,
            // Dates are compared as texts. Older versions do not know the fields.
            required: text(headers, VERSION)?.is_some_and(|version| version >= FIRST),
        })
    }

    /// The call that they name, if they name any.
    pub fn call(&self) -> Option<Call> {
        self.method.as_ref().map(|method| Call {
            method: Some(method.clone()),
            name: self.name.clone(),
            is_answer: false,
        })
    }

    /// Compares them with the message in the content.
    ///
    /// # Errors
    ///
    /// They say something else, or are missing where the protocol's version requires them.
    pub fn compare(&self, call: &Call) -> Result<(), McpError> {
        let methods = (&self.method, &call.method);
        match methods {
            (Some(field), Some(own)) if field == own => {}
            (None, Some(_)) if self.required => return Err(McpError::FieldMissing),
            (None, _) => {}
            _ => return Err(McpError::Mismatch),
        }
        match (&self.name, &call.name) {
            (Some(field), Some(own)) if field == own => Ok(()),
            (Some(_), _) => Err(McpError::Mismatch),
            (None, Some(_)) if self.required && call.names_in_field() => {
                Err(McpError::FieldMissing)
            }
            (None, _) => Ok(()),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, McpError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(McpError::FieldTwice);
    }
    // Visible ASCII, spaces and tabs.
    let text = value.to_str().map_err(|_| McpError::FieldInvalid)?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

/// A name as the message has it: what is no plain text is Base64 between markers.
fn decoded(text: &str) -> Result<String, McpError> {
    let marked = text.strip_prefix("=?base64?");
    let Some(encoded) = marked.and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(text.to_owned());
    };
    let bytes = BASE64.decode(encoded).map_err(|_| McpError::FieldInvalid)?;
    String::from_utf8(bytes).map_err(|_| McpError::FieldInvalid)
}

const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";
const VERSION: &str = "mcp-protocol-version";
/// The first revision with the fields.
const FIRST: &str = "2026-07-28";
