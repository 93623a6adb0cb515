//! The configuration: one YAML file, read once into checked types.
//!
//! Keys are snake_case; the platform's own names (`jwksUrl`, `cookieName`) are aliases. An
//! unknown key is an error. Durations read `500ms`, `30s`, `10m`; sizes `256KiB`; secrets are
//! references, `env:NAME` or `file:PATH`. Whatever is unsafe has a name that says so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use uuid::Uuid;

pub mod attributes;
mod compose;
mod document;
pub mod load;
pub mod positions;
pub mod schema;

pub use document::Document;
pub use load::{ConfigError, load, load_section};

use crate::api::logout::LogoutSettings;
use crate::api::oauth::{ClientMetadataSettings, ClientSettings, GrantSettings};
use crate::api::sdk::SdkSettings;
use crate::canonical::{AllowedOrigin, Origin, PathPrefix};
use crate::exchange::Forward;
use crate::field_name::EditableField;
use crate::issuer::IssuerSettings;
use crate::limit::Limits;
use crate::listener::{Listener, TlsTickets};
use crate::metrics::label;
use crate::operator::AdminSettings;
use crate::proxy::{Brand, ForwardedFields};
use crate::route::settings::{LoginUrl, RouteSettings};
use crate::session::SessionSettings;
use crate::stepup::StepUpSettings;
use crate::store::StoreSettings;
use crate::telemetry::settings::{LogSettings, TraceSettings};
use crate::text_schema::{DurationText, NetworkText};
use crate::upstream::{self, ResolverSettings};
use crate::webhooks::{EventSettings, Webhook};

/// The configuration file as a whole.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file that it was read from, which a reload reads again; `None` if there is none.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// How it is written there.
    #[serde(skip)]
    pub document: Document,
    /// The origin at which browsers and clients reach the gateway, such as
    /// `https://app.example.com`, without a path. If the file has none, [`load()`] sets it to the
    /// address of the first listener, which must then be on loopback.
    #[schemars(extend("x-restart" = true))]
    pub public_url: Origin,
    /// The environment id in session tokens and API paths. If omitted, the gateway creates one on
    /// its first start and keeps it in the store.
    #[serde(default)]
    #[schemars(extend("x-restart" = true))]
    pub environment_id: Option<Uuid>,
    /// The path prefix of the gateway's own endpoints, reserved on every host.
    #[serde(default = "default_api_prefix", deserialize_with = "below_root")]
    #[schemars(with = "String", extend("x-restart" = true, "default" = "/_vestibule"))]
    pub api_prefix: PathPrefix,
    /// The public listeners.
    #[schemars(extend("x-restart" = true))]
    pub listeners: Vec<Listener>,
    /// The trusted issuers.
    #[serde(default)]
    pub issuers: Vec<IssuerSettings>,
    /// The servers behind the gateway, by name.
    #[serde(default, deserialize_with = "label::by_label")]
    pub upstreams: BTreeMap<String, upstream::Settings>,
    /// How servers' names are resolved.
    #[serde(default)]
    #[schemars(extend("x-restart" = true))]
    pub resolver: ResolverSettings,
    /// What is forwarded where, and who has access.
    #[serde(default)]
    pub routes: Vec<RouteSettings>,
    /// Link an unknown identity to the existing user with the same verified email address, if both
    /// issuers are `email_trusted`.
    #[serde(default)]
    pub link_by_verified_email: bool,
    /// Keep sessions when their issuer is turned off (`enabled: false`) or removed from the
    /// configuration. With `false`, both end them permanently and at all gateways.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "sessions continue although their issuer is no longer trusted; only logout, revocation and their time limits end them"))]
    pub sessions_outlive_issuer: bool,
    /// Sessions and session tokens.
    #[serde(default)]
    pub session: SessionSettings,
    /// Settings for the platform's SDKs.
    #[serde(default)]
    pub sdk: SdkSettings,
    /// OAuth clients: programs that can introspect and revoke session tokens, and present assertions.
    #[serde(default)]
    pub clients: Vec<ClientSettings>,
    /// Clients of `grants.identity_assertion` that describe themselves at the address which is their
    /// `client_id`.
    #[serde(default)]
    pub client_metadata: ClientMetadataSettings,
    /// Grants of the token endpoint in addition to token exchange.
    #[serde(default)]
    pub grants: GrantSettings,
    /// What a signed-in user can only do with a fresh assertion.
    #[serde(default)]
    pub step_up: StepUpSettings,
    /// How upstreams get the session token.
    #[serde(default)]
    pub forward: Forward,
    /// Where users, sessions and signing keys are stored.
    #[serde(default)]
    #[schemars(extend("x-restart" = true))]
    pub store: StoreSettings,
    /// Where events are sent.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
    /// How long events are kept.
    #[serde(default)]
    pub events: EventSettings,
    /// Limits on what clients can consume.
    #[serde(default)]
    pub limits: Limits,
    /// Origins, in addition to the gateway's own, from which browsers may send credentials in
    /// cookies. One can stand for all hosts one label below a domain: `https://*.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Where browsers that navigate without a session are redirected instead of being refused; a
    /// route can have its own.
    #[serde(default)]
    pub login_url: Option<LoginUrl>,
    /// What a logout does beyond ending the session.
    #[serde(default)]
    pub logout: LogoutSettings,
    /// A file with the page that people see when a request is refused or fails. If omitted, a plain
    /// page is used.
    #[serde(default)]
    pub error_page: Option<PathBuf>,
    /// What the plain page looks like.
    #[serde(default)]
    pub brand: Brand,
    /// Networks of proxies whose `X-Forwarded-*` fields are trusted. None by default.
    #[serde(default)]
    #[schemars(with = "Vec<NetworkText>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Which fields of trusted proxies count.
    #[serde(default)]
    pub forwarded_fields: ForwardedFields,
    /// Fields by which trusted proxies say more than where a request came from.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub trusted_fields: Vec<EditableField>,
    /// Fields that look like those of other proxies, and in which upstreams believe anybody.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub client_fields: Vec<EditableField>,
    /// The admin listener.
    #[serde(default)]
    pub admin: AdminSettings,
    /// The log and the access log.
    #[serde(default)]
    pub log: LogSettings,
    /// Tracing.
    #[serde(default)]
    #[schemars(extend("x-restart" = true))]
    pub traces: TraceSettings,
    /// Threads, reloads, shutdown, upgrades and TLS tickets.
    #[serde(default)]
    #[schemars(extend("x-restart" = true))]
    pub server: Server,
}

/// Threads, reloads, shutdown, upgrades and TLS tickets.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Worker threads of the proxy; 0 for one per core.
    pub threads: usize,
    /// Reload this file when it changes. With `false`, it is only reloaded on SIGHUP or by an
    /// operator.
    pub reload_on_change: bool,
    /// How long the file must be left alone before a change is taken up by `reload_on_change`, so
    /// that no half-written one is. SIGHUP and operators reload it at once.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub reload_quiet_time: Duration,
    /// How long the gateway continues to serve after SIGTERM while `/ready` is already 503, so that
    /// load balancers notice before connections are refused. If omitted, the value of `serve
    /// --shutdown-delay`, which is 0 by default.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub shutdown_delay: Option<Duration>,
    /// How long requests in flight can take to finish after SIGTERM.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub drain_timeout: Duration,
    /// A path on all public listeners that answers GET with 200 while the gateway serves and with 503
    /// otherwise, for load balancers that cannot reach the admin listener. It takes precedence over
    /// routes.
    #[schemars(with = "Option<String>")]
    pub health_path: Option<PathPrefix>,
    /// A folder for the socket through which a new process takes over, created with mode 0700. If
    /// omitted, upgrades without a restart are not possible.
    pub runtime_dir: Option<PathBuf>,
    /// The keys of the tickets by which clients resume TLS sessions.
    pub tls_tickets: TlsTickets,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            threads: 0,
            reload_on_change: true,
            reload_quiet_time: Duration::from_secs(5),
            shutdown_delay: None,
            drain_timeout: Duration::from_secs(30),
            health_path: None,
            runtime_dir: None,
            tls_tickets: TlsTickets::default(),
        }
    }
}

fn default_api_prefix() -> PathPrefix {
    PathPrefix::of_word("_vestibule")
}

/// The gateway's own paths cannot be all paths.
fn below_root<'de, D: Deserializer<'de>>(from: D) -> Result<PathPrefix, D::Error> {
    let prefix = PathPrefix::deserialize(from)?;
    match prefix.is_root() {
        true => Err(de::Error::custom(
            "the gateway's own paths cannot be all paths",
        )),
        false => Ok(prefix),
    }
}
