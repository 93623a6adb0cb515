//! Assertions that are exchanged for a session token (RFC 7523 section 3). They have types and audiences
//! of their own, so that none is a login, and no login one of them.

use serde_json::Value;

use super::checks::{self, ClaimCheck, Subject};
use super::header::Header;
use super::issuer::Issuer;
use super::refusal::Reason;
use super::token::Token;
use crate::claims::unverified::UnverifiedPart;

/// What kind of assertion it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionForm {
    /// An Identity Assertion JWT Authorization Grant, of the type `oauth-id-jag+jwt`.
    IdentityAssertion,
    /// Any other token for the gateway as an authorization server.
    Bearer,
}

/// What an assertion says that it is: unverified, only for selecting the rules.
pub fn assertion_form(text: &str) -> AssertionForm {
    match UnverifiedPart::header(text.as_bytes()).text("typ") {
        Some(typ) if super::header::subtype(&typ) == IDENTITY_ASSERTION => {
            AssertionForm::IdentityAssertion
        }
        _ => AssertionForm::Bearer,
    }
}

/// Whether the token is of the type, and written as its issuer writes tokens.
pub(super) fn form(
    token: &Token<'_>,
    header: &Header,
    issuer: &Issuer,
    form: AssertionForm,
) -> Result<(), Reason> {
    checks::padding(token, issuer)?;
    let is_of_type = match form {
        AssertionForm::IdentityAssertion => header.says_type(IDENTITY_ASSERTION),
        AssertionForm::Bearer => header.is_one_of(&["jwt"]),
    };
    match is_of_type {
        true => Ok(()),
        false => Err(Reason::TypeNotAccepted),
    }
}

/// The claims of any assertion, but for its audience.
pub(super) const CHECKS: [(&str, ClaimCheck); 8] = [
    ("kind", checks::kind),
    ("subject", checks::subject),
    ("tenant", checks::tenant),
    ("expiry", checks::expiry),
    ("not_before", checks::not_before),
    ("issued_at", issued_at),
    ("required_claims", checks::required_claims),
    ("id", id),
];

fn issued_at(token: &Subject<'_>) -> Result<(), Reason> {
    checks::issued_at(token)?;
    match token.claims.stated("iat") {
        Some(_) => Ok(()),
        None => Err(Reason::IatMissing),
    }
}

fn id(token: &Subject<'_>) -> Result<(), Reason> {
    match token.claims.text("jti") {
        Some(jti) if !jti.is_empty() => Ok(()),
        _ => Err(Reason::JtiMissing),
    }
}

/// It is for this authorization server and for nobody else.
pub(super) fn audience(audience: Option<&Value>, own: &str) -> Result<(), Reason> {
    let one = match audience {
        None | Some(Value::Null) => return Err(Reason::AudMissing),
        Some(Value::Array(many)) => match many.as_slice() {
            [one] => one,
            _ => return Err(Reason::AudMismatch),
        },
        Some(one) => one,
    };
    match one.as_str() {
        None => Err(Reason::AudInvalid),
        Some(one) if one == own => Ok(()),
        Some(_) => Err(Reason::AudMismatch),
    }
}

const IDENTITY_ASSERTION: &str = "oauth-id-jag+jwt";
