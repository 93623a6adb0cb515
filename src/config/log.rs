//! What is logged, and how.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log, on standard error, and the access log.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` for a terminal, `json` for a collector.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,vestibule::jwks=debug`.
    pub level: String,
    /// One line of JSON for each request.
    pub access: bool,
    /// A file for these lines, made with mode 0640 and opened anew at SIGUSR1. Absent: standard
    /// output.
    pub access_file: Option<PathBuf>,
    /// What is in them, in this order.
    pub access_fields: Vec<AccessField>,
}

impl Default for Log {
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

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// One thing to be told of a request. What a request does not have is left out of its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccessField {
    /// When it was answered, in UTC.
    Time,
    /// Its name, as the client is told it.
    RequestId,
    /// Its trace (W3C Trace Context).
    TraceId,
    /// The client's address.
    Client,
    /// The method.
    Method,
    /// The path, without the query.
    Path,
    /// The status that was answered.
    Status,
    /// The route's name.
    Route,
    /// The upstream's name.
    Upstream,
    /// Where the credential was found.
    Source,
    /// The issuer's name.
    Issuer,
    /// The user's id.
    User,
    /// The session's id.
    Sid,
    /// What the client was told of a refusal.
    Code,
    /// Why it was refused.
    Reason,
    /// How the connection to the client or the upstream failed.
    Failed,
    /// Bytes of the body that came.
    ReceivedBytes,
    /// Bytes of the body that went.
    SentBytes,
    /// Microseconds in all.
    DurationUs,
    /// Microseconds from the credential to its session.
    ExchangeUs,
    /// Microseconds from choosing a server to the head of its answer.
    UpstreamUs,
}

impl AccessField {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Time,
        Self::RequestId,
        Self::TraceId,
        Self::Client,
        Self::Method,
        Self::Path,
        Self::Status,
        Self::Route,
        Self::Upstream,
        Self::Source,
        Self::Issuer,
        Self::User,
        Self::Sid,
        Self::Code,
        Self::Reason,
        Self::Failed,
        Self::ReceivedBytes,
        Self::SentBytes,
        Self::DurationUs,
        Self::ExchangeUs,
        Self::UpstreamUs,
    ];

    /// Its name in the line, which is that of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::Client => "client",
            Self::Method => "method",
            Self::Path => "path",
            Self::Status => "status",
            Self::Route => "route",
            Self::Upstream => "upstream",
            Self::Source => "source",
            Self::Issuer => "issuer",
            Self::User => "user",
            Self::Sid => "sid",
            Self::Code => "code",
            Self::Reason => "reason",
            Self::Failed => "failed",
            Self::ReceivedBytes => "received_bytes",
            Self::SentBytes => "sent_bytes",
            Self::DurationUs => "duration_us",
            Self::ExchangeUs => "exchange_us",
            Self::UpstreamUs => "upstream_us",
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
