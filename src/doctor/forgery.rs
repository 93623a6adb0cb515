//! Tokens that look like the lent one and must not pass.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Map, Value, json};

use super::catalogue::{
    Kind, TOKEN_CONFUSED, TOKEN_KID, TOKEN_NONE, TOKEN_OWN_KEY, TOKEN_PSYCHIC, TOKEN_UNSIGNED,
    TOKEN_WEAK,
};
use super::echo::Echo;
use super::own_key::{KID, OwnKey};

mod public_key;

/// A token that no gateway may accept, with what is wrong with it.
pub(super) struct Forged {
    pub(super) kind: &'static Kind,
    pub(super) token: String,
    /// What the report says: the token itself is none of its business.
    pub(super) title: String,
    /// A path of the canary that the token names.
    pub(super) names: Option<String>,
}

/// A token, taken apart.
pub(super) struct Parts {
    header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// The middle part of the token's text, encoded as it came.
    claims_part: String,
    signed: String,
    signature: String,
}

/// All forgeries; those that name a key set of the doctor's need the echo server.
pub(super) fn of(token: &str, public_keys: Option<&Value>, echo: Option<&Echo>) -> Vec<Forged> {
    let Some(parts) = Parts::of(token) else {
        return Vec::new();
    };
    let mut forged = unsigned(&parts);
    forged.extend(secrets(&parts));
    let keys = public_keys.and_then(|set| set.get("keys")?.as_array());
    for key in keys.into_iter().flatten() {
        forged.extend(confused(&parts, key));
    }
    let spare = match echo {
        Some(_) => None,
        None => OwnKey::generate(),
    };
    if let Some(own) = echo.map(|echo| &echo.key).or(spare.as_ref()) {
        forged.extend(own_keys(&parts, own, echo));
    }
    forged
}

fn unsigned(parts: &Parts) -> Vec<Forged> {
    let mut forged = Vec::new();
    for name in ["none", "None", "NONE"] {
        let signed = parts.with_header(&[("alg", json!(name))]);
        forged.push(Forged::new(
            &TOKEN_NONE,
            format!("{signed}."),
            &format!("alg: {name}"),
        ));
    }
    forged.push(Forged::new(
        &TOKEN_UNSIGNED,
        format!("{}.", parts.signed),
        "the token without its signature",
    ));
    let flipped = flipped(&parts.signature);
    forged.push(Forged::new(
        &TOKEN_UNSIGNED,
        format!("{}.{flipped}", parts.signed),
        "the token with a changed signature",
    ));
    let mut claims = parts.claims.clone();
    claims.insert("sub".to_owned(), json!("doctor-forged"));
    let header = BASE64URL.encode(Value::from(parts.header.clone()).to_string());
    let changed = BASE64URL.encode(Value::from(claims).to_string());
    forged.push(Forged::new(
        &TOKEN_UNSIGNED,
        format!("{header}.{changed}.{}", parts.signature),
        "the token with another `sub`",
    ));
    let zeros = BASE64URL.encode([0; 64]);
    let signed = parts.with_header(&[("alg", json!("ES256"))]);
    forged.push(Forged::new(
        &TOKEN_PSYCHIC,
        format!("{signed}.{zeros}"),
        "alg: ES256 with a signature of zeros",
    ));
    forged
}

fn secrets(parts: &Parts) -> Vec<Forged> {
    let mut forged: Vec<_> = SECRETS
        .iter()
        .map(|secret| {
            let token = parts.by_hmac(&[], secret.as_bytes());
            Forged::new(
                &TOKEN_WEAK,
                token,
                &format!("alg: HS256 with the secret `{secret}`"),
            )
        })
        .collect();
    let file = json!("../../../../../../../../dev/null");
    forged.push(Forged::new(
        &TOKEN_KID,
        parts.by_hmac(&[("kid", file)], b""),
        "alg: HS256 with a `kid` that names /dev/null",
    ));
    forged
}

fn confused(parts: &Parts, key: &Value) -> Vec<Forged> {
    public_key::spellings(key)
        .into_iter()
        .map(|(name, secret)| {
            let kid = key.get("kid").cloned();
            let kid: Vec<_> = kid.map(|kid| ("kid", kid)).into_iter().collect();
            let token = parts.by_hmac(&kid, &secret);
            let title = format!("alg: HS256 with the public key ({name}) as the secret");
            Forged::new(&TOKEN_CONFUSED, token, &title)
        })
        .collect()
}

fn own_keys(parts: &Parts, own: &OwnKey, echo: Option<&Echo>) -> Vec<Forged> {
    let mut forged = Vec::new();
    let embedded = [("alg", json!("ES256")), ("jwk", own.jwk())];
    let signed = parts.with_header(&embedded);
    forged.extend(own.sign(&signed).map(|token| {
        Forged::new(
            &TOKEN_OWN_KEY,
            token,
            "a token that brings its key in `jwk`",
        )
    }));
    let plain = parts.with_header(&[("alg", json!("ES256"))]);
    forged
        .extend(own.sign(&plain).map(|token| {
            Forged::new(&TOKEN_UNSIGNED, token, "the claims signed with another key")
        }));
    for name in ["jku", "x5u"] {
        let Some(echo) = echo else { continue };
        let path = format!("/{}.json", uuid::Uuid::new_v4().simple());
        let url = format!("http://{}{path}", echo.canary);
        let header = [
            ("alg", json!("ES256")),
            ("kid", json!(KID)),
            (name, json!(url)),
        ];
        let signed = parts.with_header(&header);
        forged.extend(own.sign(&signed).map(|token| Forged {
            names: Some(path),
            ..Forged::new(
                &TOKEN_OWN_KEY,
                token,
                &format!("a token that names its key set in `{name}`"),
            )
        }));
    }
    forged
}

impl Forged {
    fn new(kind: &'static Kind, token: String, title: &str) -> Self {
        Self {
            kind,
            token,
            title: title.to_owned(),
            names: None,
        }
    }
}

impl Parts {
    /// Takes a token apart, if it is one.
    pub(super) fn of(token: &str) -> Option<Self> {
        let (signed, signature) = token.trim().rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| serde_json::from_slice(&BASE64URL.decode(part).ok()?).ok();
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            claims_part: claims.to_owned(),
            signed: signed.to_owned(),
            signature: signature.to_owned(),
        })
    }

    /// What is to be signed, with these members in the header.
    fn with_header(&self, members: &[(&str, Value)]) -> String {
        let mut header = self.header.clone();
        for (name, value) in members {
            header.insert((*name).to_owned(), value.clone());
        }
        let header = BASE64URL.encode(Value::from(header).to_string());
        format!("{header}.{}", self.claims_part)
    }

    fn by_hmac(&self, members: &[(&str, Value)], secret: &[u8]) -> String {
        let mut header = vec![("alg", json!("HS256"))];
        header.extend_from_slice(members);
        let signed = self.with_header(&header);
        let tag = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, secret),
            signed.as_bytes(),
        );
        format!("{signed}.{}", BASE64URL.encode(tag))
    }
}

/// Another character in the middle: the last one has bits that mean nothing.
fn flipped(signature: &str) -> String {
    let middle = signature.len() / 2;
    let change = |(at, each)| match (at == middle, each) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, each) => each,
    };
    signature.chars().enumerate().map(change).collect()
}

/// What examples and tutorials sign with.
const SECRETS: &[&str] = &[
    "secret",
    "",
    "changeme",
    "password",
    "your-256-bit-secret",
    "jwt-secret",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_forgery_is_a_token_of_its_own() {
        let header = BASE64URL.encode(r#"{"alg":"RS256","kid":"k"}"#);
        let claims = BASE64URL.encode(r#"{"iss":"https://id.example","sub":"u"}"#);
        let token = format!("{header}.{claims}.{}", BASE64URL.encode([7; 256]));
        let keys = json!({ "keys": [
            { "kty": "RSA", "kid": "k", "n": BASE64URL.encode([0xc3; 256]), "e": "AQAB" },
        ]});
        let forged = of(&token, Some(&keys), None);
        let distinct: BTreeSet<_> = forged.iter().map(|one| one.token.as_str()).collect();
        assert_eq!(distinct.len(), forged.len());
        assert!(!distinct.contains(token.as_str()));
        let kinds: BTreeSet<_> = forged.iter().map(|one| one.kind.id).collect();
        for kind in [
            &TOKEN_NONE,
            &TOKEN_UNSIGNED,
            &TOKEN_CONFUSED,
            &TOKEN_OWN_KEY,
        ] {
            assert!(kinds.contains(kind.id), "{}", kind.id);
        }
        assert!(of("no token", None, None).is_empty());
    }
}
