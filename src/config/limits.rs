//! Bounds on what a client may cost.

use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

/// Sizes, counts and times.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open public connections.
    pub connections: usize,
    /// How long a request's header may take to arrive.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// How long a request's body may pause.
    #[serde(with = "humantime_serde")]
    pub body_read_timeout: Duration,
    /// How long a client may take to accept a part of a response.
    #[serde(with = "humantime_serde")]
    pub response_write_timeout: Duration,
    /// How long a connection may idle between requests.
    #[serde(with = "humantime_serde")]
    pub keepalive_timeout: Duration,
    /// Requests on one HTTP/1 connection.
    pub keepalive_requests: u32,
    /// Request line and header fields together.
    pub header_size: ByteSize,
    /// Header fields.
    pub header_count: usize,
    /// Path and query.
    pub uri_size: ByteSize,
    /// An external token.
    pub token_size: ByteSize,
    /// A forwarded request body; absent for no bound.
    pub body_size: Option<ByteSize>,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
    /// Token digests whose session is remembered.
    pub token_cache: usize,
    /// Digests of refused tokens that are remembered.
    pub refused_cache: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            header_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(60),
            response_write_timeout: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(60),
            keepalive_requests: 10_000,
            header_size: ByteSize::kib(32),
            header_count: 100,
            uri_size: ByteSize::kib(8),
            token_size: ByteSize::kib(8),
            body_size: None,
            h2_streams: 100,
            token_cache: 100_000,
            refused_cache: 10_000,
        }
    }
}
