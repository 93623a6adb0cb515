//! Why a request has no route.

use http::StatusCode;

use super::methods::Methods;
use crate::canonical::PathError;
use crate::rejection::{Code, Rejection};

/// What some servers overlook in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Letter case, what Unicode folds, dots and spaces at the end, and escapes of escapes.
    Letters,
    /// What follows `.`, `:` or `;` in a segment.
    Suffix,
}

impl Spelling {
    /// What an operator may do about a refusal.
    fn hint(self) -> &'static str {
        match self {
            Self::Letters => {
                "Servers that ignore letter case or decode twice treat this path as one that \
                 another route protects better. If those of the upstream do not, set its \
                 `case_sensitive: true`."
            }
            Self::Suffix => {
                "Servers that ignore suffixes treat this path as one that another route protects \
                 better. If those of the upstream do not, set its `suffix_sensitive: true`, or give \
                 the path a route of its own."
            }
        }
    }
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteMiss {
    /// Nothing is configured for its host.
    #[error("nothing is configured for this host")]
    Misdirected,
    /// Nothing is configured for its path.
    #[error("nothing is configured for this path")]
    Nowhere,
    /// The path leads to another route when its parameters (`;`) are cut off, as some servers do,
    /// or when `%2F` is read as `/`.
    #[error("the path matches two routes")]
    Ambiguous,
    /// The path leads to a route that asks for more as other servers read it.
    #[error("the path may be another spelling of one that is protected better")]
    Spelling(Spelling),
    /// The path has `%2F`, and no route there allows it.
    #[error("the path has an escaped slash")]
    EscapedSlash,
    /// The path has `//`, and no route there allows it.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// What is configured there is served at other listeners.
    #[error("what is configured for this path is not served at this listener")]
    OtherListener,
    /// What is configured there serves these methods only.
    #[error("the method is not served here, but {0}")]
    Method(Methods),
}

impl From<RouteMiss> for Rejection {
    fn from(miss: RouteMiss) -> Self {
        match miss {
            // RFC 9110 section 15.5.20.
            RouteMiss::Misdirected => Self::new(Code::NotFound, "host_unknown")
                .with_status(StatusCode::MISDIRECTED_REQUEST),
            RouteMiss::OtherListener => Self::new(Code::NotFound, "other_listener"),
            RouteMiss::Nowhere => Self::new(Code::NotFound, "no_route"),
            RouteMiss::EscapedSlash => PathError::EscapedSlash.into(),
            RouteMiss::EmptySegment => PathError::EmptySegment.into(),
            RouteMiss::Ambiguous => Self::new(Code::NotFound, "route_ambiguous").with_hint(
                "Servers that cut off what follows `;`, or read `%2F` as `/`, treat this path as \
                     one of another route. It is accepted where both lead to one route.",
            ),
            RouteMiss::Spelling(spelling) => {
                Self::new(Code::NotFound, "route_ambiguous").with_hint(spelling.hint())
            }
            RouteMiss::Method(_) => Self::new(Code::InvalidRequest, "method_not_served")
                .with_status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}
