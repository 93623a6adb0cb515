//! Records of another store, as rows. Users and sessions come by the million, so those that follow one
//! another are written by one statement.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem::discriminant;

use uuid::Uuid;

use super::audit_log::put_audit;
use super::connection::{Failure, Tx, execute, rows};
use super::replay_guard::put_spent;
use super::row::{
    encoded, locked_user, put_mark, put_session, put_user, scope_key, signed, user_keys,
};
use super::sessions::put_alias;
use super::settings::{put_key, put_setting};
use super::tombstones::put_tombstone;
use crate::store::maintenance::latest_known;
use crate::store::sign_in::Replaced;
use crate::store::{Exported, RevocationScope, SessionRecord, StoreError, User};

/// Writes records in their order.
pub(super) async fn import(tx: &Tx<'_>, records: &[Exported]) -> Result<(), Failure> {
    // The tables were empty a moment ago, and the planner goes on taking them for it: it would read them
    // from end to end for each hundred.
    execute(tx.on(), "SET LOCAL enable_seqscan = off", &[]).await?;
    for alike in records.chunk_by(|one, next| discriminant(one) == discriminant(next)) {
        let at_once = match alike.first() {
            Some(Exported::User(_)) => import_users(tx, alike).await?,
            Some(Exported::Session(_)) => import_sessions(tx, alike).await?,
            _ => false,
        };
        if !at_once {
            for record in alike {
                import_one(tx, record).await?;
            }
        }
    }
    count_from(tx, latest_known(records)).await
}

/// Has the next change numbered after `latest`.
async fn count_from(tx: &Tx<'_>, latest: u64) -> Result<(), Failure> {
    if latest == 0 {
        return Ok(());
    }
    // Nobody can ask for what the other store forgot.
    let sql = "UPDATE vestibule.change_counter SET latest = $1, swept = $1 WHERE latest < $1";
    if execute(tx.on(), sql, &[&signed(latest)]).await? > 0 {
        tx.note_change(latest);
    }
    Ok(())
}

/// Writes users whom nothing of the store is about, by one statement. `false`: nothing was written,
/// since the order counts. There are users with one of these ids or keys, or two of these share one.
async fn import_users(tx: &Tx<'_>, records: &[Exported]) -> Result<bool, Failure> {
    let users = records.iter().filter_map(|record| match record {
        Exported::User(user) => Some(user),
        _ => None,
    });
    let mut new = NewUsers::default();
    for user in users {
        new.add(user)?;
    }
    if !differ(&new.ids) || !differ(&new.keys) {
        return Ok(false);
    }
    let sql = "SELECT 1 WHERE EXISTS (SELECT FROM vestibule.users WHERE id = ANY($1)) \
         OR EXISTS (SELECT FROM vestibule.user_keys WHERE key = ANY($2))";
    if !rows(tx.on(), sql, &[&new.ids, &new.keys]).await?.is_empty() {
        return Ok(false);
    }
    let sql = "WITH \
         made AS (INSERT INTO vestibule.users (id, record) \
                  SELECT id, record::json FROM unnest($1::uuid[], $2::text[]) AS new (id, record)), \
         keys AS (INSERT INTO vestibule.user_keys (key, user_id) \
                  SELECT * FROM unnest($3::bytea[], $4::uuid[])) \
         INSERT INTO vestibule.user_subjects (subject, user_id) \
         SELECT * FROM unnest($5::bytea[], $6::uuid[])";
    execute(
        tx.on(),
        sql,
        &[
            &new.ids,
            &new.records,
            &new.keys,
            &new.holders,
            &new.subjects,
            &new.bearers,
        ],
    )
    .await?;
    Ok(true)
}

/// Users as columns of three tables.
#[derive(Default)]
struct NewUsers {
    ids: Vec<Uuid>,
    records: Vec<String>,
    keys: Vec<Vec<u8>>,
    /// Whose each of the keys is.
    holders: Vec<Uuid>,
    subjects: Vec<Vec<u8>>,
    /// Whose each of the subjects is.
    bearers: Vec<Uuid>,
}

impl NewUsers {
    fn add(&mut self, user: &User) -> Result<(), Failure> {
        let (keys, subjects) = user_keys(user);
        self.ids.push(user.id);
        self.records.push(encoded(user)?);
        self.holders.extend(keys.iter().map(|_| user.id));
        self.keys.extend(keys);
        self.bearers.extend(subjects.iter().map(|_| user.id));
        self.subjects.extend(subjects);
        Ok(())
    }
}

/// Writes sessions over those that are there, by one statement. `false`: nothing was written, since the
/// order counts. Two of these are the same session.
async fn import_sessions(tx: &Tx<'_>, records: &[Exported]) -> Result<bool, Failure> {
    let sessions = records.iter().filter_map(|record| match record {
        Exported::Session(session) => Some(session),
        _ => None,
    });
    let mut new = NewSessions::default();
    for session in sessions {
        new.add(session)?;
    }
    if !differ(&new.sids) {
        return Ok(false);
    }
    let sql = "DELETE FROM vestibule.sessions WHERE sid = ANY($1)";
    execute(tx.on(), sql, &[&new.sids]).await?;
    let sql = "INSERT INTO vestibule.sessions \
         (sid, user_id, issuer_scope, opened_at, remember_until, record) \
         SELECT sid, user_id, issuer_scope, opened_at, remember_until, record::json \
         FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[]) \
         AS new (sid, user_id, issuer_scope, opened_at, remember_until, record)";
    execute(
        tx.on(),
        sql,
        &[
            &new.sids,
            &new.users,
            &new.scopes,
            &new.opened_at,
            &new.remember_until,
            &new.records,
        ],
    )
    .await?;
    Ok(true)
}

/// Sessions as columns.
#[derive(Default)]
struct NewSessions {
    sids: Vec<Uuid>,
    users: Vec<Uuid>,
    scopes: Vec<Vec<u8>>,
    opened_at: Vec<i64>,
    remember_until: Vec<i64>,
    records: Vec<String>,
}

impl NewSessions {
    fn add(&mut self, session: &SessionRecord) -> Result<(), Failure> {
        self.sids.push(session.sid);
        self.users.push(session.user_id);
        let scope = RevocationScope::Issuer(session.iss.clone());
        self.scopes.push(scope_key(&scope));
        self.opened_at.push(signed(session.opened_at.0));
        self.remember_until.push(signed(session.remember_until.0));
        self.records.push(encoded(session)?);
        Ok(())
    }
}

fn differ<T: Eq + Hash>(all: &[T]) -> bool {
    let mut seen = HashSet::with_capacity(all.len());
    all.iter().all(|one| seen.insert(one))
}

async fn import_one(tx: &Tx<'_>, record: &Exported) -> Result<(), Failure> {
    match record {
        // All records count, by the changes that they know of.
        Exported::Sequence(_) => Ok(()),
        Exported::User(user) => import_user(tx, user).await,
        Exported::Session(session) => {
            let sql = "DELETE FROM vestibule.sessions WHERE sid = $1";
            execute(tx.on(), sql, &[&session.sid]).await?;
            put_session(
                tx,
                &Replaced {
                    old: None,
                    new: session.clone(),
                },
            )
            .await
        }
        Exported::NotBefore(mark) => put_mark(tx, mark).await,
        Exported::Tombstone(identity, tombstone) => {
            put_tombstone(tx, *identity, tombstone.clone()).await
        }
        Exported::SessionAlias(digest, alias) => put_alias(tx, *digest, alias).await,
        Exported::Spent(id, until) => put_spent(tx, *id, *until).await.map(drop),
        Exported::SigningKey(key) => put_key(tx, key).await,
        Exported::Setting(name, value) => put_setting(tx, name, value).await,
        Exported::Audit(record) => put_audit(tx, record).await,
    }
}

async fn import_user(tx: &Tx<'_>, user: &User) -> Result<(), Failure> {
    let (keys, _) = user_keys(user);
    let sql = "SELECT 1 FROM vestibule.user_keys WHERE key = ANY($1) AND user_id <> $2";
    if !rows(tx.on(), sql, &[&keys, &user.id]).await?.is_empty() {
        return Err(StoreError::Conflict("an identity or an address").into());
    }
    let old = locked_user(tx, user.id).await?;
    put_user(
        tx,
        &Replaced {
            old,
            new: user.clone(),
        },
    )
    .await
}
