//! Records as rows, with the index rows that belong to them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::table::{Entry, Range, Read, Table, Write};
use super::transaction::Transaction;
use crate::clock::UnixTime;
use crate::store::sign_in::{Replaced, folded, session_as_it_is};
use crate::store::{
    Change, ChangeKind, Credential, CredentialFormat, NotBefore, RevocationScope, SessionRecord,
    StoreError, User,
};

/// The record under a key.
pub(super) fn record<T: DeserializeOwned>(
    rows: &mut impl Read,
    table: Table,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    rows.get(table, key)?
        .map(|value| decoded(table, &value))
        .transpose()
}

/// Writes a record under a key.
pub(super) fn put_record<T: Serialize>(
    tx: &mut Transaction<'_>,
    table: Table,
    key: &[u8],
    record: &T,
) -> Result<(), StoreError> {
    // A record may hold a private key; the file's pages do, too, but not this buffer.
    tx.put(
        table,
        key,
        &zeroize::Zeroizing::new(encoded(table, record)?),
    )
}

/// A record as its row has it.
pub(super) fn encoded(table: Table, record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| StoreError::Corrupt(table.name()))
}

/// A record from its row.
pub(super) fn decoded<T: DeserializeOwned>(table: Table, value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|_| StoreError::Corrupt(table.name()))
}

/// The user whose id is under a key of an index.
pub(super) fn indexed_user(
    rows: &mut impl Read,
    index: Table,
    key: &[u8],
) -> Result<Option<User>, StoreError> {
    let Some(id) = rows.get(index, key)? else {
        return Ok(None);
    };
    // An index row without its record would make a second user of the same identity.
    record(rows, Table::Users, &id)?
        .map(Some)
        .ok_or(StoreError::Corrupt(index.name()))
}

/// Writes a user with the index rows.
pub(super) fn put_user(
    tx: &mut Transaction<'_>,
    Replaced { old, new }: &Replaced<User>,
) -> Result<(), StoreError> {
    let old_keys = old.as_ref().map(user_index).unwrap_or_default();
    let new_keys = user_index(new);
    for (table, key) in old_keys.iter().filter(|key| !new_keys.contains(key)) {
        tx.remove(*table, key)?;
    }
    for (table, key) in new_keys.iter().filter(|key| !old_keys.contains(key)) {
        tx.put(*table, key, new.id.as_bytes())?;
    }
    put_record(tx, Table::Users, new.id.as_bytes(), new)
}

/// All rows of a user.
pub(super) fn user_rows(user: &User) -> Result<Vec<Entry>, StoreError> {
    let id = user.id.as_bytes();
    let index = user_index(user).into_iter();
    let index = index.map(|(table, key)| (table, key, id.to_vec()));
    let own = (Table::Users, id.to_vec(), encoded(Table::Users, user)?);
    Ok(index.chain([own]).collect())
}

/// Takes a user out with the index rows.
pub(super) fn remove_user(tx: &mut Transaction<'_>, user: &User) -> Result<(), StoreError> {
    for (table, key) in user_index(user) {
        tx.remove(table, &key)?;
    }
    tx.remove(Table::Users, user.id.as_bytes())
}

/// The index rows of a user; all have the user's id as value.
pub(super) fn user_index(user: &User) -> Vec<(Table, Vec<u8>)> {
    let keys = |credential: &Credential| {
        let name = credential.public_identifier.as_str();
        match credential.format {
            CredentialFormat::ExternalUser => vec![
                (Table::Identities, identity_key(&credential.iss, name)),
                (
                    Table::Subjects,
                    [&subject_prefix(name), user.id.as_bytes().as_slice()].concat(),
                ),
            ],
            CredentialFormat::Email => vec![(Table::Emails, folded(name).into_bytes())],
        }
    };
    user.credentials.iter().flat_map(keys).collect()
}

/// The length keeps two pairs of the same concatenation apart.
pub(super) fn identity_key(iss: &str, sub: &str) -> Vec<u8> {
    [
        &(iss.len() as u64).to_be_bytes(),
        iss.as_bytes(),
        sub.as_bytes(),
    ]
    .concat()
}

/// What all rows of a `sub` start with, and no others.
pub(super) fn subject_prefix(sub: &str) -> Vec<u8> {
    [&(sub.len() as u64).to_be_bytes(), sub.as_bytes()].concat()
}

/// Writes a session with the index rows.
pub(super) fn put_session(
    tx: &mut Transaction<'_>,
    Replaced { old, new }: &Replaced<SessionRecord>,
) -> Result<(), StoreError> {
    if old.is_none() {
        for (table, key) in session_index(new) {
            tx.put(table, &key, &[])?;
        }
    }
    put_record(tx, Table::Sessions, new.sid.as_bytes(), new)
}

/// All rows of a session.
pub(super) fn session_rows(session: &SessionRecord) -> Result<Vec<Entry>, StoreError> {
    let sid = session.sid.as_bytes().to_vec();
    let index = session_index(session).into_iter();
    let index = index.map(|(table, key)| (table, key, Vec::new()));
    let own = (Table::Sessions, sid, encoded(Table::Sessions, session)?);
    Ok(index.chain([own]).collect())
}

/// Takes a session out with the index rows.
pub(super) fn remove_session(
    tx: &mut Transaction<'_>,
    session: &SessionRecord,
) -> Result<(), StoreError> {
    for (table, key) in session_index(session) {
        tx.remove(table, &key)?;
    }
    tx.remove(Table::Sessions, session.sid.as_bytes())
}

/// All sessions of a user, as their rows say.
pub(super) fn sessions_of(
    rows: &mut impl Read,
    user: Uuid,
) -> Result<Vec<SessionRecord>, StoreError> {
    let of_user = Range {
        prefix: user.as_bytes(),
        ..Range::default()
    };
    let index = rows.scan(Table::SessionsByUser, of_user, usize::MAX)?;
    index
        .iter()
        .map(|(key, _)| indexed_session(rows, Table::SessionsByUser, key))
        .collect()
}

/// The session that a row of an index is about, as its own row says.
pub(super) fn indexed_session(
    rows: &mut impl Read,
    index: Table,
    key: &[u8],
) -> Result<SessionRecord, StoreError> {
    let sid = key
        .len()
        .checked_sub(16)
        .and_then(|at| key.get(at..))
        .unwrap_or_default();
    record(rows, Table::Sessions, sid)?.ok_or(StoreError::Corrupt(index.name()))
}

/// A session under the marks.
pub(super) fn marked(
    rows: &mut impl Read,
    session: SessionRecord,
) -> Result<SessionRecord, StoreError> {
    if session.ended.is_some() {
        return Ok(session);
    }
    let marks = marks(rows, &[session.user_id], &session.iss)?;
    Ok(session_as_it_is(session, &marks))
}

fn session_index(session: &SessionRecord) -> [(Table, Vec<u8>); 2] {
    let opened_at = session.opened_at.0.to_be_bytes();
    let by_time = [opened_at.as_slice(), session.sid.as_bytes()].concat();
    [
        (
            Table::SessionsByUser,
            [session.user_id.as_bytes(), by_time.as_slice()].concat(),
        ),
        (Table::SessionsByTime, by_time),
    ]
}

/// All marks about some users, an issuer, signing keys and everyone.
pub(super) fn marks(
    rows: &mut impl Read,
    users: &[Uuid],
    iss: &str,
) -> Result<Vec<NotBefore>, StoreError> {
    let mut marks = Vec::new();
    let of_users = users.iter().flat_map(|&user| {
        [
            RevocationScope::User(user),
            RevocationScope::UserAtIssuer(user, iss.to_owned()),
        ]
    });
    for scope in of_users.chain([RevocationScope::Issuer(iss.to_owned())]) {
        marks.extend(record(rows, Table::EndMarks, &mark_key(&scope))?);
    }
    for prefix in [&[OF_SIGNING_KEY][..], &within_issuer(iss)] {
        let range = Range {
            prefix,
            ..Range::default()
        };
        for (_, value) in rows.scan(Table::EndMarks, range, usize::MAX)? {
            marks.push(decoded(Table::EndMarks, &value)?);
        }
    }
    Ok(marks)
}

/// Writes a mark, together with what an earlier one of its scope refuses.
pub(super) fn put_mark(tx: &mut Transaction<'_>, mark: NotBefore) -> Result<(), StoreError> {
    let key = mark_key(&mark.scope);
    let earlier: Option<NotBefore> = record(tx, Table::EndMarks, &key)?;
    put_record(tx, Table::EndMarks, &key, &mark.after(earlier.as_ref()))
}

/// What the keys of marks about parts of an issuer's sessions start with, and no others.
fn within_issuer(iss: &str) -> Vec<u8> {
    [
        &[WITHIN_ISSUER],
        (iss.len() as u64).to_be_bytes().as_slice(),
        iss.as_bytes(),
    ]
    .concat()
}

/// Where the mark of a scope is.
pub(super) fn mark_key(scope: &RevocationScope) -> Vec<u8> {
    match scope {
        RevocationScope::User(user) => [&[OF_USER], user.as_bytes().as_slice()].concat(),
        RevocationScope::UserAtIssuer(user, iss) => {
            [&[OF_USER], user.as_bytes().as_slice(), iss.as_bytes()].concat()
        }
        RevocationScope::Issuer(iss) => [&[OF_ISSUER], iss.as_bytes()].concat(),
        RevocationScope::IssuerDisabled(iss) => within_issuer(iss),
        RevocationScope::IssuerKey(iss, key) => {
            [within_issuer(iss).as_slice(), key.as_bytes()].concat()
        }
        RevocationScope::SigningKey(kid) => [&[OF_SIGNING_KEY], kid.as_bytes()].concat(),
        // With the marks that are read for every session. No key has an empty id.
        RevocationScope::Everyone => vec![OF_SIGNING_KEY],
    }
}

/// The number of the latest change.
pub(super) fn latest_change(rows: &mut impl Read) -> Result<u64, StoreError> {
    number(rows, LATEST_CHANGE)
}

/// The number of the latest change that was swept.
pub(super) fn swept_changes(rows: &mut impl Read) -> Result<u64, StoreError> {
    number(rows, SWEPT_CHANGES)
}

/// Numbers a change and writes it; its number.
pub(super) fn record_change(
    tx: &mut Transaction<'_>,
    at: UnixTime,
    kind: ChangeKind,
) -> Result<u64, StoreError> {
    let sequence = latest_change(tx)? + 1;
    let key = sequence.to_be_bytes();
    put_record(tx, Table::Changes, &key, &Change::new(sequence, at, kind))?;
    tx.put(Table::Meta, LATEST_CHANGE, &key)?;
    tx.latest_change = Some(sequence);
    Ok(sequence)
}

/// A number of the file's own.
pub(super) fn number(rows: &mut impl Read, key: &[u8]) -> Result<u64, StoreError> {
    let Some(value) = rows.get(Table::Meta, key)? else {
        return Ok(0);
    };
    let bytes = value
        .try_into()
        .map_err(|_| StoreError::Corrupt(Table::Meta.name()))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Under [`Table::Meta`]: the number of the latest change.
pub(super) const LATEST_CHANGE: &[u8] = b"latest_change";
/// Under [`Table::Meta`]: the number of the latest change that was swept.
pub(super) const SWEPT_CHANGES: &[u8] = b"swept_changes";

/// What keys of marks start with.
pub(super) const OF_USER: u8 = b'u';
const OF_ISSUER: u8 = b'i';
const OF_SIGNING_KEY: u8 = b'k';
const WITHIN_ISSUER: u8 = b'w';
