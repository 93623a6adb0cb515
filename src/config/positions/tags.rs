//! YAML's tags. Those of the standard say what type a value has. Of any other, such as `!env` and `!secret` of other
//! programs, the value would be taken as it stands, without what its author means by it.

use saphyr_parser::Tag;

use crate::diagnostic::{Diagnostic, Position};

/// Refuses a tag that means nothing here. The message does not have it: a secret may begin with `!`.
pub(super) fn known(tag: Option<&Tag>, path: &str, at: Position) -> Result<(), Diagnostic> {
    let is_known =
        tag.is_none_or(|tag| tag.is_yaml_core_schema() && TYPES.contains(&tag.suffix.as_str()));
    match is_known {
        true => Ok(()),
        false => {
            let message = "a tag of YAML (`!` and a word) that means nothing here";
            let hint = "put a text that begins with `!` in quotes; only secrets are read from the \
                        environment or files, by `env:NAME` and `file:PATH`";
            Err(Diagnostic::error(path, message).at(at).hint(hint))
        }
    }
}

/// The types of the core schema (YAML 1.2 section 10.3) and of its base.
const TYPES: [&str; 7] = ["str", "int", "float", "bool", "null", "map", "seq"];
