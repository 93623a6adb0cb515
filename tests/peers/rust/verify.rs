use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

#[derive(serde::Deserialize)]
pub struct Claims {
    pub sub: String, // the user's id
    pub sid: String,
}

/// `keys` come from `{public_url}/_vestibule/.well-known/jwks.json`; fetch them again, at most
/// every few seconds, when a `kid` is not among them.
pub fn verify(token: &str, keys: &JwkSet, public_url: &str) -> Result<Claims, Error> {
    let header = decode_header(token)?;
    if header.typ.as_deref() != Some("JWT") {
        return Err(ErrorKind::InvalidToken.into());
    }
    let key = header.kid.as_deref().and_then(|kid| keys.find(kid));
    let key = DecodingKey::from_jwk(key.ok_or(ErrorKind::InvalidToken)?)?;
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_issuer(&[format!("{public_url}/_vestibule")]);
    rules.set_audience(&[public_url]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    Ok(decode::<Claims>(token, &key, &rules)?.claims)
}
