//! What a session token says.
//!
//! The platform's claim sets: the compact one (its SDKs' `minifiedJwt`) and the full one, which
//! adds the verified credentials. Names are the platform's, hence the mix of cases.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claims::{KnownClaims, json_size};
use crate::clock::UnixTime;
use crate::session::settings::ClaimSet;
use crate::store::{Credential, CredentialFormat, Profile, SessionRecord, User};

/// The claims of one session token.
#[derive(Debug, Serialize)]
pub struct Claims<'a> {
    /// The signing key's id, repeated from the header for verifiers that read it here.
    pub kid: &'a str,
    /// Whom the token is for.
    pub aud: &'a str,
    /// The gateway: `public_url` and its API prefix.
    pub iss: &'a str,
    /// The user's id on the platform.
    pub sub: Uuid,
    /// The session's id.
    pub sid: Uuid,
    /// When the token was minted.
    pub iat: UnixTime,
    /// When it ends: never after its session or the external token.
    pub exp: UnixTime,
    /// The environment of users and keys.
    pub environment_id: Uuid,
    /// What the token allows, words apart by spaces.
    pub scope: &'a str,
    /// The credential that proved the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_verified_credential_id: Option<Uuid>,
    /// The address of the user's own verified email credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<&'a str>,
    /// The key of the client's session, as it named it at sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_public_key: Option<&'a str>,
    /// The client that the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a str>,
    /// Who acts for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<&'a Value>,
    /// What the configuration repeats of the external token's claims.
    #[serde(flatten)]
    pub copied: Map<String, Value>,
    /// What only the full set carries.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub full: Option<FullClaims<'a>>,
}

/// The members that the full set adds.
#[derive(Debug, Serialize)]
pub struct FullClaims<'a> {
    /// Onboarding fields the user still owes: none.
    pub missing_fields: [(); 0],
    /// The user was created by this sign-in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new_user: bool,
    /// What proves the user.
    pub verified_credentials: Vec<VerifiedCredential<'a>>,
    /// First visit, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_visit: Option<String>,
    /// The visit before this token, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_visit: Option<String>,
    /// What the user is called, and the like.
    #[serde(flatten, serialize_with = "profile")]
    pub profile: &'a Profile,
}

/// One verified credential, as the platform writes it.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifiedCredential<'a> {
    id: Uuid,
    #[schema(value_type = String)]
    format: CredentialFormat,
    public_identifier: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(rename = "signInEnabled")]
    sign_in_enabled: bool,
    #[serde(rename = "verifiedAt")]
    verified_at: String,
}

/// What is the same in all tokens of a gateway.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// Of the key that will sign.
    pub kid: &'a str,
    /// `session.audience`, or the page that signed in.
    pub aud: &'a str,
    /// The gateway's issuer name.
    pub iss: &'a str,
    /// What the token allows.
    pub scope: &'a str,
    /// The environment's id.
    pub environment_id: Uuid,
    /// The key of the client's session.
    pub session_public_key: Option<&'a str>,
    /// The user was created by this sign-in.
    pub new_user: bool,
    /// The client that the token is for.
    pub client_id: Option<&'a str>,
    /// Who acts for the user.
    pub act: Option<&'a Value>,
    /// Which claims of the external token are repeated.
    pub copied: &'a CopiedClaims,
    /// Which claims the tokens have: compact or full.
    pub set: ClaimSet,
}

/// Which claims of external tokens session tokens repeat.
#[derive(Clone, Debug, Default)]
pub struct CopiedClaims {
    /// Their names in session tokens, and their paths in external ones.
    names: Vec<(String, String)>,
    most: usize,
}

impl CopiedClaims {
    /// From the paths by the names that they have in session tokens. Together they are at most
    /// `most` bytes of JSON; what does not fit is left out.
    pub fn new(names: &BTreeMap<String, String>, most: usize) -> Self {
        let names = names.iter();
        Self {
            names: names
                .map(|(name, path)| (name.clone(), path.clone()))
                .collect(),
            most,
        }
    }

    /// Their names in session tokens.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    /// What is known of them.
    pub fn of(&self, known: &KnownClaims) -> Map<String, Value> {
        let mut left = self.most;
        let mut copied = Map::new();
        for (name, path) in &self.names {
            let Some(value) = known.get(path).value() else {
                continue;
            };
            if let Some(rest) = left.checked_sub(json_size(name, value)) {
                left = rest;
                copied.insert(name.clone(), value.clone());
            }
        }
        copied
    }
}

impl<'a> Claims<'a> {
    /// The claims for a session of a user, from `iat` to `exp`.
    pub fn new(
        common: Common<'a>,
        user: &'a User,
        session: &SessionRecord,
        iat: UnixTime,
        exp: UnixTime,
    ) -> Self {
        let external = user.external_credential(&session.iss);
        Self {
            kid: common.kid,
            aud: common.aud,
            iss: common.iss,
            sub: user.id,
            sid: session.sid,
            iat,
            exp,
            environment_id: common.environment_id,
            scope: common.scope,
            last_verified_credential_id: external.map(|credential| credential.id),
            email: user.email(&session.iss),
            session_public_key: common.session_public_key,
            client_id: common.client_id,
            act: common.act,
            copied: common.copied.of(session.known_claims()),
            full: match common.set {
                ClaimSet::Compact => None,
                ClaimSet::Full => Some(FullClaims::new(user, common.new_user)),
            },
        }
    }
}

impl<'a> FullClaims<'a> {
    fn new(user: &'a User, new_user: bool) -> Self {
        Self {
            missing_fields: [],
            new_user,
            verified_credentials: user
                .credentials
                .iter()
                .map(VerifiedCredential::new)
                .collect(),
            first_visit: user.first_visit.map(UnixTime::rfc3339),
            last_visit: user.last_visit.map(UnixTime::rfc3339),
            profile: &user.profile,
        }
    }
}

fn profile<S: Serializer>(profile: &&Profile, to: S) -> Result<S::Ok, S::Error> {
    profile.claims(to)
}

impl<'a> VerifiedCredential<'a> {
    /// As the platform shows it.
    pub fn new(credential: &'a Credential) -> Self {
        Self {
            id: credential.id,
            format: credential.format,
            public_identifier: &credential.public_identifier,
            email: credential.email.as_deref(),
            sign_in_enabled: credential.sign_in_enabled,
            verified_at: credential.verified_at.rfc3339(),
        }
    }
}
