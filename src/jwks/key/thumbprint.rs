//! Thumbprints of certificates (RFC 7515 sections 4.1.7 and 4.1.8), with which some providers, such
//! as ADFS, identify their keys.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::jwk::Jwk;

/// The thumbprints of one certificate, or those that a token names. They choose among an issuer's
/// keys; whether the key signed is checked all the same, so SHA-1 does no harm here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thumbprints {
    /// `x5t`, base64url.
    pub sha1: Option<Box<str>>,
    /// `x5t#S256`, base64url.
    pub sha256: Option<Box<str>>,
}

impl Thumbprints {
    /// From the values of `x5t` and `x5t#S256`.
    pub fn new(sha1: Option<&str>, sha256: Option<&str>) -> Self {
        let bare = |text: &str| text.trim_end_matches('=').into();
        Self {
            sha1: sha1.map(bare),
            sha256: sha256.map(bare),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sha1.is_none() && self.sha256.is_none()
    }

    /// Whether both are of the same certificate, by the stronger hash that both have.
    pub fn matches(&self, other: &Self) -> bool {
        match (&self.sha256, &other.sha256) {
            (Some(one), Some(other)) => one == other,
            _ => self.sha1.is_some() && self.sha1 == other.sha1,
        }
    }

    /// The thumbprints of a certificate.
    pub(super) fn of_certificate(der: &[u8]) -> Self {
        let encoded = |algorithm| {
            URL_SAFE_NO_PAD
                .encode(digest::digest(algorithm, der))
                .into()
        };
        Self {
            sha1: Some(encoded(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
            sha256: Some(encoded(&digest::SHA256)),
        }
    }

    /// Those that a JWK states, and else those of its first certificate.
    pub(super) fn of_jwk(jwk: &Jwk<'_>) -> Self {
        let mut stated = Self::new(jwk.loose_text("x5t"), jwk.loose_text("x5t#S256"));
        let certificate = jwk
            .member("x5c")
            .and_then(|chain| chain.get(0))
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok());
        if let Some(der) = certificate {
            stated.complete(Self::of_certificate(&der));
        }
        stated
    }

    /// Fills in what is missing.
    pub(super) fn complete(&mut self, other: Self) {
        self.sha1 = self.sha1.take().or(other.sha1);
        self.sha256 = self.sha256.take().or(other.sha256);
    }
}
