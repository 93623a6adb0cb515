//! Which requests go where, and who may pass.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::origin::Origin;
use super::{HeaderOperations, LoginUrl};
use crate::limit::Rate;
use crate::text_schema::{DurationText, SizeText};

/// What becomes of a query that carries a token (RFC 6750 section 5.3, RFC 9700 section 4.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryTokens {
    /// The request is refused.
    #[default]
    Refuse,
    /// The parameter is taken out, the rest goes on.
    Strip,
    /// It goes on as it came: for a provider that is itself behind the gateway and takes an
    /// `id_token_hint`.
    Forward,
}

/// One route. The most specific match wins: an exact host before a wildcard before any host,
/// then an exact path before the longest prefix, then named methods before all.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The name in logs and metrics; host and path by default.
    #[serde(default)]
    pub name: Option<String>,
    /// The host that it serves: `app.example.com`, or `*.example.com` for every host under
    /// `example.com`, at any depth. Absent for all.
    #[serde(default)]
    pub host: Option<String>,
    /// A prefix of the canonical path, matched by whole segments.
    #[serde(default = "root")]
    pub path: String,
    /// Match `path` as the whole path instead. A trailing slash makes no difference.
    #[serde(default)]
    pub exact: bool,
    /// The methods that it serves; empty for all. `GET` includes `HEAD`.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// Who may pass.
    #[serde(default)]
    pub auth: Access,
    /// Whether `Authorization` is looked at: `read`, or `ignore` where it carries a credential of the
    /// upstream's own, which then goes on to it.
    #[serde(default)]
    pub authorization: AuthorizationField,
    /// What the session's claims must say, by claim: `email_verified`, `realm_access.roles`.
    #[serde(default)]
    pub require: BTreeMap<String, ClaimRule>,
    /// Scopes of `session.scopes`, all of which the session token must have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// A scope of `step_up.scopes` that requests must show an elevated token for.
    #[serde(default)]
    pub step_up: Option<String>,
    /// The name of the upstream.
    pub upstream: String,
    /// `aud` of the session tokens that go to the upstream, instead of `session.audience`.
    #[serde(default)]
    pub audience: Option<String>,
    /// What upstreams see instead of `path`; `/` takes it off.
    #[serde(default)]
    pub replace_prefix: Option<String>,
    /// Origins beside the gateway's `allowed_origins`.
    #[serde(default)]
    pub allowed_origins: Vec<Origin>,
    /// Where browsers without a session are sent, instead of the gateway's `login_url`.
    #[serde(default)]
    pub login_url: Option<LoginUrl>,
    /// Let `%2F` pass within a segment below `path`, as the same bytes. The upstream must not
    /// read it as `/`: what it would lead to then is not looked at beyond this gateway's routes.
    #[serde(default)]
    pub allow_encoded_slash: bool,
    /// What becomes of a query that carries a token of a configured issuer or of the gateway.
    #[serde(default)]
    pub query_tokens: QueryTokens,
    /// A request body, instead of `limits.body_size`.
    #[serde(default)]
    #[schemars(with = "Option<SizeText>")]
    pub body_size: Option<ByteSize>,
    /// How often one client may ask. A client is counted as in `limits.rates`.
    #[serde(default = "off")]
    pub rate_per_client: Rate,
    /// How often one user may ask.
    #[serde(default = "off")]
    pub rate_per_user: Rate,
    /// Bound on the whole request: on its arrival, from the end of its header, and then on its
    /// answer, from its own end. `None` for no bound. A WebSocket has none.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub timeout: Option<Duration>,
    /// Bound on connecting, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub connect_timeout: Option<Duration>,
    /// Bound on each read, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub read_timeout: Option<Duration>,
    /// Bound on each write, instead of the upstream's.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub write_timeout: Option<Duration>,
    /// Edits of the request's header, after everything else but the session token.
    #[serde(default)]
    pub request_headers: HeaderOperations,
    /// Edits of the header of the upstream's answer.
    #[serde(default)]
    pub response_headers: HeaderOperations,
}

/// Who may pass a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Only with a session.
    #[default]
    Required,
    /// With a session, or with no credential at all.
    Optional,
    /// Anyone; no credential is looked at, all are taken out.
    None,
}

/// What `Authorization` is to the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationField {
    /// A place for tokens.
    #[default]
    Read,
    /// None of its business.
    Ignore,
}

/// A method that the gateway forwards (RFC 9110 section 9.3, RFC 5789).
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
}

/// What one claim must say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a rule is a value (true, 7, admin) or one or more of `any_of`, `all_of`, `none_of`"
)]
pub enum ClaimRule {
    /// The claim is this value.
    Equals(Scalar),
    /// The claim, a value or a list of values, satisfies all that is named.
    Set(SetRule),
}

/// Rules on a claim's values. At least one is named, and none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "RawSetRule")]
pub struct SetRule {
    /// One of these is among the values.
    pub any_of: Option<Vec<Scalar>>,
    /// All of these are among the values.
    pub all_of: Option<Vec<Scalar>>,
    /// None of these is among the values; an absent claim has none.
    pub none_of: Option<Vec<Scalar>>,
}

/// A value in a claim rule. Types count: `true` is not `"true"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are those of JSON")]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawSetRule {
    any_of: Option<Vec<Scalar>>,
    all_of: Option<Vec<Scalar>>,
    none_of: Option<Vec<Scalar>>,
}

impl TryFrom<RawSetRule> for SetRule {
    type Error = &'static str;

    fn try_from(raw: RawSetRule) -> Result<Self, Self::Error> {
        let lists = [&raw.any_of, &raw.all_of, &raw.none_of];
        if lists.iter().all(|list| list.is_none()) {
            return Err("name at least one of `any_of`, `all_of`, `none_of`");
        }
        if lists.into_iter().flatten().any(Vec::is_empty) {
            return Err("an empty list of values");
        }
        Ok(Self {
            any_of: raw.any_of,
            all_of: raw.all_of,
            none_of: raw.none_of,
        })
    }
}

fn off() -> Rate {
    Rate::OFF
}

fn root() -> String {
    "/".to_owned()
}
