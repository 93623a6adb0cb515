//! A user who comes for the first time: most of what is written, so one statement.

use deadpool_postgres::Client;

use super::connection::{Failure, execute};
use super::row::{encoded, scope_key, signed, user_keys};
use crate::store::sign_in::Decision;
use crate::store::{Digest, Event, RevocationScope, SessionRecord, User};

/// A user and a session, both new.
pub(super) struct FirstSignIn {
    user: User,
    session: SessionRecord,
    /// Where the tombstone of a deleted user of this identity would be.
    tombstone: Digest,
    events: Vec<Event>,
}

impl FirstSignIn {
    /// The newcomer whom a decision is about; `None`: somebody is known, or more is to be done.
    pub(super) fn of(decision: &Decision, tombstone: Digest) -> Option<Self> {
        decision.first_sign_in().map(|(user, session)| Self {
            user: user.clone(),
            session: session.clone(),
            tombstone,
            events: decision.events.clone(),
        })
    }
}

/// Writes both, unless somebody else wrote one of them since the decision, or the identity was
/// deleted. Sessions that end meanwhile need no look: the end knows by its number that it meant
/// this one.
///
/// Whether a lost connection had written them need not be known either: then they are there when
/// the sign-in is decided again.
pub(super) async fn put(on: &Client, first_sign_in: &FirstSignIn) -> Result<bool, Failure> {
    let FirstSignIn {
        user,
        session,
        tombstone,
        events,
    } = first_sign_in;
    let (keys, subjects) = user_keys(user);
    let issuer = scope_key(&RevocationScope::Issuer(session.iss.clone()));
    let events = events.iter().map(encoded);
    let events: Vec<String> = events.collect::<Result<_, _>>()?;
    let written = execute(
        on,
        PUT,
        &[
            &user.id,
            &encoded(user)?,
            &keys,
            &subjects,
            &session.sid,
            &issuer,
            &signed(session.opened_at.0),
            &signed(session.remember_until.0),
            &encoded(session)?,
            &tombstone.0.as_slice(),
            &events,
        ],
    )
    .await;
    match written {
        Ok(rows) => Ok(rows > 0),
        Err(Failure::Again) => Ok(false),
        Err(failure) => Err(failure),
    }
}

const PUT: &str = "WITH \
     made AS (INSERT INTO vestibule.users (id, record) SELECT $1::uuid, $2::text::json \
              WHERE NOT EXISTS (SELECT FROM vestibule.tombstones WHERE identity = $10) \
              RETURNING id), \
     keys AS (INSERT INTO vestibule.user_keys (key, user_id) \
              SELECT key, id FROM made, unnest($3::bytea[]) AS new (key)), \
     subjects AS (INSERT INTO vestibule.user_subjects (subject, user_id) \
              SELECT subject, id FROM made, unnest($4::bytea[]) AS new (subject)), \
     events AS (INSERT INTO vestibule.events (record) \
              SELECT record::json FROM made, \
              unnest($11::text[]) WITH ORDINALITY AS new (record, place) ORDER BY place) \
     INSERT INTO vestibule.sessions \
     (sid, user_id, issuer_scope, opened_at, remember_until, record) \
     SELECT $5::uuid, id, $6::bytea, $7::bigint, $8::bigint, $9::text::json FROM made";
