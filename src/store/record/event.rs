//! What happened, for the apps behind the gateway.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Credential, CredentialFormat, Ended, KeyState, RevocationReason, RevocationScope,
    SessionRecord, SigningKeyRecord, User,
};
use crate::clock::UnixTime;

/// Something that happened, written in the transaction in which it did. It contains ids and no
/// secret, token or address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// UUIDv7, by which receivers tell an event that comes again.
    pub id: Uuid,
    /// When it happened.
    pub at: UnixTime,
    /// What happened.
    pub kind: EventKind,
    /// To whom or what.
    #[serde(default)]
    pub data: EventData,
}

/// An event and its number, from 1 and without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEvent {
    /// The number.
    pub sequence: u64,
    /// What happened, and to whom.
    pub event: Event,
}

/// The kinds of events, by their names on the wire.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    schemars::JsonSchema,
)]
pub enum EventKind {
    /// There is a new user: by a first sign-in, or by an operator.
    #[serde(rename = "user.created")]
    UserCreated,
    /// The credentials or the metadata of a user changed, or the user is no longer blocked.
    #[serde(rename = "user.updated")]
    UserUpdated,
    /// A user is gone.
    #[serde(rename = "user.deleted")]
    UserDeleted,
    /// A user is blocked.
    #[serde(rename = "user.blocked")]
    UserBlocked,
    /// A user signed in.
    #[serde(rename = "user.session.created")]
    SessionCreated,
    /// A session ended before its time, or all sessions of a scope did.
    #[serde(rename = "user.session.revoked")]
    SessionRevoked,
    /// An operator created, changed, switched or deleted an issuer.
    #[serde(rename = "issuer.updated")]
    IssuerUpdated,
    /// Another signing key of the gateway signs.
    #[serde(rename = "key.rotated")]
    KeyRotated,
    /// A test of a webhook. It did not happen to anybody and is in no feed.
    #[serde(rename = "webhook.test")]
    Test,
}

impl EventKind {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserDeleted => "user.deleted",
            Self::UserBlocked => "user.blocked",
            Self::SessionCreated => "user.session.created",
            Self::SessionRevoked => "user.session.revoked",
            Self::IssuerUpdated => "issuer.updated",
            Self::KeyRotated => "key.rotated",
            Self::Test => "webhook.test",
        }
    }
}

/// To whom or what an event happened. What does not apply is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EventData {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// The `sub` by which the issuer knows the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_user_id: Option<String>,
    /// The issuer, by its `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Everything that the user can sign in with, if that is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<ExternalIdentity>,
    /// Whether the user is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Uuid>,
    /// When the session ends by itself, as Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixTime>,
    /// Which sessions ended: `session` or, for all that were open, `user`, `user_at_issuer`,
    /// `issuer`, `issuer_disabled`, `issuer_key`, `signing_key` or `everyone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Why they ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The issuer, by its name in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What became of the issuer: `created`, `updated`, `deleted`, `enabled`, `disabled` or
    /// `as_configured`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The key: the one that signs now, or the one whose sessions ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The key that signed until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_kid: Option<String>,
}

/// What a user can sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalIdentity {
    /// The issuer's `iss`.
    pub iss: String,
    /// The `sub` by which that issuer knows the user.
    pub external_user_id: String,
}

impl Event {
    /// A test of a webhook.
    pub fn test(at: UnixTime) -> Self {
        Self::new(EventKind::Test, at, EventData::default())
    }

    /// Whose events come one after the other: a user's, and those that are of no user.
    pub fn lane(&self) -> Option<Uuid> {
        self.data.user_id
    }

    /// Something that happened to a user, as the record says now, or said last.
    pub(in crate::store) fn of_user(kind: EventKind, at: UnixTime, user: &User) -> Self {
        let data = EventData {
            blocked: Some(user.blocked),
            ..EventData::of(user, None)
        };
        Self::new(kind, at, data)
    }

    /// The end of a user and, where there were any, of all sessions.
    pub(in crate::store) fn of_deleted(user: &User, at: UnixTime, had_sessions: bool) -> Vec<Self> {
        let (scope, cause) = (
            RevocationScope::User(user.id),
            RevocationReason::UserRemoved,
        );
        let ended = Self::sessions_revoked(Some(user), &scope, Ended { at, cause });
        let deleted = Self::of_user(EventKind::UserDeleted, at, user);
        let ended = ended.filter(|_| had_sessions);
        ended.into_iter().chain([deleted]).collect()
    }

    /// A session that a user opened.
    pub(in crate::store) fn session_created(user: &User, session: &SessionRecord) -> Self {
        let data = EventData {
            session_id: Some(session.sid),
            issuer: Some(session.issuer.clone()),
            expires_at: Some(session.expires_at),
            ..EventData::of(user, Some(&session.iss))
        };
        Self::new(EventKind::SessionCreated, session.opened_at, data)
    }

    /// A session that ended before its time. Of a workload, which is no user, there is none.
    pub(in crate::store) fn session_revoked(
        user: Option<&User>,
        session: &SessionRecord,
        Ended { at, cause }: Ended,
    ) -> Option<Self> {
        if super::is_workload(session.user_id) {
            return None;
        }
        let known = user.map(|user| EventData::of(user, Some(&session.iss)));
        let data = EventData {
            user_id: Some(session.user_id),
            session_id: Some(session.sid),
            issuer: Some(session.issuer.clone()),
            iss: Some(session.iss.clone()),
            scope: Some("session".to_owned()),
            reason: Some(cause.label().to_owned()),
            ..known.unwrap_or_default()
        };
        Some(Self::new(EventKind::SessionRevoked, at, data))
    }

    /// All sessions of a scope that were open ended. `user` is whom the scope names.
    pub(in crate::store) fn sessions_revoked(
        user: Option<&User>,
        scope: &RevocationScope,
        ended: Ended,
    ) -> Option<Self> {
        let (user_id, iss, kid) = match scope {
            RevocationScope::User(user) => (Some(*user), None, None),
            RevocationScope::UserAtIssuer(user, iss) => (Some(*user), Some(iss), None),
            RevocationScope::Issuer(iss) | RevocationScope::IssuerDisabled(iss) => {
                (None, Some(iss), None)
            }
            RevocationScope::IssuerKey(iss, key) => (None, Some(iss), Some(key)),
            RevocationScope::SigningKey(kid) => (None, None, Some(kid)),
            RevocationScope::Everyone => (None, None, None),
        };
        if user_id.is_some_and(super::is_workload) {
            return None;
        }
        let known = user.map(|user| EventData::of(user, iss.map(String::as_str)));
        let data = EventData {
            user_id,
            iss: iss.cloned(),
            kid: kid.cloned(),
            scope: Some(scope.label().to_owned()),
            reason: Some(ended.cause.label().to_owned()),
            ..known.unwrap_or_default()
        };
        Some(Self::new(EventKind::SessionRevoked, ended.at, data))
    }

    /// That another key signs, if that is so.
    pub(in crate::store) fn key_rotated(
        seen: &[SigningKeyRecord],
        keys: &[SigningKeyRecord],
        at: UnixTime,
    ) -> Option<Self> {
        let current = |keys: &[SigningKeyRecord]| {
            let current = keys.iter().find(|key| key.state == KeyState::Current)?;
            Some(current.kid.clone())
        };
        let (kid, previous_kid) = (current(keys)?, current(seen)?);
        let data = EventData {
            kid: Some(kid.clone()),
            previous_kid: Some(previous_kid.clone()),
            ..EventData::default()
        };
        (kid != previous_kid).then(|| Self::new(EventKind::KeyRotated, at, data))
    }

    /// That an operator changed an issuer, if that is what a setting is about.
    pub(in crate::store) fn issuer_updated(
        setting: &str,
        seen: Option<&str>,
        value: Option<&str>,
        at: UnixTime,
    ) -> Option<Self> {
        let (issuer, change) = if let Some(issuer) = setting.strip_prefix(MADE_ISSUER) {
            let change = match (seen, value) {
                (None, _) => "created",
                (Some(_), Some(_)) => "updated",
                (Some(_), None) => "deleted",
            };
            (issuer, change)
        } else {
            let change = match value {
                Some("true") => "enabled",
                Some(_) => "disabled",
                None => "as_configured",
            };
            (setting.strip_prefix(ISSUER_SWITCH)?, change)
        };
        let data = EventData {
            issuer: Some(issuer.to_owned()),
            change: Some(change.to_owned()),
            ..EventData::default()
        };
        Some(Self::new(EventKind::IssuerUpdated, at, data))
    }

    fn new(kind: EventKind, at: UnixTime, data: EventData) -> Self {
        let id = Uuid::now_v7();
        Self { id, at, kind, data }
    }
}

impl EventData {
    /// The ids of a user, preferably those of one issuer.
    fn of(user: &User, iss: Option<&str>) -> Self {
        let is_external = |held: &&Credential| held.format == CredentialFormat::ExternalUser;
        let external = || user.credentials.iter().filter(is_external);
        let own = external().find(|held| iss.is_none_or(|iss| held.iss == iss));
        let identities: Vec<_> = external()
            .map(|held| ExternalIdentity {
                iss: held.iss.clone(),
                external_user_id: held.public_identifier.clone(),
            })
            .collect();
        Self {
            user_id: Some(user.id),
            external_user_id: own.map(|held| held.public_identifier.clone()),
            iss: own.map(|held| held.iss.clone()),
            identities: if identities.len() > 1 {
                identities
            } else {
                Vec::new()
            },
            ..Self::default()
        }
    }
}

/// What the settings of issuers that operators created start with; the issuer's name follows.
pub const MADE_ISSUER: &str = "issuer/";
/// What the settings start with that switch issuers of the configuration file on or off.
pub const ISSUER_SWITCH: &str = "issuer.enabled/";
