//! Whether a route's edits of header fields go together with the rest of the file.

use std::collections::HashSet;

use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::field_name::{EditableField, TokenField};
use crate::route::settings::HeaderOperations;

/// Checks the edits of requests at `path`; `token_field` carries the session token.
pub(super) fn of_request(
    path: &str,
    operations: &HeaderOperations,
    has_session: bool,
    token_field: &TokenField,
) -> Vec<Diagnostic> {
    diagnostics(path, operations, has_session, |name, comes_in| {
        if name.is(token_field.as_str()) {
            return Some("this field carries the session token");
        }
        let message = "cookies belong to the client; they can only be removed";
        (comes_in && name.is("cookie")).then_some(message)
    })
}

/// Checks the edits of answers at `path`.
pub(super) fn of_response(
    path: &str,
    operations: &HeaderOperations,
    has_session: bool,
) -> Vec<Diagnostic> {
    diagnostics(path, operations, has_session, |_, _| None)
}

/// `fault` says what is wrong with a field; its argument says whether it is set or added.
fn diagnostics(
    path: &str,
    operations: &HeaderOperations,
    has_session: bool,
    fault: impl Fn(&EditableField, bool) -> Option<&'static str>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (position, name) in operations.remove.iter().enumerate() {
        let at = format!("{path}.remove[{position}]");
        found.extend(fault(name, false).map(|fault| Diagnostic::error(at, fault)));
    }
    for (key, fields) in [("set", &operations.set), ("add", &operations.add)] {
        let mut seen = HashSet::new();
        for (name, text) in fields {
            let at = member(&format!("{path}.{key}"), name.as_str());
            if let Some(fault) = fault(name, true) {
                found.push(Diagnostic::error(at, fault));
            } else if !seen.insert(name.key()) {
                let message = "another spelling of a field that is already listed";
                found.push(Diagnostic::error(at, message));
            } else if text.needs_session() && !has_session {
                let message = "refers to a session, which `auth: none` never has";
                found.push(Diagnostic::error(at, message));
            }
        }
    }
    found
}
