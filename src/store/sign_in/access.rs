//! Who may have a session, which somebody else than the store decides by what the store knows.

use std::fmt;

use crate::store::{SessionRecord, User};

/// Decides within a sign-in, before anything is written.
///
/// Each token of a login leads to the same scopes, if they come from the records alone.
pub trait AccessRule: fmt::Debug + Send + Sync {
    /// The scopes of the session in addition to those of every session.
    ///
    /// # Errors
    ///
    /// There is to be no session.
    fn scopes(&self, applicant: &Applicant<'_>) -> Result<Vec<String>, NoAccess>;
}

/// Who signs in.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// The user, or what stands for one, as the sign-in would leave it.
    pub user: &'a User,
    /// The session, as the sign-in would leave it.
    pub session: &'a SessionRecord,
    /// The session, as it is; `None`: it is to be opened.
    pub before: Option<&'a SessionRecord>,
}

/// Why there is to be no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAccess {
    /// The user is kept out.
    Blocked,
    /// The user is not among those who are let in.
    NotListed,
    /// The same, where those are let in whose token says a claim that the session does not know.
    ClaimUnknown,
    /// The session would not have a scope that it is asked for.
    ScopeNotHeld,
}
