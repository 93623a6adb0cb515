//! Sessions and the tokens minted for them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::Secret;
use crate::text_schema::DurationText;

/// How long a session lasts, and what its token says.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// The longest life of a session, capped by the external token's `exp`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_age: Duration,
    /// The longest time between two requests of a session; `None` for no bound.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub idle_timeout: Option<Duration>,
    /// How long sessions are trusted while the store's changes can not be followed, so that ends
    /// by other gateways are not heard of; `None` for no bound.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub revocation_max_staleness: Option<Duration>,
    /// How many sessions a user may have at once, the oldest making room; `None` for no bound.
    pub max_sessions_per_user: Option<usize>,
    /// Give browsers that came by an issuer's cookie a session cookie of the gateway.
    pub cookie: bool,
    /// The longest life of one session token, within its session.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub token_ttl: Duration,
    /// `aud` of session tokens; `public_url` by default.
    pub audience: Option<String>,
    /// What session tokens allow beside `user:basic`. A token exchange may narrow it, and routes
    /// may demand it.
    pub scopes: Vec<String>,
    /// Claims of the external token that session tokens repeat, by the name that they have there:
    /// `roles: realm_access.roles`. They are those of the login's newest external token.
    pub claims_from: BTreeMap<String, String>,
    /// The algorithm that signs session tokens.
    pub algorithm: SigningAlgorithm,
    /// The claim set.
    pub claims: ClaimSet,
    /// When signing keys change, and which are published.
    pub signing_keys: SigningKeySettings,
    /// Keys, each 32 random bytes in Base64, that private signing keys are encrypted with in the
    /// store, the newest first; older ones still decrypt. Empty: not encrypted.
    pub key_encryption_keys: Vec<Secret>,
}

/// The life of signing keys.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SigningKeySettings {
    /// How long a key signs; `None` for ever.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub rotate_every: Option<Duration>,
    /// How long a key is published before it signs: longer than any verifier caches the key set.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub publish_ahead: Duration,
    /// Which keys are published.
    pub publish: Published,
    /// PEM files with a private key each, instead of keys in the store: the first signs, all are
    /// published. None of the above applies then, but for `publish`.
    pub files: Vec<PathBuf>,
}

impl Default for SigningKeySettings {
    fn default() -> Self {
        Self {
            rotate_every: Some(30 * DAY),
            publish_ahead: DAY,
            publish: Published::All,
            files: Vec::new(),
        }
    }
}

/// Which signing keys are in the key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// Those that sign, will sign, or signed what may still live.
    All,
    /// The one that signs, for verifiers that ignore `kid`.
    CurrentOnly,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(24 * 3600),
            idle_timeout: None,
            revocation_max_staleness: None,
            max_sessions_per_user: None,
            cookie: false,
            token_ttl: Duration::from_secs(2 * 3600),
            audience: None,
            scopes: Vec::new(),
            claims_from: BTreeMap::new(),
            algorithm: SigningAlgorithm::ES256,
            claims: ClaimSet::Compact,
            signing_keys: SigningKeySettings::default(),
            key_encryption_keys: Vec::new(),
        }
    }
}

/// What the gateway signs with (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the registered ones")]
pub enum SigningAlgorithm {
    ES256,
    EdDSA,
    RS256,
}

/// How much a session token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimSet {
    /// Who, whose, for whom, until when.
    Compact,
    /// That, and the verified credentials.
    Full,
}

/// The scope that every session has: a whole sign-in, nothing pending. The platform's verifiers ask
/// for it, and so does the gateway where the account is read or renewed.
pub const BASIC: &str = "user:basic";

/// Names in session tokens that no claim of an issuer can take: what the gateway itself says there,
/// and what verifiers act upon.
pub const OWN_CLAIMS: [&str; 29] = [
    "acr",
    "act",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cnf",
    "email",
    "email_verified",
    "environment_id",
    "events",
    "exp",
    "first_visit",
    "iat",
    "iss",
    "jti",
    "kid",
    "last_verified_credential_id",
    "last_visit",
    "may_act",
    "missing_fields",
    "nbf",
    "new_user",
    "scope",
    "session_public_key",
    "sid",
    "sub",
    "verified_credentials",
];

const DAY: Duration = Duration::from_secs(24 * 3600);
