//! Sessions and their ends.

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::session_claims::SessionClaims;
use crate::claims::KnownClaims;
use crate::clock::UnixTime;
use crate::device_bound::DeviceKey;

/// One login of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The login's id, the same for every token of that login.
    pub sid: Uuid,
    /// The id of the session's user.
    pub user_id: Uuid,
    /// The issuer's `iss`.
    pub iss: String,
    /// The issuer's name in the configuration when the session was opened.
    pub issuer: String,
    /// When the login was first seen.
    pub opened_at: UnixTime,
    /// The latest change that was known then (see [`super::Change`]): what ended many sessions at
    /// once after it ended this one, whatever the clocks say.
    #[serde(default)]
    pub opened_after: u64,
    /// When the session ends by itself.
    pub expires_at: UnixTime,
    /// The latest activity that was stored.
    pub last_seen: UnixTime,
    /// The row is kept until then, because an external token of this login may come back.
    pub remember_until: UnixTime,
    /// Set once, never taken back.
    #[serde(default)]
    pub ended: Option<Ended>,
    /// The client's address at the opening.
    #[serde(default)]
    pub client_address: Option<IpAddr>,
    /// The client's `User-Agent` at the opening.
    #[serde(default)]
    pub user_agent: Option<String>,
    /// The claims of the login's newest external token. `None` in rows from before 1.1, whose
    /// claims are unknown.
    #[serde(default)]
    pub claims: Option<SessionClaims>,
    /// The key of a browser's device that the session is bound to. Set once, never taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceBinding>,
}

/// That a session is bound to a key of a browser's device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBinding {
    /// The public key that the device proved to hold.
    pub key: DeviceKey,
    /// When the browser proved it.
    pub bound_at: UnixTime,
}

impl SessionRecord {
    /// The name of the key that signed its newest external token, if it is known.
    pub fn key(&self) -> Option<&str> {
        self.claims.as_ref()?.key.as_deref()
    }

    /// The known claims of its newest external token.
    pub fn known_claims(&self) -> &KnownClaims {
        static NOTHING: LazyLock<KnownClaims> = LazyLock::new(KnownClaims::default);
        let claims = self.claims.as_ref();
        claims.map_or(&NOTHING, |claims| &claims.known)
    }

    /// The scopes of its tokens in addition to those of every session.
    pub fn added_scopes(&self) -> &[String] {
        self.claims.as_ref().map_or(&[], |claims| &claims.scopes)
    }

    /// A row for a login of which only the end is known.
    pub(in crate::store) fn unknown(sid: Uuid, now: UnixTime) -> Self {
        Self {
            sid,
            user_id: Uuid::nil(),
            iss: String::new(),
            issuer: String::new(),
            opened_at: now,
            opened_after: 0,
            expires_at: now,
            last_seen: now,
            remember_until: now.plus(UNKNOWN_LOGIN),
            ended: None,
            client_address: None,
            user_agent: None,
            claims: None,
            device: None,
        }
    }
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ended {
    /// When it happened.
    pub at: UnixTime,
    /// Why.
    pub cause: RevocationReason,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// The user signed out here.
    Logout,
    /// The issuer ended it (OpenID Connect Back-Channel Logout 1.0).
    BackchannelLogout,
    /// The client gave its token back (RFC 7009).
    Revoked,
    /// An operator ended it.
    Operator,
    /// All sessions of the user were ended.
    UserSignedOut,
    /// All sessions of the issuer were ended.
    IssuerSignedOut,
    /// The issuer was turned off or removed from the configuration.
    IssuerDisabled,
    /// The issuer took back the key that had signed the login's newest token.
    IssuerKeyRemoved,
    /// All sessions under a signing key were ended.
    SigningKeyRevoked,
    /// The user was blocked or deleted.
    UserRemoved,
    /// It reached `session.max_age`.
    MaxAge,
    /// It was idle for longer than `session.idle_timeout`.
    Idle,
    /// The user opened more sessions than are allowed; this was the oldest.
    Displaced,
}

impl RevocationReason {
    /// The word in metrics, which is that of its record.
    pub fn label(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::BackchannelLogout => "backchannel_logout",
            Self::Revoked => "revoked",
            Self::Operator => "operator",
            Self::UserSignedOut => "user_signed_out",
            Self::IssuerSignedOut => "issuer_signed_out",
            Self::IssuerDisabled => "issuer_disabled",
            Self::IssuerKeyRemoved => "issuer_key_removed",
            Self::SigningKeyRevoked => "signing_key_revoked",
            Self::UserRemoved => "user_removed",
            Self::MaxAge => "max_age",
            Self::Idle => "idle",
            Self::Displaced => "displaced",
        }
    }
}

/// Sessions that are ended together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationScope {
    /// All of the environment.
    Everyone,
    /// All of a user: signed out everywhere.
    User(Uuid),
    /// All of a user that one issuer, by its `iss`, vouched for.
    UserAtIssuer(Uuid, String),
    /// All of an issuer, by its `iss`.
    Issuer(String),
    /// All of an issuer, by its `iss`, that was switched off or taken out of the configuration. Its
    /// tokens are as they were, and open others once it is back.
    IssuerDisabled(String),
    /// All of an issuer, by its `iss`, for which one of its keys vouched last, by the key's name
    /// (see [`SessionClaims::key`]).
    IssuerKey(String, String),
    /// All that may have a token signed by a key, by its `kid`.
    SigningKey(String),
}

impl RevocationScope {
    /// The word in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::User(_) => "user",
            Self::UserAtIssuer(..) => "user_at_issuer",
            Self::Issuer(_) => "issuer",
            Self::IssuerDisabled(_) => "issuer_disabled",
            Self::IssuerKey(..) => "issuer_key",
            Self::SigningKey(_) => "signing_key",
        }
    }

    /// The issuer that it is a part of, by its `iss`; `None` where more or less than that is meant.
    pub(in crate::store) fn within_issuer(&self) -> Option<&str> {
        match self {
            Self::IssuerDisabled(iss) | Self::IssuerKey(iss, _) => Some(iss),
            Self::Everyone
            | Self::User(_)
            | Self::UserAtIssuer(..)
            | Self::Issuer(_)
            | Self::SigningKey(_) => None,
        }
    }

    /// The same for gateways that hold sessions in memory and ask the store about each again: in
    /// words that older ones know, where there are such.
    pub(in crate::store) fn for_holders(&self) -> Self {
        match self {
            Self::IssuerDisabled(iss) => Self::Issuer(iss.clone()),
            // Under which sessions hold that the store is asked about each.
            Self::Everyone => Self::SigningKey(String::new()),
            scope => scope.clone(),
        }
    }

    /// What ends its sessions.
    pub fn cause(&self) -> RevocationReason {
        match self {
            Self::SigningKey(_) => RevocationReason::SigningKeyRevoked,
            Self::Issuer(_) => RevocationReason::IssuerSignedOut,
            Self::IssuerDisabled(_) => RevocationReason::IssuerDisabled,
            Self::IssuerKey(..) => RevocationReason::IssuerKeyRemoved,
            Self::Everyone | Self::User(_) | Self::UserAtIssuer(..) => {
                RevocationReason::UserSignedOut
            }
        }
    }
}

/// Marks the end of the sessions of a scope that were open when the mark was created. It takes the
/// place of changes to their rows, so that ending a million sessions is one write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotBefore {
    /// Which sessions.
    pub scope: RevocationScope,
    /// When it happened.
    pub at: UnixTime,
    /// The change that this was (see [`super::Change`]).
    pub sequence: u64,
    /// Of a signing key: from when until when it may have signed.
    #[serde(default)]
    pub signed: Option<(UnixTime, UnixTime)>,
}

impl NotBefore {
    /// How it ends a session, if it does.
    pub(in crate::store) fn ends(&self, session: &SessionRecord) -> Option<Ended> {
        let cause = self.scope.cause();
        let alive = self
            .signed
            .is_none_or(|(from, until)| session.opened_at <= until && from <= session.expires_at);
        let (covers, known_at) = match &self.scope {
            RevocationScope::IssuerKey(iss, key) => {
                let vouched = session.claims.as_ref().and_then(SessionClaims::vouched);
                // Of a session that does not say which key, it may have been this one.
                let (by, at) = vouched.unwrap_or((key, session.opened_after));
                (*iss == session.iss && by == key, at)
            }
            _ => (
                self.covers(session.user_id, &session.iss),
                session.opened_after,
            ),
        };
        let over = covers && alive && known_at < self.sequence;
        over.then_some(Ended { at: self.at, cause })
    }

    /// Whether it refuses a token that was issued at `issued_at` and is looked at now: one of a login
    /// that it ended, seen or not.
    ///
    /// A token of the very second of the end may be of before or after it. It is refused for a
    /// moment, in which it may be of a client that was about to use it, and then no longer. A token
    /// that does not say when it was issued is judged by its login alone: what was seen before the
    /// end has ended, and what was not is taken for new.
    pub(in crate::store) fn refuses(
        &self,
        user_id: Uuid,
        iss: &str,
        issued_at: Option<UnixTime>,
        now: UnixTime,
    ) -> bool {
        self.is_about_tokens()
            && self.covers(user_id, iss)
            && issued_at.is_some_and(|issued_at| is_before(issued_at, self.at, now))
    }

    /// The same end, where one of the scope is known already: what it refuses it continues to refuse,
    /// though the clock that tells of this one is behind.
    pub(in crate::store) fn after(self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let signed = self.signed.zip(earlier.signed);
        Self {
            at: self.at.max(earlier.at),
            sequence: self.sequence.max(earlier.sequence),
            signed: signed
                .map(|(this, that)| (this.0.min(that.0), this.1.max(that.1)))
                .or(self.signed)
                .or(earlier.signed),
            ..self
        }
    }

    /// Whether it says anything of external tokens: a key of the gateway does not, a key of the
    /// issuer is looked at by itself, and an issuer that is back is trusted as before.
    fn is_about_tokens(&self) -> bool {
        match self.scope {
            RevocationScope::Everyone
            | RevocationScope::User(_)
            | RevocationScope::UserAtIssuer(..)
            | RevocationScope::Issuer(_) => true,
            RevocationScope::IssuerDisabled(_)
            | RevocationScope::IssuerKey(..)
            | RevocationScope::SigningKey(_) => false,
        }
    }

    fn covers(&self, user_id: Uuid, iss: &str) -> bool {
        match &self.scope {
            RevocationScope::User(user) => *user == user_id,
            RevocationScope::UserAtIssuer(user, issuer) => *user == user_id && issuer == iss,
            RevocationScope::Issuer(issuer)
            | RevocationScope::IssuerDisabled(issuer)
            | RevocationScope::IssuerKey(issuer, _) => issuer == iss,
            RevocationScope::Everyone | RevocationScope::SigningKey(_) => true,
        }
    }
}

/// Whether a token that was issued at `issued_at` counts, at the time `now`, as one of before `at`.
pub(in crate::store) fn is_before(issued_at: UnixTime, at: UnixTime, now: UnixTime) -> bool {
    issued_at < at || (issued_at == at && now <= at.plus(SAME_SECOND))
}

/// How long a token is refused that was issued in the very second of an end.
const SAME_SECOND: Duration = Duration::from_secs(2);
/// How long the end of an unknown login is remembered: longer than external tokens live.
const UNKNOWN_LOGIN: Duration = Duration::from_secs(30 * 24 * 3600);
