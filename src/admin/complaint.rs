//! What is not as it should be, as `/ready` and the overview say it.

use serde::Serialize;
use utoipa::ToSchema;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Complaint {
    /// Whether requests fail because of it.
    pub severity: Severity,
    /// The complaint, as a sentence.
    pub text: String,
    /// The page that shows more of it.
    pub page: String,
}

/// How bad a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComplaintSeverity)]
pub enum Severity {
    /// Some requests fail.
    Bad,
    /// No request fails, or only because an operator wants it so.
    Warning,
}

/// What is degraded: for operators a complaint, for whoever asks `/ready` a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Degraded {
    pub(super) severity: Severity,
    /// What everybody who reaches the admin listener may read, with or without a token.
    pub(super) text: String,
    /// Why; only operators read that.
    cause: Option<String>,
    page: String,
    /// Whether an operator wants it so, and nothing has to be done about it.
    pub(super) is_wanted: bool,
}

impl Degraded {
    /// Some requests fail.
    pub(super) fn bad(text: impl Into<String>, page: impl Into<String>) -> Self {
        Self::new(Severity::Bad, text.into(), page.into())
    }

    /// No request fails, or only because an operator wants it so.
    pub(super) fn warning(text: impl Into<String>, page: impl Into<String>) -> Self {
        Self::new(Severity::Warning, text.into(), page.into())
    }

    pub(super) fn new(severity: Severity, text: String, page: String) -> Self {
        Self {
            severity,
            text,
            cause: None,
            page,
            is_wanted: false,
        }
    }

    pub(super) fn because(self, cause: Option<String>) -> Self {
        Self { cause, ..self }
    }

    pub(super) fn wanted(self) -> Self {
        Self {
            is_wanted: true,
            ..self
        }
    }
}

impl From<Degraded> for Complaint {
    fn from(degraded: Degraded) -> Self {
        let Degraded {
            severity,
            text,
            cause,
            page,
            ..
        } = degraded;
        Self {
            severity,
            text: cause.map_or(text.clone(), |cause| format!("{text}: {cause}")),
            page,
        }
    }
}
