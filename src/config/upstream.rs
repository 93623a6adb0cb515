//! The servers behind the gateway.

use std::num::{NonZeroU8, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use crate::text_schema::DurationText;
use schemars::JsonSchema;
use serde::Deserialize;

/// A group of servers that serve the same content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The servers as `HOST:PORT` or `unix:/PATH`, or with a weight as `{ address, weight }`. Names
    /// are resolved in the background.
    pub servers: Vec<Server>,
    /// TLS to the servers; if omitted, connections are plaintext.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The HTTP version for requests to the servers.
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
    /// How requests are distributed.
    #[serde(default)]
    pub balance: Balance,
    /// How often a request is retried after a failure if that is safe: either no connection could
    /// be opened, or the method is idempotent (RFC 9110 section 9.2.2) and the server had closed a
    /// kept connection.
    #[serde(default = "two_times")]
    pub retries: usize,
    /// When a server is ejected because requests to it fail.
    #[serde(default)]
    pub ejection: Ejection,
    /// How servers are probed; if omitted, they are not.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Time limit for connecting.
    #[serde(default = "two_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub connect_timeout: Duration,
    /// Time limit for each read.
    #[serde(default = "a_minute", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub read_timeout: Duration,
    /// Time limit for each write.
    #[serde(default = "a_minute", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub write_timeout: Duration,
    /// How long an unused connection is kept.
    #[serde(default = "a_minute", with = "humantime_serde")]
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
    pub server_name: Option<String>,
    /// The client certificate to present, with its chain, as a PEM file.
    pub client_certificate: Option<PathBuf>,
    /// Its private key, as a PEM file.
    pub client_key: Option<PathBuf>,
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

/// A server of an upstream and its weight.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "RawServer")]
pub struct Server {
    /// `HOST:PORT` or `unix:/PATH`.
    pub address: String,
    /// Its share of requests relative to the other servers, from 1 to 255.
    pub weight: NonZeroU8,
}

impl Server {
    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.address.starts_with(UNIX)
    }
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
    #[serde(default)]
    pub path: Option<String>,
    /// The `Host` of that GET.
    #[serde(default = "localhost")]
    pub host: String,
    /// The interval between probes.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// Time limit of one probe.
    #[serde(default = "two_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// Consecutive failed probes until a server is unhealthy.
    #[serde(default = "three")]
    pub unhealthy_after: NonZeroU32,
    /// Consecutive successful probes until it is healthy again.
    #[serde(default = "one")]
    pub healthy_after: NonZeroU32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a server is `HOST:PORT`, `unix:/PATH` or `{ address: HOST:PORT, weight: 1..255 }`"
)]
enum RawServer {
    Address(String),
    Weighted(WeightedServer),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WeightedServer {
    address: String,
    #[serde(default = "weight_one")]
    weight: NonZeroU8,
}

impl From<RawServer> for Server {
    fn from(raw: RawServer) -> Self {
        match raw {
            RawServer::Address(address) => Self {
                address,
                weight: weight_one(),
            },
            RawServer::Weighted(WeightedServer { address, weight }) => Self { address, weight },
        }
    }
}

fn weight_one() -> NonZeroU8 {
    NonZeroU8::MIN
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

fn localhost() -> String {
    "localhost".to_owned()
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

fn a_minute() -> Duration {
    Duration::from_secs(60)
}

/// The prefix of a Unix socket's address.
pub const UNIX: &str = "unix:";
