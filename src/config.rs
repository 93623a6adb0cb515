//! The configuration: one YAML file, read once into checked types.
//!
//! Keys are snake_case; the platform's own names (`jwksUrl`, `cookieName`) are aliases. An
//! unknown key is an error. Durations read `500ms`, `30s`, `10m`; sizes `256KiB`; secrets are
//! references, `env:NAME` or `file:PATH`. Whatever is unsafe has a name that says so.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

pub mod admin;
pub mod client;
pub mod header_operations;
pub mod issuer;
pub mod limits;
pub mod listener;
pub mod load;
pub mod log;
pub mod login_url;
pub mod origin;
pub mod positions;
pub mod resolver;
pub mod route;
pub mod schema;
pub mod sdk;
pub mod secret;
pub mod session;
pub mod step_up;
pub mod template;
pub mod traces;
pub mod upstream;

pub use admin::{Admin, AdminToken, Role};
pub use client::Client;
pub use header_operations::HeaderOperations;
pub use issuer::Issuer;
pub use limits::Limits;
pub use listener::{ListenAddress, Listener};
pub use load::{ConfigError, load};
pub use log::{Log, LogFormat};
pub use login_url::LoginUrl;
pub use origin::Origin;
pub use resolver::Resolver;
pub use route::{Access, AuthorizationField, Route};
pub use sdk::Sdk;
pub use secret::Secret;
pub use session::SessionSettings;
pub use step_up::StepUp;
pub use template::Template;
pub use traces::Traces;
pub use upstream::Upstream;

use crate::claims::ClaimPaths;
use crate::text_schema::{DurationText, NetworkText, SizeText};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it was read from, for another look while the gateway runs. `None`: from no file.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The origin under which browsers and clients reach the gateway, such as
    /// `https://app.example.com`; no path. [`load()`] sets it to the first listener's address when
    /// the file has none and that listens on loopback.
    pub public_url: Origin,
    /// The environment's id in session tokens and API paths. Without it one is made at first
    /// start and kept in the store.
    #[serde(default)]
    pub environment_id: Option<Uuid>,
    /// The path prefix of the gateway's own endpoints, reserved on every host.
    #[serde(default = "default_api_prefix")]
    pub api_prefix: String,
    /// Where the gateway listens for the public.
    pub listeners: Vec<Listener>,
    /// Whose tokens are trusted.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    /// The servers behind the gateway, by name.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// How their names are resolved.
    #[serde(default)]
    pub resolver: Resolver,
    /// What is forwarded where, and who may pass.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Link an unknown identity to the user who holds the same verified address, between issuers
    /// that are both `email_trusted`.
    #[serde(default)]
    pub link_by_verified_email: bool,
    /// Sessions and session tokens.
    #[serde(default)]
    pub session: SessionSettings,
    /// What the platform's SDKs are told.
    #[serde(default)]
    pub sdk: Sdk,
    /// Programs that may ask about session tokens and give them back.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// What a signed-in user may do only with a fresh assertion.
    #[serde(default)]
    pub step_up: StepUp,
    /// The token that the gateway puts into forwarded requests.
    #[serde(default)]
    pub forward: Forward,
    /// Where users, sessions and keys are kept.
    #[serde(default)]
    pub store: Store,
    /// Sizes, counts and times that bound what a client may cost.
    #[serde(default)]
    pub limits: Limits,
    /// Origins of browsers, beside the gateway's own, that may send cookie-borne credentials.
    #[serde(default)]
    pub allowed_origins: Vec<Origin>,
    /// Where browsers that navigate without a session are sent instead of being refused; routes
    /// may have their own.
    #[serde(default)]
    pub login_url: Option<LoginUrl>,
    /// A file with the page that people see when a request is refused or fails. Absent for a
    /// plain one.
    #[serde(default)]
    pub error_page: Option<PathBuf>,
    /// Peers whose `X-Forwarded-*` fields are believed. None by default.
    #[serde(default)]
    #[schemars(with = "Vec<NetworkText>")]
    pub trusted_proxies: Vec<IpNet>,
    /// The listener for operators.
    #[serde(default)]
    pub admin: Admin,
    /// What is logged, and how.
    #[serde(default)]
    pub log: Log,
    /// How requests are told of in traces.
    #[serde(default)]
    pub traces: Traces,
    /// Threads and the stop.
    #[serde(default)]
    pub server: Server,
}

impl Config {
    /// The issuer whose settings SDKs see.
    pub fn sdk_issuer(&self) -> Option<&Issuer> {
        match (&self.sdk.issuer, self.issuers.as_slice()) {
            (Some(name), issuers) => issuers.iter().find(|issuer| issuer.name == *name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The claims of external tokens that anything asks for, so that sessions keep them.
    pub fn claim_paths(&self) -> ClaimPaths {
        let rules = self.routes.iter().flat_map(|route| route.require.keys());
        let copied = self.session.claims_from.values();
        let named = rules.chain(copied).map(String::as_str);
        ClaimPaths::new(named.chain(self.templates().flat_map(Template::claims)))
    }

    /// Whether anybody is told the names of users' issuers, so that sessions keep them.
    pub fn tells_issuer(&self) -> bool {
        self.templates().any(Template::tells_issuer)
    }

    /// Whether anybody is told users' addresses, so that sessions keep them.
    pub fn tells_email(&self) -> bool {
        self.templates().any(Template::tells_email)
    }

    /// The texts of all fields that are put in.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let requests = self.routes.iter().map(|route| &route.request_headers);
        let responses = self.routes.iter().map(|route| &route.response_headers);
        let incoming = requests
            .chain(responses)
            .flat_map(HeaderOperations::incoming);
        incoming
            .map(|(_, text)| text)
            .chain(self.forward.identity.values())
    }

    /// Whether SDKs keep their token in a cookie, by which it then comes: because the gateway
    /// sets that cookie, or because they do themselves when the issuer's token is in one.
    pub fn reads_sdk_cookie(&self) -> bool {
        let issuer_cookie = self.sdk_issuer().map(|issuer| issuer.cookie_name.is_some());
        self.sdk.cookie || issuer_cookie == Some(true)
    }
}

/// How the session token reaches upstreams.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Forward {
    /// The header field that carries the session token.
    pub header: String,
    /// What precedes the token in that field; empty for the bare token.
    pub scheme: String,
    /// Fields by which upstreams learn who the user is without reading the token, such as
    /// `X-User-Id: "{user.id}"`. Clients' own leave on every route, in every spelling.
    pub identity: BTreeMap<String, Template>,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            header: "Authorization".to_owned(),
            scheme: "Bearer".to_owned(),
            identity: BTreeMap::new(),
        }
    }
}

/// Where records are kept: in PostgreSQL when that is set, else in the embedded store's file.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// A connection URI as libpq reads it. Without `sslmode` in it the connection is encrypted
    /// unless the host is this machine.
    pub postgres: Option<Secret>,
    /// The authorities, as PEM, that vouch for the database's certificate; those of the system by
    /// default.
    pub postgres_authorities: Option<PathBuf>,
    /// The most connections to the database.
    pub postgres_connections: usize,
    /// The embedded store's file, created with mode 0600. One gateway owns it.
    pub path: PathBuf,
    /// The embedded store's page cache.
    #[schemars(with = "SizeText")]
    pub cache_size: ByteSize,
}

impl Store {
    /// What keeps the records, as metrics call it.
    pub fn engine(&self) -> &'static str {
        match self.postgres {
            Some(_) => "postgres",
            None => "embedded",
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            postgres: None,
            postgres_authorities: None,
            postgres_connections: 8,
            path: PathBuf::from("vestibule.redb"),
            cache_size: ByteSize::mib(64),
        }
    }
}

/// Threads and the stop.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Worker threads of the proxy; 0 for one per core.
    pub threads: usize,
    /// Reload this file when it is another one; off, only SIGHUP and operators do.
    pub reload_on_change: bool,
    /// How long requests in flight may take to finish after SIGTERM.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub drain_timeout: Duration,
    /// A folder for the socket by which a new process takes over, made with mode 0700. Without it
    /// none can.
    pub runtime_dir: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            threads: 0,
            reload_on_change: true,
            drain_timeout: Duration::from_secs(30),
            runtime_dir: None,
        }
    }
}

fn default_api_prefix() -> String {
    "/_vestibule".to_owned()
}
