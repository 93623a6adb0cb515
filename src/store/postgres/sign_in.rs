//! A sign-in in PostgreSQL: what there is about it, what is decided, and what is written.

use deadpool_postgres::GenericClient;
use uuid::Uuid;

use super::Postgres;
use super::connection::{Failure, Tx, rows};
use super::events::record_event;
use super::first_sign_in::{self, FirstSignIn};
use super::replay_guard::{put_use, use_now, used};
use super::row::{
    column, email_key, identity_key, put_session, put_user, record, record_change, scope_key,
    unsigned,
};
use crate::store::sign_in::{Decision, Found, decide};
use crate::store::{
    RevocationScope, SignIn, SignInOutcome, SignInRefusal, StoreError, Tombstone, Use, Used,
};

impl Postgres {
    /// Writes what was decided, or what is to be decided by then.
    pub(super) async fn write_sign_in(
        &self,
        request: SignIn,
        decision: Decision,
    ) -> Result<SignInOutcome, StoreError> {
        let tombstone = Tombstone::key(&request.iss, &request.sub);
        if let Some(first_sign_in) = FirstSignIn::of(&decision, tombstone)
            && self
                .read(first_sign_in, |on, first_sign_in| {
                    Box::pin(first_sign_in::put(on, first_sign_in))
                })
                .await?
        {
            return Ok(decision.outcome);
        }
        self.write(request, |tx, request| Box::pin(sign_in(tx, request)))
            .await
    }
}

/// All that there is about a sign-in, in one statement: as of one moment, and one round trip. The sessions
/// of its users, which may be many, are read only where another one is opened.
const FOUND: &str = "WITH k AS (SELECT key, user_id FROM vestibule.user_keys WHERE key IN ($1, $2) \
     UNION ALL SELECT NULL::bytea, $7::uuid WHERE $7::uuid IS NOT NULL) \
     SELECT \
     (SELECT u.record::text FROM vestibule.users u JOIN k ON k.user_id = u.id WHERE k.key = $1), \
     (SELECT u.record::text FROM vestibule.users u JOIN k ON k.user_id = u.id WHERE k.key = $2), \
     (SELECT record::text FROM vestibule.tombstones WHERE identity = $3), \
     (SELECT record::text FROM vestibule.sessions WHERE sid = $4), \
     (SELECT coalesce(json_agg(record), '[]')::text FROM vestibule.end_marks \
      WHERE scope = $5 OR issuer_scope = $5 OR of_signing_key OR user_id IN (SELECT user_id FROM k)), \
     (SELECT coalesce(json_agg(record), '[]')::text FROM vestibule.sessions \
      WHERE $6 AND NOT EXISTS (SELECT FROM vestibule.sessions WHERE sid = $4) \
      AND user_id IN (SELECT user_id FROM k)), \
     (SELECT latest FROM vestibule.change_counter)";

pub(super) async fn decided(
    on: &impl GenericClient,
    request: &SignIn,
) -> Result<Decision, Failure> {
    let identity = identity_key(&request.iss, &request.sub);
    let email = request.email.as_deref().map(email_key);
    let tombstone = Tombstone::key(&request.iss, &request.sub).0.to_vec();
    let issuer = scope_key(&RevocationScope::Issuer(request.iss.clone()));
    let counted = request.max_sessions.is_some();
    let found = rows(
        on,
        FOUND,
        &[
            &identity,
            &email,
            &tombstone,
            &request.sid,
            &issuer,
            &counted,
            &request.workload(),
        ],
    )
    .await?;
    let row = found.first().ok_or(StoreError::Corrupt("sign-in"))?;
    let found = Found {
        user: column(row, 0, "users")?,
        email_holder: column(row, 1, "users")?,
        tombstone: column(row, 2, "tombstones")?,
        session: column(row, 3, "sessions")?,
        marks: record(row, 4, "end_marks")?,
        sessions: record(row, 5, "sessions")?,
        sequence: unsigned(row.get(6)),
    };
    Ok(decide(request, found))
}

pub(super) async fn previewed(
    on: &impl GenericClient,
    request: &SignIn,
) -> Result<SignInOutcome, Failure> {
    for usage in &request.uses {
        if let Some(refusal) = SignInRefusal::of(use_now(on, usage).await?) {
            return Ok(SignInOutcome::Refused(refusal));
        }
    }
    Ok(decided(on, request).await?.outcome)
}

pub(super) async fn sign_in(tx: &Tx<'_>, request: &SignIn) -> Result<SignInOutcome, Failure> {
    let locked = lock(tx, request).await?;
    // Whoever shows again what was used up learns nothing else.
    if let Some(refusal) = used_up(tx, &request.uses).await? {
        return Ok(SignInOutcome::Refused(refusal));
    }
    let decision = decided_under(tx, request, &locked).await?;
    if matches!(decision.outcome, SignInOutcome::Live(_)) {
        use_up(tx, &request.uses).await?;
    }
    if let Some(user) = &decision.user {
        put_user(tx, user).await?;
    }
    for session in &decision.sessions {
        put_session(tx, session).await?;
    }
    for event in &decision.events {
        record_event(tx, event).await?;
    }
    for change in decision.changes {
        record_change(tx, request.now, change).await?;
    }
    Ok(decision.outcome)
}

/// What nobody else changes until the commit.
pub(super) struct Locked {
    users: Vec<Uuid>,
    /// Whether there was a row of the request's `sid`.
    has_session: bool,
}

/// Locks whoever may be changed, before anybody is looked at; the order of ids keeps two sign-ins from
/// waiting for each other.
pub(super) async fn lock(tx: &Tx<'_>, request: &SignIn) -> Result<Locked, Failure> {
    let sql = "WITH u AS (SELECT id FROM vestibule.users WHERE id IN \
             (SELECT user_id FROM vestibule.user_keys WHERE key = ANY($1)) \
             ORDER BY id FOR UPDATE), \
         s AS (SELECT sid FROM vestibule.sessions WHERE sid = $2 FOR UPDATE) \
         SELECT (SELECT array_agg(id) FROM u), (SELECT count(*) FROM s)";
    let mut keys = vec![identity_key(&request.iss, &request.sub)];
    // Who was created by an address alone becomes this user, whatever is linked.
    keys.extend(request.email.as_deref().map(email_key));
    let found = rows(tx.on(), sql, &[&keys, &request.sid]).await?;
    let row = found.first().ok_or(StoreError::Corrupt("sign-in"))?;
    Ok(Locked {
        users: row.get::<_, Option<Vec<Uuid>>>(0).unwrap_or_default(),
        has_session: unsigned(row.get(1)) > 0,
    })
}

/// Decides about what is locked. What somebody else has written since the lock could be changed, or ended,
/// before it is written over: it is locked the next time.
pub(super) async fn decided_under(
    tx: &Tx<'_>,
    request: &SignIn,
    locked: &Locked,
) -> Result<Decision, Failure> {
    let decision = decided(tx.on(), request).await?;
    let user = decision.user.as_ref().and_then(|user| user.old.as_ref());
    let mut sessions = decision.sessions.iter().filter_map(|row| row.old.as_ref());
    let is_locked = user.is_none_or(|user| locked.users.contains(&user.id))
        && (locked.has_session || sessions.all(|session| session.sid != request.sid));
    match is_locked {
        true => Ok(decision),
        false => Err(Failure::Again),
    }
}

/// Why the sign-in is none, when what it uses up was used before.
async fn used_up(tx: &Tx<'_>, uses: &[Use]) -> Result<Option<SignInRefusal>, Failure> {
    for usage in uses {
        if let Some(refusal) = SignInRefusal::of(used(tx, usage).await?) {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

/// Uses all of it up, or nothing: what somebody else has used up meanwhile is seen the next time.
async fn use_up(tx: &Tx<'_>, uses: &[Use]) -> Result<(), Failure> {
    for usage in uses {
        if put_use(tx, usage).await? != Used::Now {
            return Err(Failure::Again);
        }
    }
    Ok(())
}
