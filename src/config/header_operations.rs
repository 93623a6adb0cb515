//! Header fields that a route sets, adds and takes away.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Template;

/// Edits of a header, in this order: `remove`, `set`, `add`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderOperations {
    /// Fields that leave, in any spelling.
    pub remove: Vec<String>,
    /// Fields that take the place of any of that name. One whose value can not be filled in only
    /// leaves.
    pub set: BTreeMap<String, Template>,
    /// Fields that come beside any of that name. One whose value can not be filled in does not.
    pub add: BTreeMap<String, Template>,
}

impl HeaderOperations {
    /// The fields that come in.
    pub fn incoming(&self) -> impl Iterator<Item = (&String, &Template)> {
        self.set.iter().chain(&self.add)
    }

    /// Whether nothing is edited.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.add.is_empty()
    }
}
