//! What a session token says.
//!
//! The platform's claim sets: the compact one (its SDKs' `minifiedJwt`) and the full one, which
//! adds the verified credentials. Names are the platform's, hence the mix of cases.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::claims::{KnownClaims, ProfileField, json_size};
use crate::clock::UnixTime;
use crate::session::settings::ClaimSet;
use crate::store::{Credential, CredentialFormat, SessionRecord, User};

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
    /// Given for a session that was bound to a device by then: it is not renewed without the proof.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub device_bound: bool,
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
    /// What the user is called, and the like, by names that [`CopiedClaims`] leave free.
    #[serde(flatten)]
    pub profile: BTreeMap<&'static str, &'a str>,
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
    /// It is not renewed without the proof of a device.
    pub device_bound: bool,
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

    /// Whether one of them takes this name, known or not. Nothing else is called so: a token would say two
    /// things by one name, or what a user wrote where its reader expects the issuer's word.
    pub fn takes(&self, name: &str) -> bool {
        self.names().any(|taken| taken == name)
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
            device_bound: common.device_bound,
            copied: common.copied.of(session.known_claims()),
            full: match common.set {
                ClaimSet::Compact => None,
                ClaimSet::Full => Some(FullClaims::new(user, &common)),
            },
        }
    }
}

impl<'a> FullClaims<'a> {
    fn new(user: &'a User, common: &Common<'_>) -> Self {
        let said = ProfileField::ALL
            .into_iter()
            .filter_map(|field| Some((field.claim(), user.profile.get(field)?)));
        Self {
            missing_fields: [],
            new_user: common.new_user,
            verified_credentials: user
                .credentials
                .iter()
                .map(VerifiedCredential::new)
                .collect(),
            first_visit: user.first_visit.map(UnixTime::rfc3339),
            last_visit: user.last_visit.map(UnixTime::rfc3339),
            profile: said
                .filter(|(name, _)| !common.copied.takes(name))
                .collect(),
        }
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::session::settings::OWN_CLAIMS;

    /// A full token's claims as they are written, of a user with a profile in a session that knows these claims
    /// of the external token.
    fn written(copied: &CopiedClaims, known: &Value) -> String {
        let session: SessionRecord = serde_json::from_value(json!({
            "sid": Uuid::nil(), "user_id": Uuid::nil(), "iss": "https://idp", "issuer": "idp",
            "opened_at": 1, "expires_at": 9, "last_seen": 1, "remember_until": 9,
            "claims": { "expires_at": 9, "known": known },
        }))
        .unwrap();
        let credential = |format, email: Option<&str>| Credential {
            id: Uuid::nil(),
            format,
            iss: session.iss.clone(),
            public_identifier: "a".to_owned(),
            email: email.map(str::to_owned),
            verified_at: UnixTime(1),
            sign_in_enabled: true,
            email_said_at: None,
        };
        let credentials = vec![
            credential(CredentialFormat::ExternalUser, None),
            credential(CredentialFormat::Email, Some("a@b.example")),
        ];
        let mut user = User::of_workload(Uuid::nil(), credentials, UnixTime(1));
        (user.first_visit, user.last_visit) = (Some(UnixTime(1)), Some(UnixTime(1)));
        for (field, text) in [
            (ProfileField::Team, "Admins"),
            (ProfileField::Username, "ada"),
        ] {
            user.profile.set(field, Some(text));
        }
        let act = json!({ "sub": "agent" });
        let common = Common {
            kid: "k",
            aud: "https://app",
            iss: "https://app/_vestibule",
            scope: "user:basic",
            environment_id: Uuid::nil(),
            session_public_key: Some("02"),
            new_user: true,
            client_id: Some("client"),
            act: Some(&act),
            copied,
            device_bound: false,
            set: ClaimSet::Full,
        };
        let claims = Claims::new(common, &user, &session, UnixTime(1), UnixTime(9));
        serde_json::to_string(&claims).unwrap()
    }

    /// Users write their profiles, and no reader can tell that from what the issuer says by the same name.
    #[test]
    fn no_profile_takes_the_name_of_a_claim_of_the_issuer() {
        let names = [("team".to_owned(), "org.team".to_owned())];
        let (none, team) = (
            CopiedClaims::default(),
            CopiedClaims::new(&names.into(), 100),
        );
        for (copied, known, seen) in [
            (&none, json!({ "org.team": "Blue" }), Some("Admins")),
            (&team, json!({ "org.team": "Blue" }), Some("Blue")),
            (&team, json!({ "org.team": null }), None),
            (&team, json!({}), None),
        ] {
            let text = written(copied, &known);
            let members = text.matches("\"team\":").count();
            assert_eq!(members, usize::from(seen.is_some()), "{text}");
            let claims: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(claims["team"].as_str(), seen, "{text}");
            assert_eq!(claims["username"], "ada", "{text}");
        }
    }

    #[test]
    fn what_the_gateway_says_has_names_that_no_claim_of_an_issuer_can_be_given() {
        let text = written(&CopiedClaims::default(), &json!({}));
        let claims: Map<String, Value> = serde_json::from_str(&text).unwrap();
        for needed in ["act", "client_id", "email", "last_verified_credential_id"] {
            assert!(claims.contains_key(needed), "{text}");
        }
        let of_profile = ProfileField::ALL.map(ProfileField::claim);
        for name in claims.keys().map(String::as_str) {
            let is_own = OWN_CLAIMS.contains(&name);
            assert!(is_own || of_profile.contains(&name), "{name}");
        }
    }
}
