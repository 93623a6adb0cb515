//! A token that passed every check.

use std::borrow::Cow;
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

    /// Until when it is accepted: its `exp` and the issuer's leeway. What it has used up must not be forgotten
    /// before.
    pub fn accepted_until(&self) -> UnixTime {
        self.expires_at.plus(self.issuer.settings().leeway)
    }

    /// The token's `iat`.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// The token's `jti`, if it is a text.
    pub fn token_id(&self) -> Option<&str> {
        self.claims.text("jti").filter(|jti| !jti.is_empty())
    }

    /// Whom it is for, in the claim that its issuer says that in.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let named = self.claims.at(&self.issuer.settings().aud_claim);
        let many = named.and_then(Value::as_array).into_iter().flatten();
        let one = named.filter(|named| named.is_string());
        one.into_iter().chain(many).filter_map(Value::as_str)
    }

    /// All claims.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The address in the issuer's email claim, when the issuer vouches for it: each of the
    /// claims that say so and are there has one of the issuer's `email_verified_values`.
    pub fn verified_email(&self) -> Option<&str> {
        match self.email() {
            EmailStatement::Verified(email) => Some(email),
            _ => None,
        }
    }

    /// What the token says about the user's address.
    pub fn email(&self) -> EmailStatement<'_> {
        email(&self.claims, self.issuer.settings())
    }

    /// The claim that names the login at the provider.
    pub fn login_claim(&self) -> Option<Cow<'_, str>> {
        let login = self.claims.name_at(&self.issuer.settings().sid_claim);
        login.ok().flatten()
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

/// What a token says about its user's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailStatement<'a> {
    /// Nothing, which leaves what an earlier token said as it is.
    Absent,
    /// This one, for which the issuer vouches.
    Verified(&'a str),
    /// This one, and not whether it is verified.
    Named(&'a str),
    /// That there is none, or none that is verified.
    Withdrawn,
}

/// An access token rarely has the claims of an ID token, so that a claim which is not there says
/// nothing, unless the issuer is configured to repeat the address in each token.
fn email<'a>(claims: &'a Claims, settings: &IssuerSettings) -> EmailStatement<'a> {
    let email = claims.at(&settings.email_claim);
    let email = email.map(|email| email.as_str().filter(|email| !email.is_empty()));
    let mut vouched = None;
    for name in &settings.email_verified_claims {
        match claims.at(name) {
            None => {}
            Some(value) if settings.email_verified_values.contains(value) => {
                vouched = vouched.or(Some(true));
            }
            Some(_) => vouched = Some(false),
        }
    }
    match (email, vouched) {
        (_, Some(false)) | (Some(None), _) => EmailStatement::Withdrawn,
        (Some(Some(email)), Some(true)) => EmailStatement::Verified(email),
        (Some(Some(email)), None) if settings.assume_email_verified => {
            EmailStatement::Verified(email)
        }
        _ if !settings.keep_absent_email => EmailStatement::Withdrawn,
        (Some(Some(email)), None) => EmailStatement::Named(email),
        (None, _) => EmailStatement::Absent,
    }
}
