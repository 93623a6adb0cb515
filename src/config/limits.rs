//! Bounds on what a client may cost.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::limit::Rate;
use crate::text_schema::{DurationText, SizeText};

/// Sizes, counts and times.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open public connections.
    pub connections: usize,
    /// Open connections of one client's address (of IPv6 its /64 network); 0 for no bound. Peers
    /// in `trusted_proxies` and on Unix sockets are not counted, but the clients that they name
    /// by the PROXY protocol are.
    pub connections_per_client: u32,
    /// Concurrent requests; absent for what the limit of open files has room for.
    pub requests: Option<NonZeroUsize>,
    /// Concurrent requests of one client, over all of its connections and by way of trusted
    /// proxies; 0 for no bound, absent for a quarter of `requests`, at most 1024.
    pub requests_per_client: Option<u32>,
    /// Memory that connections and requests may hold in all, by what each may hold at most; beyond
    /// it, new ones are refused and idle ones closed. Absent for half of what the control group,
    /// or the machine, has.
    #[schemars(with = "Option<SizeText>")]
    pub memory: Option<ByteSize>,
    /// How long a request's header may take to arrive, and a TLS handshake.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub header_timeout: Duration,
    /// How long a request's body may pause.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub body_read_timeout: Duration,
    /// Bytes of a request's body that arrive each second at least, on average after the first five
    /// seconds; absent for no bound.
    #[schemars(with = "Option<SizeText>")]
    pub body_min_rate: Option<ByteSize>,
    /// How long a client may take to accept a part of a response.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub response_write_timeout: Duration,
    /// How long a connection may idle between requests.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub keepalive_timeout: Duration,
    /// Requests on one HTTP/1 connection.
    pub keepalive_requests: u32,
    /// Request line and header fields together.
    #[schemars(with = "SizeText")]
    pub header_size: ByteSize,
    /// Header fields.
    pub header_count: usize,
    /// Path and query.
    #[schemars(with = "SizeText")]
    pub uri_size: ByteSize,
    /// An external token.
    #[schemars(with = "SizeText")]
    pub token_size: ByteSize,
    /// A forwarded request body; absent for no bound.
    #[schemars(with = "Option<SizeText>")]
    pub body_size: Option<ByteSize>,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
    /// Streams of one HTTP/2 connection that its client may give up before they are answered.
    pub h2_resets: u32,
    /// Token digests whose session is remembered.
    pub token_cache: usize,
    /// About how much memory those may take, tokens and claims together.
    #[schemars(with = "SizeText")]
    pub token_cache_size: ByteSize,
    /// Claims that are kept with a session, as JSON. What is beyond is not known, and fails every
    /// rule about it.
    #[schemars(with = "SizeText")]
    pub session_claims: ByteSize,
    /// Claims that are repeated in a session token, as JSON. What is beyond is left out.
    #[schemars(with = "SizeText")]
    pub session_token_claims: ByteSize,
    /// Digests of refused tokens that are remembered.
    pub refused_cache: usize,
    /// How often one may sign in and fail.
    pub rates: Rates,
}

/// How often things may happen. A client is counted by its address, of which IPv6 has one for
/// each network; behind a proxy that is not in `trusted_proxies` all clients are one.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Sign-ins and token exchanges by the API from one client, and, apart, refreshes with a
    /// device's signature.
    pub sign_in_per_client: Rate,
    /// The same of one user.
    pub sign_in_per_user: Rate,
    /// Step-ups from one client.
    pub step_up_per_client: Rate,
    /// The same of one user.
    pub step_up_per_user: Rate,
    /// Tokens, and credentials of programs, that do not verify, from one client; after that many
    /// the gateway does not look at new ones of that client for a while.
    pub failed_per_client: Rate,
    /// Clients, and users, that are remembered for each of these.
    pub tracked: usize,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            sign_in_per_client: per_minute(300),
            sign_in_per_user: per_minute(30),
            step_up_per_client: per_minute(300),
            step_up_per_user: per_minute(30),
            failed_per_client: per_minute(300),
            tracked: 100_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_client: 1024,
            requests: None,
            requests_per_client: None,
            memory: None,
            header_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(60),
            body_min_rate: None,
            response_write_timeout: Duration::from_secs(60),
            keepalive_timeout: Duration::from_secs(60),
            keepalive_requests: 10_000,
            header_size: ByteSize::kib(32),
            header_count: 100,
            uri_size: ByteSize::kib(8),
            token_size: ByteSize::kib(8),
            body_size: None,
            h2_streams: 100,
            h2_resets: 1000,
            token_cache: 100_000,
            token_cache_size: ByteSize::mib(256),
            session_claims: ByteSize::kib(8),
            session_token_claims: ByteSize::kib(2),
            refused_cache: 10_000,
            rates: Rates::default(),
        }
    }
}

const fn per_minute(count: u32) -> Rate {
    match NonZeroU32::new(count) {
        Some(count) => Rate::per_minute(count),
        None => Rate::OFF,
    }
}
