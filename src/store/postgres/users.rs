//! Users in PostgreSQL.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::connection::{Failure, Tx, execute, rows};
use super::events::record_event;
use super::row::{
    email_key, identity_key, locked_user, put_user, record, record_change, signed, subject_key,
    user_by_key, user_keys,
};
use super::sessions::end_all;
use super::sign_in::{decided, previewed, sign_in};
use super::tombstones::put_tombstone;
use super::{MOST_BEHIND, Postgres};
use crate::clock::UnixTime;
use crate::store::sign_in::Replaced;
use crate::store::{
    ChangeKind, Description, Event, EventKind, NewUser, Page, PageRequest, RevocationScope,
    SessionRecord, SignIn, SignInOutcome, StoreError, Tombstone, User, UserFilter, Users,
};

#[async_trait]
impl Users for Postgres {
    async fn sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError> {
        if !request.uses.is_empty() {
            return self
                .write(request, |tx, request| Box::pin(sign_in(tx, request)))
                .await;
        }
        let decision = self
            .read(request.clone(), |on, request| {
                Box::pin(decided(on, request))
            })
            .await?;
        if decision.is_settled() {
            return Ok(decision.outcome);
        }
        // While writes fail, waiting tells the caller so.
        let failing = self.shared.failing.load(Ordering::Relaxed);
        let is_full = self.shared.behind.len() >= MOST_BEHIND;
        if decision.must_wait || request.durable_session || failing || is_full {
            let outcome = self.write_sign_in(request, decision).await;
            self.shared
                .failing
                .fetch_and(outcome.is_err(), Ordering::Relaxed);
            return outcome;
        }
        let row = self.shared.rows_behind.begin(request.sid);
        self.write_behind(row, request, |tx, request| Box::pin(sign_in(tx, request)))?;
        Ok(decision.outcome)
    }

    async fn preview_sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError> {
        self.read(request, |on, request| Box::pin(previewed(on, request)))
            .await
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        self.read(id, |on, id| {
            Box::pin(async move {
                let sql = "SELECT record::text FROM vestibule.users WHERE id = $1";
                let found = rows(on, sql, &[id]).await?;
                found.first().map(|row| record(row, 0, "users")).transpose()
            })
        })
        .await
    }

    async fn user_by_identity(&self, iss: &str, sub: &str) -> Result<Option<User>, StoreError> {
        self.read(identity_key(iss, sub), |on, key| {
            Box::pin(user_by_key(on, key))
        })
        .await
    }

    async fn users(
        &self,
        filter: UserFilter,
        request: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        self.read((filter, request), |on, (filter, request)| {
            Box::pin(async move {
                match filter {
                    UserFilter::All => {
                        let sql = "SELECT record::text FROM vestibule.users WHERE id < $1 \
                                   ORDER BY id DESC LIMIT $2";
                        page_of_users(on, sql, None, request).await
                    }
                    UserFilter::ExternalId(sub) => {
                        let sql = "SELECT u.record::text FROM vestibule.users u \
                             JOIN vestibule.user_subjects s ON s.user_id = u.id \
                             WHERE s.user_id < $1 AND s.subject = $3 \
                             ORDER BY s.user_id DESC LIMIT $2";
                        page_of_users(on, sql, Some(subject_key(sub)), request).await
                    }
                    UserFilter::Email(email) => {
                        let holder = user_by_key(on, &email_key(email)).await?;
                        Ok(Page {
                            items: holder.into_iter().collect(),
                            next: None,
                        })
                    }
                }
            })
        })
        .await
    }

    async fn create_user(&self, user: NewUser) -> Result<User, StoreError> {
        self.write(user.into_user(), |tx, user| {
            Box::pin(async move {
                let (keys, _) = user_keys(user);
                let sql = "SELECT 1 FROM vestibule.user_keys WHERE key = ANY($1)";
                if !rows(tx.on(), sql, &[&keys]).await?.is_empty() {
                    return Err(StoreError::Conflict(
                        "a user with this identity or email address exists already",
                    )
                    .into());
                }
                put_user(
                    tx,
                    &Replaced {
                        old: None,
                        new: user.clone(),
                    },
                )
                .await?;
                let created = Event::of_user(EventKind::UserCreated, user.created_at, user);
                record_event(tx, &created).await?;
                Ok(user.clone())
            })
        })
        .await
    }

    async fn set_blocked(
        &self,
        id: Uuid,
        blocked: bool,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        self.write((id, blocked, at), |tx, &(id, blocked, at)| {
            Box::pin(async move {
                let Some(old) = locked_user(tx, id).await? else {
                    return Ok(None);
                };
                let new = User {
                    blocked,
                    ..old.clone()
                };
                put_user(
                    tx,
                    &Replaced {
                        old: Some(old),
                        new: new.clone(),
                    },
                )
                .await?;
                if !blocked {
                    let updated = Event::of_user(EventKind::UserUpdated, at, &new);
                    record_event(tx, &updated).await?;
                    record_change(tx, at, ChangeKind::UserUnblocked(id)).await?;
                    return Ok(Some(new));
                }
                let event = Event::of_user(EventKind::UserBlocked, at, &new);
                record_event(tx, &event).await?;
                record_change(tx, at, ChangeKind::UserBlocked(id)).await?;
                end_all(tx, &RevocationScope::User(id), at).await?;
                Ok(Some(new))
            })
        })
        .await
    }

    async fn describe_user(
        &self,
        id: Uuid,
        description: Description,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        self.write((id, description, at), |tx, (id, description, at)| {
            Box::pin(async move {
                let Some(old) = locked_user(tx, *id).await? else {
                    return Ok(None);
                };
                let mut new = old.clone();
                description.apply(&mut new);
                put_user(
                    tx,
                    &Replaced {
                        old: Some(old),
                        new: new.clone(),
                    },
                )
                .await?;
                let updated = Event::of_user(EventKind::UserUpdated, *at, &new);
                record_event(tx, &updated).await?;
                record_change(tx, *at, ChangeKind::UserChanged(*id)).await?;
                Ok(Some(new))
            })
        })
        .await
    }

    async fn delete_user(
        &self,
        id: Uuid,
        at: UnixTime,
        until: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        self.write((id, at, until), |tx, &(id, at, until)| {
            Box::pin(delete(tx, id, at, until))
        })
        .await
    }
}

async fn page_of_users(
    on: &impl GenericClient,
    sql: &str,
    subject: Option<Vec<u8>>,
    request: &PageRequest,
) -> Result<Page<User>, Failure> {
    let before = match &request.after {
        Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
        None => Uuid::max(),
    };
    let limit = request.bounded();
    let one_more = signed(limit as u64 + 1);
    let found = match &subject {
        Some(subject) => rows(on, sql, &[&before, &one_more, subject]).await?,
        None => rows(on, sql, &[&before, &one_more]).await?,
    };
    let items = found.iter().take(limit).map(|row| record(row, 0, "users"));
    let items = items.collect::<Result<Vec<User>, _>>()?;
    let more = found.len() > limit;
    let next = items
        .last()
        .filter(|_| more)
        .map(|user| user.id.to_string());
    Ok(Page { items, next })
}

async fn delete(
    tx: &Tx<'_>,
    id: Uuid,
    at: UnixTime,
    mut until: UnixTime,
) -> Result<Option<User>, Failure> {
    let Some(user) = locked_user(tx, id).await? else {
        return Ok(None);
    };
    let sql = "DELETE FROM vestibule.sessions WHERE user_id = $1 RETURNING record::text";
    let mut sessions = Vec::new();
    for row in rows(tx.on(), sql, &[&id]).await? {
        let session: SessionRecord = record(&row, 0, "sessions")?;
        until = until.max(session.remember_until);
        sessions.push((session.opened_at, session.sid));
    }
    // The newest are the ones whose tokens may still be shown.
    sessions.sort_unstable_by(|one, other| other.cmp(one));
    let logins = sessions.iter().map(|(_, sid)| *sid);
    for key in user.tombstone_keys() {
        let tombstone = Tombstone::new(at, until, logins.clone());
        put_tombstone(tx, key, tombstone).await?;
    }
    execute(
        tx.on(),
        "DELETE FROM vestibule.end_marks WHERE user_id = $1",
        &[&id],
    )
    .await?;
    execute(tx.on(), "DELETE FROM vestibule.users WHERE id = $1", &[&id]).await?;
    for event in Event::of_deleted(&user, at, !sessions.is_empty()) {
        record_event(tx, &event).await?;
    }
    record_change(tx, at, ChangeKind::UserDeleted(id)).await?;
    Ok(Some(user))
}
