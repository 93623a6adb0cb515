//! Which requests go where, and who may pass.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::authorize::ClaimRule;
use crate::canonical::{AllowedOrigin, HostPattern, PathPrefix};
use crate::issuer::AuthorizationField;
use crate::limit::Rate;
use crate::mcp::McpSettings;
use crate::metrics::label;
use crate::session::settings::DeviceBound;
use crate::text_schema::{DurationText, SizeText};

mod challenge;
mod client_networks;
mod fixed_answer;
mod header_operations;
mod login_url;
mod request_match;
mod resource;
mod split;

pub use challenge::Challenge;
pub use client_networks::{ClientNetwork, ClientNetworks};
pub use fixed_answer::{FixedAnswer, Redirect};
pub use header_operations::HeaderOperations;
pub use login_url::{LoginUrl, LoginUrlError};
pub use request_match::RequestMatch;
pub use resource::{ResourceName, ResourceSettings};
pub use split::UpstreamShare;

/// What becomes of a query that carries a token (RFC 6750 section 5.3, RFC 9700 section 4.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryTokens {
    /// The request is refused.
    #[default]
    Refuse,
    /// The parameter is removed, and the request is forwarded without it.
    Strip,
    /// The query is forwarded unchanged: for a provider that is itself behind the gateway and
    /// receives an `id_token_hint`.
    Forward,
}

/// One route. The most specific match wins: an exact host before a wildcard before any host,
/// then an exact path before the longest prefix, then named methods before all.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename = "Route", deny_unknown_fields)]
pub struct RouteSettings {
    /// The name in logs and metrics; by default host and path.
    #[serde(default, deserialize_with = "label::optional")]
    pub name: Option<String>,
    /// The host: `app.example.com`, or `*.example.com` for every host below `example.com`, at any
    /// depth. If omitted, all hosts.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub host: Option<HostPattern>,
    /// A prefix of the canonical path, matched by whole segments.
    #[serde(default = "PathPrefix::root")]
    #[schemars(with = "String", extend("default" = "/"))]
    pub path: PathPrefix,
    /// Match `path` as the whole path instead. A trailing slash is ignored.
    #[serde(default)]
    pub exact: bool,
    /// The methods; if empty, those of HTTP itself. `GET` includes `HEAD`. Those of WebDAV and other
    /// registered extensions are served if they are listed.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// Serve every method except `CONNECT` and `TRACE`, registered or not.
    #[serde(default)]
    pub any_method: bool,
    /// What a request must carry in addition, to be on this route and not on the one that is
    /// otherwise for the same requests. Of several, the first counts.
    #[serde(default, rename = "match")]
    pub matches: Option<RequestMatch>,
    /// The names of the listeners that serve it; if empty, all. At other listeners these requests are
    /// answered 404, also where a shorter path has a route.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// Who has access.
    #[serde(default)]
    pub auth: Access,
    /// Whether `Authorization` is checked for tokens: `read`, `any_scheme` if their scheme may be another
    /// one than `Bearer` or missing, or `ignore` if it contains a credential for the upstream, which then
    /// receives it.
    #[serde(default)]
    pub authorization: AuthorizationField,
    /// Required claims of the session, by name: `email_verified`, `realm_access.roles`.
    #[serde(default)]
    pub require: BTreeMap<String, ClaimRule>,
    /// Scopes from `session.scopes`, all of which the session token must have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// A scope from `step_up.scopes` for which requests must present an elevated token.
    #[serde(default)]
    pub step_up: Option<String>,
    /// Require a session that is bound to a key of the browser's device: `true` or `required`; `false`
    /// to accept others, too. By default, what `session.device_bound` says.
    #[serde(default)]
    pub device_bound: Option<DeviceBound>,
    /// The name of the upstream. A route has this, or `split`, `redirect` or `respond`.
    #[serde(default)]
    pub upstream: Option<String>,
    /// Several upstreams that share the route's users by weight, such as a canary. A user stays with one
    /// of them, and so does a client without a session.
    #[serde(default)]
    pub split: Vec<UpstreamShare>,
    /// Redirect requests that may pass.
    #[serde(default)]
    pub redirect: Option<Redirect>,
    /// Answer requests that may pass.
    #[serde(default)]
    pub respond: Option<FixedAnswer>,
    /// Which clients are served, by their address; others are refused (403).
    #[serde(default)]
    pub client_networks: ClientNetworks,
    /// The `aud` of the session tokens that this route's upstream gets, instead of
    /// `session.audience`.
    #[serde(default)]
    pub audience: Option<String>,
    /// Publish the route as a protected resource (RFC 9728) that takes tokens for itself only.
    #[serde(default)]
    pub resource: Option<ResourceSettings>,
    /// What calls of MCP need beyond that.
    #[serde(default)]
    pub mcp: Option<McpSettings>,
    /// What upstreams see instead of `path`; `/` removes it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub replace_prefix: Option<PathPrefix>,
    /// Issuers whose cookie is forwarded to the upstream, by name. This is for routes that lead to the
    /// issuer's own application, which needs it to refresh or end its login.
    #[serde(default)]
    pub forward_issuer_cookie: Vec<String>,
    /// Allowed origins in addition to the gateway's `allowed_origins`.
    #[serde(default)]
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Parameters of `WWW-Authenticate` on this route's refusals that ask for a credential:
    /// `resource_metadata`, `scope`, `realm` and the like.
    #[serde(default)]
    pub challenge: Challenge,
    /// Where browsers without a session are redirected, instead of the gateway's `login_url`.
    #[serde(default)]
    pub login_url: Option<LoginUrl>,
    /// Allow `%2F` in paths below `path`, and forward it unchanged. An upstream that reads it as
    /// `/` may then serve paths that these routes do not protect.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "an upstream that decodes `%2F` serves other paths than the one that was matched"))]
    pub allow_encoded_slash: bool,
    /// What becomes of a query that carries a token of a configured issuer or of the gateway.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = { "forward": "the upstream gets tokens of your issuers that stand in the query; queries end up in logs, histories and `Referer`; this is for an issuer that is itself behind the gateway, otherwise `strip` or `refuse`" }))]
    pub query_tokens: QueryTokens,
    /// Let `//` pass, as the same bytes. It is matched as `/`.
    #[serde(default)]
    pub allow_empty_segments: bool,
    /// The maximum size of a request body, instead of `limits.body_size`.
    #[serde(default)]
    #[schemars(with = "Option<SizeText>")]
    pub body_size: Option<ByteSize>,
    /// The rate limit per client. Clients are counted as in `limits.rates`.
    #[serde(default = "off")]
    pub rate_per_client: Rate,
    /// The rate limit per user.
    #[serde(default = "off")]
    pub rate_per_user: Rate,
    /// Time limit of a whole request: for the rest of it to arrive after its header, and then for
    /// its response. No limit if omitted. WebSockets are not limited.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<Duration>,
    /// Time limit for connecting, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub connect_timeout: Option<Duration>,
    /// Time limit for each read, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub read_timeout: Option<Duration>,
    /// Time limit for each write, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub write_timeout: Option<Duration>,
    /// Time limit for the silence of a WebSocket, an event stream or a gRPC stream, instead of the
    /// upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub stream_idle_timeout: Option<Duration>,
    /// Edits of the request's header, after all other changes except the session token.
    #[serde(default)]
    pub request_headers: HeaderOperations,
    /// Edits of the header of the upstream's response.
    #[serde(default)]
    pub response_headers: HeaderOperations,
    /// Edit refusals and failures on this route as well, which the gateway answers itself. The fields
    /// that make up such an answer stay as they are.
    #[serde(default)]
    pub response_headers_on_refusals: bool,
}

impl RouteSettings {
    /// Whether the two are for the same requests, apart from what these carry.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let methods = |route: &Self| route.methods.iter().copied().collect::<HashSet<_>>();
        let listeners = |route: &Self| route.listeners.iter().cloned().collect::<HashSet<_>>();
        self.host == other.host
            && self.path == other.path
            && self.exact == other.exact
            && self.any_method == other.any_method
            && methods(self) == methods(other)
            && listeners(self) == listeners(other)
    }

    /// The names of its upstreams, each with the key that has it.
    pub fn upstreams(&self) -> impl Iterator<Item = (String, &str)> {
        let only = self.upstream.as_deref();
        let only = only.map(|name| ("upstream".to_owned(), name));
        let shares = self.split.iter().enumerate();
        let shares = shares.map(|(place, share)| {
            let key = format!("split[{place}].upstream");
            (key, share.upstream.as_str())
        });
        only.into_iter().chain(shares)
    }

    /// The keys that say where its requests end. Exactly one is right.
    pub fn destinations(&self) -> Vec<&'static str> {
        let named = [
            ("upstream", self.upstream.is_some()),
            ("split", !self.split.is_empty()),
            ("redirect", self.redirect.is_some()),
            ("respond", self.respond.is_some()),
        ];
        let present = named.into_iter().filter(|(_, is_present)| *is_present);
        present.map(|(key, _)| key).collect()
    }

    /// Whether it requires a session that is bound to a device, where the configuration's sessions
    /// are bound as `session` says.
    pub fn requires_device(&self, session: DeviceBound) -> bool {
        match self.device_bound {
            Some(own) => own.is_on(),
            None => session == DeviceBound::Required && self.auth == Access::Required,
        }
    }
}

/// Who has access to a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Requests without a session are refused.
    #[default]
    Required,
    /// A session or no credential at all.
    Optional,
    /// Open to everyone; credentials are removed without being read.
    None,
}

/// A method that the gateway forwards (RFC 9110 section 9.3, RFC 5789), or one of the registry's
/// extensions, those of WebDAV above all (RFC 4918 and its successors).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names are the registered ones")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Acl,
    #[serde(rename = "BASELINE-CONTROL")]
    BaselineControl,
    Bind,
    Checkin,
    Checkout,
    Copy,
    Label,
    Link,
    Lock,
    Merge,
    MkActivity,
    MkCalendar,
    MkCol,
    MkRedirectRef,
    MkWorkspace,
    Move,
    OrderPatch,
    Propfind,
    Proppatch,
    Query,
    Rebind,
    Report,
    Search,
    Unbind,
    Uncheckout,
    Unlink,
    Unlock,
    Update,
    UpdateRedirectRef,
    #[serde(rename = "VERSION-CONTROL")]
    VersionControl,
}

fn off() -> Rate {
    Rate::OFF
}
