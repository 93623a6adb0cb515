//! What the configuration says to the proxy. [`Brand`] and [`ForwardedFields`] are parts of the
//! configuration that are the proxy's alone.

use std::collections::BTreeMap;
use std::path::Path;

use ipnet::IpNet;

use crate::canonical::{Origin, PathPrefix};
use crate::credential::TokenSourceSettings;
use crate::exchange::Forward;
use crate::field_name::EditableField;
use crate::route::RouteTableSettings;
use crate::telemetry::{LogSettings, TraceSettings};
use crate::upstream;

mod brand;
mod forwarded_fields;

pub use brand::{Brand, Color};
pub use forwarded_fields::ForwardedFields;

/// What the configuration says to the proxy.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// The origin at which clients reach the gateway.
    pub public_url: &'a Origin,
    /// Which requests go where, and the limits.
    pub routes: RouteTableSettings<'a>,
    /// The servers, by the names that routes have for them.
    pub upstreams: &'a BTreeMap<String, upstream::Settings>,
    /// Concurrent requests of an upstream that sets no bound of its own.
    pub requests_per_upstream: usize,
    /// Where tokens are looked for.
    pub token_sources: TokenSourceSettings<'a>,
    /// Whether a logout leads on to the provider's.
    pub logs_out_at_provider: bool,
    /// How upstreams get the session token.
    pub forward: &'a Forward,
    /// The page that people see of refusals; `None` for the plain one.
    pub error_page: Option<&'a Path>,
    /// What the gateway's own pages look like.
    pub brand: &'a Brand,
    /// What is logged of requests.
    pub log: &'a LogSettings,
    /// Whose traces are continued.
    pub traces: &'a TraceSettings,
    /// Whose word on clients is taken.
    pub trusted_proxies: &'a [IpNet],
    /// Which of their fields count.
    pub forwarded_fields: ForwardedFields,
    /// What else they may say.
    pub trusted_fields: &'a [EditableField],
    /// What of that anybody may say.
    pub client_fields: &'a [EditableField],
    /// Where load balancers ask on the public listeners.
    pub health_path: Option<&'a PathPrefix>,
}
