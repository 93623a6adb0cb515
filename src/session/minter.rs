//! Minting: from a user and a session to a signed session token, and back.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

mod terms;

pub use terms::Terms;

use super::Scopes;
use super::claims::{Claims, Common, CopiedClaims, VerifiedCredential};
use super::keys::{Keyring, SigningKeys, TokenKeyValidity};
use super::signer::SignerError;
use crate::claims::ProfileField;
use crate::clock::UnixTime;
use crate::session::settings::ClaimSet;
use crate::store::{SessionRecord, User};

/// Mints and verifies this gateway's session tokens.
pub struct Minter {
    /// The keys that sign.
    pub keys: Arc<SigningKeys>,
    /// The tokens' `iss`.
    pub iss: String,
    /// Their `aud`.
    pub audience: String,
    /// Their `scope`, but for those that are narrowed.
    pub scopes: Arc<Scopes>,
    /// Their `environment_id`.
    pub environment_id: Uuid,
    /// The maximum lifetime of one token.
    pub token_ttl: Duration,
    /// Which claims the tokens have: compact or full.
    pub claims: ClaimSet,
    /// What they repeat of external tokens.
    pub copied: CopiedClaims,
}

/// A minted token.
#[derive(Clone, Debug)]
pub struct SessionToken {
    /// The compact JWS.
    pub text: String,
    /// The token's `exp`.
    pub expires_at: UnixTime,
    /// Until when it is forwarded: a while before its `exp` where a newer one can be minted by then.
    pub fresh_until: UnixTime,
    /// The token's scopes.
    pub scopes: Arc<Scopes>,
    /// Whether those who read the key set can still verify it.
    pub key_validity: TokenKeyValidity,
}

/// The claims of one of our own tokens, once its signature and times are verified.
#[derive(Debug, Deserialize)]
pub struct SessionTokenClaims {
    /// The user's id.
    pub sub: Uuid,
    /// The session's id.
    pub sid: Uuid,
    /// The expiry time.
    pub exp: UnixTime,
    /// Whom it is for.
    pub aud: String,
    /// Its scopes, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// When it was minted.
    pub iat: UnixTime,
    /// The key that its client named at sign-in.
    #[serde(default)]
    pub session_public_key: Option<String>,
    /// The client that it is for.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Who acts for the user.
    #[serde(default)]
    pub act: Option<Value>,
    /// Its session was bound to a device before it was given.
    #[serde(default)]
    pub device_bound: bool,
}

/// Why a token that names us as its issuer is not our session token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfIssuedError {
    /// Not three parts of base64url JSON with the members of a session token.
    #[error("malformed")]
    Malformed,
    /// Another kind of our tokens, such as an elevated one.
    #[error("not a session token")]
    WrongKind,
    /// No published key has its `kid`.
    #[error("not signed with a published key")]
    UnknownKey,
    /// The signature is not that key's.
    #[error("bad signature")]
    Signature,
    /// Past its `exp`.
    #[error("expired")]
    Expired,
}

impl Minter {
    /// A token for the session, ending with the session, with its own time to live, or at
    /// `not_after`, whichever is first.
    pub fn mint(
        &self,
        user: &User,
        session: &SessionRecord,
        now: UnixTime,
        not_after: UnixTime,
    ) -> Result<SessionToken, SignerError> {
        self.mint_as(user, session, now, &Terms::until(not_after))
    }

    /// Like [`Self::mint`], on the terms that a client asked for.
    pub fn mint_as(
        &self,
        user: &User,
        session: &SessionRecord,
        now: UnixTime,
        terms: &Terms,
    ) -> Result<SessionToken, SignerError> {
        self.mint_kind(SESSION_TYPE, self.claims, user, session, now, terms)
    }

    /// The full account of a sign-in, for the client alone: it opens nothing.
    pub fn mint_account(
        &self,
        user: &User,
        session: &SessionRecord,
        now: UnixTime,
        terms: &Terms,
    ) -> Result<SessionToken, SignerError> {
        self.mint_kind(ACCOUNT_TYPE, ClaimSet::Full, user, session, now, terms)
    }

    /// The same session token for another audience, signed with the current key. `token` is one of
    /// ours whose signature has been verified.
    pub fn readdress(&self, token: &str, audience: &str) -> Result<SessionToken, SignerError> {
        let mut claims = claims_of(token)?;
        claims.insert("aud".to_owned(), audience.into());
        self.signed(claims)
    }

    /// The same session token where it says of its user or session what is no longer so, or is for another
    /// `audience` than it shall be, signed by the current key. `None`: it needs no change. `token` is one of ours
    /// whose signature is known to be valid.
    pub fn restate(
        &self,
        token: &str,
        (user, session): (&User, &SessionRecord),
        audience: Option<&str>,
    ) -> Result<Option<SessionToken>, SignerError> {
        let mut claims = claims_of(token)?;
        let mut is_other = false;
        let is_full = claims.contains_key(FULL);
        let scope = claims.get("scope").and_then(Value::as_str);
        let scope = scope.map(|scope| self.scopes_of(scope, session));
        let mut state = |name: &str, value: Option<Value>| {
            if claims.get(name) != value.as_ref() {
                is_other = true;
                match value {
                    Some(value) => claims.insert(name.to_owned(), value),
                    None => claims.remove(name),
                };
            }
        };
        if let Some(audience) = audience {
            state("aud", Some(audience.into()));
        }
        if let Some(scope) = scope {
            state("scope", Some(scope.as_str().into()));
        }
        state("email", user.email(&session.iss).map(Value::from));
        let mut copied = self.copied.of(session.known_claims());
        for name in self.copied.names() {
            state(name, copied.remove(name));
        }
        let is_free = |field: &&ProfileField| !self.copied.takes(field.claim());
        for field in ProfileField::ALL.iter().filter(|_| is_full).filter(is_free) {
            state(field.claim(), user.profile.get(*field).map(Value::from));
        }
        if let Some(held) = claims.get_mut(FULL) {
            let all = user.credentials.iter().map(VerifiedCredential::new);
            let all = serde_json::to_value(all.collect::<Vec<_>>());
            let all = all.map_err(|_| SignerError::Sign)?;
            is_other |= *held != all;
            *held = all;
        }
        if !is_other {
            return Ok(None);
        }
        self.signed(claims).map(Some)
    }

    /// Signs claims as a token of the kind `typ` with the current key.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, SignerError> {
        sign_with(&self.keys.keyring(), typ, claims)
    }

    /// Reads one of our own session tokens. The caller checks whether its session is still live.
    pub fn read(&self, token: &str, now: UnixTime) -> Result<SessionTokenClaims, SelfIssuedError> {
        let claims = self.read_past(token)?;
        if claims.exp <= now {
            return Err(SelfIssuedError::Expired);
        }
        Ok(claims)
    }

    /// The same for an expired token: what it says about the past is still true.
    pub fn read_past(&self, token: &str) -> Result<SessionTokenClaims, SelfIssuedError> {
        self.open(SESSION_TYPE, token)
    }

    /// All that the session's tokens can allow.
    pub fn all_scopes(&self, session: &SessionRecord) -> Arc<Scopes> {
        match session.added_scopes() {
            [] => Arc::clone(&self.scopes),
            added => Arc::new(self.scopes.with(added.iter().map(String::as_str))),
        }
    }

    /// The scopes of one of our tokens with this `scope`, without those that the session no longer
    /// gets.
    pub fn scopes_of(&self, scope: &str, session: &SessionRecord) -> Arc<Scopes> {
        let all = self.all_scopes(session);
        match scope == all.as_str() {
            true => all,
            false => Arc::new(all.still_in(scope)),
        }
    }

    /// The claims of one of our own tokens with this `typ`, once its signature is verified. The
    /// caller checks the times.
    pub fn open<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Result<T, SelfIssuedError> {
        #[derive(Deserialize)]
        struct Header {
            alg: String,
            kid: String,
            typ: String,
        }
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or(SelfIssuedError::Malformed)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(SelfIssuedError::Malformed)?;
        let header: Header = decode(header)?;
        if header.typ != typ {
            return Err(SelfIssuedError::WrongKind);
        }
        let keyring = self.keys.keyring();
        let signer = keyring
            .by_kid(&header.kid)
            .ok_or(SelfIssuedError::UnknownKey)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| SelfIssuedError::Malformed)?;
        if header.alg != signer.algorithm() || !signer.verifies(signing_input, &signature) {
            return Err(SelfIssuedError::Signature);
        }
        decode(payload)
    }

    /// A session token that says this, but for the key.
    fn signed(&self, mut claims: Map<String, Value>) -> Result<SessionToken, SignerError> {
        let exp = claims.get("exp").and_then(Value::as_u64);
        let scope = claims.get("scope").and_then(Value::as_str);
        let scopes = Arc::new(Scopes::of_token(scope.unwrap_or_default()));
        let keyring = self.keys.keyring();
        claims.insert("kid".to_owned(), keyring.current().kid().into());
        let expires_at = exp.map(UnixTime).ok_or(SignerError::Sign)?;
        Ok(SessionToken {
            text: sign_with(&keyring, SESSION_TYPE, &claims)?,
            expires_at,
            fresh_until: expires_at,
            scopes,
            key_validity: keyring.key_validity(),
        })
    }

    fn mint_kind(
        &self,
        typ: &str,
        set: ClaimSet,
        user: &User,
        session: &SessionRecord,
        now: UnixTime,
        terms: &Terms,
    ) -> Result<SessionToken, SignerError> {
        let keyring = self.keys.keyring();
        let signer = keyring.current();
        // What ends with its session, or with what it was exchanged for, has no successor.
        let last = session.expires_at.min(terms.not_after);
        let own_end = now.plus(self.token_ttl);
        let (expires_at, fresh_until) = match own_end < last {
            true => (own_end, own_end.minus(renewed_before(self.token_ttl))),
            false => (last, last),
        };
        let all = self.all_scopes(session);
        let scopes = terms.scopes.as_ref().unwrap_or(&all);
        let common = Common {
            kid: signer.kid(),
            aud: terms.audience.as_deref().unwrap_or(&self.audience),
            iss: &self.iss,
            scope: scopes.as_str(),
            environment_id: self.environment_id,
            session_public_key: terms.session_public_key.as_deref(),
            new_user: terms.new_user,
            client_id: terms.client_id.as_deref(),
            act: terms.act.as_ref(),
            device_bound: terms.device_bound,
            copied: &self.copied,
            set,
        };
        let claims = Claims::new(common, user, session, now, expires_at);
        Ok(SessionToken {
            text: sign_with(&keyring, typ, &claims)?,
            expires_at,
            fresh_until,
            scopes: Arc::clone(scopes),
            key_validity: keyring.key_validity(),
        })
    }
}

/// How long before the end of a token with this time to live another one is minted. An upstream whose clock
/// is a little ahead of the gateway's, or that gets the request late, still takes the one before.
fn renewed_before(token_ttl: Duration) -> Duration {
    CLOCKS_DIFFER.min(token_ttl / SHARE)
}

fn sign_with(keyring: &Keyring, typ: &str, claims: &impl Serialize) -> Result<String, SignerError> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        kid: &'a str,
        typ: &'a str,
    }
    let signer = keyring.current();
    let (alg, kid) = (signer.algorithm(), signer.kid());
    let header = serde_json::to_vec(&Header { alg, kid, typ });
    let header = header.map_err(|_| SignerError::Sign)?;
    let payload = serde_json::to_vec(claims).map_err(|_| SignerError::Sign)?;
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    signer.sign(text)
}

/// All claims of a token of ours, which is verified already.
fn claims_of(token: &str) -> Result<Map<String, Value>, SignerError> {
    let payload = token.split('.').nth(1).unwrap_or_default();
    decode(payload).map_err(|_| SignerError::Sign)
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, SelfIssuedError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| SelfIssuedError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| SelfIssuedError::Malformed)
}

/// The `typ` of session tokens: the only kind that the proxy takes.
const SESSION_TYPE: &str = "JWT";
/// The `typ` of the full account of a sign-in.
const ACCOUNT_TYPE: &str = "id+jwt";

/// Clocks that are set by NTP differ by less, and requests wait for less.
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);
/// Of a short life, this part: most of it must be left to serve requests by.
const SHARE: u32 = 10;

/// A claim that only the full set has.
const FULL: &str = "verified_credentials";

#[cfg(test)]
mod tests;
