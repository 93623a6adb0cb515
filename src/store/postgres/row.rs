//! Records as rows, with the rows that find them.

use deadpool_postgres::GenericClient;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use uuid::Uuid;

use super::connection::{Failure, Tx, execute, rows};
use crate::clock::UnixTime;
use crate::store::sign_in::{Replaced, folded, session_as_it_is};
use crate::store::{
    Change, ChangeKind, Credential, CredentialFormat, Digest, NotBefore, RevocationScope,
    SessionRecord, StoreError, User,
};

/// A number as the database has it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that was never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A record as text.
pub(super) fn encoded(record: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(record);
    text.map_err(|_| Failure::Store(StoreError::Corrupt("record")))
}

/// The record in a column of text; `None` when that is null.
pub(super) fn column<T: DeserializeOwned>(
    row: &Row,
    column: usize,
    what: &'static str,
) -> Result<Option<T>, Failure> {
    let text: Option<&str> = row.get(column);
    let record = text.map(serde_json::from_str).transpose();
    record.map_err(|_| Failure::Store(StoreError::Corrupt(what)))
}

/// The record in a column that is never null.
pub(super) fn record<T: DeserializeOwned>(
    row: &Row,
    at: usize,
    what: &'static str,
) -> Result<T, Failure> {
    column(row, at, what)?.ok_or(Failure::Store(StoreError::Corrupt(what)))
}

/// What no two users share: the key of an identity.
pub(super) fn identity_key(iss: &str, sub: &str) -> Vec<u8> {
    Digest::of(&["identity", iss, sub]).0.to_vec()
}

/// What no two users share: the key of an address.
pub(super) fn email_key(email: &str) -> Vec<u8> {
    Digest::of(&["email", &folded(email)]).0.to_vec()
}

/// What users are looked for by.
pub(super) fn subject_key(sub: &str) -> Vec<u8> {
    Digest::of(&["subject", sub]).0.to_vec()
}

/// The keys of a user: those of its own, and those that it may share.
pub(super) fn user_keys(user: &User) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let is_external = |held: &&Credential| held.format == CredentialFormat::ExternalUser;
    let own = user.credentials.iter().map(|held| match held.format {
        CredentialFormat::ExternalUser => identity_key(&held.iss, &held.public_identifier),
        CredentialFormat::Email => email_key(&held.public_identifier),
    });
    let subjects = user
        .credentials
        .iter()
        .filter(is_external)
        .map(|held| subject_key(&held.public_identifier));
    let mut subjects: Vec<_> = subjects.collect();
    // The same `sub` at two issuers.
    subjects.sort();
    subjects.dedup();
    (own.collect(), subjects)
}

/// Writes a user with all keys. A key that belongs to another is [`Failure::Again`].
pub(super) async fn put_user(
    tx: &Tx<'_>,
    Replaced { old, new }: &Replaced<User>,
) -> Result<(), Failure> {
    let (old_keys, old_subjects) = old.as_ref().map(user_keys).unwrap_or_default();
    let (new_keys, new_subjects) = user_keys(new);
    let text = encoded(new)?;
    if old_keys == new_keys {
        let sql = "UPDATE vestibule.users SET record = $2::text::json WHERE id = $1";
        execute(tx.on(), sql, &[&new.id, &text]).await?;
        return Ok(());
    }
    let without = |all: &[Vec<u8>], others: &[Vec<u8>]| -> Vec<Vec<u8>> {
        all.iter()
            .filter(|key| !others.contains(key))
            .cloned()
            .collect()
    };
    let sql = "WITH \
         gone AS (DELETE FROM vestibule.user_keys WHERE user_id = $1 AND key = ANY($3)), \
         lost AS (DELETE FROM vestibule.user_subjects WHERE user_id = $1 AND subject = ANY($4)), \
         made AS (INSERT INTO vestibule.users (id, record) VALUES ($1, $2::text::json) \
                  ON CONFLICT (id) DO UPDATE SET record = excluded.record), \
         keys AS (INSERT INTO vestibule.user_keys (key, user_id) \
                  SELECT key, $1 FROM unnest($5::bytea[]) AS new (key)) \
         INSERT INTO vestibule.user_subjects (subject, user_id) \
         SELECT subject, $1 FROM unnest($6::bytea[]) AS new (subject)";
    let (gone, lost) = (
        without(&old_keys, &new_keys),
        without(&old_subjects, &new_subjects),
    );
    let (keys, subjects) = (
        without(&new_keys, &old_keys),
        without(&new_subjects, &old_subjects),
    );
    execute(
        tx.on(),
        sql,
        &[&new.id, &text, &gone, &lost, &keys, &subjects],
    )
    .await?;
    Ok(())
}

/// Writes a session. A new one that is there already is [`Failure::Again`].
pub(super) async fn put_session(
    tx: &Tx<'_>,
    Replaced { old, new }: &Replaced<SessionRecord>,
) -> Result<(), Failure> {
    let text = encoded(new)?;
    let remember_until = signed(new.remember_until.0);
    if old.is_some() {
        let sql = "UPDATE vestibule.sessions SET record = $2::text::json, remember_until = $3 \
                   WHERE sid = $1";
        execute(tx.on(), sql, &[&new.sid, &text, &remember_until]).await?;
        return Ok(());
    }
    let sql = "INSERT INTO vestibule.sessions \
         (sid, user_id, issuer_scope, opened_at, remember_until, record) \
         VALUES ($1, $2, $3, $4, $5, $6::text::json)";
    let scope = scope_key(&RevocationScope::Issuer(new.iss.clone()));
    let opened_at = signed(new.opened_at.0);
    execute(
        tx.on(),
        sql,
        &[
            &new.sid,
            &new.user_id,
            &scope,
            &opened_at,
            &remember_until,
            &text,
        ],
    )
    .await?;
    Ok(())
}

/// A session under the marks, from a row that starts with [`SESSION`].
pub(super) fn session(row: &Row) -> Result<SessionRecord, Failure> {
    let marks: Vec<NotBefore> = record(row, 1, "end_marks")?;
    Ok(session_as_it_is(record(row, 0, "sessions")?, &marks))
}

/// Columns of a session `s`: its record, and all marks about it.
pub(super) const SESSION: &str = "s.record::text, \
     (SELECT coalesce(json_agg(m.record), '[]')::text FROM vestibule.end_marks m \
      WHERE m.user_id = s.user_id OR m.scope = s.issuer_scope \
      OR m.issuer_scope = s.issuer_scope OR m.of_signing_key)";

/// Where the mark of a scope is.
pub(super) fn scope_key(scope: &RevocationScope) -> Vec<u8> {
    let digest = match scope {
        RevocationScope::User(user) => Digest::of(&["user", &user.to_string()]),
        RevocationScope::UserAtIssuer(user, iss) => Digest::of(&["user", &user.to_string(), iss]),
        RevocationScope::Issuer(iss) => Digest::of(&["issuer", iss]),
        RevocationScope::IssuerDisabled(iss) => Digest::of(&["issuer disabled", iss]),
        RevocationScope::IssuerKey(iss, key) => Digest::of(&["issuer key", iss, key]),
        RevocationScope::SigningKey(kid) => Digest::of(&["signing key", kid]),
        RevocationScope::Everyone => Digest::of(&["everyone"]),
    };
    digest.0.to_vec()
}

/// Writes a mark, together with what an earlier one of its scope refuses.
pub(super) async fn put_mark(tx: &Tx<'_>, mark: &NotBefore) -> Result<(), Failure> {
    let user: Option<Uuid> = match &mark.scope {
        RevocationScope::User(user) | RevocationScope::UserAtIssuer(user, _) => Some(*user),
        _ => None,
    };
    // Those that are read for every session.
    let of_signing_key = matches!(
        mark.scope,
        RevocationScope::SigningKey(_) | RevocationScope::Everyone
    );
    let issuer = mark.scope.within_issuer();
    let issuer = issuer.map(|iss| scope_key(&RevocationScope::Issuer(iss.to_owned())));
    let scope = scope_key(&mark.scope);
    let sql = "SELECT record::text FROM vestibule.end_marks WHERE scope = $1 FOR UPDATE";
    let found = rows(tx.on(), sql, &[&scope]).await?;
    let earlier: Option<NotBefore> = found
        .first()
        .map(|row| record(row, 0, "end_marks"))
        .transpose()?;
    let mark = mark.clone().after(earlier.as_ref());
    let sql = "INSERT INTO vestibule.end_marks \
         (scope, user_id, issuer_scope, of_signing_key, record) \
         VALUES ($1, $2, $3, $4, $5::text::json) \
         ON CONFLICT (scope) DO UPDATE SET record = excluded.record";
    execute(
        tx.on(),
        sql,
        &[&scope, &user, &issuer, &of_signing_key, &encoded(&mark)?],
    )
    .await?;
    Ok(())
}

/// Numbers a change and writes it; its number. The counter stays locked until the commit, so this
/// comes late in a transaction.
pub(super) async fn record_change(
    tx: &Tx<'_>,
    at: UnixTime,
    kind: ChangeKind,
) -> Result<u64, Failure> {
    let sql = "UPDATE vestibule.change_counter SET latest = latest + 1 RETURNING latest";
    let found = rows(tx.on(), sql, &[]).await?;
    let latest: i64 = found
        .first()
        .ok_or(StoreError::Corrupt("change_counter"))?
        .get(0);
    let sequence = unsigned(latest);
    let text = encoded(&Change::new(sequence, at, kind))?;
    // Changes are swept in their order: one of a clock that is ahead would hold back all after it.
    let sql = "INSERT INTO vestibule.changes (sequence, at, record) VALUES ($1, \
         least($2::bigint, extract(epoch from clock_timestamp())::bigint), $3::text::json)";
    execute(tx.on(), sql, &[&latest, &signed(at.0), &text]).await?;
    tx.note_change(sequence);
    Ok(sequence)
}

/// Locks a user's row and reads it.
pub(super) async fn locked_user(tx: &Tx<'_>, id: Uuid) -> Result<Option<User>, Failure> {
    let sql = "SELECT record::text FROM vestibule.users WHERE id = $1 FOR UPDATE";
    let found = rows(tx.on(), sql, &[&id]).await?;
    found.first().map(|row| record(row, 0, "users")).transpose()
}

/// The user who has a key.
pub(super) async fn user_by_key(
    on: &impl GenericClient,
    key: &[u8],
) -> Result<Option<User>, Failure> {
    let sql = "SELECT u.record::text FROM vestibule.users u \
         JOIN vestibule.user_keys k ON k.user_id = u.id WHERE k.key = $1";
    let found = rows(on, sql, &[&key]).await?;
    found.first().map(|row| record(row, 0, "users")).transpose()
}
