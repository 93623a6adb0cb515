//! The cookies of Clerk.
//!
//! Every application on a domain writes the same `__session`, and next to it one of its own, with a
//! suffix that follows from its key. So the plain one may be another application's, and the one that
//! names the issuer is looked for among all.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

/// What the names of the suffixed cookies begin with.
pub(super) fn prefix(name: &str) -> String {
    format!("{name}_")
}

/// Whether a text claims to be a token with one of these `iss`, whoever wrote it: that chooses a
/// cookie, and the token in it is verified like any other.
pub(super) fn names_issuer(token: &[u8], iss: &[String]) -> bool {
    let payload = token.split(|byte| *byte == b'.').nth(1);
    let decoded = payload.and_then(|payload| LENIENT.decode(payload).ok());
    let claims: Option<Value> = decoded.and_then(|json| serde_json::from_slice(&json).ok());
    let named = claims
        .as_ref()
        .and_then(|claims| claims.get("iss")?.as_str());
    named.is_some_and(|named| iss.iter().any(|iss| iss == named))
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
