//! The members of one JWK (RFC 7517 section 4). A member that is `null` or an empty string or array
//! says nothing, as if it were absent: many serializers write out what they do not have.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::SkipReason;

/// An entry whose purpose is verifying and whose private part is not there.
#[derive(Clone, Copy)]
pub(super) struct Jwk<'a>(&'a Map<String, Value>);

impl<'a> Jwk<'a> {
    /// Looks at what an entry is for.
    pub(super) fn read(entry: &'a Value) -> Result<Self, SkipReason> {
        let jwk = Self(entry.as_object().ok_or(SkipReason::Malformed)?);
        if jwk.loose_text("kty") != Some("oct")
            && PRIVATE_MEMBERS
                .iter()
                .any(|name| jwk.member(name).is_some())
        {
            return Err(SkipReason::PrivateKey);
        }
        // RFC 7517 section 4.2; the second is that of SPIFFE bundles.
        if let Some(purpose) = jwk.text("use")?
            && !["sig", "jwt-svid"].contains(&purpose)
        {
            return Err(SkipReason::NotForVerifying);
        }
        // RFC 7517 section 4.3.
        match jwk.member("key_ops") {
            None => Ok(jwk),
            Some(Value::Array(operations)) if operations.iter().any(|it| it == "verify") => Ok(jwk),
            Some(_) => Err(SkipReason::NotForVerifying),
        }
    }

    /// A member that says something.
    pub(super) fn member(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(elements) => !elements.is_empty(),
            _ => true,
        })
    }

    /// A member that has to be a string if it is there.
    pub(super) fn text(self, name: &str) -> Result<Option<&'a str>, SkipReason> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(SkipReason::Malformed),
        }
    }

    /// A member that is ignored unless it is a string.
    pub(super) fn loose_text(self, name: &str) -> Option<&'a str> {
        self.member(name)?.as_str()
    }

    /// A number or point, which may be empty but has to be there.
    pub(super) fn bytes(self, name: &str) -> Result<Vec<u8>, SkipReason> {
        let encoded = self.0.get(name).and_then(Value::as_str);
        let encoded = encoded.ok_or(SkipReason::Malformed)?;
        // Some write Base64, which means the same number.
        let encoded = encoded.replace('+', "-").replace('/', "_");
        BASE64URL.decode(encoded).map_err(|_| SkipReason::Malformed)
    }

    /// A coordinate of so many bytes. Some libraries leave out the zeros that it starts with.
    pub(super) fn coordinate(self, name: &str, size: usize) -> Result<Vec<u8>, SkipReason> {
        let bytes = self.bytes(name)?;
        let mut padded = vec![0; size.saturating_sub(bytes.len())];
        padded.extend(bytes);
        Ok(padded)
    }
}

/// RFC 7518 sections 6.2.2 and 6.3.2.
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];
/// Padding changes nothing about a number, so it is tolerated in a key.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
