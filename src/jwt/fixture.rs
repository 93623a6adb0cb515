//! Issuers, keys and tokens for tests.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Issuer, Issuers};
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;
use crate::jwks::{IssuerKeys, KeySet};

#[path = "../../tests/support/key_pair.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the black-box tests")]
mod key_pair;

pub(crate) use key_pair::KeyPair;

/// The time at which fixtures are judged.
pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
/// The `iss` of [`issuers`].
pub(crate) const ISS: &str = "https://idp.example";

/// A provider's private key.
pub(crate) struct Signer(KeyPair);

impl Signer {
    /// A new key for an algorithm. RSA keys are slow to generate: see [`rsa`].
    pub(crate) fn new(algorithm: &str) -> Self {
        Self(KeyPair::generate(algorithm))
    }

    /// The key itself.
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.0
    }

    /// The public half, without `alg`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.0.jwk();
        jwk["kid"] = json!(kid);
        jwk
    }

    /// A token with these bytes as header and payload.
    pub(crate) fn sign_text(&self, algorithm: &str, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(payload));
        let signature = self.0.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    /// A token whose parts are padded, as some signers write it: padding is part of what is signed.
    pub(crate) fn sign_padded(&self, header: &Value, claims: &Value) -> String {
        let padded = |text: String| URL_SAFE.encode(text);
        let signed = format!(
            "{}.{}",
            padded(header.to_string()),
            padded(claims.to_string())
        );
        let algorithm = header["alg"].as_str().unwrap_or_default();
        format!(
            "{signed}.{}",
            URL_SAFE.encode(self.0.sign(algorithm, signed.as_bytes()))
        )
    }

    /// A token with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let algorithm = header["alg"].as_str().unwrap_or_default();
        self.sign_text(algorithm, &header.to_string(), &claims.to_string())
    }
}

/// A key of the whole test process.
pub(crate) fn rsa() -> &'static Signer {
    static KEY: OnceLock<Signer> = OnceLock::new();
    KEY.get_or_init(|| Signer(KeyPair::rsa()))
}

/// Claims that are accepted at [`NOW`].
pub(crate) fn claims() -> Value {
    json!({ "iss": ISS, "sub": "user-1", "iat": NOW.0 - 60, "exp": NOW.0 + 600 })
}

/// Checked settings from what the file would say, with defaults for what is not given.
pub(crate) fn settings(keys: Value) -> IssuerSettings {
    let least = json!({ "name": "idp", "iss": ISS, "jwks_url": "https://idp.example/jwks" });
    serde_json::from_value(with(least, &keys)).unwrap()
}

/// An object with these members, in place of those that it has by their names.
pub(crate) fn with(mut object: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}

/// One issuer with these settings and fixed keys.
pub(crate) fn issuers(settings: IssuerSettings, jwks: &[Value]) -> Issuers {
    let set = KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap();
    let issuer = Issuer::new(settings, Arc::new(IssuerKeys::fixed(set)));
    Issuers::from_issuers(vec![Arc::new(issuer)]).unwrap()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
