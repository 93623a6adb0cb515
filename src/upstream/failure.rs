//! How a server failed a request, in few words that a metric can carry.

/// How a server failed a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It took no connection.
    Connect,
    /// It took no connection in time.
    ConnectTimeout,
    /// No TLS: it is not who it should be, or will not speak to us.
    Tls,
    /// It took the request and was silent for too long.
    Timeout,
    /// It answered something that is not HTTP, or closed without an answer.
    Protocol,
    /// It broke off in the middle of its answer.
    CutOff,
    /// It answered with a status that is configured to be a failure.
    Status,
}

impl Failure {
    /// Every kind of failure, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Timeout,
        Self::Protocol,
        Self::CutOff,
        Self::Status,
    ];

    /// The word for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::CutOff => "cut_off",
            Self::Status => "status",
        }
    }
}
