//! Empty lists of issuers that say what the omission of their key says. They look as if nothing were
//! accepted; files that were written after an earlier example have them.

use serde_yaml::Value;

use crate::config::Config;
use crate::diagnostic::Diagnostic;

/// Checks `issuers` as the file writes them: their types do not know an empty list from none.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let issuers = config.document.value().get("issuers");
    let issuers = issuers.and_then(Value::as_sequence).into_iter().flatten();
    let mut found = Vec::new();
    for (number, issuer) in issuers.enumerate() {
        let is_empty = |key: &str| {
            let list = issuer.get(key).and_then(Value::as_sequence);
            list.is_some_and(Vec::is_empty)
        };
        let empty = UNSET.iter().filter(|(key, _)| is_empty(key));
        found.extend(empty.map(|(key, message)| {
            let finding = Diagnostic::warning(format!("issuers[{number}].{key}"), *message);
            finding.hint("omit the key, or list what is accepted")
        }));
    }
    found
}

/// The keys that may be empty, and what that means.
const UNSET: [(&str, &str); 2] = [
    ("azp", "an empty list counts as none: `azp` is not checked"),
    (
        "logout_audience",
        "an empty list counts as none: the audiences of `aud` apply",
    ),
];
