//! A token that passed every check.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::claims::Claims;
use super::issuer::Issuer;
use super::refusal::Generations;
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;
use crate::jwks::KeyValidity;

/// Proof that a token was verified: only [`super::verify`] makes one.
#[derive(Clone)]
pub struct Verified {
    pub(super) issuer: Arc<Issuer>,
    pub(super) generations: Generations,
    pub(super) key_validity: KeyValidity,
    pub(super) claims: Arc<Claims>,
    pub(super) iss: String,
    pub(super) subject: String,
    pub(super) expires_at: UnixTime,
    pub(super) issued_at: Option<UnixTime>,
    pub(super) signed_part_digest: [u8; 32],
}

impl Verified {
    /// Whose token it is.
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// The settings and keys of the issuer under which it was verified.
    pub fn generations(&self) -> Generations {
        self.generations
    }

    /// Whether the key that signed it is still the issuer's.
    pub fn key_validity(&self) -> &KeyValidity {
        &self.key_validity
    }

    /// The issuer's `iss`, whatever alias the token has. With the subject, what identifies a user.
    pub fn iss(&self) -> &str {
        &self.iss
    }

    /// The token's `sub`, or what the issuer's `subject_claim` says; never empty.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The token's `exp`, without leeway.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// The token's `iat`.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// The token's `jti`, if it is a text.
    pub fn token_id(&self) -> Option<&str> {
        self.claims.text("jti").filter(|jti| !jti.is_empty())
    }

    /// All claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The address in the issuer's email claim, when the issuer vouches for it: each of the
    /// claims that say so and are there is the boolean `true`.
    pub fn verified_email(&self) -> Option<&str> {
        verified_email(&self.claims, self.issuer.settings())
    }

    /// Whether the token takes back an address of before: it has none that the issuer vouches for,
    /// unless it says nothing of addresses and the issuer is configured to mean nothing by that.
    pub fn takes_email_back(&self) -> bool {
        let settings = self.issuer.settings();
        let says = std::iter::once(&settings.email_claim).chain(&settings.email_verified_claims);
        let says_something = says.into_iter().any(|name| self.claims.at(name).is_some());
        self.verified_email().is_none() && (says_something || !settings.keep_absent_email)
    }

    /// The claim that names the login at the provider.
    pub fn login_claim(&self) -> Option<&str> {
        let login = self
            .claims
            .at(&self.issuer.settings().sid_claim)?
            .as_str()?;
        (!login.is_empty()).then_some(login)
    }

    /// SHA-256 of `header.payload`. The signature is left out, because an ECDSA signature has a
    /// valid twin.
    pub fn signed_part_digest(&self) -> [u8; 32] {
        self.signed_part_digest
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("issuer", self.issuer.name())
            .finish_non_exhaustive()
    }
}

fn verified_email<'a>(claims: &'a Claims, settings: &IssuerSettings) -> Option<&'a str> {
    let email = claims.at(&settings.email_claim)?.as_str()?;
    let mut told = false;
    for name in &settings.email_verified_claims {
        match claims.at(name) {
            None => {}
            Some(Value::Bool(true)) => told = true,
            Some(_) => return None,
        }
    }
    (!email.is_empty() && (told || settings.assume_email_verified)).then_some(email)
}
