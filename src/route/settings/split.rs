//! Upstreams that share the requests of a route.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

/// One of several upstreams of a route, and how many of its users it gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamShare {
    /// The name of the upstream.
    pub upstream: String,
    /// Its part of the sum of all weights.
    pub weight: NonZeroU32,
}
