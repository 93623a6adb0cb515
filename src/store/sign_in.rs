//! The main job: from a verified external token to a user with a live session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Ended, Profile, SessionClaims, SessionRecord, Use, Used, User, workload_id};
use crate::clock::UnixTime;

mod access;
mod email;
mod events;
mod rules;

pub use access::{AccessRule, Applicant, NoAccess};
pub(super) use email::folded;
pub(super) use rules::{Decision, Found, Replaced, decide, session_as_it_is};

/// What an external token, already verified, asks of the store.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The token's `iss`.
    pub iss: String,
    /// The issuer's name in the configuration.
    pub issuer_name: String,
    /// The token's `sub`.
    pub sub: String,
    /// The token's address, when the issuer calls it verified.
    pub email: Option<String>,
    /// The `iss` of all issuers between which accounts are linked by a verified address; empty
    /// for none. Both sides must be in it.
    pub link_by_email: Vec<String>,
    /// What the token says of the user's profile.
    pub profile: Profile,
    /// Whether an unknown user is created.
    pub provisioning: Provisioning,
    /// The token's `iat`.
    pub issued_at: Option<UnixTime>,
    /// Until when the token is accepted.
    pub token_end: UnixTime,
    /// The login's id.
    pub sid: Uuid,
    /// The maximum lifetime of a session.
    pub max_age: Duration,
    /// The maximum time without activity; `None` for no limit.
    pub idle_timeout: Option<Duration>,
    /// How many live sessions a user can have; a new one ends the oldest; `None` for no limit.
    pub max_sessions: Option<usize>,
    /// From where the user signs in; stored with a new session.
    pub client_address: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// What the token says, as far as its session keeps it.
    pub claims: SessionClaims,
    /// Who may have the session, and with which scopes; `None`: everybody, with no others.
    pub access: Option<Arc<dyn AccessRule>>,
    /// Tell other gateways when another key vouches for a session, because sessions end with keys.
    pub tell_key: bool,
    /// What it takes back of addresses that the issuer said before.
    pub email_withdrawn: EmailWithdrawal,
    /// What it uses up, in the same transaction: a refused sign-in uses nothing up, and what was used
    /// up before signs nobody in.
    pub uses: Vec<Use>,
    /// The current time.
    pub now: UnixTime,
    /// By how much that may be ahead of the true time: what is over only within this is refused, and does not
    /// end.
    pub doubt: Duration,
    /// Wait until the session's row is durable, too. A proxied login need not: `sid` is the same
    /// after a crash, and a session whose row was lost is opened again by the same token.
    pub durable_session: bool,
}

/// Which addresses a token without a verified one takes back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EmailWithdrawal {
    /// None.
    #[default]
    None,
    /// All but this one, which it names without calling it verified.
    Others(String),
    /// All.
    All,
}

/// Whether users are created on first sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provisioning {
    /// Unknown users are created.
    #[default]
    Auto,
    /// An unknown user is refused; an operator makes users.
    ExistingOnly,
    /// Whoever is no user gets a session of nobody's.
    None,
}

/// What became of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInOutcome {
    /// There is a live session.
    Live(Box<SignedIn>),
    /// There is no session, and this token does not open one.
    Refused(SignInRefusal),
}

impl SignIn {
    /// The id in the user's place in sessions, where an identity that is no user's may sign in.
    pub(in crate::store) fn workload(&self) -> Option<Uuid> {
        let is_none = self.provisioning == Provisioning::None;
        is_none.then(|| workload_id(&self.iss, &self.sub))
    }
}

/// A live session and its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The user, not blocked.
    pub user: User,
    /// The session, not ended.
    pub session: SessionRecord,
    /// The user was created by this sign-in.
    pub user_created: bool,
    /// The session was opened now.
    pub session_created: bool,
    /// The token's address belongs to another user and was not taken over.
    pub email_taken: bool,
    /// The identity was added to a user who holds the same address.
    pub linked: bool,
    /// Sessions of the user that were ended to make room.
    pub displaced: Vec<Uuid>,
    /// What is known of a user has changed: the email address, or the claims or scopes of this session.
    pub user_changed: bool,
    /// The latest change that the answer knows of: a later one may concern it.
    pub as_of: u64,
}

/// Why a verified token opens no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInRefusal {
    /// This login has ended, or has reached `max_age`.
    SessionEnded(Ended),
    /// The login's session ended when its issuer was switched off, which it no longer is: by the
    /// change of this number. The login opens another one.
    IssuerWasDisabled(u64),
    /// The user, or the whole issuer, was signed out at or after the token's `iat`.
    SignedOut,
    /// The user is blocked.
    UserBlocked,
    /// The user was deleted at or after the token's `iat`.
    UserDeleted,
    /// The user does not exist, and provisioning is `existing_only`.
    UserUnknown,
    /// Refused by [`SignIn::access`].
    NoAccess(NoAccess),
    /// One of [`SignIn::uses`] was used up before.
    UsedUp,
    /// One of them was used up for what it excludes.
    UsedOtherwise,
}

impl SignInRefusal {
    /// Why a sign-in with this use is none.
    pub(super) fn of(used: Used) -> Option<Self> {
        match used {
            Used::Now => None,
            Used::Before => Some(Self::UsedUp),
            Used::Otherwise => Some(Self::UsedOtherwise),
        }
    }
}
