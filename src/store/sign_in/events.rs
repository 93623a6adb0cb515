//! What a sign-in makes happen.

use uuid::Uuid;

use super::SignIn;
use crate::store::{Ended, Event, EventKind, SessionRecord, User};

/// The events of a sign-in that opens or continues a session. Of a workload, which is no user, there
/// are none.
pub(super) fn signed_in<'a>(
    request: &SignIn,
    old: Option<&User>,
    user: &'a User,
    opened: Option<&SessionRecord>,
    displaced: impl Iterator<Item = &'a SessionRecord>,
) -> Vec<Event> {
    if crate::store::is_workload(user.id) {
        return Vec::new();
    }
    let of_user = match old {
        None => Some(EventKind::UserCreated),
        Some(old) if (&old.credentials, &old.profile) != (&user.credentials, &user.profile) => {
            Some(EventKind::UserUpdated)
        }
        Some(_) => None,
    };
    let of_user = of_user.map(|kind| Event::of_user(kind, request.now, user));
    let displaced =
        displaced.filter_map(|session| Event::session_revoked(Some(user), session, session.ended?));
    let opened = opened.map(|session| Event::session_created(user, session));
    of_user.into_iter().chain(displaced).chain(opened).collect()
}

/// The event of a session that its login found over, or to be over by now.
pub(super) fn ended(user: Option<&User>, session: &SessionRecord, ended: Ended) -> Option<Event> {
    // The row may be of a user who is gone, whose login comes back.
    let user = user.filter(|user| user.id == session.user_id);
    let is_known = session.user_id != Uuid::nil();
    is_known.then(|| Event::session_revoked(user, session, ended))?
}
