//! What the configuration says of an upstream.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::server::Server;
use super::sticky_settings::StickyCookie;
use crate::canonical::Host;
use crate::certificate_pin::CertificatePin;
use crate::text_schema::{DurationText, text_schema};

/// A group of servers that serve the same content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Upstream")]
pub struct Settings {
    /// The servers as `HOST:PORT` or `unix:/PATH`, or with a weight as `{ address, weight }`. Names
    /// are resolved in the background.
    #[serde(deserialize_with = "at_least_one")]
    pub servers: Vec<Server>,
    /// TLS to the servers; if omitted, connections are plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The HTTP version for requests to the servers. WebSockets are forwarded over HTTP/1.1, and so not to
    /// `http2`.
    #[serde(default)]
    pub protocol: Protocol,
    /// Concurrent requests on one HTTP/2 connection.
    #[serde(default = "a_hundred")]
    pub max_h2_streams: NonZeroU32,
    /// Concurrent requests; further ones wait. Absent for half of what the process may have.
    #[serde(default)]
    pub max_requests: Option<NonZeroU32>,
    /// Requests that wait for their turn; further ones are refused.
    #[serde(default = "a_thousand")]
    pub max_waiting: u32,
    /// How long a request waits for its turn.
    #[serde(default = "five_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub queue_timeout: Duration,
    /// The name of the issuer that runs these servers, if one does. Routes to them may forward its
    /// cookie (`forward_issuer_cookie`) without a warning.
    #[serde(default)]
    pub issuer: Option<String>,
    /// How requests are distributed.
    #[serde(default)]
    pub balance: Balance,
    /// For how long the share of a server grows that is new, or was ejected and is back; `~` for its
    /// whole share at once. Servers that are there when the gateway starts have their whole share.
    #[serde(default, deserialize_with = "positive_or_none")]
    #[schemars(with = "Option<DurationText>")]
    pub slow_start: Option<Duration>,
    /// The cookie by which a client's requests return to the server that answered the first one; if
    /// omitted, there is none.
    #[serde(default)]
    pub sticky_cookie: Option<StickyCookie>,
    /// How often a request is retried after a failure if that is safe: either no connection could
    /// be opened, or the method is idempotent (RFC 9110 section 9.2.2) and the server had closed a
    /// kept connection.
    #[serde(default = "two_times")]
    pub retries: usize,
    /// Statuses, 429 or from 500 to 599, after which a request is repeated at another server, if its
    /// method is safe (RFC 9110 section 9.2.1). Counts against `retries`.
    #[serde(default)]
    pub retry_statuses: Vec<RetryStatus>,
    /// How many requests of a hundred may be repeated because of `retry_statuses`. Ten more are repeated
    /// at once.
    #[serde(default = "twenty")]
    pub retry_budget: Percent,
    /// When a server is ejected because requests to it fail.
    #[serde(default)]
    pub ejection: Ejection,
    /// The servers treat paths as different that differ in letter case, in dots or spaces at the end
    /// of a segment, or in how often something is percent-encoded. If `false`, such a spelling of a
    /// path that another route protects better is refused (404), because many servers treat
    /// `/Admin` as `/admin`.
    #[serde(default)]
    pub case_sensitive: bool,
    /// The servers treat a name with and without a suffix as different, such as `/admin` and
    /// `/admin.json`. If `false`, the latter is refused (404) if `/admin` is protected better and no
    /// route names the whole segment.
    #[serde(default)]
    pub suffix_sensitive: bool,
    /// How servers are probed; if omitted, they are not.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Time limit for connecting.
    #[serde(default = "two_seconds", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub connect_timeout: Duration,
    /// Time limit for each read.
    #[serde(default = "a_minute", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub read_timeout: Duration,
    /// Time limit for each write.
    #[serde(default = "a_minute", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub write_timeout: Duration,
    /// Time limit for the silence of a WebSocket, an event stream or a gRPC stream, in place of
    /// `read_timeout`; `~` for no limit.
    #[serde(default = "an_hour", deserialize_with = "positive_or_none")]
    #[schemars(with = "Option<DurationText>")]
    pub stream_idle_timeout: Option<Duration>,
    /// How long an unused connection is kept.
    #[serde(default = "a_minute", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub idle_timeout: Duration,
}

/// TLS to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate authorities that issue the servers' certificates, as a PEM file; by default
    /// those of the system.
    pub ca: Option<PathBuf>,
    /// The server name to send (SNI) and to expect in certificates; by default each server's own
    /// host.
    #[serde(deserialize_with = "server_name")]
    pub server_name: Option<String>,
    /// The client certificate to present, with its chain, as a PEM file.
    pub client_certificate: Option<PathBuf>,
    /// Its private key, as a PEM file.
    pub client_key: Option<PathBuf>,
    /// The one certificate that servers show, as a PEM file or as `sha256:` and its digest. Its names,
    /// its dates and who vouches for it do not count then.
    pub pinned_certificate: Option<CertificatePin>,
    /// Accept any certificate. Anyone on the network path can then read and change the traffic.
    #[schemars(extend("x-unsafe" = "whoever controls the network to the servers can read and change all requests"))]
    pub insecure_skip_verification: bool,
}

/// The HTTP version for requests to the servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2; without TLS, with prior knowledge.
    Http2,
    /// The version that the server prefers (ALPN); requires TLS.
    Negotiated,
}

/// How requests are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// One server after the other.
    #[default]
    RoundRobin,
    /// A random server.
    Random,
    /// The server that has the fewest requests for its weight, of those that this gateway sent.
    LeastRequests,
    /// By user, so that a user's requests reach the same server as long as it is available.
    ConsistentHash,
}

/// When a server is ejected because requests to it fail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ejection {
    /// Consecutive failures (no connection, no response, an incomplete response) until a server is
    /// ejected; 0 for never.
    pub failures: u32,
    /// Statuses from 500 to 599 that also count as failures.
    pub statuses: Vec<u16>,
    /// The duration of the first ejection. It doubles with each repeated failure, up to ten times
    /// this.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub duration: Duration,
    /// The maximum share of servers, in percent, that are ejected at the same time.
    pub max_percent: u8,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 5,
            statuses: Vec::new(),
            duration: Duration::from_secs(10),
            max_percent: 50,
        }
    }
}

/// How servers are probed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The path of a GET that must be answered 2xx or 3xx; if omitted, only a TCP connection is
    /// opened.
    #[serde(default, deserialize_with = "target")]
    #[schemars(with = "Option<String>")]
    pub path: Option<PathAndQuery>,
    /// The `Host` of that GET.
    #[serde(default = "localhost", deserialize_with = "authority")]
    #[schemars(with = "String", extend("default" = "localhost"))]
    pub host: Authority,
    /// The interval between probes.
    #[serde(default = "ten_seconds", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// Time limit of one probe.
    #[serde(default = "two_seconds", deserialize_with = "positive")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// Consecutive failed probes until a server is unhealthy.
    #[serde(default = "three")]
    pub unhealthy_after: NonZeroU32,
    /// Consecutive successful probes until it is healthy again.
    #[serde(default = "one")]
    pub healthy_after: NonZeroU32,
}

fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Server>, D::Error> {
    let servers = Vec::deserialize(from)?;
    if servers.is_empty() {
        return Err(de::Error::custom("at least one server is needed"));
    }
    Ok(servers)
}

/// The name that a certificate must be for, an address without brackets.
fn server_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    Host::parse_bare(&text).map_err(de::Error::custom)?;
    let name = text.trim_matches(['[', ']']).to_owned();
    let unfit = |_| de::Error::custom("no certificate can be for this name");
    ServerName::try_from(name.as_str()).map_err(unfit)?;
    Ok(Some(name))
}

fn target<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathAndQuery>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    if !text.starts_with('/') {
        return Err(de::Error::custom("a path must start with `/`"));
    }
    // The parser drops a fragment without a word.
    let target = text.parse().ok().filter(|_| !text.contains('#'));
    let invalid = "a path and query have no spaces, controls or `#`; escape them";
    target.map(Some).ok_or_else(|| de::Error::custom(invalid))
}

fn authority<'de, D: Deserializer<'de>>(from: D) -> Result<Authority, D::Error> {
    let text = String::deserialize(from)?;
    let authority = text.parse().ok().filter(|_| Host::parse(&text).is_ok());
    let invalid = "expected a host name or an address, with or without a port";
    authority.ok_or_else(|| de::Error::custom(invalid))
}

/// A status that is no answer to be content with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryStatus(pub(super) u16);

impl<'de> Deserialize<'de> for RetryStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u16::deserialize(from)? {
            status @ (429 | 500..=599) => Ok(Self(status)),
            _ => Err(de::Error::custom(
                "neither 429 nor a status from 500 to 599",
            )),
        }
    }
}

text_schema!(RetryStatus, "RetryStatus", {
    "description": "429, or from 500 to 599.",
    "type": "integer",
    "anyOf": [{ "const": 429 }, { "minimum": 500, "maximum": 599 }],
});

/// From 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub(super) u8);

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u8::deserialize(from)? {
            percent @ 0..=100 => Ok(Self(percent)),
            _ => Err(de::Error::custom("not from 0 to 100")),
        }
    }
}

text_schema!(Percent, "Percent", {
    "description": "From 0 to 100.",
    "type": "integer",
    "minimum": 0,
    "maximum": 100,
});

fn twenty() -> Percent {
    Percent(20)
}

pub(super) fn positive<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let time: Duration = humantime_serde::deserialize(from)?;
    if time.is_zero() {
        return Err(de::Error::custom("must be greater than zero"));
    }
    Ok(time)
}

pub(super) fn positive_or_none<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let time: Option<Duration> = humantime_serde::deserialize(from)?;
    if time.is_some_and(|time| time.is_zero()) {
        return Err(de::Error::custom("must be greater than zero"));
    }
    Ok(time)
}

fn a_hundred() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(99)
}

fn a_thousand() -> u32 {
    1000
}

fn two_times() -> usize {
    2
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

fn three() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}

fn localhost() -> Authority {
    Authority::from_static("localhost")
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn an_hour() -> Option<Duration> {
    Some(Duration::from_secs(3600))
}

fn a_minute() -> Duration {
    Duration::from_secs(60)
}

/// The prefix of a Unix socket's address.
pub const UNIX: &str = "unix:";
