//! Why connections are cut.

/// Why a connection, or one request of it, was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    AcmeChallenge,
    ConnectionLimit,
    ClientConnectionLimit,
    ClientRequestLimit,
    ProxyProtocol,
    H2Resets,
    HeaderTimeout,
    BodyTimeout,
    MemoryBudget,
    RequestTimeout,
    SessionEnded,
    Stopped,
    TlsHandshake,
    UpstreamTimeout,
}

impl Cause {
    /// The word in metrics and logs.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::AcmeChallenge => "acme_challenge",
            Self::ConnectionLimit => "connection_limit",
            Self::ClientConnectionLimit => "client_connection_limit",
            Self::ClientRequestLimit => "client_request_limit",
            Self::ProxyProtocol => "proxy_protocol",
            Self::H2Resets => "h2_resets",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::MemoryBudget => "memory_budget",
            Self::RequestTimeout => "request_timeout",
            Self::SessionEnded => "session_ended",
            Self::Stopped => "stopped",
            Self::TlsHandshake => "tls_handshake",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }
}
