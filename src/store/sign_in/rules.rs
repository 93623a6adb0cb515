//! The rules of a sign-in, apart from any engine.
//!
//! An engine reads what it has about the request ([`Found`]), asks [`decide`], and writes what
//! the [`Decision`] says, all in one transaction.

use std::time::Duration;

use uuid::Uuid;

use super::email::{follow_email, linkable, remembered};
use super::{
    Applicant, NoAccess, Provisioning, SignIn, SignInOutcome, SignInRefusal, SignedIn, events,
};
use crate::store::record::is_before;
use crate::store::{
    ChangeKind, Ended, Event, NotBefore, RevocationReason, RevocationScope, SessionRecord,
    Tombstone, User,
};

mod records;

use records::{continued, external_credential, new_user, opened, over_at, workload};

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
    let known = user.is_some();
    let is_workload = !known && request.provisioning == Provisioning::None;
    let mergeable = if known || is_workload {
        None
    } else {
        linkable(request, email_holder.as_ref())
    };
    let linked = mergeable.is_some();
    // A workload is like a user who is known and stays as it is, but is kept nowhere.
    let workload = is_workload.then(|| workload(request));
    let old_user = user.or(mergeable).or(workload);
    if let Some(refusal) = refusal(request, old_user.as_ref(), tombstone.as_ref(), &marks) {
        return Decision::refuse(refusal);
    }

    let mut user = old_user.clone().unwrap_or_else(|| new_user(request.now));
    if !known && !is_workload {
        user.credentials.push(external_credential(request));
    }
    let email_taken = match is_workload {
        true => false,
        false => follow_email(&mut user, request, email_holder.as_ref()),
    };
    let proven = old_user
        .as_ref()
        .is_some_and(|old| old.credentials == user.credentials);

    let old_session = session.map(|row| (session_as_it_is(row.clone(), &marks), row));
    if let Some(sequence) = disabled_since(&old_session, &marks) {
        return Decision::refuse(SignInRefusal::IssuerWasDisabled(sequence));
    }
    let mut session = match &old_session {
        None => {
            let email = remembered(&user, request, None);
            opened(request, user.id, sequence, email)
        }
        Some((as_it_is, row)) => {
            let email = remembered(&user, request, as_it_is.claims.as_ref());
            let session = continued(request, user.id, as_it_is, sequence, email);
            if let Some(ended) = session.ended {
                let ends_now = as_it_is.ended.is_none();
                let certain = request.now.minus(request.doubt);
                if ends_now && over_at(certain, request, user.id, as_it_is).is_none() {
                    // By a clock that may be ahead, nothing ends for good.
                    return Decision::refuse(SignInRefusal::SessionEnded(ended));
                }
                let event = || events::ended(old_user.as_ref(), &session, ended);
                let event = ends_now.then(event).flatten();
                return refuse_ended(ended, row, session, event);
            }
            session
        }
    };
    let before = old_session.as_ref().map(|(as_it_is, _)| as_it_is);
    if let Err(refused) = admit(request, &user, &mut session, before) {
        return Decision::refuse(SignInRefusal::NoAccess(refused));
    }
    let session_created = old_session.is_none();
    let says_other = before.is_some_and(|as_it_is| {
        as_it_is.known_claims() != session.known_claims()
            || as_it_is.added_scopes() != session.added_scopes()
            || request.tell_key && as_it_is.key() != session.key()
    });
    let mut describes_other = false;
    if session_created && !is_workload {
        // At each sign-in, not with each token: an older one of a login does not put it back.
        user.profile.take(&request.profile);
        describes_other = old_user
            .as_ref()
            .is_some_and(|old| old.profile != user.profile);
        user.first_visit.get_or_insert(request.now);
        user.last_visit = user.last_visit.max(Some(request.now));
    }

    let mut changes = Vec::new();
    let user_changed = old_user.is_some() && !proven || says_other || describes_other;
    if user_changed {
        changes.push(ChangeKind::UserChanged(user.id));
    }
    let mut rows = Vec::new();
    let old_row = old_session.map(|(_, row)| row);
    if old_row.as_ref() != Some(&session) {
        rows.push(Replaced {
            old: old_row,
            new: session.clone(),
        });
    }
    let mut displaced = Vec::new();
    if session_created {
        let open = sessions.into_iter().filter(|row| row.user_id == user.id);
        for row in surplus(request, open, &marks) {
            let ended = Some(Ended {
                at: request.now,
                cause: RevocationReason::Displaced,
            });
            displaced.push(row.sid);
            changes.push(ChangeKind::SessionEnded(row.sid));
            rows.push(Replaced {
                new: SessionRecord {
                    ended,
                    ..row.clone()
                },
                old: Some(row),
            });
        }
    }
    let opened = session_created.then_some(&session);
    let ended = rows.iter().map(|row| &row.new);
    let ended = ended.filter(|row| row.ended.is_some());
    let events = events::signed_in(request, old_user.as_ref(), &user, opened, ended);
    let user_row = (old_user.as_ref() != Some(&user)).then(|| Replaced {
        old: old_user.clone(),
        new: user.clone(),
    });
    Decision {
        must_wait: !proven || says_other || describes_other || !displaced.is_empty(),
        outcome: SignInOutcome::Live(Box::new(SignedIn {
            user,
            session,
            user_created: old_user.is_none(),
            session_created,
            email_taken,
            linked,
            displaced,
            user_changed,
            as_of: sequence,
        })),
        user: user_row,
        sessions: rows,
        changes,
        events,
    }
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

/// The change by which the session's issuer was switched off, when that and nothing else ended it.
fn disabled_since(
    session: &Option<(SessionRecord, SessionRecord)>,
    marks: &[NotBefore],
) -> Option<u64> {
    let (as_it_is, row) = session.as_ref()?;
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
