//! The servers behind the gateway.

use std::num::{NonZeroU8, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use crate::text_schema::DurationText;
use schemars::JsonSchema;
use serde::Deserialize;

/// Servers that answer alike.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `HOST:PORT` or `unix:/PATH` of each, or `{ address, weight }`; names are resolved in the
    /// background.
    pub servers: Vec<Server>,
    /// TLS to the servers; absent for plain connections.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The version of HTTP that servers are spoken to in.
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
    /// How requests are shared out.
    #[serde(default)]
    pub balance: Balance,
    /// How often a request is sent anew after a failure, when that is safe: no connection came
    /// about, or the method is idempotent (RFC 9110 section 9.2.2) and a kept connection turned
    /// out closed.
    #[serde(default = "two_times")]
    pub retries: usize,
    /// When a server that fails is left out.
    #[serde(default)]
    pub ejection: Ejection,
    /// How servers are probed; absent for not at all.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Bound on connecting.
    #[serde(default = "two_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub connect_timeout: Duration,
    /// Bound on each read.
    #[serde(default = "a_minute", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub read_timeout: Duration,
    /// Bound on each write.
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
    /// The authorities, as a PEM file, that vouch for the servers' certificates; those of the
    /// system by default.
    pub ca: Option<PathBuf>,
    /// The name that is asked for (SNI) and that the certificate must be for; by default the
    /// server's own host.
    pub server_name: Option<String>,
    /// The certificate, as a PEM file with its chain, that servers are shown.
    pub client_certificate: Option<PathBuf>,
    /// Its private key, as a PEM file.
    pub client_key: Option<PathBuf>,
    /// Take any certificate: whoever is on the way to the server reads and changes everything.
    pub insecure_skip_verification: bool,
}

/// The version of HTTP that servers are spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2; without TLS by prior knowledge.
    Http2,
    /// Whichever the server prefers (ALPN); needs TLS.
    Negotiated,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "RawServer")]
pub struct Server {
    /// `HOST:PORT` or `unix:/PATH`.
    pub address: String,
    /// Its share of the requests beside the others', 1 to 255.
    pub weight: NonZeroU8,
}

impl Server {
    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.address.starts_with(UNIX)
    }
}

/// How requests are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn.
    #[default]
    RoundRobin,
    /// By lot.
    Random,
    /// By the user, so that one user's requests reach one server while it is there.
    ConsistentHash,
}

/// When a server that fails is left out, as seen by the requests that it gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ejection {
    /// Failures in a row (no connection, no answer, an answer cut off) until it is left out; 0
    /// for never.
    pub failures: u32,
    /// Statuses, of 500 to 599, with which an answer is a failure too.
    pub statuses: Vec<u16>,
    /// For how long, at first. Each time that it fails again at once, the time doubles, up to
    /// ten times this.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub duration: Duration,
    /// The most of the servers, in percent, that are left out at once.
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
    /// The path of a GET that is answered 2xx or 3xx; absent for a TCP connection alone.
    #[serde(default)]
    pub path: Option<String>,
    /// The `Host` of that GET.
    #[serde(default = "localhost")]
    pub host: String,
    /// Time between probes.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// Bound on connecting and on the answer.
    #[serde(default = "two_seconds", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// Failed probes in a row until a server is left out.
    #[serde(default = "three")]
    pub unhealthy_after: NonZeroU32,
    /// Good probes in a row until it is back.
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

/// What the address of a Unix socket starts with.
pub const UNIX: &str = "unix:";
