//! Faults of YAML's syntax, and words that it takes for something else than a text.

use serde_yaml::Value;

use crate::diagnostic::{Diagnostic, Position};

/// What a YAML parser cannot read, with the mistake that is most likely behind it.
pub fn not_yaml(said: &str, at: Position) -> Diagnostic {
    let error = Diagnostic::error("", format!("not YAML: {said}")).at(at);
    match said {
        said if said.contains("a tab") || said.contains("tabs") => {
            error.hint("YAML is indented with spaces, not with tabs")
        }
        said if [
            "block collection",
            "block mapping",
            "simple key",
            "mapping values",
        ]
        .iter()
        .any(|sign| said.contains(sign)) =>
        {
            error.hint("compare the indentation of this line with that of the lines above")
        }
        _ => error,
    }
}

/// Whether YAML takes a word without quotes for a text, and not for a number, `true`, `false` or nothing.
pub(super) fn is_text(word: &str) -> bool {
    let may_be_other = word
        .bytes()
        .next()
        .is_none_or(|first| first.is_ascii_digit() || b"+-.~nNtTfF".contains(&first));
    !may_be_other
        || !matches!(
            serde_yaml::from_str(word),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_))
        )
}

/// The fault of a key that is no text.
pub(super) fn no_text(path: String, at: Position) -> Diagnostic {
    let message = "YAML takes this key for a number, `true`, `false` or nothing";
    Diagnostic::error(path, message)
        .at(at)
        .hint("put it in quotes")
}
