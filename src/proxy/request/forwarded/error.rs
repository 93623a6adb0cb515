//! Why a request is refused for what its proxy says of it.

use crate::rejection::{Code, Rejection};

/// Why what a trusted proxy says of a request cannot be taken for true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardedError {
    /// Its fields contradict each other.
    #[error("fields of a trusted proxy contradict each other")]
    Contradiction,
    /// A quote in `Forwarded` that does not end, so that what the proxy has added is a part of what its
    /// client wrote.
    #[error("the `Forwarded` field of a trusted proxy has a quote without an end")]
    OpenQuote,
    /// A `Forwarded` field with bytes that are no text: what the proxy has added to it cannot be told from
    /// what its client wrote.
    #[error("the `Forwarded` field of a trusted proxy is no text")]
    NoText,
}

impl From<ForwardedError> for Rejection {
    fn from(error: ForwardedError) -> Self {
        let reason = match error {
            ForwardedError::Contradiction => "forwarded_fields_contradict",
            ForwardedError::OpenQuote => "forwarded_quote_open",
            ForwardedError::NoText => "forwarded_no_text",
        };
        Self::new(Code::InvalidRequest, reason)
    }
}
