//! Sessions and the tokens minted for them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::canonical::CookieSetting;
use crate::secret::Secret;
use crate::store::SigningAlgorithm;
use crate::text_schema::DurationText;

/// Sessions and session tokens.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// The maximum lifetime of a session, which also ends with the external token's `exp`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub max_age: Duration,
    /// The maximum time between two requests of a session. No limit if omitted.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    #[schemars(extend("x-restart" = true))]
    pub idle_timeout: Option<Duration>,
    /// How long sessions stay trusted while the store cannot be asked what other gateways revoked.
    /// No limit if omitted.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub revocation_max_staleness: Option<Duration>,
    /// How many sessions a user can have at once; a new one ends the oldest. No limit if omitted.
    pub max_sessions_per_user: Option<usize>,
    /// Give browsers that signed in with an issuer's cookie a session cookie of the gateway.
    /// `{domain: example.com}` sets it for all hosts of that domain.
    pub cookie: CookieSetting,
    /// Bind these sessions to a key of the browser's device, by Device Bound Session Credentials:
    /// `true` where the browser can; `required` to refuse other sessions on all routes that do not
    /// say `device_bound: false`. Requires `cookie: true`.
    pub device_bound: DeviceBound,
    /// How long the session cookie of a bound session lasts until the browser has to prove the key
    /// again. Browsers limit how often they do, so less than 2m is for tests.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub device_bound_ttl: Duration,
    /// The maximum lifetime of one session token, within its session.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    #[schemars(extend("x-restart" = true))]
    pub token_ttl: Duration,
    /// The `aud` of session tokens; by default `public_url`.
    #[schemars(extend("x-restart" = true))]
    pub audience: Option<String>,
    /// Scopes of session tokens in addition to `user:basic`. A token exchange can narrow them, and
    /// routes can require them.
    #[schemars(extend("x-restart" = true))]
    pub scopes: Vec<String>,
    /// Claims of the external token that session tokens repeat, by the name that they have there:
    /// `roles: realm_access.roles`. They are those of the login's newest external token. No field of the
    /// user's profile has such a name in tokens.
    #[schemars(extend("x-restart" = true))]
    pub claims_from: BTreeMap<String, String>,
    /// The algorithm that signs session tokens.
    #[schemars(extend("x-restart" = true))]
    pub algorithm: SigningAlgorithm,
    /// Which claims session tokens have.
    #[schemars(extend("x-restart" = true))]
    pub claims: ClaimSet,
    /// When signing keys change, and which are published.
    #[schemars(extend("x-restart" = true))]
    pub signing_keys: SigningKeySettings,
    /// The keys that encrypt private signing keys in the store: 32 random bytes each, in Base64,
    /// the newest first; older ones still decrypt. If empty, signing keys are not encrypted.
    #[schemars(extend("x-restart" = true))]
    pub key_encryption_keys: Vec<Secret>,
}

/// Whether sessions are bound to a key of the browser's device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "RawDeviceBound")]
pub enum DeviceBound {
    /// They are not.
    #[default]
    Off,
    /// Those of browsers that can do it are.
    Offered,
    /// So they are, and routes refuse other sessions unless they say otherwise.
    Required,
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `true`, `false` or `required`")]
enum RawDeviceBound {
    Switch(bool),
    Word(RequiredWord),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum RequiredWord {
    Required,
}

impl DeviceBound {
    /// Whether any are.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

impl From<RawDeviceBound> for DeviceBound {
    fn from(raw: RawDeviceBound) -> Self {
        match raw {
            RawDeviceBound::Switch(false) => Self::Off,
            RawDeviceBound::Switch(true) => Self::Offered,
            RawDeviceBound::Word(RequiredWord::Required) => Self::Required,
        }
    }
}

/// The lifecycle of the signing keys.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SigningKeySettings {
    /// How long a key signs; `~` for no limit.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "Option<DurationText>")]
    pub rotate_every: Option<Duration>,
    /// How long a key is published before it signs: longer than any verifier caches the key set.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub publish_ahead: Duration,
    /// Which keys are published.
    pub publish: Published,
    /// PEM files with one private key each, instead of keys in the store. The first key signs and
    /// all are published; of the other settings, only `publish` applies.
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
    /// Keys that sign, will sign, or have signed tokens that may still be valid.
    All,
    /// Only the key that signs, for verifiers that ignore `kid`.
    CurrentOnly,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(24 * 3600),
            idle_timeout: None,
            revocation_max_staleness: None,
            max_sessions_per_user: None,
            cookie: CookieSetting::Off,
            device_bound: DeviceBound::Off,
            device_bound_ttl: Duration::from_secs(10 * 60),
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

/// Which claims session tokens have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimSet {
    /// The user, the session, the audience and the expiry.
    Compact,
    /// Also the user's verified credentials.
    Full,
}

/// The scope that every session has, which stands for a complete sign-in. The platform's verifiers
/// require it, and so does the gateway where the account is read or renewed.
pub const BASIC: &str = "user:basic";

/// Names in session tokens that no claim of an issuer can take: what the gateway itself says there,
/// and what verifiers act upon.
pub const OWN_CLAIMS: [&str; 30] = [
    "acr",
    "act",
    "amr",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cnf",
    "device_bound",
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
