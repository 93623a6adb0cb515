//! Refusals of what the gateway, a client or an upstream has no room for.

use std::time::Duration;

use super::{Code, Rejection};

/// Why a request, or a connection, is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// The memory budget is spent.
    Memory,
    /// The process has as many requests as it may.
    Requests,
    /// The client has as many requests as it may.
    ClientRequests,
    /// The upstream has as many requests as it may, and as many wait for it as may.
    Upstream,
    /// The request has waited for its upstream for as long as it may.
    UpstreamWait,
}

impl Overload {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Memory,
        Self::Requests,
        Self::ClientRequests,
        Self::Upstream,
        Self::UpstreamWait,
    ];

    /// The reason in log and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Memory => "memory_budget",
            Self::Requests => "request_limit",
            Self::ClientRequests => "client_request_limit",
            Self::Upstream => "upstream_busy",
            Self::UpstreamWait => "upstream_queue_timeout",
        }
    }

    /// The answer to a request that is one too many.
    pub fn rejection(self) -> Rejection {
        match self {
            Self::ClientRequests => Rejection {
                retry_after: Some(RETRY),
                ..Rejection::new(Code::TooManyRequests, self.reason())
            },
            _ => Rejection::unavailable(self.reason(), RETRY),
        }
    }
}

/// When a refused client may try again.
const RETRY: Duration = Duration::from_secs(1);
