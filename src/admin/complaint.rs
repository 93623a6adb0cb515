//! What is not as it should be, as the overview says it.

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
