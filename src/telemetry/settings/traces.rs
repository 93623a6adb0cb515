//! Traces: whose are continued, and where the gateway's own parts are sent.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use url::Url;

use crate::secret::Secret;
use crate::text_schema::{DurationText, HttpUrlText, text_schema};

/// Tracing (W3C Trace Context, OpenTelemetry).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Traces", deny_unknown_fields, default)]
pub struct TraceSettings {
    /// Send `traceparent` to upstreams, and create one if no trace is continued. With `false`, the
    /// client's fields are forwarded unchanged.
    pub propagate: bool,
    /// Whose traces are continued.
    #[schemars(extend("x-unsafe" = "clients decide which requests are traced"))]
    pub continue_from: ContinueFrom,
    /// An OpenTelemetry collector; if omitted, no spans are recorded.
    pub otlp: Option<Otlp>,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self {
            propagate: true,
            continue_from: ContinueFrom::TrustedProxies,
            otlp: None,
        }
    }
}

/// Whose traces are continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContinueFrom {
    /// Only those of peers in `trusted_proxies`.
    TrustedProxies,
    /// Those of all clients, which can then choose what is traced.
    Everyone,
}

/// An OpenTelemetry collector that accepts OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector's address for traces, such as `http://127.0.0.1:4318/v1/traces`.
    #[schemars(with = "HttpUrlText")]
    pub endpoint: Url,
    /// Header fields of requests to the collector, such as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// The share of new traces that are sampled, from 0 to 1. For continued traces, their
    /// originator has decided.
    #[serde(default = "default_sample_ratio")]
    pub sample_ratio: Ratio,
    /// Time limit of one request to the collector.
    #[serde(default = "default_timeout", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// The gateway's service name in traces.
    #[serde(default = "default_service_name")]
    pub service_name: String,
}

/// From 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio(f64);

impl Ratio {
    /// Never.
    pub const NONE: Self = Self(0.0);

    /// True for this part of all calls, by chance.
    pub fn picks(self) -> bool {
        fastrand::f64() < self.0
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let ratio = f64::deserialize(from)?;
        match (0.0..=1.0).contains(&ratio) {
            true => Ok(Self(ratio)),
            false => Err(de::Error::custom("not between 0 and 1")),
        }
    }
}

text_schema!(Ratio, "Ratio", {
    "description": "From 0 to 1.",
    "type": "number",
    "minimum": 0,
    "maximum": 1,
});

fn default_sample_ratio() -> Ratio {
    Ratio(0.01)
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_service_name() -> String {
    "vestibule".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_between_none_and_all() {
        for (ratio, picks) in [("0", false), ("0.0", false), ("1", true)] {
            let ratio: Ratio = serde_yaml::from_str(ratio).unwrap();
            assert!((0..1000).all(|_| ratio.picks() == picks));
        }
        for wrong in ["-0.1", "1.1", ".nan", "often"] {
            assert!(serde_yaml::from_str::<Ratio>(wrong).is_err(), "{wrong}");
        }
    }
}
