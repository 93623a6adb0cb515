//! The proof of a browser: a JWT with `typ: dbsc+jwt` (draft of 2026-02-17, "DBSC Proof JWT
//! Syntax").

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::key::{DeviceKey, Jwk, KeyError};

/// A proof whose signature is yet to be verified.
///
/// Its challenge says for which session, for what and until when it counts, so nothing else of its
/// claims is read: drafts and browsers differ in the rest.
#[derive(Debug)]
pub struct Proof {
    algorithm: String,
    key: Option<DeviceKey>,
    challenge: String,
    signed: String,
    signature: Vec<u8>,
}

/// Why a text is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not three parts of base64url JSON with the members of a proof.
    #[error("not a proof")]
    Malformed,
    /// Another kind of JWT.
    #[error("not of the type `dbsc+jwt`")]
    WrongKind,
    /// The key is none that sessions can be bound to.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no key in the proof, so nothing can be bound to it.
    #[error("without a key")]
    KeyMissing,
    /// The signature is not that of the key.
    #[error("signed by another key")]
    Signature,
}

impl Proof {
    /// Reads the value of `Secure-Session-Response`: the JWT as it is or as a string of RFC 9651.
    ///
    /// # Errors
    ///
    /// It is no proof, or its key is unsafe.
    pub fn read(field: &str) -> Result<Self, ProofError> {
        let field = field.trim();
        let quoted = field
            .strip_prefix('"')
            .and_then(|rest| rest.split_once('"'));
        let text = quoted.map_or(field, |(text, _)| text);
        if text.len() > LONGEST {
            return Err(ProofError::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(ProofError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(ProofError::Malformed)?;
        let header: Header = decode(header)?;
        if header.typ != "dbsc+jwt" {
            return Err(ProofError::WrongKind);
        }
        if header.crit.is_some() {
            return Err(ProofError::Malformed);
        }
        let Payload { jti } = decode(payload)?;
        let signature = BASE64URL.decode(signature);
        Ok(Self {
            algorithm: header.alg,
            key: header.jwk.map(DeviceKey::new).transpose()?,
            challenge: jti,
            signed: signed.to_owned(),
            signature: signature.map_err(|_| ProofError::Malformed)?,
        })
    }

    /// The challenge that was signed.
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The key that it comes with, by which it is signed.
    ///
    /// # Errors
    ///
    /// It comes with none, or another one signed it.
    pub fn introduced_key(&self) -> Result<&DeviceKey, ProofError> {
        let key = self.key.as_ref().ok_or(ProofError::KeyMissing)?;
        self.check(key).map(|()| key)
    }

    /// Whether this key signed it.
    ///
    /// # Errors
    ///
    /// Another one did, or it names another algorithm.
    pub fn check(&self, key: &DeviceKey) -> Result<(), ProofError> {
        let is_signed = self.algorithm == key.algorithm()
            && key.verifies(self.signed.as_bytes(), &self.signature);
        is_signed.then_some(()).ok_or(ProofError::Signature)
    }
}

/// RFC 7515 section 4.1. A member that stands there twice is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    jwk: Option<Jwk>,
    /// Extensions that must be understood (section 4.1.11): none is.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Payload {
    jti: String,
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, ProofError> {
    let bytes = BASE64URL.decode(part).map_err(|_| ProofError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| ProofError::Malformed)
}

/// With a key of 4096 bits, signed by it, a proof has 2,000 bytes.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jwt::fixture::Signer;

    fn pair() -> Signer {
        Signer::new("ES256")
    }

    fn jwk(signer: &Signer) -> Value {
        signer.pair().jwk()
    }

    fn proof(signer: &Signer, header: &Value, payload: &Value) -> String {
        signer.sign(header, payload)
    }

    #[test]
    fn a_proof_is_by_the_key_that_it_introduces() {
        let (own, other) = (pair(), pair());
        let header = |pair| json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk(pair)});
        let text = proof(&own, &header(&own), &json!({"jti": "c"}));
        for text in [&text, &format!("\"{text}\""), &format!("\"{text}\";a=1")] {
            let read = Proof::read(text).unwrap();
            assert_eq!(read.challenge(), "c");
            let key = read.introduced_key().unwrap().clone();
            read.check(&key).unwrap();
        }
        let forged = Proof::read(&proof(&own, &header(&other), &json!({"jti": "c"}))).unwrap();
        assert_eq!(forged.introduced_key(), Err(ProofError::Signature));
        let refresh = json!({"alg": "ES256", "typ": "dbsc+jwt"});
        let refresh = Proof::read(&proof(&own, &refresh, &json!({"jti": "c"}))).unwrap();
        assert_eq!(refresh.introduced_key(), Err(ProofError::KeyMissing));
        let key =
            |pair: &Signer| DeviceKey::new(serde_json::from_value(jwk(pair)).unwrap()).unwrap();
        refresh.check(&key(&own)).unwrap();
        assert_eq!(refresh.check(&key(&other)), Err(ProofError::Signature));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let own = pair();
        let valid = json!({"alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk(&own)});
        let read = |header: &Value, payload: &Value| Proof::read(&proof(&own, header, payload));
        read(&valid, &json!({"jti": "c"})).unwrap();
        let changed = |member: &str, value: Value| {
            let mut header = valid.clone();
            header[member] = value;
            header
        };
        let symmetric = json!({"kty": "oct", "k": "AA"});
        for (header, error) in [
            (changed("typ", json!("JWT")), ProofError::WrongKind),
            (changed("crit", json!(["exp"])), ProofError::Malformed),
            (
                changed("jwk", symmetric),
                ProofError::Key(KeyError::Unsupported),
            ),
        ] {
            let refused = read(&header, &json!({"jti": "c"}));
            assert_eq!(refused.err(), Some(error), "{header}");
        }
        // An algorithm that is not the key's signs nothing.
        for alg in ["none", "HS256", "RS256"] {
            let other = read(&changed("alg", json!(alg)), &json!({"jti": "c"})).unwrap();
            assert_eq!(other.introduced_key(), Err(ProofError::Signature), "{alg}");
        }
        assert!(read(&valid, &json!({"jti": 1})).is_err());
        let twice = r#"{"alg":"ES256","alg":"none","typ":"dbsc+jwt"}"#;
        let twice = format!("{}.{}.AA", BASE64URL.encode(twice), BASE64URL.encode("{}"));
        let long = "A".repeat(LONGEST + 1);
        for text in ["", "a.b", "a.b.c", "\"", &twice, &long] {
            assert_eq!(Proof::read(text).err(), Some(ProofError::Malformed));
        }
    }
}
