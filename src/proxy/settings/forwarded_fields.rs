//! How trusted proxies say where a request came from.

use schemars::JsonSchema;
use serde::Deserialize;

/// The fields of trusted proxies that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForwardedFields {
    /// Whichever there are. A request is refused when they contradict each other.
    #[default]
    Auto,
    /// `X-Forwarded-For`, and of `X-Forwarded-Proto`, `X-Forwarded-Scheme` and `X-Forwarded-Ssl` the
    /// first that is there. `Forwarded` is removed.
    XForwarded,
    /// `Forwarded` (RFC 7239). `X-Forwarded-*` is removed.
    Forwarded,
}
