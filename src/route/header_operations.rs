//! Edits of header fields, prepared when the configuration is read.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::settings::HeaderOperations;
use crate::field_name::FieldNames;
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
    /// The same each time.
    Fixed(HeaderValue),
    /// Filled in for each request.
    Filled(Template),
}

impl PreparedOperations {
    /// Takes the settings from the configuration.
    pub fn new(settings: &HeaderOperations) -> Result<Self, FieldError> {
        let leaving = settings.remove.iter().chain(settings.set.keys());
        let leaving = leaving.map(String::as_str).collect();
        let incoming = settings
            .incoming()
            .map(|(name, text)| Field::new(name, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { leaving, incoming })
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
    pub fn new(name: &str, text: &Template) -> Result<Self, FieldError> {
        let invalid = || FieldError(name.to_owned());
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let value = match text.parts() {
            [] => FieldValue::Fixed(HeaderValue::from_static("")),
            [Part::Text(text)] => {
                FieldValue::Fixed(HeaderValue::from_str(text).map_err(|_| invalid())?)
            }
            _ => FieldValue::Filled(text.clone()),
        };
        Ok(Self {
            name: Bytes::copy_from_slice(name.as_bytes()),
            value,
        })
    }
}

/// The name or the value of a field cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a header field")]
pub struct FieldError(pub String);
