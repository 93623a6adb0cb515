//! Header fields that a route sets, adds and takes away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::template::Template;

/// Edits of a header, in this order: `remove`, `set`, `add`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderOperations {
    /// Fields to remove, in any spelling.
    pub remove: Vec<String>,
    /// Fields to set, replacing any of the same name. A field whose value is not available is only
    /// removed.
    pub set: BTreeMap<String, Template>,
    /// Fields to add to any of the same name. A field whose value is not available is omitted.
    pub add: BTreeMap<String, Template>,
}

impl HeaderOperations {
    /// The fields that are set or added.
    pub fn incoming(&self) -> impl Iterator<Item = (&String, &Template)> {
        self.set.iter().chain(&self.add)
    }

    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}
