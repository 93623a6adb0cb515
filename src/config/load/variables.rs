//! Variables such as `${NAME}`, which other programs put values in place of, and this one does not.

use serde_yaml::Value;

use crate::config::positions::member;
use crate::diagnostic::Diagnostic;

/// Says so where a wrong value has one.
pub(super) fn about(error: Diagnostic, text: &str) -> Diagnostic {
    let written = error.position.and_then(|position| {
        let line = text.lines().nth(position.line.checked_sub(1)?)?;
        Some(line.chars().skip(position.column.checked_sub(1)?))
    });
    let is_written = written.is_some_and(|written| {
        let mut written = written.skip_while(|letter| *letter != '$').skip(1);
        let next = written.next();
        next.is_some_and(|next| next == '{' || next.is_ascii_uppercase())
    });
    let has_variable = is_written || error.message.contains("${");
    match has_variable && error.hint.is_none() {
        true => error.hint(format!("variables are not expanded; {HOW}")),
        false => error,
    }
}

/// Warns of texts that have one and are taken as they stand, such as an audience that no token will have.
pub(super) fn warnings(document: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    collect(document, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut Vec<Diagnostic>) {
    match value {
        Value::String(text) if has_variable(text) && !path.ends_with(".respond.body") => {
            let message = "the variable in this text is not expanded: it is taken as it stands";
            found.push(Diagnostic::warning(path, message).hint(HOW));
        }
        Value::Sequence(items) => {
            for (number, item) in items.iter().enumerate() {
                collect(item, format!("{path}[{number}]"), found);
            }
        }
        Value::Mapping(fields) => {
            for (key, value) in fields {
                if let Some(key) = key.as_str() {
                    collect(value, member(&path, key), found);
                }
            }
        }
        _ => {}
    }
}

/// `${NAME}` anywhere, or `$NAME` alone.
fn has_variable(text: &str) -> bool {
    let is_name = |name: &str| {
        let mut letters = name.chars();
        let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
        letters.next().is_some_and(is_first)
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let braced = text.split("${").skip(1);
    let mut braced = braced.filter_map(|rest| rest.split_once(['}', ':']));
    let alone = text.strip_prefix('$');
    braced.any(|(name, _)| is_name(name))
        || alone
            .is_some_and(|name| is_name(name) && !name.chars().any(|it| it.is_ascii_lowercase()))
}

const HOW: &str = "only secrets are read from the environment, by `env:NAME`";
