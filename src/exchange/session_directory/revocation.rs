//! Ending sessions: one, all of a user, of an issuer, or under a signing key.
//!
//! An end is written down first and takes effect here next, so that an end that was answered is
//! never lost, and one that could not be written down is refused instead. From then on every
//! cached token of the session misses and every stream under it is cut. What other gateways
//! ended comes by the store's feed of changes ([`ChangeFollower`](crate::exchange::ChangeFollower)).

use std::time::Duration;

use tracing::{debug, info, warn};
use uuid::Uuid;

use super::SessionDirectory;
use crate::clock::UnixTime;
use crate::exchange::session_handle::MassEnd;
use crate::jwt::Issuer;
use crate::store::{
    Change, ChangeKind, Description, End, Once, RevocationReason, RevocationScope, SessionRecord,
    StoreError, User,
};

impl SessionDirectory {
    /// Ends one session permanently. `None` if it was unknown; its id can then never be opened.
    ///
    /// # Errors
    ///
    /// The store failed to record the end; the session continues.
    pub async fn end_session(
        &self,
        sid: Uuid,
        cause: RevocationReason,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let ended = self.store.end_session(sid, cause, UnixTime::now()).await?;
        self.end_here(sid, cause);
        Ok(ended)
    }

    /// Ends all open sessions of a scope. External tokens that were issued up to now open no
    /// other.
    ///
    /// # Errors
    ///
    /// The store did not write it down, or there is no such signing key.
    pub async fn end_sessions(&self, scope: RevocationScope) -> Result<(), StoreError> {
        let now = UnixTime::now();
        self.store.end_sessions(scope.clone(), now).await?;
        self.end_scope_here(&scope);
        Ok(())
    }

    /// Ends what `end` says, if `once` was not used before, which then it is. False: it was,
    /// and nothing ends.
    ///
    /// # Errors
    ///
    /// The store wrote neither down.
    pub(in crate::exchange) async fn end_once(
        &self,
        once: Once,
        end: Option<End>,
    ) -> Result<bool, StoreError> {
        let first = self
            .store
            .end_once(once, end.clone(), UnixTime::now())
            .await?;
        match end.filter(|_| first) {
            Some(End::Session(sid, cause)) => self.end_here(sid, cause),
            Some(End::Sessions(scope)) => self.end_scope_here(&scope),
            None => {}
        }
        Ok(first)
    }

    /// Ends the sessions for which this key of an issuer vouched last, because the issuer
    /// removed it. Every gateway notices that itself; each stores the end again, so that it covers
    /// what a gateway did before it noticed. Repeated until the store has it.
    pub async fn end_sessions_under(&self, issuer: &Issuer, key: &str) {
        for accepted in issuer.settings().accepted_iss() {
            let scope = RevocationScope::IssuerKey(accepted.iss, key.to_owned());
            // Here at once, whatever the store says.
            self.end_many_here(&scope, u64::MAX);
            while let Err(error) = self.end_sessions(scope.clone()).await {
                warn!(issuer = %issuer.name(), %error, "the end of sessions is not written down yet");
                tokio::time::sleep(RETRY_END).await;
            }
        }
    }

    /// Blocks a user, which ends all sessions, or lets the user sign in again. Returns the user
    /// afterwards, if there is one.
    pub async fn set_blocked(&self, id: Uuid, blocked: bool) -> Result<Option<User>, StoreError> {
        let now = UnixTime::now();
        let user = self.store.set_blocked(id, blocked, now).await?;
        if blocked {
            self.count_end("user", RevocationReason::UserRemoved);
            self.end_many_here(&RevocationScope::User(id), u64::MAX);
        }
        Ok(user)
    }

    /// Changes what a user is called and what is kept with the user; the user afterwards, if there
    /// is one.
    pub async fn describe_user(
        &self,
        id: Uuid,
        description: Description,
    ) -> Result<Option<User>, StoreError> {
        let now = UnixTime::now();
        let user = self.store.describe_user(id, description, now).await?;
        // Here at once; other gateways hear of it by the store's changes.
        self.registry.revise_user(id);
        Ok(user)
    }

    /// Takes out a user with everything known of it. The user who was, if there was one.
    pub async fn delete_user(&self, id: Uuid) -> Result<Option<User>, StoreError> {
        let now = UnixTime::now();
        let until = now.plus(TOMBSTONE);
        let user = self.store.delete_user(id, now, until).await?;
        self.count_end("user", RevocationReason::UserRemoved);
        self.end_many_here(&RevocationScope::User(id), u64::MAX);
        Ok(user)
    }

    /// Does here what a change of the store's feed asks for.
    pub(in crate::exchange) fn apply(&self, change: &Change) {
        let sequence = change.sequence;
        match &change.kind {
            ChangeKind::SessionEnded(sid) => {
                self.registry.end(*sid);
            }
            ChangeKind::SessionsEnded(scope) => {
                self.end_many_here(scope, sequence);
            }
            ChangeKind::UserBlocked(user) | ChangeKind::UserDeleted(user) => {
                self.end_many_here(&RevocationScope::User(*user), sequence);
            }
            ChangeKind::UserChanged(user) => self.registry.revise_user(*user),
            ChangeKind::UserUnblocked(_) => {}
            ChangeKind::SettingChanged(_) | ChangeKind::SigningKeysChanged => {}
        }
    }

    /// Ends every session here, and here alone, and says how many: the next request of each asks the
    /// store again.
    pub(in crate::exchange) fn end_all_here(&self) -> usize {
        self.registry.end_all()
    }

    /// Revises the sessions of a user here at once; other gateways hear of it by the store's changes.
    pub(in crate::exchange) fn revise_user(&self, user: Uuid) {
        self.registry.revise_user(user);
    }

    /// Ends what the store no longer calls alive, for when changes were missed.
    pub(in crate::exchange) async fn look_up_again(&self) -> Result<(), StoreError> {
        let now = UnixTime::now();
        self.registry.revise_all();
        for sid in self.registry.sids() {
            let session = self.store.session(sid).await?;
            if session.is_none_or(|session| session.ended.is_some() || session.expires_at <= now) {
                self.registry.end(sid);
            }
        }
        Ok(())
    }

    /// What the store has ended is over here, too.
    fn end_here(&self, sid: Uuid, cause: RevocationReason) {
        self.registry.end(sid);
        self.count_end("session", cause);
        info!(%sid, ?cause, "session ended");
    }

    /// The same of all sessions of a scope.
    fn end_scope_here(&self, scope: &RevocationScope) {
        self.count_end(scope.label(), scope.cause());
        match self.end_many_here(scope, u64::MAX) {
            // A gateway that had none of them open has nothing to say.
            0 => debug!(?scope, "no session to end here"),
            sessions => info!(?scope, sessions, "sessions ended"),
        }
    }

    fn end_many_here(&self, scope: &RevocationScope, sequence: u64) -> usize {
        self.registry.end_many(&MassEnd { scope, sequence })
    }

    pub(super) fn count_end(&self, scope: &str, cause: RevocationReason) {
        let ends = &self.metrics.session_ends;
        ends.with_label_values(&[scope, cause.label()]).inc();
    }
}

/// Between attempts to write an end down that nobody else will ask for again.
const RETRY_END: Duration = Duration::from_secs(1);
/// How long a deleted user's tokens are refused: longer than external tokens live.
const TOMBSTONE: Duration = Duration::from_secs(30 * 24 * 3600);

#[cfg(test)]
mod tests;
