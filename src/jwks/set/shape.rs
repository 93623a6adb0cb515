//! What a document is that was expected to be a key set.

use serde_json::Value;

use super::KeySetError;

/// Names the shapes that addresses of keys are often confused with.
pub(super) fn of_no_set(document: &Value) -> KeySetError {
    let Value::Object(members) = document else {
        return KeySetError::NotAKeySet;
    };
    let is_pem = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| text.starts_with("-----BEGIN "))
    };
    if members.contains_key("jwks_uri") {
        KeySetError::Discovery
    } else if !members.is_empty() && members.values().all(is_pem) {
        KeySetError::PemMap
    } else {
        KeySetError::NotAKeySet
    }
}
