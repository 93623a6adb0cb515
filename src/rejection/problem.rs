//! A refusal as a program reads it (RFC 9457).

use serde::Serialize;
use utoipa::ToSchema;

use super::Rejection;

/// Problem details. They say nothing of the token: one coarse code, one sentence, the request's id.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// What the status is called.
    #[schema(value_type = String)]
    title: &'static str,
    /// The answer's status code, repeated (RFC 9457 section 3.1.2).
    status: u16,
    /// One sentence for a person.
    #[schema(value_type = String)]
    detail: &'static str,
    /// One of few words for a program.
    #[schema(value_type = String)]
    code: &'static str,
    /// As in `X-Request-Id`, and in the log.
    request_id: &'a str,
}

impl<'a> Problem<'a> {
    /// The client's response for a refusal.
    pub fn new(rejection: &Rejection, request_id: &'a str) -> Self {
        Self {
            kind: "about:blank",
            title: rejection.title(),
            status: rejection.status.as_u16(),
            detail: rejection.text(),
            code: rejection.code.as_str(),
            request_id,
        }
    }
}
