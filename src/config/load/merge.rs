//! What a file says once and uses several times: merge keys (`<<: *defaults`,
//! <https://yaml.org/type/merge.html>), and keys at its top that begin with `x-`, which are nothing
//! but a place for anchors.

use serde_yaml::Value;

use crate::config::positions::member;
use crate::diagnostic::Diagnostic;

/// The document with all merge keys carried out and without the keys that are only for anchors. A key
/// that stands next to a merge key takes precedence over what is merged.
///
/// # Errors
///
/// Where something is merged that has no keys.
pub(super) fn merged(document: &mut Value) -> Result<(), Diagnostic> {
    if let Some(path) = wrong_merge(document, String::new()) {
        let message = "only a mapping, or a list of mappings, can be merged";
        let hint = "refer to one by its anchor: `<<: *name`";
        return Err(Diagnostic::error(path, message).hint(hint));
    }
    if let Err(error) = document.apply_merge() {
        return Err(Diagnostic::error("", format!("cannot be merged: {error}")));
    }
    if let Some(fields) = document.as_mapping_mut() {
        fields.retain(|key, _| !key.as_str().is_some_and(is_for_anchors));
    }
    Ok(())
}

/// Whether a key at the top means nothing to the gateway.
fn is_for_anchors(key: &str) -> bool {
    key.starts_with("x-")
}

/// The path of the first merge key with a value that cannot be merged.
fn wrong_merge(value: &Value, path: String) -> Option<String> {
    match value {
        Value::Mapping(fields) => fields.iter().find_map(|(key, value)| {
            let key = key.as_str()?;
            let path = member(&path, key);
            if key == MERGE && !can_be_merged(value) {
                return Some(path);
            }
            wrong_merge(value, path)
        }),
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .find_map(|(number, item)| wrong_merge(item, format!("{path}[{number}]"))),
        _ => None,
    }
}

fn can_be_merged(value: &Value) -> bool {
    match value {
        Value::Mapping(_) => true,
        Value::Sequence(items) => items.iter().all(Value::is_mapping),
        _ => false,
    }
}

const MERGE: &str = "<<";
