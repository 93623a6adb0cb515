//! Keys of clients: the session's, which is bound into its token, and the device's, whose
//! signature over a nonce is verified when it is sent.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use axum::http::{HeaderMap, HeaderValue};

use super::SdkError;
use crate::api::ApiState;
use crate::clock::UnixTime;
use crate::identity::NONCE_SPENT;
use crate::rejection::{Code, Rejection};
use crate::store::Once;

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

/// A device's signature that verified. Its nonce is yet to be used up.
#[derive(Debug)]
#[must_use = "a nonce that is not used up can be shown again"]
pub struct Proof {
    nonce: String,
    until: UnixTime,
}

/// Verifies the device's signature, if there is one. A client without a device key sends none of
/// the fields; some of them are as bad as a wrong one. Writes nothing: whoever has no credential
/// may come with as many nonces as there are.
///
/// A signature of a nonce that is not ours, or not any more, proves nothing, and its client is one without a key:
/// the SDK keeps nonces for longer than a day, from another store, or from where its users come from.
pub fn check_signature(api: &ApiState, headers: &HeaderMap) -> Result<Option<Proof>, SdkError> {
    let [nonce, key, signature] = [NONCE, DEVICE_KEY, SIGNATURE].map(|name| headers.get(name));
    if nonce.is_none() && key.is_none() && signature.is_none() {
        return Ok(None);
    }
    let refused = |reason| SdkError::from(Rejection::new(Code::TokenInvalid, reason));
    let text = |field: Option<&HeaderValue>| {
        field.and_then(|value| value.to_str().ok().map(str::to_owned))
    };
    let (Some(nonce), Some(key), Some(signature)) = (text(nonce), text(key), text(signature))
    else {
        return Err(refused("device_signature_incomplete"));
    };
    let verified = public_key(&key)
        .zip(from_hex(&signature))
        .is_some_and(|(key, signature)| key.verify_sig(nonce.as_bytes(), &signature).is_ok());
    if !verified {
        return Err(refused("device_signature_invalid"));
    }
    let until = api.nonces.good_until(&nonce, UnixTime::now());
    Ok(until.map(|until| Proof { nonce, until }))
}

impl Proof {
    /// What a sign-in uses up, in the transaction that opens its session.
    pub fn nonce(self) -> Once {
        Once::new(SCOPE, &self.nonce, self.until)
    }

    /// Uses the nonce up, as the last step before what it was shown for is answered: what a client
    /// asks for with a credential can be asked for again, should this fail.
    ///
    /// # Errors
    ///
    /// It was used before, or the store did not answer.
    pub async fn use_up(self, api: &ApiState) -> Result<(), SdkError> {
        let Self { nonce, until } = self;
        match api
            .exchange
            .one_time_use()
            .use_once(SCOPE, &nonce, until)
            .await?
        {
            true => Ok(()),
            false => Err(Rejection::new(Code::TokenInvalid, NONCE_SPENT).into()),
        }
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
/// What spent nonces are kept as.
const SCOPE: &str = "nonce";
const COMPRESSED_POINT: usize = 33;
