//! An issuer as the file writes it, before it is checked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::{
    Algorithm, CookieFormat, Issuer, JwksSettings, KeyFormat, KeySource, Provisioning,
    RequiredClaim, TENANT_PLACEHOLDER, preset, preset::Preset,
};
use crate::config::schema::{self, DurationText};
use crate::config::secret::Secret;

/// The keys of one entry of `issuers`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = schema::with_aliases)]
pub(super) struct Written {
    /// Its name in logs, metrics and the dashboard.
    name: String,
    /// A provider that is known by name; what follows from it need not be written.
    #[serde(default)]
    pub(super) preset: Option<Preset>,
    /// Auth0, Clerk: the domain.
    #[serde(default)]
    pub(super) domain: Option<String>,
    /// Firebase: the project's id. Supabase: its reference.
    #[serde(default)]
    pub(super) project: Option<String>,
    /// Firebase: the tokens are the session cookies of its admin SDKs.
    #[serde(default)]
    pub(super) session_cookie: Option<bool>,
    /// Cognito: the user pool's id.
    #[serde(default)]
    pub(super) user_pool: Option<String>,
    /// Entra: the directory's id.
    #[serde(default)]
    pub(super) tenant: Option<String>,
    /// Keycloak: the server's address.
    #[serde(default)]
    pub(super) url: Option<String>,
    /// Keycloak: the realm.
    #[serde(default)]
    pub(super) realm: Option<String>,
    /// WorkOS: the client's id.
    #[serde(default)]
    pub(super) client_id: Option<String>,
    /// Cloudflare Access: what precedes `.cloudflareaccess.com`.
    #[serde(default)]
    pub(super) team: Option<String>,
    /// The exact `iss` of its tokens.
    #[serde(default)]
    pub(super) iss: Option<String>,
    /// In place of `iss`: one that contains `{tenantid}` once.
    #[serde(default)]
    pub(super) iss_template: Option<String>,
    /// The tenants whose tokens are accepted under a template.
    #[serde(default)]
    pub(super) tenants: Vec<String>,
    /// The address of its key set.
    #[serde(default, alias = "jwksUrl")]
    pub(super) jwks_url: Option<String>,
    /// Look the address up in `{iss}/.well-known/openid-configuration`.
    #[serde(default)]
    discovery: bool,
    /// A file that holds the key set.
    #[serde(default)]
    jwks_file: Option<PathBuf>,
    /// The keys themselves (RFC 7517 section 4).
    #[serde(default)]
    keys: Option<Vec<Value>>,
    /// The shape of the published keys.
    #[serde(default)]
    pub(super) key_format: Option<KeyFormat>,
    /// Allow `http` key-set addresses beyond loopback.
    #[serde(default)]
    insecure_http: bool,
    /// Refuse key-set addresses that resolve into loopback, private or link-local ranges.
    #[serde(default)]
    deny_private_networks: bool,
    /// Accepted audiences; one match is enough. Left out, none is asked for.
    #[serde(default)]
    pub(super) aud: Option<OneOrMany>,
    /// The claim that carries the audience; `aud` by default.
    #[serde(default)]
    pub(super) aud_claim: Option<String>,
    /// Accepted authorized parties. Left out, `azp` is ignored.
    #[serde(default)]
    azp: Option<OneOrMany>,
    /// Claims that must be there, beside `iss`, `sub` and `exp`.
    #[serde(default)]
    pub(super) required_claims: Option<WrittenClaims>,
    /// The cookie that carries its token.
    #[serde(default, alias = "cookieName")]
    pub(super) cookie_name: Option<String>,
    /// How the token lies in that cookie.
    #[serde(default)]
    pub(super) cookie_format: Option<CookieFormat>,
    /// A header field, beside `Authorization`, that carries its bare token.
    #[serde(default)]
    pub(super) header: Option<String>,
    /// Accepted signature algorithms; all of them by default.
    #[serde(default)]
    pub(super) algorithms: Option<Vec<Algorithm>>,
    /// Tolerated difference of clocks.
    #[serde(default = "default_leeway", with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    leeway: Duration,
    /// The greatest age of a token since its `iat`, which is required then.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    max_token_age: Option<Duration>,
    /// The claim that names the login at the provider; `sid` by default.
    #[serde(default)]
    pub(super) sid_claim: Option<String>,
    /// The claim that carries the email address; `email` by default.
    #[serde(default)]
    email_claim: Option<String>,
    /// The claim that says whether the address is verified; `email_verified` and `emailVerified` by
    /// default.
    #[serde(default)]
    pub(super) email_verified_claim: Option<String>,
    /// Take an address for verified when no claim says whether it is.
    #[serde(default, alias = "assumeEmailVerified")]
    assume_email_verified: bool,
    /// Whether its users are made on first sight.
    #[serde(default)]
    provisioning: Provisioning,
    /// Its word about an address is good enough to link accounts by, where `link_by_verified_email`
    /// is on.
    #[serde(default)]
    email_trusted: bool,
    /// Accepted audiences of its logout tokens; those of `aud` by default.
    #[serde(default)]
    logout_audience: Option<OneOrMany>,
    /// Off: its tokens are refused.
    #[serde(default = "yes")]
    enabled: bool,
    /// Readiness fails while this issuer has no keys.
    #[serde(default)]
    required_for_ready: bool,
    /// A shared secret for HS256, accepted from this issuer only.
    #[serde(default)]
    hs256_secret: Option<Secret>,
    /// End the sessions that a key vouched for when it leaves the key set.
    #[serde(default)]
    revoke_on_key_removal: bool,
    /// How its keys are fetched and kept.
    #[serde(default)]
    jwks: JwksSettings,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Names alone, or names with the values that are accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum WrittenClaims {
    Names(Vec<String>),
    Values(BTreeMap<String, Value>),
}

impl WrittenClaims {
    fn into_required(self) -> Vec<RequiredClaim> {
        match self {
            Self::Names(names) => {
                let present = |name| RequiredClaim {
                    name,
                    values: Vec::new(),
                };
                names.into_iter().map(present).collect()
            }
            Self::Values(values) => {
                let one_of = |(name, value)| {
                    let values = match value {
                        Value::Null => Vec::new(),
                        Value::Array(many) => many,
                        one => vec![one],
                    };
                    RequiredClaim { name, values }
                };
                values.into_iter().map(one_of).collect()
            }
        }
    }
}

impl JsonSchema for Issuer {
    fn schema_name() -> Cow<'static, str> {
        "Issuer".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}

impl TryFrom<Written> for Issuer {
    type Error = IssuerError;

    fn try_from(mut written: Written) -> Result<Self, IssuerError> {
        if written.name.is_empty() {
            return Err(IssuerError::NoName);
        }
        preset::fill(&mut written)?;
        written.check_names()?;
        check_intervals(&written.jwks)?;
        let (iss, tenants) = written.identity()?;
        let source = written.key_source(&iss)?;
        if let Some(secret) = &written.hs256_secret
            && secret.expose().len() < MIN_HS256_SECRET
        {
            return Err(IssuerError::ShortSecret);
        }
        let email_verified_claims = match written.email_verified_claim {
            Some(claim) => vec![claim],
            None => vec!["emailVerified".to_owned(), "email_verified".to_owned()],
        };
        Ok(Self {
            name: written.name,
            iss,
            tenants,
            source,
            key_format: written.key_format.unwrap_or_default(),
            insecure_http: written.insecure_http,
            deny_private_networks: written.deny_private_networks,
            aud: written.aud.map(OneOrMany::into_vec).unwrap_or_default(),
            aud_claim: written.aud_claim.unwrap_or_else(|| "aud".to_owned()),
            azp: written.azp.map(OneOrMany::into_vec).unwrap_or_default(),
            required_claims: written
                .required_claims
                .map(WrittenClaims::into_required)
                .unwrap_or_default(),
            cookie_name: written.cookie_name,
            cookie_format: written.cookie_format.unwrap_or_default(),
            header: written.header,
            algorithms: written
                .algorithms
                .unwrap_or_else(|| Algorithm::ASYMMETRIC.to_vec()),
            leeway: written.leeway,
            max_token_age: written.max_token_age,
            sid_claim: written.sid_claim.unwrap_or_else(|| "sid".to_owned()),
            email_claim: written.email_claim.unwrap_or_else(|| "email".to_owned()),
            email_verified_claims,
            assume_email_verified: written.assume_email_verified,
            provisioning: written.provisioning,
            email_trusted: written.email_trusted,
            logout_audience: written
                .logout_audience
                .map(OneOrMany::into_vec)
                .unwrap_or_default(),
            enabled: written.enabled,
            required_for_ready: written.required_for_ready,
            hs256_secret: written.hs256_secret,
            revoke_on_key_removal: written.revoke_on_key_removal,
            jwks: written.jwks,
        })
    }
}

impl Written {
    /// Whether the file says where keys come from.
    pub(super) fn has_key_source(&self) -> bool {
        self.jwks_url.is_some() || self.discovery || self.jwks_file.is_some() || self.keys.is_some()
    }

    fn check_names(&self) -> Result<(), IssuerError> {
        if let Some(header) = &self.header
            && http::HeaderName::from_bytes(header.as_bytes()).is_err()
        {
            return Err(IssuerError::BadHeader);
        }
        // A cookie's name has the grammar of a field name (RFC 6265 section 4.1.1).
        if let Some(cookie) = &self.cookie_name
            && http::HeaderName::from_bytes(cookie.as_bytes()).is_err()
        {
            return Err(IssuerError::BadCookieName);
        }
        Ok(())
    }

    fn identity(&self) -> Result<(String, Vec<String>), IssuerError> {
        match (&self.iss, &self.iss_template) {
            (Some(_), Some(_)) => Err(IssuerError::IssTwice),
            (None, None) => Err(IssuerError::NoIss),
            (Some(iss), None) if iss.is_empty() => Err(IssuerError::NoIss),
            (Some(_), None) if !self.tenants.is_empty() => Err(IssuerError::TenantsWithoutTemplate),
            (Some(iss), None) => Ok((iss.clone(), Vec::new())),
            (None, Some(template)) => {
                if template.matches(TENANT_PLACEHOLDER).count() != 1 {
                    return Err(IssuerError::TemplateWithoutPlace);
                }
                if self.tenants.is_empty() || self.tenants.iter().any(String::is_empty) {
                    return Err(IssuerError::NoTenants);
                }
                Ok((template.clone(), self.tenants.clone()))
            }
        }
    }

    fn key_source(&self, iss: &str) -> Result<KeySource, IssuerError> {
        let mut sources = Vec::with_capacity(1);
        if let Some(url) = &self.jwks_url {
            sources.push(KeySource::Url(self.allowed_url(url)?));
        }
        if self.discovery {
            if !self.tenants.is_empty() {
                return Err(IssuerError::DiscoveryOfTemplate);
            }
            let url = format!("{}{WELL_KNOWN}", iss.trim_end_matches('/'));
            sources.push(KeySource::Discovery(self.allowed_url(&url)?));
        }
        if let Some(path) = &self.jwks_file {
            sources.push(KeySource::File(path.clone()));
        }
        if let Some(keys) = &self.keys {
            sources.push(KeySource::Inline(
                serde_json::json!({ "keys": keys }).to_string(),
            ));
        }
        match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => Ok(source),
            (Some(_), false) => Err(IssuerError::KeysTwice),
            (None, _) if self.hs256_secret.is_some() => Ok(KeySource::SecretOnly),
            (None, _) => Err(IssuerError::NoKeys),
        }
    }

    fn allowed_url(&self, text: &str) -> Result<Url, IssuerError> {
        let url = Url::parse(text).map_err(|_| IssuerError::NoUrl(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(IssuerError::UrlWithPassword);
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.insecure_http || is_loopback(&url) => Ok(url),
            "http" => Err(IssuerError::PlainHttp(text.to_owned())),
            _ => Err(IssuerError::NoUrl(text.to_owned())),
        }
    }
}

/// Why an issuer's keys in the file do not make an issuer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// The name is empty.
    #[error("`name` must not be empty")]
    NoName,
    /// Neither `iss` nor `iss_template`.
    #[error("`iss` is missing: the exact `iss` of this issuer's tokens")]
    NoIss,
    /// Both of them.
    #[error("`iss` and `iss_template` exclude each other")]
    IssTwice,
    /// `tenants` without a template.
    #[error("`tenants` belongs to `iss_template`, which is missing")]
    TenantsWithoutTemplate,
    /// The template has no place for the tenant, or several.
    #[error("`iss_template` must contain `{{tenantid}}` once")]
    TemplateWithoutPlace,
    /// A template without tenants.
    #[error("`iss_template` needs `tenants`: the ids of the tenants to trust")]
    NoTenants,
    /// Discovery of a template.
    #[error("`discovery` needs an exact `iss`; give `jwks_url` beside `iss_template`")]
    DiscoveryOfTemplate,
    /// No source of keys.
    #[error("no keys: give one of `jwks_url`, `discovery: true`, `jwks_file`, `keys`")]
    NoKeys,
    /// Several sources of keys.
    #[error("`jwks_url`, `discovery`, `jwks_file` and `keys` exclude each other")]
    KeysTwice,
    /// Not an address.
    #[error("not an http or https URL: `{0}`")]
    NoUrl(String),
    /// User information in an address.
    #[error("a key-set URL must not carry a user name or password")]
    UrlWithPassword,
    /// Plaintext beyond loopback.
    #[error("`{0}` is not https; `insecure_http: true` allows it beyond loopback")]
    PlainHttp(String),
    /// The secret is shorter than the hash's output (RFC 7518 section 3.2).
    #[error("`hs256_secret` must have at least 32 bytes (RFC 7518 section 3.2)")]
    ShortSecret,
    /// A parameter without its preset.
    #[error("`{0}` belongs to another preset, or there is no `preset`")]
    ForeignParameter(&'static str),
    /// A preset without its parameter.
    #[error("this preset needs `{0}`")]
    MissingParameter(&'static str),
    /// A parameter that can not be part of an address.
    #[error("`{0}` must be a bare name, without a scheme or slashes")]
    BadParameter(&'static str),
    /// `header` is not a field name.
    #[error("`header` is not a header field's name")]
    BadHeader,
    /// `cookie_name` is not a cookie's name.
    #[error("`cookie_name` is not a cookie's name")]
    BadCookieName,
    /// An interval of zero.
    #[error("`jwks.{0}` must be more than zero")]
    NoInterval(&'static str),
}

/// An interval of nothing would fetch without a pause.
fn check_intervals(jwks: &JwksSettings) -> Result<(), IssuerError> {
    let intervals = [
        ("refresh_interval", jwks.refresh_interval),
        ("min_refresh_interval", jwks.min_refresh_interval),
        ("min_retry_interval", jwks.min_retry_interval),
        ("max_retry_interval", jwks.max_retry_interval),
        (
            "max_retry_interval_without_keys",
            jwks.max_retry_interval_without_keys,
        ),
        ("unknown_kid_cooldown", jwks.unknown_kid_cooldown),
        ("timeout", jwks.timeout),
    ];
    match intervals
        .into_iter()
        .find(|(_, interval)| interval.is_zero())
    {
        Some((name, _)) => Err(IssuerError::NoInterval(name)),
        None => Ok(()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

fn yes() -> bool {
    true
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
const MIN_HS256_SECRET: usize = 32;
