//! Sessions in the file.

use async_trait::async_trait;
use uuid::Uuid;

use super::event_row::record_event;
use super::replay_guard::use_up;
use super::row::{
    indexed_session, marked, put_mark, put_record, put_session, record, record_change,
};
use super::table::{Read, Row, Table};
use super::transaction::Transaction;
use super::{Embedded, page};
use crate::clock::UnixTime;
use crate::store::sign_in::Replaced;
use crate::store::{
    Activity, ChangeKind, DeviceBinding, Digest, End, Ended, Event, NotBefore, Once, Page,
    PageRequest, RevocationReason, RevocationScope, SessionAlias, SessionRecord, Sessions,
    SigningKeyRecord, StoreError, User,
};

#[async_trait]
impl Sessions for Embedded {
    async fn session(&self, sid: Uuid) -> Result<Option<SessionRecord>, StoreError> {
        self.behind.settled(sid).await?;
        self.read(|rows| session(rows, sid))
    }

    async fn sessions(
        &self,
        user: Option<Uuid>,
        request: PageRequest,
    ) -> Result<Page<SessionRecord>, StoreError> {
        let index = if user.is_some() {
            Table::SessionsByUser
        } else {
            Table::SessionsByTime
        };
        let prefix = user
            .map(|user| user.as_bytes().to_vec())
            .unwrap_or_default();
        self.read(|rows| {
            page(rows, index, &prefix, &request, |rows, (key, _): &Row| {
                let session = indexed_session(rows, index, key)?;
                marked(rows, session)
            })
        })
    }

    async fn end_session(
        &self,
        sid: Uuid,
        cause: RevocationReason,
        at: UnixTime,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.writer.write(move |tx| end(tx, sid, cause, at)).await
    }

    async fn end_sessions(&self, scope: RevocationScope, at: UnixTime) -> Result<(), StoreError> {
        self.writer
            .write(move |tx| end_all(tx, scope.clone(), at))
            .await
    }

    async fn end_once(
        &self,
        once: Once,
        ends: Option<End>,
        at: UnixTime,
    ) -> Result<bool, StoreError> {
        let write = move |tx: &mut Transaction<'_>| {
            if !use_up(tx, once)? {
                return Ok(false);
            }
            match ends.clone() {
                Some(End::Session(sid, cause)) => end(tx, sid, cause, at).map(drop)?,
                Some(End::Sessions(scope)) => end_all(tx, scope, at)?,
                None => {}
            }
            Ok(true)
        };
        self.writer.write(write).await
    }

    async fn touch(&self, activities: Vec<Activity>) -> Result<(), StoreError> {
        // Small enough that a sign-in behind them does not wait for long.
        for some in activities.chunks(256) {
            let some = some.to_vec();
            self.writer
                .write(move |tx| some.iter().try_for_each(|one| touch(tx, one)))
                .await?;
        }
        Ok(())
    }

    async fn put_session_alias(
        &self,
        alias: Digest,
        sid: Uuid,
        until: UnixTime,
    ) -> Result<(), StoreError> {
        let row = SessionAlias { sid, until };
        self.writer
            .write(move |tx| put_record(tx, Table::SessionAliases, &alias.0, &row))
            .await
    }

    async fn bind_session(&self, sid: Uuid, device: DeviceBinding) -> Result<bool, StoreError> {
        self.writer
            .write(move |tx| bind(tx, sid, device.clone()))
            .await
    }

    async fn session_alias(
        &self,
        alias: Digest,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, UnixTime)>, StoreError> {
        let Some(SessionAlias { sid, until }) = self.alias(alias, now)? else {
            return Ok(None);
        };
        let session = self.session(sid).await?;
        Ok(session.map(|session| (session, until)))
    }

    async fn sid_of_alias(&self, alias: Digest, now: UnixTime) -> Result<Option<Uuid>, StoreError> {
        Ok(self.alias(alias, now)?.map(|row| row.sid))
    }
}

impl Embedded {
    fn alias(&self, alias: Digest, now: UnixTime) -> Result<Option<SessionAlias>, StoreError> {
        let row: Option<SessionAlias> =
            self.read(|rows| record(rows, Table::SessionAliases, &alias.0))?;
        Ok(row.filter(|row| now < row.until))
    }
}

/// Marks all sessions of a scope as ended.
pub(super) fn end_all(
    tx: &mut Transaction<'_>,
    scope: RevocationScope,
    at: UnixTime,
) -> Result<(), StoreError> {
    let signed = match &scope {
        RevocationScope::SigningKey(kid) => {
            let key: Option<SigningKeyRecord> = record(tx, Table::SigningKeys, kid.as_bytes())?;
            Some(
                key.ok_or(StoreError::Conflict("no such signing key"))?
                    .signed(),
            )
        }
        _ => None,
    };
    let sequence = record_change(tx, at, ChangeKind::SessionsEnded(scope.for_holders()))?;
    let whom = match &scope {
        RevocationScope::User(id) | RevocationScope::UserAtIssuer(id, _) => {
            record(tx, Table::Users, id.as_bytes())?
        }
        _ => None,
    };
    let cause = scope.cause();
    if let Some(event) = Event::sessions_revoked(whom.as_ref(), &scope, Ended { at, cause }) {
        record_event(tx, &event)?;
    }
    let mark = NotBefore {
        scope,
        at,
        sequence,
        signed,
    };
    put_mark(tx, mark)
}

fn session(rows: &mut impl Read, sid: Uuid) -> Result<Option<SessionRecord>, StoreError> {
    match record(rows, Table::Sessions, sid.as_bytes())? {
        Some(session) => marked(rows, session).map(Some),
        None => Ok(None),
    }
}

fn end(
    tx: &mut Transaction<'_>,
    sid: Uuid,
    cause: RevocationReason,
    at: UnixTime,
) -> Result<Option<SessionRecord>, StoreError> {
    let old: Option<SessionRecord> = record(tx, Table::Sessions, sid.as_bytes())?;
    let known = old.is_some();
    let mut new = match old.clone() {
        Some(old) => marked(tx, old)?,
        None => SessionRecord::unknown(sid, at),
    };
    // An end with the issuer's would not outlast the issuer's absence.
    if new
        .ended
        .is_some_and(|ended| ended.cause != RevocationReason::IssuerDisabled)
    {
        return Ok(Some(new));
    }
    new.ended = Some(Ended { at, cause });
    put_session(
        tx,
        &Replaced {
            old,
            new: new.clone(),
        },
    )?;
    record_change(tx, at, ChangeKind::SessionEnded(sid))?;
    if known {
        let user: Option<User> = record(tx, Table::Users, new.user_id.as_bytes())?;
        let event = Event::session_revoked(user.as_ref(), &new, Ended { at, cause });
        if let Some(event) = event {
            record_event(tx, &event)?;
        }
    }
    Ok(known.then_some(new))
}

fn bind(tx: &mut Transaction<'_>, sid: Uuid, device: DeviceBinding) -> Result<bool, StoreError> {
    let old: Option<SessionRecord> = record(tx, Table::Sessions, sid.as_bytes())?;
    let Some(old) = old else { return Ok(false) };
    if old.device.is_some() || marked(tx, old.clone())?.ended.is_some() {
        return Ok(false);
    }
    let (user, at) = (old.user_id, device.bound_at);
    let new = SessionRecord {
        device: Some(device),
        ..old.clone()
    };
    let old = Some(old);
    put_session(tx, &Replaced { old, new })?;
    record_change(tx, at, ChangeKind::UserChanged(user))?;
    Ok(true)
}

fn touch(tx: &mut Transaction<'_>, &Activity { sid, at }: &Activity) -> Result<(), StoreError> {
    let Some(mut session) = record::<SessionRecord>(tx, Table::Sessions, sid.as_bytes())? else {
        return Ok(());
    };
    session.last_seen = session.last_seen.max(at);
    put_record(tx, Table::Sessions, sid.as_bytes(), &session)?;
    let id = session.user_id;
    let Some(mut user) = record::<User>(tx, Table::Users, id.as_bytes())? else {
        return Ok(());
    };
    user.last_visit = user.last_visit.max(Some(at));
    put_record(tx, Table::Users, id.as_bytes(), &user)
}
