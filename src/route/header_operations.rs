//! Edits of header fields, prepared when the configuration is read.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::settings::HeaderOperations;
use crate::field_name::{FieldName, FieldNames};
use crate::template::{Part, Template};

/// What a route changes about a header.
#[derive(Debug, Default)]
pub struct PreparedOperations {
    leaving: FieldNames,
    incoming: Vec<Field>,
}

/// A field that comes in.
#[derive(Clone, Debug)]
pub struct Field {
    /// As configured, since some servers are particular about case.
    pub name: Bytes,
    /// The value, with placeholders.
    pub value: FieldValue,
}

/// What a field says.
#[derive(Clone, Debug)]
pub enum FieldValue {
    /// A value without placeholders.
    Fixed(HeaderValue),
    /// Filled in for each request.
    Filled(Template),
}

impl PreparedOperations {
    /// Takes the settings from the configuration.
    pub fn new(settings: &HeaderOperations) -> Self {
        let leaving = settings.remove.iter().chain(settings.set.keys());
        let incoming = settings.incoming();
        Self {
            leaving: leaving.map(|name| name.as_str()).collect(),
            incoming: incoming
                .map(|(name, text)| Field::new(name, text))
                .collect(),
        }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.leaving.is_empty() && self.incoming.is_empty()
    }

    /// Whether a field leaves.
    pub fn takes(&self, name: &HeaderName) -> bool {
        self.leaving.contains(name.as_str())
    }

    /// What comes in once those have left.
    pub fn incoming(&self) -> &[Field] {
        &self.incoming
    }
}

impl Field {
    /// A field with this name and value.
    pub fn new(name: &FieldName, text: &Template) -> Self {
        let fixed = match text.parts() {
            [] => Some(HeaderValue::from_static("")),
            [Part::Text(text)] => HeaderValue::from_str(text).ok(),
            _ => None,
        };
        Self {
            name: Bytes::copy_from_slice(name.as_str().as_bytes()),
            value: fixed.map_or_else(|| FieldValue::Filled(text.clone()), FieldValue::Fixed),
        }
    }
}
