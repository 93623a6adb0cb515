//! Whether edits of header fields are possible.

use std::collections::HashSet;

use super::names::{edited_fault, spelling};
use crate::config::positions::member;
use crate::diagnostic::Diagnostic;
use crate::route::settings::HeaderOperations;

/// Checks the edits of requests at `path`; `token_field` carries the session token.
pub(super) fn of_request(
    path: &str,
    operations: &HeaderOperations,
    has_session: bool,
    token_field: &str,
) -> Vec<Diagnostic> {
    diagnostics(path, operations, has_session, |name, comes_in| {
        let name = spelling(name);
        if name == spelling(token_field) {
            return Some("this field carries the session token");
        }
        (comes_in && name == "cookie").then_some(
            "cookies belong to the client; they can only be \
            removed",
        )
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

/// `fault` says what is wrong with a name; its argument says whether the field is set or added.
fn diagnostics(
    path: &str,
    operations: &HeaderOperations,
    has_session: bool,
    fault: impl Fn(&str, bool) -> Option<&'static str>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (position, name) in operations.remove.iter().enumerate() {
        if let Some(fault) = edited_fault(name).or_else(|| fault(name, false)) {
            found.push(Diagnostic::error(
                format!("{path}.remove[{position}]"),
                fault,
            ));
        }
    }
    for (key, fields) in [("set", &operations.set), ("add", &operations.add)] {
        let mut seen = HashSet::new();
        for (name, text) in fields {
            let at = member(&format!("{path}.{key}"), name);
            if let Some(fault) = edited_fault(name).or_else(|| fault(name, true)) {
                found.push(Diagnostic::error(at, fault));
            } else if !seen.insert(spelling(name)) {
                found.push(Diagnostic::error(
                    at,
                    "another spelling of a field that is already listed",
                ));
            } else if text.needs_session() && !has_session {
                let message = "refers to a session, which `auth: none` never has";
                found.push(Diagnostic::error(at, message));
            }
        }
    }
    found
}
