//! Bounds on what a client may cost.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Rate;
use crate::text_schema::{DurationText, SizeText};

/// Limits on what clients can consume.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open public connections.
    #[schemars(extend("x-restart" = true))]
    pub connections: usize,
    /// Open connections per client address (for IPv6 per /64 network); 0 for no limit. Peers in
    /// `trusted_proxies` and on Unix sockets are not counted, but clients that they name with the
    /// PROXY protocol are. Lowered to what an eighth of `memory` has room for.
    #[schemars(extend("x-restart" = true))]
    pub connections_per_client: u32,
    /// Concurrent requests; absent for what the limit of open files has room for.
    #[schemars(extend("x-restart" = true))]
    pub requests: Option<NonZeroUsize>,
    /// Concurrent requests of one client, over all of its connections and by way of trusted
    /// proxies; 0 for no bound, absent for a quarter of `requests`, at most 1024 and at most what a
    /// quarter of `memory` has room for.
    #[schemars(extend("x-restart" = true))]
    pub requests_per_client: Option<u32>,
    /// Memory that connections and requests may hold in all, by what each may hold at most; beyond
    /// it, new ones are refused and idle ones closed. Absent for half of what the control group,
    /// or the machine, has.
    #[schemars(with = "Option<SizeText>")]
    #[schemars(extend("x-restart" = true))]
    pub memory: Option<ByteSize>,
    /// Time limit for a request's header to arrive, and for a TLS handshake.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    #[schemars(extend("x-restart" = true))]
    pub header_timeout: Duration,
    /// How long a request's body can pause.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub body_read_timeout: Duration,
    /// Bytes of a request's body that arrive each second at least, on average after the first five
    /// seconds; absent for no bound.
    #[schemars(with = "Option<SizeText>")]
    pub body_min_rate: Option<ByteSize>,
    /// How long a client can take to accept a part of a response.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub response_write_timeout: Duration,
    /// How long a connection can be idle between requests.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    #[schemars(extend("x-restart" = true))]
    pub keepalive_timeout: Duration,
    /// The maximum number of requests per HTTP/1 connection.
    #[schemars(extend("x-restart" = true))]
    pub keepalive_requests: u32,
    /// The maximum size of request line and header fields together.
    #[schemars(with = "SizeText")]
    pub header_size: ByteSize,
    /// The maximum number of header fields.
    pub header_count: usize,
    /// The maximum size of path and query.
    #[schemars(with = "SizeText")]
    pub uri_size: ByteSize,
    /// The maximum size of an external token.
    #[schemars(with = "SizeText")]
    pub token_size: ByteSize,
    /// The maximum size of a forwarded request body; no limit if omitted.
    #[schemars(with = "Option<SizeText>")]
    pub body_size: Option<ByteSize>,
    /// The maximum number of concurrent streams of one HTTP/2 connection.
    #[schemars(extend("x-restart" = true))]
    pub h2_streams: u32,
    /// How many streams of one HTTP/2 connection its client can cancel at once before they are
    /// answered. Beyond it the client is sent GOAWAY and its requests in flight are answered; a
    /// client that continues is disconnected.
    #[schemars(extend("x-restart" = true))]
    pub h2_resets: u32,
    /// How many more cancellations are allowed per second; 0 for none.
    #[schemars(extend("x-restart" = true))]
    pub h2_resets_per_second: u32,
    /// By what factor peers in `trusted_proxies`, and those on a Unix socket, may exceed these limits.
    #[schemars(extend("x-restart" = true))]
    pub h2_resets_of_proxies_times: u32,
    /// How many Vestibule gateways a request can pass before this one, as counted in `CDN-Loop`;
    /// beyond it the response is 508.
    pub max_hops: usize,
    /// How many tokens' sessions are cached.
    #[schemars(extend("x-restart" = true))]
    pub token_cache: usize,
    /// About how much memory those may take, tokens and claims together.
    #[schemars(with = "SizeText")]
    #[schemars(extend("x-restart" = true))]
    pub token_cache_size: ByteSize,
    /// Claims that are kept with a session, as JSON. What is beyond is not known, and fails every
    /// rule about it.
    #[schemars(with = "SizeText")]
    pub session_claims: ByteSize,
    /// The maximum size of the claims that session tokens repeat, as JSON. A claim that does not
    /// fit is omitted.
    #[schemars(with = "SizeText")]
    #[schemars(extend("x-restart" = true))]
    pub session_token_claims: ByteSize,
    /// How many refused tokens are cached.
    #[schemars(extend("x-restart" = true))]
    pub refused_cache: usize,
    /// Rate limits for sign-ins and failures.
    #[schemars(extend("x-restart" = true))]
    pub rates: Rates,
}

/// Rate limits. A client is an IP address, for IPv6 a network; behind a proxy that is not in
/// `trusted_proxies`, all clients count as one.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Sign-ins and token exchanges by the API from one client, and, apart, refreshes with a
    /// device's signature.
    pub sign_in_per_client: Rate,
    /// The same of one user.
    pub sign_in_per_user: Rate,
    /// Step-ups per client.
    pub step_up_per_client: Rate,
    /// The same of one user.
    pub step_up_per_user: Rate,
    /// Tokens, and credentials of OAuth clients, that fail verification, per client. Beyond this
    /// rate, new ones from the same client are refused without verification for a while. Session
    /// cookies that the store does not know are counted apart, by the same rate.
    pub failed_per_client: Rate,
    /// How many clients and users are tracked for each of these limits.
    pub tracked: usize,
    /// Count these limits, and those of routes, together with the other gateways on the same
    /// PostgreSQL, approximately: N gateways let pass what one would and, once, up to N times what the
    /// limit allows at once. Otherwise each gateway counts by itself.
    pub shared: bool,
    /// How often gateways exchange their counts, from 100 ms to one minute.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub shared_interval: Duration,
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
            shared: false,
            shared_interval: Duration::from_secs(1),
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
            keepalive_timeout: Duration::from_secs(75),
            keepalive_requests: 10_000,
            header_size: ByteSize::kib(32),
            header_count: 100,
            uri_size: ByteSize::kib(8),
            token_size: ByteSize::kib(16),
            body_size: None,
            h2_streams: 100,
            h2_resets: 1000,
            h2_resets_per_second: 50,
            h2_resets_of_proxies_times: 1,
            max_hops: 4,
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
