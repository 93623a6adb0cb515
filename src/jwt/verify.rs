//! From a token's text to [`Verified`].

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::digest;

use super::assertion::{self, AssertionForm};
use super::checks::{self, Subject};
use super::claims::{Claims, numeric_date};
use super::header::Header;
use super::issuer::{Issuer, Issuers};
use super::refusal::{Generations, Reason, Refusal};
use super::token::Token;
use super::verified::Verified;
use crate::clock::UnixTime;
use crate::jwks::KeyValidity;

/// A token taken apart, of which nothing is believed yet. It is decoded once, by the parser whose
/// result is verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    text: &'a str,
    token: Token<'a>,
    header: Result<Header, Reason>,
    claims: Result<Arc<Claims>, Reason>,
}

impl<'a> Unverified<'a> {
    /// Takes a text apart that is at most `max_size` bytes long.
    ///
    /// # Errors
    ///
    /// It is not of three parts. What is wrong with these, verification says.
    pub fn parse(text: &'a str, max_size: usize) -> Result<Self, Refusal> {
        let token = Token::parse(text, max_size)?;
        Ok(Self {
            header: Header::parse(&token),
            claims: Claims::parse(&token).map(Arc::new),
            text,
            token,
        })
    }

    /// The text that was taken apart.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The `iss` that it claims to have, or what counts in its place.
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        let named = self.claims.as_ref().ok();
        match named.and_then(|claims| claims.text("iss")) {
            Some(iss) => Some(Cow::Borrowed(iss)),
            None => super::unverified_issuer(self.text).map(Cow::Owned),
        }
    }

    /// Its `exp`, unverified.
    pub fn expires_at(&self) -> Option<UnixTime> {
        let claims = self.claims.as_ref().ok()?;
        numeric_date(claims.get("exp")?)
    }

    /// Verifies it by the rules and keys of the issuer that its `iss` names. Does no I/O.
    ///
    /// # Errors
    ///
    /// A check failed.
    pub fn verify(&self, issuers: &Issuers, now: UnixTime) -> Result<Verified, Refusal> {
        run(self, issuers, now, Expected::Any)
    }
}

/// Verifies a token by the rules and keys of the issuer that its `iss` names. Does no I/O.
pub fn verify(token: &str, issuers: &Issuers, now: UnixTime) -> Result<Verified, Refusal> {
    Unverified::parse(token, issuers.max_token_size())?.verify(issuers, now)
}

/// Verifies an assertion for the session of a token with this `iss`. It may leave its own `iss`
/// and its audience out; where they are there, they must match. Only that issuer's keys count.
pub fn verify_assertion(
    token: &str,
    issuers: &Issuers,
    now: UnixTime,
    iss: &str,
) -> Result<Verified, Refusal> {
    let token = Unverified::parse(token, issuers.max_token_size())?;
    run(&token, issuers, now, Expected::Assertion(iss))
}

/// Verifies an assertion of a form that is for the authorization server with this `iss`.
pub fn verify_grant(
    token: &str,
    issuers: &Issuers,
    now: UnixTime,
    (form, own): (AssertionForm, &str),
) -> Result<Verified, Refusal> {
    let token = Unverified::parse(token, issuers.max_token_size())?;
    run(&token, issuers, now, Expected::Grant(form, own))
}

/// Whose token it has to be.
#[derive(Clone, Copy)]
enum Expected<'a> {
    /// Tokens of any configured issuer are accepted.
    Any,
    /// An assertion that counts as one with this `iss`.
    Assertion(&'a str),
    /// An assertion of this form for the authorization server with this `iss`.
    Grant(AssertionForm, &'a str),
}

fn run(
    unverified: &Unverified<'_>,
    issuers: &Issuers,
    now: UnixTime,
    expected: Expected<'_>,
) -> Result<Verified, Refusal> {
    let token = &unverified.token;
    let header = unverified.header.as_ref().map_err(|reason| *reason)?;
    let claims = unverified.claims.as_ref().map_err(|reason| *reason)?;
    let claims = &checks::supplied(Arc::clone(claims), header, issuers);
    let entry = match expected {
        Expected::Assertion(iss) => checks::assertion_issuer(claims, issuers, iss)?,
        _ => checks::issuer(claims, issuers)?,
    };
    let issuer = &entry.issuer;
    let generations = Generations::of(issuer);
    let refuse = |reason| Refusal::new(reason, issuer, generations);

    let checks: &[_] = match expected {
        Expected::Any => &checks::CLAIM_CHECKS,
        Expected::Assertion(_) => &checks::ASSERTION_CHECKS,
        Expected::Grant(..) => &assertion::CHECKS,
    };
    checks::acceptance(issuer).map_err(refuse)?;
    match expected {
        Expected::Grant(form, _) => assertion::form(token, header, issuer, form),
        _ => checks::form(token, header, issuer),
    }
    .map_err(refuse)?;
    claims.check_text(issuer.settings()).map_err(refuse)?;
    let key = checks::signing_key(token, header, entry).map_err(refuse)?;
    if !matches!(expected, Expected::Grant(..)) {
        // The header of a grant need not name the signer by which an issuer is distinguished from others at one
        // server of keys.
        issuer.keys().has_verified(&key);
    }

    let subject = Subject {
        claims,
        settings: issuer.settings(),
        tenant: entry.tenant.as_deref(),
        now,
    };
    for (_, check) in checks {
        check(&subject).map_err(refuse)?;
    }
    if let Expected::Grant(_, own) = expected {
        assertion::audience(claims.get("aud"), own).map_err(refuse)?;
    }
    let key_validity = key.key_validity().clone();
    let iss = entry.canonical_iss.clone();
    prove(
        token,
        Arc::clone(issuer),
        generations,
        key_validity,
        iss,
        Arc::clone(claims),
    )
    .map_err(refuse)
}

/// Takes out of checked claims what every caller needs. Its errors repeat what the checks have
/// ruled out.
fn prove(
    token: &Token<'_>,
    issuer: Arc<Issuer>,
    generations: Generations,
    key_validity: KeyValidity,
    iss: String,
    claims: Arc<Claims>,
) -> Result<Verified, Reason> {
    let signed = digest::digest(&digest::SHA256, token.signed().as_bytes());
    let signed_part_digest = signed.as_ref().try_into().map_err(|_| Reason::Malformed)?;
    let subject = checks::subject_of(&claims, issuer.settings())?;
    let exp = claims.date("exp").map_err(|()| Reason::ExpInvalid)?;
    let expires_at = exp.ok_or(Reason::ExpMissing)?;
    let issued_at = claims.date("iat").map_err(|()| Reason::IatInvalid)?;
    Ok(Verified {
        issuer,
        generations,
        key_validity,
        claims,
        iss,
        subject,
        expires_at,
        issued_at,
        signed_part_digest,
    })
}
