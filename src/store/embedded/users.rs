//! Users in the file.

use async_trait::async_trait;
use uuid::Uuid;

use super::event_row::record_event;
use super::first_sign_in::FirstSignIn;
use super::replay_guard::{use_up, used};
use super::row::{
    OF_USER, identity_key, indexed_user, latest_change, marks, put_record, put_session, put_user,
    record, record_change, remove_session, remove_user, sessions_of, subject_prefix, user_index,
};
use super::sessions::end_all;
use super::table::{Range, Read, Row, Table, Write};
use super::transaction::Transaction;
use super::{Embedded, page};
use crate::clock::UnixTime;
use crate::store::sign_in::{Decision, Found, Replaced, decide, folded};
use crate::store::{
    ChangeKind, Description, Event, EventKind, NewUser, Page, PageRequest, RevocationScope, SignIn,
    SignInOutcome, SignInRefusal, StoreError, Tombstone, User, UserFilter, Users,
};

#[async_trait]
impl Users for Embedded {
    async fn sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError> {
        if !request.uses.is_empty() {
            return self.writer.write(move |tx| sign_in(tx, &request)).await;
        }
        let decision = self.read(|rows| decided(rows, &request))?;
        if decision.is_settled() {
            return Ok(decision.outcome);
        }
        // While commits fail, waiting tells the caller so.
        if decision.must_wait || request.durable_session || self.writer.is_failing() {
            let first_sign_in = FirstSignIn::of(&decision)?;
            let write = move |tx: &mut Transaction<'_>| {
                let written = first_sign_in
                    .as_ref()
                    .map(|first_sign_in| first_sign_in.put(tx));
                match written.transpose()?.flatten() {
                    Some(outcome) => Ok(outcome),
                    None => sign_in(tx, &request),
                }
            };
            return self.writer.write(write).await;
        }
        let row = self.behind.begin(request.sid);
        self.writer
            .write_behind(row, move |tx| sign_in(tx, &request).map(drop))
            .await?;
        Ok(decision.outcome)
    }

    async fn preview_sign_in(&self, request: SignIn) -> Result<SignInOutcome, StoreError> {
        self.read(|rows| match used_up(rows, &request)? {
            Some(refusal) => Ok(SignInOutcome::Refused(refusal)),
            None => Ok(decided(rows, &request)?.outcome),
        })
    }

    async fn user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        self.read(|rows| record(rows, Table::Users, id.as_bytes()))
    }

    async fn user_by_identity(&self, iss: &str, sub: &str) -> Result<Option<User>, StoreError> {
        self.read(|rows| indexed_user(rows, Table::Identities, &identity_key(iss, sub)))
    }

    async fn users(
        &self,
        filter: UserFilter,
        request: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        self.read(|rows| match filter {
            UserFilter::All => page(rows, Table::Users, &[], &request, |_, (_, value)| {
                super::row::decoded(Table::Users, value)
            }),
            UserFilter::ExternalId(sub) => {
                let prefix = subject_prefix(&sub);
                page(
                    rows,
                    Table::Subjects,
                    &prefix,
                    &request,
                    |rows, (_, id): &Row| {
                        record(rows, Table::Users, id)?.ok_or(StoreError::Corrupt("subjects"))
                    },
                )
            }
            UserFilter::Email(email) => {
                let holder = indexed_user(rows, Table::Emails, folded(&email).as_bytes())?;
                Ok(Page {
                    items: holder.into_iter().collect(),
                    next: None,
                })
            }
        })
    }

    async fn create_user(&self, user: NewUser) -> Result<User, StoreError> {
        let user = user.into_user();
        let create = move |tx: &mut Transaction<'_>| {
            for (table, key) in user_index(&user) {
                if tx.get(table, &key)?.is_some() {
                    return Err(StoreError::Conflict(
                        "a user with this identity or email address exists already",
                    ));
                }
            }
            put_user(
                tx,
                &Replaced {
                    old: None,
                    new: user.clone(),
                },
            )?;
            let created = Event::of_user(EventKind::UserCreated, user.created_at, &user);
            record_event(tx, &created)?;
            Ok(user.clone())
        };
        self.writer.write(create).await
    }

    async fn set_blocked(
        &self,
        id: Uuid,
        blocked: bool,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        let set = move |tx: &mut Transaction<'_>| {
            let (kind, event) = match blocked {
                true => (ChangeKind::UserBlocked(id), EventKind::UserBlocked),
                false => (ChangeKind::UserUnblocked(id), EventKind::UserUpdated),
            };
            let user = change_user(tx, id, at, kind, event, |user| user.blocked = blocked)?;
            if user.is_some() && blocked {
                end_all(tx, RevocationScope::User(id), at)?;
            }
            Ok(user)
        };
        self.writer.write(set).await
    }

    async fn describe_user(
        &self,
        id: Uuid,
        description: Description,
        at: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        let set = move |tx: &mut Transaction<'_>| {
            let (kind, event) = (ChangeKind::UserChanged(id), EventKind::UserUpdated);
            change_user(tx, id, at, kind, event, |user| {
                description.apply(user);
            })
        };
        self.writer.write(set).await
    }

    async fn delete_user(
        &self,
        id: Uuid,
        at: UnixTime,
        until: UnixTime,
    ) -> Result<Option<User>, StoreError> {
        self.writer.write(move |tx| delete(tx, id, at, until)).await
    }
}

fn decided(rows: &mut impl Read, request: &SignIn) -> Result<Decision, StoreError> {
    let identity = identity_key(&request.iss, &request.sub);
    let tombstone = Tombstone::key(&request.iss, &request.sub);
    let mut found = Found {
        user: indexed_user(rows, Table::Identities, &identity)?,
        tombstone: record(rows, Table::Tombstones, &tombstone.0)?,
        session: record(rows, Table::Sessions, request.sid.as_bytes())?,
        sequence: latest_change(rows)?,
        ..Found::default()
    };
    if let Some(email) = &request.email {
        let known = found.user.as_ref();
        found.email_holder = email_holder(rows, email, known)?;
    }
    let users: Vec<_> = found
        .user
        .iter()
        .chain(&found.email_holder)
        .map(|user: &User| user.id)
        .chain(request.workload())
        .collect();
    found.marks = marks(rows, &users, &request.iss)?;
    if request.max_sessions.is_some() && found.session.is_none() {
        for user in users {
            found.sessions.extend(sessions_of(rows, user)?);
        }
    }
    Ok(decide(request, found))
}

/// Whoever holds an address: mostly the user who is known already, whose record is not read twice.
fn email_holder(
    rows: &mut impl Read,
    email: &str,
    known: Option<&User>,
) -> Result<Option<User>, StoreError> {
    let key = folded(email);
    let Some(holder) = rows.get(Table::Emails, key.as_bytes())? else {
        return Ok(None);
    };
    match known.filter(|user| holder == user.id.as_bytes()) {
        Some(user) => Ok(Some(user.clone())),
        None => indexed_user(rows, Table::Emails, key.as_bytes()),
    }
}

/// Why the sign-in is none, when what it uses up was used before.
fn used_up(rows: &mut impl Read, request: &SignIn) -> Result<Option<SignInRefusal>, StoreError> {
    for usage in &request.uses {
        let refusal = SignInRefusal::of(used(rows, usage)?);
        if refusal.is_some() {
            return Ok(refusal);
        }
    }
    Ok(None)
}

fn sign_in(tx: &mut Transaction<'_>, request: &SignIn) -> Result<SignInOutcome, StoreError> {
    if let Some(refusal) = used_up(tx, request)? {
        return Ok(SignInOutcome::Refused(refusal));
    }
    let decision = decided(tx, request)?;
    if matches!(decision.outcome, SignInOutcome::Live(_)) {
        for usage in &request.uses {
            use_up(tx, usage.once)?;
        }
    }
    if let Some(user) = &decision.user {
        put_user(tx, user)?;
    }
    for session in &decision.sessions {
        put_session(tx, session)?;
    }
    for change in decision.changes {
        record_change(tx, request.now, change)?;
    }
    for event in &decision.events {
        record_event(tx, event)?;
    }
    Ok(decision.outcome)
}

fn change_user(
    tx: &mut Transaction<'_>,
    id: Uuid,
    at: UnixTime,
    kind: ChangeKind,
    event: EventKind,
    change: impl FnOnce(&mut User),
) -> Result<Option<User>, StoreError> {
    let Some(mut user) = record::<User>(tx, Table::Users, id.as_bytes())? else {
        return Ok(None);
    };
    change(&mut user);
    put_record(tx, Table::Users, id.as_bytes(), &user)?;
    record_change(tx, at, kind)?;
    record_event(tx, &Event::of_user(event, at, &user))?;
    Ok(Some(user))
}

fn delete(
    tx: &mut Transaction<'_>,
    id: Uuid,
    at: UnixTime,
    mut until: UnixTime,
) -> Result<Option<User>, StoreError> {
    let Some(user) = record::<User>(tx, Table::Users, id.as_bytes())? else {
        return Ok(None);
    };
    let mut logins = Vec::new();
    for session in sessions_of(tx, id)? {
        until = until.max(session.remember_until);
        logins.push(session.sid);
        remove_session(tx, &session)?;
    }
    // The newest are the ones whose tokens may still be shown.
    logins.reverse();
    for key in user.tombstone_keys() {
        let earlier = record(tx, Table::Tombstones, &key.0)?;
        let tombstone = Tombstone::new(at, until, logins.iter().copied()).after(earlier);
        put_record(tx, Table::Tombstones, &key.0, &tombstone)?;
    }
    let of_user = [&[OF_USER], id.as_bytes().as_slice()].concat();
    let marks = Range {
        prefix: &of_user,
        ..Range::default()
    };
    for (key, _) in tx.scan(Table::EndMarks, marks, usize::MAX)? {
        tx.remove(Table::EndMarks, &key)?;
    }
    remove_user(tx, &user)?;
    record_change(tx, at, ChangeKind::UserDeleted(id))?;
    for event in Event::of_deleted(&user, at, !logins.is_empty()) {
        record_event(tx, &event)?;
    }
    Ok(Some(user))
}
