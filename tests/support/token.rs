//! External tokens: honest ones by default, hostile ones on request.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::key::{Key, hs256};

/// A JWT under construction. Everything can be overridden, down to the bytes that are signed.
#[derive(Clone)]
pub struct TokenBuilder {
    key: Arc<Key>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    header_text: Option<String>,
    payload: Option<Vec<u8>>,
    foreign: bool,
    padded: bool,
}

impl TokenBuilder {
    /// A token that the issuer `iss` with this key would sign for `sub: "alice"`, an hour long.
    pub fn new(iss: &str, key: &Arc<Key>) -> Self {
        let header = json!({"alg": key.alg, "kid": key.kid, "typ": "JWT"});
        let claims = json!({"iss": iss, "sub": "alice", "iat": now(), "exp": now() + 3600});
        Self {
            key: key.clone(),
            header: object(header),
            claims: object(claims),
            header_text: None,
            payload: None,
            foreign: false,
            padded: false,
        }
    }

    pub fn sub(self, sub: &str) -> Self {
        self.claim("sub", sub)
    }

    /// Sets one claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves one claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// `exp`, relative to now.
    pub fn expires_in(self, seconds: i64) -> Self {
        let exp = now() as i64 + seconds;
        self.claim("exp", exp)
    }

    /// Sets one header member.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves one header member out.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.remove(name);
        self
    }

    /// Signs with another key, whose `alg` and `kid` the header then names.
    pub fn key(self, key: &Arc<Key>) -> Self {
        let mut changed = self.header("alg", key.alg).header("kid", key.kid.as_str());
        changed.key = key.clone();
        changed
    }

    /// Signs with another key, while the header goes on naming the one before.
    pub fn forged_by(mut self, key: &Arc<Key>) -> Self {
        self.key = key.clone();
        self
    }

    /// The header's text, as it is.
    pub fn header_text(mut self, text: impl Into<String>) -> Self {
        self.header_text = Some(text.into());
        self
    }

    /// The payload's bytes, as they are.
    pub fn payload(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.payload = Some(bytes.into());
        self
    }

    /// A token of nobody whom the gateway knows: it may be forwarded and logged by others.
    pub fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }

    /// Each part with its padding, as some signers write it.
    pub fn padded(mut self) -> Self {
        self.padded = true;
        self
    }

    /// The claims as they stand, for tests that change their text.
    pub fn claims_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }

    /// `header.payload`.
    pub fn signed_part(&self) -> String {
        let header = match &self.header_text {
            Some(text) => text.clone(),
            None => Value::Object(self.header.clone()).to_string(),
        };
        let payload = match &self.payload {
            Some(bytes) => bytes.clone(),
            None => self.claims_text().into_bytes(),
        };
        let encoded = |bytes: Vec<u8>| match self.padded {
            true => URL_SAFE.encode(bytes),
            false => base64url(bytes),
        };
        format!("{}.{}", encoded(header.into_bytes()), encoded(payload))
    }

    /// Signed by the key, with the algorithm that the header names.
    pub fn sign(&self) -> String {
        let alg = self
            .header
            .get("alg")
            .and_then(Value::as_str)
            .unwrap_or(self.key.alg);
        let signed = self.signed_part();
        let signature = self.key.sign(alg, signed.as_bytes());
        self.finish(&signed, &signature)
    }

    /// With an HMAC of the signed part by `secret`, whatever the header says.
    pub fn sign_hs256(&self, secret: &[u8]) -> String {
        let signed = self.signed_part();
        let signature = hs256(secret, signed.as_bytes());
        self.finish(&signed, &signature)
    }

    /// With these bytes for a signature.
    pub fn with_signature(&self, signature: &[u8]) -> String {
        self.finish(&self.signed_part(), signature)
    }

    fn finish(&self, signed: &str, signature: &[u8]) -> String {
        let token = format!("{signed}.{}", base64url(signature));
        if !self.foreign {
            remember(&EXTERNAL, &token);
        }
        token
    }
}

/// The parts of a compact JWS, decoded.
pub struct Decoded {
    pub header: Value,
    pub claims: Value,
    pub signed_part: String,
    pub signature: Vec<u8>,
}

/// Takes a compact JWS apart; panics when it is none.
pub fn decode(token: &str) -> Decoded {
    let (signed, signature) = token.rsplit_once('.').expect("a JWS has three parts");
    let (header, claims) = signed.split_once('.').expect("a JWS has three parts");
    let json = |part| serde_json::from_slice(&from_base64url(part)).expect("JSON in base64url");
    Decoded {
        header: json(header),
        claims: json(claims),
        signed_part: signed.to_owned(),
        signature: from_base64url(signature),
    }
}

/// The signatures of all external tokens that this process made: what must never be seen in a
/// log, nor upstream.
pub fn external_secrets() -> Vec<String> {
    EXTERNAL.lock().unwrap().clone()
}

/// The signatures of all session tokens that were seen: what must never be seen in a log.
pub fn session_secrets() -> Vec<String> {
    SESSION.lock().unwrap().clone()
}

/// Adds a session token that the gateway minted.
pub fn remember_session_token(token: &str) {
    remember(&SESSION, token);
}

fn remember(secrets: &Mutex<Vec<String>>, token: &str) {
    let secret = token.rsplit('.').next().unwrap_or(token);
    // Short ones would be found by accident.
    if secret.len() >= 40 {
        secrets.lock().unwrap().push(secret.to_owned());
    }
}

/// Base64url without padding (RFC 7515 section 2).
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The reverse; panics on anything else.
pub fn from_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

static EXTERNAL: Mutex<Vec<String>> = Mutex::new(Vec::new());
static SESSION: Mutex<Vec<String>> = Mutex::new(Vec::new());
