//! One outside auth provider whose tokens are trusted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::claims::ProfileField;
use crate::field_name::TokenField;
use crate::secret::Secret;

mod algorithm;
mod cookie_name;
mod cookie_prefix;
mod error;
pub mod jwks;
mod key_issuer;
mod keys;
mod preset;
mod proxy_header;
mod raw;
mod resolve;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use cookie_name::{CookieName, CookieNameError};
pub use cookie_prefix::CookiePrefix;
pub use error::IssuerError;
pub use jwks::JwksSettings;
pub use keys::KeySettings;
pub(crate) use preset::{GITHUB_ACTIONS, GITHUB_OWNERS, GOOGLE, GOOGLE_PEOPLE};

/// The settings of an issuer: the file's keys, checked, with presets and defaults filled in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "raw::RawIssuer")]
pub struct IssuerSettings {
    /// The name in logs, metrics and on the dashboard.
    pub name: String,
    /// The exact `iss` of its tokens; with `tenants`, a template that contains
    /// [`TENANT_PLACEHOLDER`]. Its users are known by it.
    pub iss: String,
    /// Other spellings of `iss`, for the same users.
    pub iss_aliases: Vec<String>,
    /// Other spellings that its preset knows; an issuer whose own they are takes precedence.
    pub preset_aliases: Vec<String>,
    /// The tenants whose tokens are accepted with a template. If empty, `iss` is not a template.
    pub tenants: Vec<String>,
    /// The claim with the tenant, which must be the one that `iss` names, with a template.
    pub tenant_claim: String,
    /// The source of its keys.
    pub source: KeySource,
    /// The format of the published keys.
    pub key_format: KeyFormat,
    /// Allow `http` key-set addresses that are not on loopback.
    pub insecure_http: bool,
    /// Refuse key-set addresses that resolve to loopback, private or link-local ranges.
    pub deny_private_networks: bool,
    /// Let a discovery document lead to a `jwks_uri` on another host in those ranges.
    pub allow_private_jwks_uri: bool,
    /// Accepted audiences; one match is enough. If empty, `aud` is not checked.
    pub aud: Vec<String>,
    /// The claim that contains the audience: `aud`, or `client_id` for Cognito's access tokens.
    pub aud_claim: String,
    /// Accepted authorized parties. If empty, `azp` is not checked.
    pub azp: Vec<String>,
    /// Fields of users' profiles, and the claims of its tokens that they are taken from.
    pub profile_claims: BTreeMap<ProfileField, String>,
    /// Required claims in addition to `iss`, `sub` and `exp`.
    pub required_claims: Vec<RequiredClaim>,
    /// The cookie that contains its token.
    pub cookie_name: Option<CookieName>,
    /// How the token is written in that cookie.
    pub cookie_format: CookieFormat,
    /// Where browsers log out at the provider (OpenID Connect RP-Initiated Logout 1.0).
    pub end_session_endpoint: Option<Url>,
    /// The application's client id at the provider, which that asks for.
    pub end_session_client_id: Option<String>,
    /// The `Domain` with which that cookie is set; `None` for a cookie of one host.
    pub cookie_domain: Option<String>,
    /// The `Path` with which it is set; `None` if that is not known.
    pub cookie_path: Option<String>,
    /// Other cookies of the provider that are removed from requests; `*` at the end stands for any
    /// ending.
    pub strip_cookies: Vec<String>,
    /// A header field with its bare token, in addition to `Authorization`.
    pub header: Option<TokenField>,
    /// Whether a proxy in front sets that field for browsers that it knows by a cookie, so that the origin
    /// rule applies.
    pub header_from_cookie: bool,
    /// Whether its tokens may be in `Authorization`.
    pub authorization: AuthorizationField,
    /// Accepted `typ`s of its tokens, in lower case and without `application/`. A token without
    /// `typ` is accepted, too.
    pub accepted_types: Vec<String>,
    /// Accept base64url with padding.
    pub allow_padding: bool,
    /// The claims that name the user, the first of them that says something. Empty: `sub`, which
    /// must be a string.
    pub subject_claims: Vec<String>,
    /// The `signer` that the header must name, one of these. Empty: the header has none.
    pub signers: Vec<String>,
    /// The SPIFFE trust domain that the subject must be in. Its tokens may lack `iss`.
    pub trust_domain: Option<String>,
    /// Accepted signature algorithms.
    pub algorithms: Vec<Algorithm>,
    /// Try all keys that can have signed a token without `kid`, up to eight.
    pub try_all_keys: bool,
    /// Tolerated clock difference.
    pub leeway: Duration,
    /// The maximum age of a token since its `iat`, which is then required.
    pub max_token_age: Option<Duration>,
    /// The claim that identifies the login at the provider, `sid` in OpenID Connect.
    pub sid_claim: String,
    /// Whether its sessions last until `session.max_age` whatever the `exp` of their tokens.
    pub session_outlives_token: bool,
    /// The claim that contains the email address.
    pub email_claim: String,
    /// The claims that say whether the address is verified; each one that is present must have one of
    /// `email_verified_values`.
    pub email_verified_claims: Vec<String>,
    /// The values of these claims that say so, the boolean `true` by default.
    pub email_verified_values: Vec<Value>,
    /// Treat an address as verified if none of those claims is present. A claim that says anything else
    /// still takes precedence.
    pub assume_email_verified: bool,
    /// A token without a claim about an address takes none back. Off: each token has to vouch for
    /// the address, and one that does not takes it back.
    pub keep_absent_email: bool,
    /// Whether its users are created on first sign-in.
    pub provisioning: Provisioning,
    /// Trust its verified email addresses: for linking accounts, if `link_by_verified_email` is on, and in
    /// entries of access lists that name no issuer.
    pub email_trusted: bool,
    /// Accepted audiences of its logout tokens. If empty, those of `aud` apply; if neither is set,
    /// its logout tokens are refused.
    pub logout_audience: Vec<String>,
    /// With `false`, its tokens are refused.
    pub enabled: bool,
    /// Make `/ready` fail while this issuer has no keys.
    pub required_for_ready: bool,
    /// A shared secret for HS256, only accepted for this issuer.
    pub hs256_secret: Option<Secret>,
    /// How the secret's bytes are written in the configuration.
    pub hs256_secret_encoding: SecretEncoding,
    /// When a key disappears from the key set, end the sessions that were opened with it.
    pub revoke_on_key_removal: bool,
    /// How its keys are fetched and cached.
    pub jwks: JwksSettings,
}

/// What `Authorization` is to the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthorizationField {
    /// A place for tokens.
    #[default]
    Read,
    /// The same, and the scheme may be another one than `Bearer`, such as `JWT`, or missing.
    AnyScheme,
    /// None of its business.
    Ignore,
}

impl AuthorizationField {
    /// Whether tokens are looked for there.
    pub fn is_read(self) -> bool {
        self != Self::Ignore
    }
}

impl IssuerSettings {
    /// The audiences of the logout tokens that it may send; empty: none is accepted, else the logout of any
    /// of the issuer's clients would be one here.
    pub fn accepted_logout_audience(&self) -> &[String] {
        match self.logout_audience.as_slice() {
            [] => &self.aud,
            own => own,
        }
    }

    /// Every `iss` that its tokens may carry.
    pub fn accepted_iss(&self) -> Vec<AcceptedIss> {
        let own = [(&self.iss, "iss", false)];
        let aliases = self.iss_aliases.iter().map(|it| (it, "iss_aliases", false));
        let known = self.preset_aliases.iter().map(|it| (it, "preset", true));
        let spellings = own.into_iter().chain(aliases).chain(known);
        let of_spelling = |(spelling, key, by_preset): (&String, &'static str, bool)| {
            let accepted = |tenant: Option<&String>| {
                let filled = |text: &str| match tenant {
                    Some(tenant) => text.replace(TENANT_PLACEHOLDER, tenant),
                    None => text.to_owned(),
                };
                AcceptedIss {
                    iss: filled(spelling),
                    canonical: filled(&self.iss),
                    tenant: tenant.cloned(),
                    key: match (key, tenant) {
                        ("iss", Some(_)) => "tenants",
                        (key, _) => key,
                    },
                    by_preset,
                }
            };
            match self.tenants.is_empty() {
                true => vec![accepted(None)],
                false => self.tenants.iter().map(|it| accepted(Some(it))).collect(),
            }
        };
        spellings.flat_map(of_spelling).collect()
    }
}

/// An `iss` that tokens of an issuer may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedIss {
    /// As tokens carry it.
    pub iss: String,
    /// The spelling of `iss` with which users are stored.
    pub canonical: String,
    /// The tenant that it stands for, under a template.
    pub tenant: Option<String>,
    /// The key of the file that says it.
    pub key: &'static str,
    /// Only the preset says it.
    pub by_preset: bool,
}

/// The encoding of a shared secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretEncoding {
    /// Its bytes are the secret's.
    #[default]
    Raw,
    /// Base64 of them, in either alphabet, with padding or without.
    Base64,
}

impl SecretEncoding {
    /// The secret's bytes; `None` when the text is not in this encoding.
    pub fn decode(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Raw => Some(Zeroizing::new(text.as_bytes().to_vec())),
            Self::Base64 => {
                let standard = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
                BASE64.decode(standard.as_bytes()).ok().map(Zeroizing::new)
            }
        }
    }
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the keys come from that verify an issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The address of a key set (RFC 7517 section 5).
    Url(Url),
    /// An address for each key, which answers with one PEM: a template that contains
    /// [`KID_PLACEHOLDER`] once.
    ByKid(String),
    /// The `jwks_uri` of the document at this address (OpenID Connect Discovery section 4).
    Discovery(Url),
    /// A file with the key set.
    File(PathBuf),
    /// The key set itself, as JSON text.
    Inline(String),
    /// No public keys: only the shared secret.
    SecretOnly,
}

impl KeySource {
    /// The kind of source and its address, for people, and to recognize where a stored key set came
    /// from.
    pub fn label(&self) -> String {
        match self {
            Self::Url(url) => url.to_string(),
            Self::ByKid(template) => template.clone(),
            Self::Discovery(url) => url.to_string(),
            Self::File(path) => path.display().to_string(),
            Self::Inline(_) => "inline".to_owned(),
            Self::SecretOnly => "secret".to_owned(),
        }
    }
}

/// The format of published keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyFormat {
    /// A JWK Set (RFC 7517 section 5).
    #[default]
    Jwks,
    /// An object from `kid` to a PEM certificate or public key, as Google publishes them.
    PemMap,
}

/// The format of a cookie with a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CookieFormat {
    /// The cookie's value is the token.
    #[default]
    Token,
    /// The session of `@supabase/ssr`: JSON, `base64-` encoded, in chunks `NAME.0`, `NAME.1`.
    SupabaseSsr,
    /// The cookies of Clerk: the token is in `NAME`, and in `NAME_` with a suffix for each of the
    /// applications on one domain. The one whose `iss` is the issuer's is taken.
    Clerk,
}

/// Whether a user is created for an unknown identity.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// Users are created on first sign-in.
    #[default]
    Auto,
    /// Only operators create users; tokens of unknown users are refused.
    ExistingOnly,
    /// Users are never created: sessions have no user. For workloads.
    None,
}

/// A claim that a token must have.
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredClaim {
    /// Its name; dots lead into objects.
    pub name: String,
    /// Accepted values. If empty, any value except null.
    pub values: Vec<Value>,
}

impl RequiredClaim {
    /// Whether this value of the claim, which is not null, is accepted. Of a list one element is enough, as
    /// of an audience.
    pub fn accepts(&self, value: &Value) -> bool {
        let is_accepted = |value: &Value| self.values.contains(value);
        let mut elements = value.as_array().into_iter().flatten();
        self.values.is_empty() || is_accepted(value) || elements.any(is_accepted)
    }
}

/// Whether Microsoft Entra ID has an endpoint for several tenants by this name. No token is of such a
/// tenant.
pub(crate) fn is_for_many_tenants(name: &str) -> bool {
    let endpoints = ["common", "organizations", "consumers"];
    endpoints.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// What stands for the `kid` in the address of a key.
pub const KID_PLACEHOLDER: &str = "{kid}";
/// The placeholder for the tenant in a template.
pub const TENANT_PLACEHOLDER: &str = "{tenantid}";
