//! Step-up: a fresh assertion of the issuer gives a signed-in user an elevated token, which allows
//! more for a short time.
//!
//! An assertion is a token from the session's own issuer about the session's own user, issued for
//! this purpose only: it names scopes, is valid for minutes, and works once. The elevated token is
//! a separate kind of token, which opens no session and is only accepted together with one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::exchange::{Account, Exchange, Session, asks_only_for, mint_failed};
use crate::rejection::{Code, Rejection};

pub mod settings;

pub use settings::StepUpSettings;

/// What may be asked for, and for how long it is granted.
#[derive(Clone, Debug, Default)]
pub struct StepUp {
    scopes: Vec<String>,
    single_use: bool,
    allow_missing_iat: bool,
}

/// An elevated token's claims.
#[derive(Debug, Serialize, Deserialize)]
struct Elevated {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    scope: String,
    iat: UnixTime,
    exp: UnixTime,
    #[serde(rename = "singleUse")]
    single_use: bool,
}

impl StepUp {
    /// Takes the settings from the configuration.
    pub fn new(settings: &StepUpSettings) -> Self {
        Self {
            scopes: settings.scopes.clone(),
            single_use: settings.single_use,
            allow_missing_iat: settings.allow_missing_iat,
        }
    }

    /// Whether a scope is one that needs an elevated token.
    pub fn guards(&self, scope: &str) -> bool {
        self.scopes.iter().any(|known| known == scope)
    }

    /// An elevated token for the account, by an assertion that is then used up.
    ///
    /// # Errors
    ///
    /// The assertion is not one for this session, or was used before.
    pub async fn elevate(
        &self,
        exchange: &Exchange,
        account: &Account,
        assertion: &str,
    ) -> Result<String, Rejection> {
        let session = &account.session;
        let verified = exchange
            .verifier()
            .verify_assertion(assertion, &session.iss)
            .await?;
        let now = UnixTime::now();
        let refused = |reason| Rejection::new(Code::TokenInvalid, reason);
        let own = account.user.external_credential(&session.iss);
        if own.is_none_or(|own| own.public_identifier != verified.subject()) {
            return Err(refused("assertion_of_another_user"));
        }
        if verified.expires_at() > now.plus(LONGEST_ASSERTION) {
            return Err(refused("assertion_too_long"));
        }
        match verified.issued_at() {
            Some(issued_at) if issued_at.plus(LONGEST_ASSERTION) < now => {
                return Err(refused("assertion_too_old"));
            }
            None if !self.allow_missing_iat => return Err(refused("assertion_without_iat")),
            _ => {}
        }
        let scope = verified.claims().text("scope").unwrap_or_default();
        if !asks_only_for(scope, &self.scopes) {
            return Err(Rejection::new(
                Code::ScopeInvalid,
                "assertion_scope_unknown",
            ));
        }
        let jti = verified
            .token_id()
            .ok_or(refused("assertion_without_jti"))?;
        let life = if self.single_use {
            SINGLE_USE
        } else {
            MULTIPLE_USE
        };
        let minter = exchange.minter();
        let elevated = Elevated {
            iss: minter.iss.clone(),
            aud: minter.audience.clone(),
            sub: account.user.id,
            sid: session.sid,
            jti: Uuid::new_v4(),
            scope: scope.to_owned(),
            iat: now,
            exp: now.plus(life).min(session.expires_at),
            single_use: self.single_use,
        };
        let token = minter.sign(ELEVATED_TYPE, &elevated);
        let token = token.map_err(mint_failed)?;
        // Last, so that an assertion which brought nothing can come again.
        exchange
            .one_time_use()
            .consume_assertion(&verified, jti)
            .await?;
        Ok(token)
    }
}

/// Lets a session pass that shows an elevated token for `scope`. A token for one use is used up.
///
/// # Errors
///
/// None was shown, or it is not one of this session for this scope now, or it was used.
pub async fn require(
    exchange: &Exchange,
    session: &Session,
    scope: &str,
    shown: Option<&[u8]>,
) -> Result<(), Rejection> {
    let refused = |reason| Rejection::new(Code::StepUpRequired, reason);
    let shown = shown.ok_or(refused("elevated_missing"))?;
    let shown = std::str::from_utf8(shown).map_err(|_| refused("elevated_invalid"))?;
    let elevated: Elevated = exchange
        .minter()
        .open(ELEVATED_TYPE, shown)
        .map_err(|_| refused("elevated_invalid"))?;
    if elevated.sid != session.sid() || elevated.sub != session.user() {
        return Err(refused("elevated_of_another_session"));
    }
    if elevated.exp <= UnixTime::now() {
        return Err(refused("elevated_expired"));
    }
    if !elevated
        .scope
        .split_ascii_whitespace()
        .any(|held| held == scope)
    {
        return Err(refused("elevated_scope"));
    }
    if elevated.single_use {
        let id = elevated.jti.to_string();
        if !exchange
            .one_time_use()
            .use_once("elevated", &id, elevated.exp)
            .await?
        {
            return Err(refused("elevated_used"));
        }
    }
    Ok(())
}

/// The header field in which clients show an elevated token.
pub const ELEVATED_FIELD: &str = "x-dyn-elevated-access-token";
const ELEVATED_TYPE: &str = "elevated+jwt";
/// How far away the end of an assertion may be, and how long ago its issue.
const LONGEST_ASSERTION: Duration = Duration::from_secs(10 * 60);
const SINGLE_USE: Duration = Duration::from_secs(5 * 60);
const MULTIPLE_USE: Duration = Duration::from_secs(10 * 60);

#[cfg(test)]
mod tests;
