//! Header fields that a route sets, adds and takes away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::field_name::EditableField;
use crate::template::Template;

/// Edits of a header, in this order: `remove`, `set`, `add`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderOperations {
    /// Fields to remove, in any spelling.
    #[schemars(with = "Vec<String>", extend("default" = []))]
    pub remove: Vec<EditableField>,
    /// Fields to set, replacing any of the same name. A field whose value is not available is only
    /// removed.
    #[schemars(with = "BTreeMap<String, Template>")]
    pub set: BTreeMap<EditableField, Template>,
    /// Fields to add to any of the same name. A field whose value is not available is omitted.
    #[schemars(with = "BTreeMap<String, Template>")]
    pub add: BTreeMap<EditableField, Template>,
}

impl HeaderOperations {
    /// The fields that are set or added.
    pub fn incoming(&self) -> impl Iterator<Item = (&EditableField, &Template)> {
        self.set.iter().chain(&self.add)
    }

    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}
