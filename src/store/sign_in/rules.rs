//! The rules of a sign-in, apart from any engine.
//!
//! An engine reads what it has about the request ([`Found`]), asks [`decide`], and writes what
//! the [`Decision`] says, all in one transaction.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Applicant, NoAccess, Provisioning, SignIn, SignInOutcome, SignInRefusal, SignedIn, events,
};
use crate::store::record::is_before;
use crate::store::{
    ChangeKind, Ended, Event, NotBefore, RevocationReason, RevocationScope, SessionRecord,
    Tombstone, User,
};

mod records;
mod whose;

use records::{new_user, over_at, session_under};
use whose::{Whose, note_visit, prove};

/// What an engine has about a request.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    /// The user of `(iss, sub)`.
    pub(in crate::store) user: Option<User>,
    /// Whoever holds the request's address.
    pub(in crate::store) email_holder: Option<User>,
    /// That the identity was deleted.
    pub(in crate::store) tombstone: Option<Tombstone>,
    /// All marks about the issuer, these users and signing keys.
    pub(in crate::store) marks: Vec<NotBefore>,
    /// The row of the request's `sid`.
    pub(in crate::store) session: Option<SessionRecord>,
    /// All rows of these users, when there is a greatest number of sessions.
    pub(in crate::store) sessions: Vec<SessionRecord>,
    /// The number of the latest change.
    pub(in crate::store) sequence: u64,
}

/// What to write and to answer.
#[derive(Debug)]
pub(in crate::store) struct Decision {
    /// The answer, true once the writes are done.
    pub(in crate::store) outcome: SignInOutcome,
    /// The user's record, when it changes.
    pub(in crate::store) user: Option<Replaced<User>>,
    /// Session rows that change.
    pub(in crate::store) sessions: Vec<Replaced<SessionRecord>>,
    /// What gateways must learn.
    pub(in crate::store) changes: Vec<ChangeKind>,
    /// What apps behind the gateway learn.
    pub(in crate::store) events: Vec<Event>,
    /// The answer must not be given before the writes are durable.
    pub(in crate::store) must_wait: bool,
}

/// A record before and after.
#[derive(Debug)]
pub(in crate::store) struct Replaced<T> {
    /// `None`: it is new.
    pub(in crate::store) old: Option<T>,
    pub(in crate::store) new: T,
}

impl Decision {
    /// Whether there is nothing to write.
    pub(in crate::store) fn is_settled(&self) -> bool {
        self.user.is_none() && self.sessions.is_empty()
    }

    /// The user and the session, when both are new and nothing else is to be written.
    pub(in crate::store) fn first_sign_in(&self) -> Option<(&User, &SessionRecord)> {
        match (&self.user, self.sessions.as_slice()) {
            (
                Some(Replaced {
                    old: None,
                    new: user,
                }),
                [Replaced { old: None, new }],
            ) if self.changes.is_empty() => Some((user, new)),
            _ => None,
        }
    }

    fn refuse(refusal: SignInRefusal) -> Self {
        Self {
            outcome: SignInOutcome::Refused(refusal),
            user: None,
            sessions: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
            must_wait: true,
        }
    }
}

/// Decides a sign-in. Does no I/O; asked again inside the writing transaction, it sees what
/// others wrote meanwhile.
pub(in crate::store) fn decide(request: &SignIn, found: Found) -> Decision {
    let Found {
        user,
        email_holder,
        tombstone,
        marks,
        session,
        sessions,
        sequence,
    } = found;
    let holder = email_holder.as_ref();
    let (whose, old_user) = Whose::of(request, user, holder);
    if let Some(refusal) = refusal(request, old_user.as_ref(), tombstone.as_ref(), &marks) {
        return Decision::refuse(refusal);
    }
    let mut user = old_user.clone().unwrap_or_else(|| new_user(request.now));
    let email_taken = prove(&mut user, whose, request, holder);

    let old_session = session.map(|row| OldSession {
        as_it_is: session_as_it_is(row.clone(), &marks),
        row,
    });
    if let Some(sequence) = disabled_since(old_session.as_ref(), &marks) {
        return Decision::refuse(SignInRefusal::IssuerWasDisabled(sequence));
    }
    let before = old_session.as_ref().map(|old| &old.as_it_is);
    let mut session = session_under(request, &user, before, sequence);
    if let Some(old) = &old_session
        && let Some(ended) = session.ended
    {
        return refuse_over(request, old_user.as_ref(), user.id, old, session, ended);
    }
    if let Err(refused) = admit(request, &user, &mut session, before) {
        return Decision::refuse(SignInRefusal::NoAccess(refused));
    }

    let session_created = before.is_none();
    if session_created && whose != Whose::Workload {
        note_visit(&mut user, request);
    }
    let surplus = match session_created {
        true => {
            let open = sessions.into_iter().filter(|row| row.user_id == user.id);
            surplus(request, open, &marks)
        }
        false => Vec::new(),
    };
    let signed_in = SignedIn {
        user_created: old_user.is_none(),
        session_created,
        email_taken,
        linked: whose == Whose::Linked,
        displaced: surplus.iter().map(|row| row.sid).collect(),
        user_changed: old_user.as_ref().is_some_and(|old| is_other(old, &user))
            || before.is_some_and(|before| says_other(request, before, &session)),
        as_of: sequence,
        user,
        session,
    };
    let old_row = old_session.map(|old| old.row);
    accept(request, signed_in, old_user, old_row, surplus)
}

/// The session that a login has already.
#[derive(Debug)]
struct OldSession {
    /// As it is stored.
    row: SessionRecord,
    /// As the marks leave it.
    as_it_is: SessionRecord,
}

/// Gives the session the scopes that it has by what is known now, whichever of its login's tokens was shown.
fn admit(
    request: &SignIn,
    user: &User,
    session: &mut SessionRecord,
    before: Option<&SessionRecord>,
) -> Result<(), NoAccess> {
    let scopes = match &request.access {
        None => Vec::new(),
        Some(rule) => rule.scopes(&Applicant {
            user,
            session,
            before,
        })?,
    };
    if let Some(claims) = &mut session.claims {
        claims.scopes = scopes;
    }
    Ok(())
}

/// Whether the user is proven or described otherwise than before.
fn is_other(old: &User, user: &User) -> bool {
    (&old.credentials, &old.profile) != (&user.credentials, &user.profile)
}

/// Whether the session says something else than before that other gateways must learn.
fn says_other(request: &SignIn, before: &SessionRecord, session: &SessionRecord) -> bool {
    before.known_claims() != session.known_claims()
        || before.added_scopes() != session.added_scopes()
        || request.tell_key && before.key() != session.key()
}

/// Answers with the session, and writes what differs from before: the user, the session and, to
/// make room for it, the ends of others.
fn accept(
    request: &SignIn,
    signed_in: SignedIn,
    old_user: Option<User>,
    old_row: Option<SessionRecord>,
    surplus: Vec<SessionRecord>,
) -> Decision {
    let (user, session) = (&signed_in.user, &signed_in.session);
    let mut changes = Vec::new();
    if signed_in.user_changed {
        changes.push(ChangeKind::UserChanged(user.id));
    }
    let mut rows = Vec::new();
    if old_row.as_ref() != Some(session) {
        rows.push(Replaced {
            old: old_row,
            new: session.clone(),
        });
    }
    for row in surplus {
        let ended = Some(Ended {
            at: request.now,
            cause: RevocationReason::Displaced,
        });
        changes.push(ChangeKind::SessionEnded(row.sid));
        rows.push(Replaced {
            new: SessionRecord {
                ended,
                ..row.clone()
            },
            old: Some(row),
        });
    }
    let opened = signed_in.session_created.then_some(session);
    let ended = rows.iter().map(|row| &row.new);
    let ended = ended.filter(|row| row.ended.is_some());
    let events = events::signed_in(request, old_user.as_ref(), user, opened, ended);
    let differs = old_user.as_ref() != Some(user);
    let user_row = differs.then(|| Replaced {
        old: old_user,
        new: user.clone(),
    });
    let has_displaced = !signed_in.displaced.is_empty();
    Decision {
        must_wait: signed_in.user_created || signed_in.user_changed || has_displaced,
        outcome: SignInOutcome::Live(Box::new(signed_in)),
        user: user_row,
        sessions: rows,
        changes,
        events,
    }
}

/// The change by which the session's issuer was switched off, when that and nothing else ended it.
fn disabled_since(session: Option<&OldSession>, marks: &[NotBefore]) -> Option<u64> {
    let OldSession { row, as_it_is } = session?;
    let ended = as_it_is.ended.filter(|_| row.ended.is_none())?;
    let mark = marks.iter().find(|mark| {
        matches!(mark.scope, RevocationScope::IssuerDisabled(_)) && mark.ends(row).is_some()
    })?;
    (ended.cause == mark.scope.cause()).then_some(mark.sequence)
}

/// The session as the marks leave it.
pub(in crate::store) fn session_as_it_is(
    mut session: SessionRecord,
    marks: &[NotBefore],
) -> SessionRecord {
    if session.ended.is_none() {
        let ends = || marks.iter().filter_map(|mark| mark.ends(&session));
        // An issuer that is back opens what its absence ended, but nothing else.
        let lasting = ends().find(|ended| ended.cause != RevocationReason::IssuerDisabled);
        session.ended = lasting.or_else(|| ends().next());
    }
    session
}

fn refusal(
    request: &SignIn,
    user: Option<&User>,
    tombstone: Option<&Tombstone>,
    marks: &[NotBefore],
) -> Option<SignInRefusal> {
    let deleted = tombstone.is_some_and(|tombstone| {
        let is_of_before = match request.issued_at {
            // Of the very second of the deletion, a token that was seen before is one of before.
            Some(issued_at) => {
                is_before(issued_at, tombstone.at, request.now)
                    || (issued_at == tombstone.at && tombstone.knew(request.sid))
            }
            None => tombstone.knew(request.sid),
        };
        request.now < tombstone.until && is_of_before
    });
    if deleted {
        return Some(SignInRefusal::UserDeleted);
    }
    if user.is_some_and(|user| user.blocked) {
        return Some(SignInRefusal::UserBlocked);
    }
    let id = user.map_or(Uuid::nil(), |user| user.id);
    if marks
        .iter()
        .any(|mark| mark.refuses(id, &request.iss, request.issued_at, request.now))
    {
        return Some(SignInRefusal::SignedOut);
    }
    let must_exist = request.provisioning == Provisioning::ExistingOnly;
    (must_exist && user.is_none()).then_some(SignInRefusal::UserUnknown)
}

/// Refuses a login whose session is over: it ended before, or ends now.
fn refuse_over(
    request: &SignIn,
    old_user: Option<&User>,
    user_id: Uuid,
    old: &OldSession,
    over: SessionRecord,
    ended: Ended,
) -> Decision {
    let ends_now = old.as_it_is.ended.is_none();
    let certain = request.now.minus(request.doubt);
    if ends_now && over_at(certain, request, user_id, &old.as_it_is).is_none() {
        // By a clock that may be ahead, nothing ends for good.
        return Decision::refuse(SignInRefusal::SessionEnded(ended));
    }
    let event = || events::ended(old_user, &over, ended);
    let event = ends_now.then(event).flatten();
    refuse_ended(ended, &old.row, over, event)
}

fn refuse_ended(
    ended: Ended,
    row: &SessionRecord,
    over: SessionRecord,
    event: Option<Event>,
) -> Decision {
    let mut decision = Decision::refuse(SignInRefusal::SessionEnded(ended));
    decision.events.extend(event);
    if row.ended.is_none() {
        decision.changes.push(ChangeKind::SessionEnded(row.sid));
    }
    let new = match row.ended {
        None => over,
        // Nothing but how long it is remembered matters any more. That moves by steps, so that whoever
        // asks again and again has nothing written down again and again.
        Some(_) if over.remember_until <= row.remember_until => return decision,
        Some(_) => SessionRecord {
            remember_until: over.remember_until.plus(REMEMBERED_LONGER),
            ..row.clone()
        },
    };
    decision.sessions.push(Replaced {
        old: Some(row.clone()),
        new,
    });
    decision
}

/// The oldest sessions, so many that one more may be opened.
fn surplus(
    request: &SignIn,
    rows: impl Iterator<Item = SessionRecord>,
    marks: &[NotBefore],
) -> Vec<SessionRecord> {
    let Some(greatest) = request.max_sessions else {
        return Vec::new();
    };
    let mut live: Vec<_> = rows
        .filter(|row| row.expires_at > request.now)
        .filter(|row| session_as_it_is(row.clone(), marks).ended.is_none())
        .collect();
    live.sort_by_key(|row| (row.opened_at, row.sid));
    live.truncate((live.len() + 1).saturating_sub(greatest.max(1)));
    live
}

/// By how much longer than a token of its login asks for an end is remembered.
const REMEMBERED_LONGER: Duration = Duration::from_secs(3600);
