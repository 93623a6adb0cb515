//! The name under which an issuer's logout finds the session of a login.
//!
//! It is durable before the session is opened, so that no logout that comes between the two is lost: it
//! ends the session by its id, and the store then refuses to open it. It names no session that the store
//! refuses, so that a refused sign-in writes nothing, and a logout never ends an earlier session of the
//! login instead of the one that lives.

use uuid::Uuid;

use super::SessionDirectory;
use crate::exchange::session_handle::SessionHandle;
use crate::exchange::store_failure::store_failed;
use crate::rejection::Rejection;
use crate::store::{Digest, SignIn, SignInOutcome};

/// The name of a login, during one sign-in.
pub(super) struct Alias {
    name: Digest,
    /// The session for which it was written down during this sign-in.
    of: Option<Uuid>,
}

impl Alias {
    pub(super) fn new(name: Digest) -> Self {
        Self { name, of: None }
    }

    /// Whether it may not lead to this session yet.
    pub(super) fn is_missing(&self, sid: Uuid, handle: &SessionHandle) -> bool {
        match self.of {
            Some(of) => of != sid,
            None => !handle.is_known(),
        }
    }
}

impl SessionDirectory {
    /// Whether the store would open or continue the session. Changes nothing.
    pub(super) async fn would_open(&self, request: &SignIn) -> Result<bool, Rejection> {
        let outcome = self.store.preview_sign_in(request.clone()).await;
        let outcome = outcome.map_err(|error| store_failed(&error))?;
        Ok(matches!(outcome, SignInOutcome::Live(_)))
    }

    /// Writes the name down for the session of a request.
    pub(super) async fn put_alias(
        &self,
        alias: &mut Alias,
        request: &SignIn,
    ) -> Result<(), Rejection> {
        let until = request.now.plus(request.max_age).max(request.token_end);
        let written = self
            .store
            .put_session_alias(alias.name, request.sid, until)
            .await;
        written.map_err(|error| store_failed(&error))?;
        alias.of = Some(request.sid);
        Ok(())
    }
}
