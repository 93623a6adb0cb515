//! What is wrong or risky in a configuration, and where: one type for every place that reports it.
//!
//! Whoever finds something names the key and says it, as [`Diagnostic::error`] or
//! [`Diagnostic::warning`]; the position in the file is added by the room that read the file. An
//! error keeps a configuration from being used, a warning does not.

use std::fmt;

use serde::Serialize;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Diagnostic {
    /// Whether the configuration can be used nevertheless.
    pub severity: Severity,
    /// Where it is in the file. `None`: in no file, or not found yet.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// The configuration path as the file spells it, such as `issuers[0].jwksUrl`; empty for the
    /// whole.
    pub path: String,
    /// What is wrong. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Which end of `key: value` the position is that of.
    #[serde(skip)]
    pub(crate) aim: Aim,
}

/// What a finding means for the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be used.
    Error,
    /// It can be used, at a cost that the message names.
    Warning,
}

/// A place in a file; both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

/// Which end of `key: value` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aim {
    Key,
    #[default]
    Value,
}

impl Position {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

impl Diagnostic {
    /// What keeps the configuration from being used.
    pub fn error(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position: None,
            path: path.into(),
            message: message.into(),
            hint: None,
            aim: Aim::Value,
        }
    }

    /// What the operator should know and may have intended.
    pub fn warning(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(path, message)
        }
    }

    /// Adds advice.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Makes it about the key itself instead of its value.
    pub fn at_key(self) -> Self {
        Self {
            aim: Aim::Key,
            ..self
        }
    }

    /// Places it in the file.
    pub fn at(self, position: Position) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    /// Whether it keeps the configuration from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A message with advice, for an error of a type that is read from a text, which can only be a text.
pub fn with_hint(message: &str, hint: &str) -> String {
    format!("{message}{HINT}{hint}")
}

/// The message and the advice of such a text.
pub fn split_hint(text: &str) -> (&str, Option<&str>) {
    match text.split_once(HINT) {
        Some((message, hint)) => (message, Some(hint)),
        None => (text, None),
    }
}

/// What stands between the two.
const HINT: &str = "\nhint: ";

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_as_a_line_for_people_and_as_an_object_for_programs() {
        let error = Diagnostic::error("routes[0].path", "a path must start with `/`");
        assert_eq!(
            error.to_string(),
            "routes[0].path: a path must start with `/`"
        );
        let warning = Diagnostic::warning("issuers[0].insecure_http", "keys come unprotected")
            .hint("use `https`")
            .at(Position { line: 7, column: 5 });
        assert_eq!(
            warning.to_string(),
            "7:5: warning: issuers[0].insecure_http: keys come unprotected; use `https`"
        );
        let object = json!({
            "severity": "warning", "line": 7, "column": 5, "path": "issuers[0].insecure_http",
            "message": "keys come unprotected", "hint": "use `https`",
        });
        assert_eq!(serde_json::to_value(&warning).unwrap(), object);
        assert!(error.is_error() && !warning.is_error());
    }
}
