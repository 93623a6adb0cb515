//! Sessions in PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::Postgres;
use super::clock::clock;
use super::connection::{Failure, Tx, execute, rows};
use super::events::record_event;
use super::replay_guard::put_spent;
use super::row::{
    SESSION, encoded, locked_user, put_mark, put_session, record, record_change, session, signed,
};
use crate::clock::UnixTime;
use crate::store::sign_in::Replaced;
use crate::store::{
    Activity, ChangeKind, DeviceBinding, Digest, End, Ended, Event, NotBefore, Once, Page,
    PageRequest, RevocationReason, RevocationScope, SessionAlias, SessionRecord, Sessions,
    SigningKeyRecord, StoreError, User,
};

#[async_trait]
impl Sessions for Postgres {
    async fn session(&self, sid: Uuid) -> Result<Option<SessionRecord>, StoreError> {
        self.shared.rows_behind.settled(sid).await?;
        self.read(sid, |on, sid| Box::pin(find(on, *sid))).await
    }

    async fn sessions(
        &self,
        user: Option<Uuid>,
        request: PageRequest,
    ) -> Result<Page<SessionRecord>, StoreError> {
        self.read((user, request), |on, (user, request)| {
            Box::pin(page(on, *user, request))
        })
        .await
    }

    async fn end_session(
        &self,
        sid: Uuid,
        cause: RevocationReason,
        at: UnixTime,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.before_end(sid).await;
        self.write((sid, cause, at), |tx, &(sid, cause, at)| {
            Box::pin(end(tx, sid, cause, at))
        })
        .await
    }

    async fn end_sessions(&self, scope: RevocationScope, at: UnixTime) -> Result<(), StoreError> {
        self.write((scope, at), |tx, (scope, at)| {
            Box::pin(end_all(tx, scope, *at))
        })
        .await
    }

    async fn end_once(
        &self,
        once: Once,
        ends: Option<End>,
        at: UnixTime,
    ) -> Result<bool, StoreError> {
        if let Some(End::Session(sid, _)) = &ends {
            self.before_end(*sid).await;
        }
        self.write((once, ends, at), |tx, (once, ends, at)| {
            Box::pin(async move {
                if !put_spent(tx, once.id, once.until).await? {
                    return Ok(false);
                }
                match ends {
                    Some(End::Session(sid, cause)) => end(tx, *sid, *cause, *at).await.map(drop)?,
                    Some(End::Sessions(scope)) => end_all(tx, scope, *at).await?,
                    None => {}
                }
                Ok(true)
            })
        })
        .await
    }

    async fn touch(&self, activities: Vec<Activity>) -> Result<(), StoreError> {
        for some in activities.chunks(256) {
            self.write(some.to_vec(), |tx, some| Box::pin(touch(tx, some)))
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
        // Another gateway that finds the one looks for the other.
        self.shared.rows_behind.settled(sid).await?;
        self.write((alias, SessionAlias { sid, until }), |tx, (alias, row)| {
            Box::pin(put_alias(tx, *alias, row))
        })
        .await
    }

    async fn bind_session(&self, sid: Uuid, device: DeviceBinding) -> Result<bool, StoreError> {
        self.shared.rows_behind.settled(sid).await?;
        self.write((sid, device), |tx, (sid, device)| {
            Box::pin(bind(tx, *sid, device))
        })
        .await
    }

    async fn session_alias(
        &self,
        alias: Digest,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, UnixTime)>, StoreError> {
        let find = self.read((alias, now), |on, (alias, now)| {
            Box::pin(async move {
                match alias_of(on, *alias, *now).await? {
                    Some(row) => {
                        let session = find(on, row.sid).await?;
                        Ok(Some((row, session)))
                    }
                    None => Ok(None),
                }
            })
        });
        let Some((SessionAlias { sid, until }, session)) = find.await? else {
            return Ok(None);
        };
        let session = match session {
            // A row that this process is writing, or has just written.
            None => self.session(sid).await?,
            found => found,
        };
        Ok(session.map(|session| (session, until)))
    }

    async fn sid_of_alias(&self, alias: Digest, now: UnixTime) -> Result<Option<Uuid>, StoreError> {
        self.read((alias, now), |on, (alias, now)| {
            Box::pin(async move {
                let row = alias_of(on, *alias, *now).await?;
                Ok(row.map(|row| row.sid))
            })
        })
        .await
    }
}

impl Postgres {
    /// An end finds the row that is being written, so that it is the end of a known session; whatever
    /// became of the row, the session ends.
    async fn before_end(&self, sid: Uuid) {
        if let Err(error) = self.shared.rows_behind.settled(sid).await {
            tracing::debug!(%error, "an end did not wait for its session");
        }
    }
}

/// Marks all sessions of a scope as ended.
pub(super) async fn end_all(
    tx: &Tx<'_>,
    scope: &RevocationScope,
    at: UnixTime,
) -> Result<(), Failure> {
    let signed = match scope {
        RevocationScope::SigningKey(kid) => {
            let sql = "SELECT record::text FROM vestibule.signing_keys WHERE kid = $1";
            let found = rows(tx.on(), sql, &[kid]).await?;
            let row = found
                .first()
                .ok_or(StoreError::Conflict("no such signing key"))?;
            Some(record::<SigningKeyRecord>(row, 0, "signing_keys")?.signed())
        }
        _ => None,
    };
    let whom = match scope {
        RevocationScope::User(id) | RevocationScope::UserAtIssuer(id, _) => {
            locked_user(tx, *id).await?
        }
        _ => None,
    };
    let cause = scope.cause();
    if let Some(event) = Event::sessions_revoked(whom.as_ref(), scope, Ended { at, cause }) {
        record_event(tx, &event).await?;
    }
    let sequence = record_change(tx, at, ChangeKind::SessionsEnded(scope.for_holders())).await?;
    put_mark(
        tx,
        &NotBefore {
            scope: scope.clone(),
            at,
            sequence,
            signed,
        },
    )
    .await
}

/// Writes a session's other name over the one before.
pub(super) async fn put_alias(
    tx: &Tx<'_>,
    alias: Digest,
    row: &SessionAlias,
) -> Result<(), Failure> {
    let sql = "INSERT INTO vestibule.login_cookies (cookie, until, record) \
         VALUES ($1, $2, $3::text::json) \
         ON CONFLICT (cookie) DO UPDATE SET until = excluded.until, record = excluded.record";
    let until = signed(row.until.0);
    execute(tx.on(), sql, &[&alias.0.as_slice(), &until, &encoded(row)?]).await?;
    Ok(())
}

/// The id of the session that a hash is another name of.
async fn alias_of(
    on: &impl GenericClient,
    alias: Digest,
    now: UnixTime,
) -> Result<Option<SessionAlias>, Failure> {
    let sql = "SELECT record::text FROM vestibule.login_cookies WHERE cookie = $1 AND $2 < until";
    let found = rows(on, sql, &[&alias.0.as_slice(), &signed(now.0)]).await?;
    let alias = found
        .first()
        .map(|row| record::<SessionAlias>(row, 0, "login_cookies"));
    alias.transpose()
}

async fn find(on: &impl GenericClient, sid: Uuid) -> Result<Option<SessionRecord>, Failure> {
    let sql = format!("SELECT {SESSION} FROM vestibule.sessions s WHERE s.sid = $1");
    rows(on, &sql, &[&sid])
        .await?
        .first()
        .map(session)
        .transpose()
}

async fn page(
    on: &impl GenericClient,
    user: Option<Uuid>,
    request: &PageRequest,
) -> Result<Page<SessionRecord>, Failure> {
    let (opened_at, sid): (i64, Uuid) = match &request.after {
        None => (i64::MAX, Uuid::max()),
        Some(cursor) => {
            let (opened_at, sid) = cursor.split_once('.').ok_or(StoreError::InvalidCursor)?;
            let opened_at = opened_at.parse().map_err(|_| StoreError::InvalidCursor)?;
            (
                opened_at,
                sid.parse().map_err(|_| StoreError::InvalidCursor)?,
            )
        }
    };
    let limit = request.bounded();
    let one_more = signed(limit as u64 + 1);
    let sql = |of_user| {
        format!(
            "SELECT {SESSION} FROM vestibule.sessions s \
             WHERE {of_user} (s.opened_at, s.sid) < ($1, $2) \
             ORDER BY s.opened_at DESC, s.sid DESC LIMIT $3"
        )
    };
    let found = match user {
        None => rows(on, &sql(""), &[&opened_at, &sid, &one_more]).await?,
        Some(user) => {
            rows(
                on,
                &sql("s.user_id = $4 AND"),
                &[&opened_at, &sid, &one_more, &user],
            )
            .await?
        }
    };
    let items = found
        .iter()
        .take(limit)
        .map(session)
        .collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > limit;
    let next = items.last().filter(|_| more);
    let next = next.map(|last| format!("{}.{}", last.opened_at.0, last.sid));
    Ok(Page { items, next })
}

async fn end(
    tx: &Tx<'_>,
    sid: Uuid,
    cause: RevocationReason,
    at: UnixTime,
) -> Result<Option<SessionRecord>, Failure> {
    // Users before sessions, as everywhere, so that nobody waits in a circle.
    let sql = "SELECT user_id FROM vestibule.sessions WHERE sid = $1";
    let user = match rows(tx.on(), sql, &[&sid]).await?.first() {
        Some(row) => locked_user(tx, row.get(0)).await?,
        None => None,
    };
    let sql = format!("SELECT {SESSION} FROM vestibule.sessions s WHERE s.sid = $1 FOR UPDATE");
    let found = rows(tx.on(), &sql, &[&sid]).await?;
    let old = found.first().map(session).transpose()?;
    // An end with the issuer's would not outlast the issuer's absence.
    let is_over = |old: &SessionRecord| {
        old.ended
            .is_some_and(|ended| ended.cause != RevocationReason::IssuerDisabled)
    };
    if old.as_ref().is_some_and(is_over) {
        return Ok(old);
    }
    let known = old.is_some();
    let mut new = old
        .clone()
        .unwrap_or_else(|| SessionRecord::unknown(sid, at));
    new.ended = Some(Ended { at, cause });
    put_session(
        tx,
        &Replaced {
            old,
            new: new.clone(),
        },
    )
    .await?;
    if known {
        let event = Event::session_revoked(user.as_ref(), &new, Ended { at, cause });
        if let Some(event) = event {
            record_event(tx, &event).await?;
        }
    }
    record_change(tx, at, ChangeKind::SessionEnded(sid)).await?;
    Ok(known.then_some(new))
}

async fn bind(tx: &Tx<'_>, sid: Uuid, device: &DeviceBinding) -> Result<bool, Failure> {
    let sql = format!("SELECT {SESSION} FROM vestibule.sessions s WHERE s.sid = $1 FOR UPDATE");
    let found = rows(tx.on(), &sql, &[&sid]).await?;
    let Some(old) = found.first().map(session).transpose()? else {
        return Ok(false);
    };
    if old.device.is_some() || old.ended.is_some() {
        return Ok(false);
    }
    let user = old.user_id;
    let new = SessionRecord {
        device: Some(device.clone()),
        ..old.clone()
    };
    let old = Some(old);
    put_session(tx, &Replaced { old, new }).await?;
    record_change(tx, device.bound_at, ChangeKind::UserChanged(user)).await?;
    Ok(true)
}

async fn touch(tx: &Tx<'_>, activities: &[Activity]) -> Result<(), Failure> {
    let mut latest: BTreeMap<Uuid, UnixTime> = BTreeMap::new();
    // By a clock that is ahead, no session would be idle before that time has come.
    let now = clock(tx.on()).await?;
    for &Activity { sid, at } in activities {
        let at = at.min(now);
        let known = latest.entry(sid).or_insert(at);
        *known = at.max(*known);
    }
    let sids: Vec<Uuid> = latest.keys().copied().collect();
    // Users before sessions, each in order: as everywhere, so that nobody waits in a circle.
    let sql = "SELECT record::text FROM vestibule.users WHERE id IN \
         (SELECT user_id FROM vestibule.sessions WHERE sid = ANY($1)) ORDER BY id FOR UPDATE";
    let mut users = BTreeMap::new();
    for row in rows(tx.on(), sql, &[&sids]).await? {
        let user: User = record(&row, 0, "users")?;
        users.insert(user.id, user);
    }
    let sql = "SELECT record::text FROM vestibule.sessions WHERE sid = ANY($1) \
               ORDER BY sid FOR UPDATE";
    let mut sessions = Vec::new();
    for row in rows(tx.on(), sql, &[&sids]).await? {
        let mut session: SessionRecord = record(&row, 0, "sessions")?;
        let at = latest.get(&session.sid).copied().unwrap_or_default();
        session.last_seen = session.last_seen.max(at);
        if let Some(user) = users.get_mut(&session.user_id) {
            user.last_visit = user.last_visit.max(Some(at));
        }
        sessions.push((session.sid, encoded(&session)?));
    }
    let users = users
        .into_values()
        .map(|user| Ok((user.id, encoded(&user)?)));
    let users = users.collect::<Result<Vec<_>, Failure>>()?;
    let (ids, texts): (Vec<_>, Vec<_>) = users.into_iter().unzip();
    let sql = "UPDATE vestibule.users u SET record = new.record::json \
         FROM unnest($1::uuid[], $2::text[]) AS new (id, record) WHERE u.id = new.id";
    execute(tx.on(), sql, &[&ids, &texts]).await?;
    let (ids, texts): (Vec<_>, Vec<_>) = sessions.into_iter().unzip();
    let sql = "UPDATE vestibule.sessions s SET record = new.record::json \
         FROM unnest($1::uuid[], $2::text[]) AS new (sid, record) WHERE s.sid = new.sid";
    execute(tx.on(), sql, &[&ids, &texts]).await?;
    Ok(())
}
