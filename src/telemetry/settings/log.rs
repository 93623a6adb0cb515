//! The log and the access log.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log, on standard error, and the access log.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Log", deny_unknown_fields, default)]
pub struct LogSettings {
    /// `text` for a terminal, `json` for a collector.
    #[schemars(extend("x-restart" = true))]
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,vestibule::jwks=debug`.
    #[schemars(extend("x-restart" = true))]
    pub level: String,
    /// Write the access log: one line of JSON per request.
    pub access: bool,
    /// A file for the access log, created with mode 0640 and reopened on SIGUSR1; by default
    /// standard output.
    #[schemars(extend("x-restart" = true))]
    pub access_file: Option<PathBuf>,
    /// The fields of each line, in this order.
    pub access_fields: Vec<AccessField>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
            access: true,
            access_file: None,
            access_fields: AccessField::ALL.to_vec(),
        }
    }
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A field of the access log. A field without a value is omitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessField {
    /// When the response was complete, in UTC.
    Time,
    /// The request id, as the client gets it.
    RequestId,
    /// The trace id (W3C Trace Context).
    TraceId,
    /// The client's address.
    Client,
    /// The request's method, such as `GET`.
    Method,
    /// The host that the request was for.
    Host,
    /// The path, without the query.
    Path,
    /// The protocol, such as `HTTP/2`.
    Protocol,
    /// The version and the cipher of TLS, where the gateway itself speaks it.
    Tls,
    /// The client's `User-Agent`, at most 256 bytes of it.
    UserAgent,
    /// The response's status.
    Status,
    /// The route's name.
    Route,
    /// The upstream's name.
    Upstream,
    /// The address of the upstream's server that was asked last.
    Server,
    /// Where the credential was found.
    Source,
    /// The issuer's name.
    Issuer,
    /// The user's id.
    User,
    /// The session's id.
    Sid,
    /// For a refusal, the code that the client got.
    Code,
    /// For a refusal, the exact reason.
    Reason,
    /// For a refusal, what an operator may do about it.
    Hint,
    /// How the connection to the client or the upstream failed.
    Failed,
    /// The size of the request's body.
    ReceivedBytes,
    /// The size of the response's body.
    SentBytes,
    /// The total time in microseconds.
    DurationUs,
    /// Microseconds from reading the credential to having its session.
    ExchangeUs,
    /// Microseconds from choosing a server to the header of its response.
    UpstreamUs,
    /// If more than one server was asked, or one more than once: each attempt with its server and its
    /// microseconds.
    Attempts,
}

impl AccessField {
    /// Every field, in the order of the default.
    pub const ALL: [Self; 28] = [
        Self::Time,
        Self::RequestId,
        Self::TraceId,
        Self::Client,
        Self::Method,
        Self::Host,
        Self::Path,
        Self::Protocol,
        Self::Tls,
        Self::UserAgent,
        Self::Status,
        Self::Route,
        Self::Upstream,
        Self::Server,
        Self::Source,
        Self::Issuer,
        Self::User,
        Self::Sid,
        Self::Code,
        Self::Reason,
        Self::Hint,
        Self::Failed,
        Self::ReceivedBytes,
        Self::SentBytes,
        Self::DurationUs,
        Self::ExchangeUs,
        Self::UpstreamUs,
        Self::Attempts,
    ];

    /// Its name, both in the line and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::Client => "client",
            Self::Method => "method",
            Self::Host => "host",
            Self::Path => "path",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::UserAgent => "user_agent",
            Self::Status => "status",
            Self::Route => "route",
            Self::Upstream => "upstream",
            Self::Server => "server",
            Self::Source => "source",
            Self::Issuer => "issuer",
            Self::User => "user",
            Self::Sid => "sid",
            Self::Code => "code",
            Self::Reason => "reason",
            Self::Hint => "hint",
            Self::Failed => "failed",
            Self::ReceivedBytes => "received_bytes",
            Self::SentBytes => "sent_bytes",
            Self::DurationUs => "duration_us",
            Self::ExchangeUs => "exchange_us",
            Self::UpstreamUs => "upstream_us",
            Self::Attempts => "attempts",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_called_as_it_is_written() {
        for field in AccessField::ALL {
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
    }
}
