//! Whose a sign-in is, and what it makes of that user.

use super::records::{external_credential, workload};
use crate::store::User;
use crate::store::sign_in::email::{follow_email, linkable};
use crate::store::sign_in::{Provisioning, SignIn};

/// Whose the identity of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A user's who has it already.
    Known,
    /// It is added to the user who holds the same address.
    Linked,
    /// A new user's.
    New,
    /// No user's.
    Workload,
}

impl Whose {
    /// Whose it is, and the record of that user, as it is; `None`: the user is new. `user` has the
    /// identity, `holder` the request's address.
    pub(super) fn of(
        request: &SignIn,
        user: Option<User>,
        holder: Option<&User>,
    ) -> (Self, Option<User>) {
        if user.is_some() {
            return (Self::Known, user);
        }
        if request.provisioning == Provisioning::None {
            // A workload is like a user who is known and stays as it is, but is kept nowhere.
            return (Self::Workload, Some(workload(request)));
        }
        match linkable(request, holder) {
            Some(holder) => (Self::Linked, Some(holder)),
            None => (Self::New, None),
        }
    }
}

/// Gives the user what the token proves: the identity, and the address as its issuer last said it.
/// True: that belongs to another user.
pub(super) fn prove(
    user: &mut User,
    whose: Whose,
    request: &SignIn,
    holder: Option<&User>,
) -> bool {
    match whose {
        Whose::Known => {}
        Whose::Linked | Whose::New => user.credentials.push(external_credential(request)),
        Whose::Workload => return false,
    }
    follow_email(user, request, holder)
}

/// Notes that the user opens a session.
pub(super) fn note_visit(user: &mut User, request: &SignIn) {
    // At each sign-in, not with each token: an older one of a login does not put it back.
    user.profile.take(&request.profile);
    user.first_visit.get_or_insert(request.now);
    user.last_visit = user.last_visit.max(Some(request.now));
}
