//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4), with which an issuer ends a
//! login. They are verified as in section 2.6, which has the checks of an external token except for
//! the kind, so one can never be used as the other.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::checks::{self, Subject};
use super::claims::Claims;
use super::header::{Header, LOGOUT_TYPES};
use super::issuer::{Issuer, Issuers};
use super::refusal::{Generations, Reason, Refusal};
use super::token::Token;
use crate::clock::UnixTime;
use crate::issuer::IssuerSettings;

/// A logout token that passed every check but the one for replays.
#[derive(Clone, Debug)]
pub struct LogoutToken {
    /// Whose word it is.
    pub issuer: Arc<Issuer>,
    /// The issuer's `iss`.
    pub iss: String,
    /// The sessions that the token ends.
    pub logout: Logout,
    /// Its id, to be used up.
    pub jti: String,
    /// Until when it is accepted.
    pub accepted_until: UnixTime,
}

/// The sessions that a logout token ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logout {
    /// The login of a `sid`, whosever it is.
    Login(String),
    /// The login of a `sid` and a `sub`.
    LoginOf {
        /// The `sid`.
        login: String,
        /// The `sub`.
        subject: String,
    },
    /// All logins of a `sub`.
    Subject(String),
}

/// Verifies a logout token by the rules and keys of the issuer that its `iss` names. Does no I/O.
pub fn verify_logout(text: &str, issuers: &Issuers, now: UnixTime) -> Result<LogoutToken, Refusal> {
    let token = Token::parse(text, issuers.max_token_size())?;
    let header = Header::parse(&token)?;
    if !header.is_one_of(&LOGOUT_TYPES) {
        return Err(Reason::TypeNotAccepted.into());
    }
    let claims = Claims::parse(&token)?;
    let entry = checks::issuer(&claims, issuers)?;
    let issuer = &entry.issuer;
    let generations = Generations::of(issuer);
    let refuse = |reason| Refusal::new(reason, issuer, generations);

    checks::acceptance(issuer).map_err(refuse)?;
    checks::padding(&token, issuer).map_err(refuse)?;
    claims.check_text(issuer.settings()).map_err(refuse)?;
    checks::signing_key(&token, &header, entry).map_err(refuse)?;

    let settings = issuer.settings();
    let subject = Subject {
        claims: &claims,
        settings,
        tenant: entry.tenant.as_deref(),
        now,
    };
    checks::expiry(&subject).map_err(refuse)?;
    checks::not_before(&subject).map_err(refuse)?;
    checks::issued_at(&subject).map_err(refuse)?;
    if claims.stated("iat").is_none() {
        return Err(refuse(Reason::IatMissing));
    }
    let accepted = settings.accepted_logout_audience();
    if accepted.is_empty() {
        return Err(refuse(Reason::LogoutAudienceUnset));
    }
    checks::audience_among(claims.get("aud"), accepted).map_err(refuse)?;
    kind(&claims).map_err(refuse)?;
    let logout = logout(&claims, settings).map_err(refuse)?;
    let jti = match text_claim(&claims, "jti") {
        Ok(Some(jti)) => jti,
        _ => return Err(refuse(Reason::JtiMissing)),
    };
    let exp = claims
        .date("exp")
        .map_err(|()| refuse(Reason::ExpInvalid))?;
    let exp = exp.ok_or_else(|| refuse(Reason::ExpMissing))?;
    Ok(LogoutToken {
        iss: entry.canonical_iss.clone(),
        issuer: Arc::clone(issuer),
        logout,
        jti,
        accepted_until: exp.plus(settings.leeway),
    })
}

/// An event of logout, and nothing of an ID token.
fn kind(claims: &Claims) -> Result<(), Reason> {
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    if !event.is_some_and(Value::is_object) {
        return Err(Reason::LogoutEventMissing);
    }
    match claims.stated("nonce") {
        Some(_) => Err(Reason::NoncePresent),
        None => Ok(()),
    }
}

fn logout(claims: &Claims, settings: &IssuerSettings) -> Result<Logout, Reason> {
    let subject = match settings.subject_claims.first() {
        None => text_claim(claims, "sub").map_err(|()| Reason::SubInvalid)?,
        // Users are known by other claims, which a logout token need not have. By a later one of several they are
        // known only where their logins lack the first, of which it says nothing.
        Some(first) if claims.at(first).is_none_or(says_nothing) => None,
        Some(_) => Some(checks::subject_of(claims, settings)?),
    };
    let login = claims.name_at("sid");
    let login = login.map_err(|()| Reason::LogoutSidInvalid)?;
    let login = login.map(Cow::into_owned);
    match (login, subject) {
        (Some(login), Some(subject)) => Ok(Logout::LoginOf { login, subject }),
        (Some(login), None) => Ok(Logout::Login(login)),
        (None, Some(subject)) => Ok(Logout::Subject(subject)),
        (None, None) => Err(Reason::SubMissing),
    }
}

fn says_nothing(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// A claim that, if it is there, is a string with something in it.
fn text_claim(claims: &Claims, name: &str) -> Result<Option<String>, ()> {
    match claims.stated(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(()),
    }
}

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[cfg(test)]
mod tests;
