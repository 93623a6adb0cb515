//! Why a path is refused.

use crate::rejection::{Code, Rejection};

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("a path must start with `/`")]
    NotOriginForm,
    /// `//`, also with parameters (`/;x/`): servers that merge slashes read another path.
    #[error("a path must not have empty segments")]
    EmptySegment,
    /// `.` or `..`, escaped or not, also with parameters (`..;x`).
    #[error("a path must not have dot segments")]
    DotSegment,
    /// `\` or `%5C`, which some servers read as `/`.
    #[error("a path must not have a backslash")]
    Backslash,
    /// `%2F`, which some servers read as `/` and some as a letter, on a route that does not allow
    /// it.
    #[error("a path must not have an escaped slash")]
    EscapedSlash,
    /// A control character or a space, or an escaped control character.
    #[error("a path must not have control characters")]
    Control,
    /// A byte beyond ASCII: it must be escaped (RFC 3986 section 2), or `/é` and `/%C3%A9` would
    /// be one path to the upstream and two to the gateway.
    #[error("non-ASCII bytes must be percent-encoded")]
    NotAscii,
    /// `%` without two hexadecimal digits.
    #[error("a percent-encoding must have two hexadecimal digits")]
    BadEscape,
    /// Escapes that decode to no UTF-8, such as the overlong `%C0%AE`.
    #[error("percent-encodings must decode to UTF-8")]
    NotUtf8,
    /// `#`: a fragment is no part of a request target.
    #[error("a path must not have a fragment")]
    Fragment,
    /// A prefix with `;` or `?`.
    #[error("a path prefix must not have `;` or `?`")]
    NotAPrefix,
}

impl From<PathError> for Rejection {
    fn from(error: PathError) -> Self {
        let reason = match error {
            PathError::NotOriginForm => "path_not_origin_form",
            PathError::EmptySegment => "path_empty_segment",
            PathError::DotSegment => "path_dot_segment",
            PathError::Backslash => "path_backslash",
            PathError::EscapedSlash => "path_escaped_slash",
            PathError::Control => "path_control_character",
            PathError::NotAscii => "path_not_ascii",
            PathError::BadEscape => "path_bad_escape",
            PathError::NotUtf8 => "path_not_utf8",
            PathError::Fragment => "path_fragment",
            PathError::NotAPrefix => "path_not_a_prefix",
        };
        Self::new(Code::InvalidRequest, reason)
    }
}
