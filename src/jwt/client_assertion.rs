//! Assertions by which a client authenticates with a key of its own (RFC 7523 section 2.2).

use std::time::Duration;

use super::assertion;
use super::claims::Claims;
use super::header::Header;
use super::refusal::Reason;
use super::token::Token;
use crate::clock::UnixTime;
use crate::issuer::Algorithm;
use crate::jwks::{Candidates, KeySet};

/// What an assertion of a client has to say.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedClient<'a> {
    /// The client.
    pub id: &'a str,
    /// The algorithm that the client is registered for; `None`: any that its keys permit.
    pub algorithm: Option<Algorithm>,
    /// The authorization server's issuer identifier.
    pub audience: &'a str,
    /// How far away the end of the assertion can be.
    pub max_lifetime: Duration,
}

/// A verified assertion, which is valid once.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientAssertion {
    /// Its name among those of the client.
    pub jti: String,
    /// After this it is refused anyway.
    pub until: UnixTime,
}

/// Why a client's assertion is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientRefusal {
    /// It is no such assertion, or a claim has the wrong form.
    Invalid,
    /// The client has no key that can have signed it.
    KeyUnknown,
    /// The signature does not verify.
    SignatureInvalid,
    /// `iss` or `sub` is another client.
    OtherClient,
    /// The audience is not the issuer identifier alone.
    AudienceMismatch,
    /// `exp` is past.
    Expired,
    /// `exp` is too far away.
    TooLong,
    /// `nbf` or `iat` is to come.
    NotYetValid,
}

impl ClientRefusal {
    /// The stable word for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "client_assertion_invalid",
            Self::KeyUnknown => "client_key_unknown",
            Self::SignatureInvalid => "client_signature_invalid",
            Self::OtherClient => "client_assertion_of_another",
            Self::AudienceMismatch => "client_assertion_audience",
            Self::Expired => "client_assertion_expired",
            Self::TooLong => "client_assertion_too_long",
            Self::NotYetValid => "client_assertion_not_yet_valid",
        }
    }
}

impl From<Reason> for ClientRefusal {
    fn from(_: Reason) -> Self {
        Self::Invalid
    }
}

/// The client that an assertion names: unverified, only for selecting its keys.
pub fn asserted_client(text: &str) -> Option<String> {
    let claims = Claims::parse(&Token::parse(text, LONGEST).ok()?).ok()?;
    claims.text("sub").map(str::to_owned)
}

/// Verifies the assertion of a client with its keys (RFC 7523 section 3). Its audience is the issuer
/// identifier and nothing else: a server that has itself called by the address of this one's token
/// endpoint would otherwise get assertions that count here.
///
/// # Errors
///
/// A check failed.
pub fn verify_client_assertion(
    text: &str,
    keys: &KeySet,
    expected: ExpectedClient<'_>,
    now: UnixTime,
) -> Result<ClientAssertion, ClientRefusal> {
    let token = Token::parse(text, LONGEST)?;
    let header = Header::parse(&token)?;
    let is_registered = expected.algorithm.is_none_or(|it| it == header.algorithm);
    if token.is_padded() || !header.is_one_of(&TYPES) || !is_registered {
        return Err(ClientRefusal::Invalid);
    }
    // Of several that can have signed, none is tried: a client can name its key.
    let Ok(Candidates::One(key)) = keys.find(header.key_hint(), header.algorithm) else {
        return Err(ClientRefusal::KeyUnknown);
    };
    let (signed, signature) = (token.signed().as_bytes(), token.signature()?);
    if !key.verify(header.algorithm, signed, &signature) {
        return Err(ClientRefusal::SignatureInvalid);
    }
    check(&Claims::parse(&token)?, expected, now)
}

fn check(
    claims: &Claims,
    expected: ExpectedClient<'_>,
    now: UnixTime,
) -> Result<ClientAssertion, ClientRefusal> {
    if ["iss", "sub"].map(|name| claims.text(name)) != [Some(expected.id); 2] {
        return Err(ClientRefusal::OtherClient);
    }
    if assertion::audience(claims.get("aud"), expected.audience).is_err() {
        return Err(ClientRefusal::AudienceMismatch);
    }
    let date = |name| claims.date(name).map_err(|()| ClientRefusal::Invalid);
    let until = date("exp")?.ok_or(ClientRefusal::Invalid)?.plus(LEEWAY);
    if now >= until {
        return Err(ClientRefusal::Expired);
    }
    if until > now.plus(expected.max_lifetime).plus(LEEWAY) {
        return Err(ClientRefusal::TooLong);
    }
    let begins = [date("nbf")?, date("iat")?];
    if begins.iter().flatten().any(|time| *time > now.plus(LEEWAY)) {
        return Err(ClientRefusal::NotYetValid);
    }
    let jti = claims.text("jti").filter(|jti| !jti.is_empty());
    let jti = jti.ok_or(ClientRefusal::Invalid)?.to_owned();
    Ok(ClientAssertion { jti, until })
}

/// In bytes.
const LONGEST: usize = 8 * 1024;
/// How far clocks can differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// The accepted types. Tokens of other kinds, an identity assertion above all, authenticate nobody.
const TYPES: [&str; 2] = ["jwt", "client-authentication+jwt"];
