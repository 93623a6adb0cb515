//! Keys of clients: the session's, which is bound into its token, and the device's, whose
//! signature over a nonce is verified when it is sent.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use axum::http::{HeaderMap, HeaderValue};

use super::SdkError;
use crate::api::ApiState;
use crate::clock::UnixTime;
use crate::rejection::{Code, Rejection};

/// The session's key: of the content, else of the header field.
///
/// # Errors
///
/// It is no compressed point of P-256 in hexadecimal digits.
pub fn session_key(
    in_content: Option<String>,
    headers: &HeaderMap,
) -> Result<Option<String>, SdkError> {
    let key = match in_content {
        Some(key) => key,
        None => match headers.get(SESSION_KEY).map(|value| value.to_str()) {
            Some(Ok(key)) => key.to_owned(),
            Some(Err(_)) => return Err(SdkError::invalid_session_public_key()),
            None => return Ok(None),
        },
    };
    match public_key(&key) {
        Some(_) => Ok(Some(key)),
        None => Err(SdkError::invalid_session_public_key()),
    }
}

/// Verifies the device's signature, if there is one, and spends its nonce. A client without a
/// device key sends none of the fields; some of them are as bad as a wrong one.
pub async fn check_signature(api: &ApiState, headers: &HeaderMap) -> Result<(), SdkError> {
    let [nonce, key, signature] = [NONCE, DEVICE_KEY, SIGNATURE].map(|name| headers.get(name));
    if nonce.is_none() && key.is_none() && signature.is_none() {
        return Ok(());
    }
    let refused = |reason| SdkError::from(Rejection::new(Code::TokenInvalid, reason));
    let text = |field: Option<&HeaderValue>| {
        field.and_then(|value| value.to_str().ok().map(str::to_owned))
    };
    let (Some(nonce), Some(key), Some(signature)) = (text(nonce), text(key), text(signature))
    else {
        return Err(refused("device_signature_incomplete"));
    };
    let now = UnixTime::now();
    let Some(until) = api.nonces.good_until(&nonce, now) else {
        return Err(refused("device_nonce_invalid"));
    };
    let verified = public_key(&key)
        .zip(from_hex(&signature))
        .is_some_and(|(key, signature)| key.verify_sig(nonce.as_bytes(), &signature).is_ok());
    if !verified {
        return Err(refused("device_signature_invalid"));
    }
    if api.exchange.consume_once("nonce", &nonce, until).await? {
        Ok(())
    } else {
        Err(refused("device_nonce_spent"))
    }
}

/// A compressed point of P-256 (SEC 1 section 2.3.3) in hexadecimal digits.
fn public_key(hex: &str) -> Option<ParsedPublicKey> {
    let point = from_hex(hex)?;
    if point.len() != COMPRESSED_POINT {
        return None;
    }
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect()
}

const SESSION_KEY: &str = "x-dyn-session-public-key";
const NONCE: &str = "x-dynamic-device-nonce";
const DEVICE_KEY: &str = "x-dynamic-device-publickey";
const SIGNATURE: &str = "x-dynamic-device-signed-nonce";
const COMPRESSED_POINT: usize = 33;
