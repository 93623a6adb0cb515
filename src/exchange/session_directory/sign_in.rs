//! Finding or creating a user, and opening or continuing the session, in the store.

use tracing::{info, warn};
use uuid::Uuid;

use super::alias::Alias;
use super::{ATTEMPTS, SessionDirectory};
use crate::exchange::session_handle::Lease;
use crate::exchange::store_failure::{sessions_ending, store_failed};
use crate::rejection::Rejection;
use crate::store::{
    Digest, RevocationReason, SignIn, SignInOutcome, SignInRefusal, SignedIn, StoreError,
};

impl SessionDirectory {
    /// Asks the store for the user and the session. A revocation from now on ends the session's
    /// handle. `index` is another name under which the session can be found: it is written down before
    /// the session is, and for no other than that which the store opens or continues.
    /// `reopen` returns the session that the login has since its issuer was disabled by a change of
    /// the store.
    pub(in crate::exchange) async fn sign_in(
        &self,
        mut request: SignIn,
        index: Option<Digest>,
        reopen: impl Fn(u64) -> Uuid,
    ) -> Result<(SignedIn, Lease), Rejection> {
        request.doubt = self.certain.doubt(request.now);
        let first = request.sid;
        let mut alias = index.map(Alias::new);
        for _ in 0..ATTEMPTS {
            let pending = self.registry.ask(request.sid);
            let handle = &pending.lease.handle;
            self.write_before_idle(request.sid, handle).await?;
            let unnamed = alias
                .as_mut()
                .filter(|alias| alias.is_missing(request.sid, handle));
            let mut is_missing = unnamed.is_some();
            if let Some(alias) = unnamed
                && self.would_open(&request).await?
            {
                self.put_alias(alias, &request).await?;
                is_missing = false;
                if request.sid != first {
                    // A logout that came before found the earlier session of the login, and ended that.
                    request.sid = first;
                    continue;
                }
            }
            let outcome = self.store.sign_in(request.clone()).await;
            let signed_in = match outcome.map_err(|error| store_failed(&error))? {
                SignInOutcome::Live(signed_in) => signed_in,
                SignInOutcome::Refused(SignInRefusal::IssuerWasDisabled(epoch)) => {
                    request.sid = reopen(epoch);
                    continue;
                }
                SignInOutcome::Refused(refusal) => return Err(refusal.into()),
            };
            // What is asked again has them.
            request.uses.clear();
            self.count_created(&request.issuer_name, &signed_in);
            for sid in &signed_in.displaced {
                self.registry.end(*sid);
                self.count_end("session", RevocationReason::Displaced);
            }
            if signed_in.user_changed {
                // Here at once; other gateways hear of it by the store's changes.
                self.registry.revise_user(signed_in.user.id);
                continue;
            }
            if is_missing {
                // What stood against it a moment ago does so no longer.
                continue;
            }
            if let Some(lease) = self.registry.answered(pending, &signed_in.session) {
                return Ok((*signed_in, lease));
            }
        }
        Err(sessions_ending())
    }

    /// The session that the sign-in would have now, and why the store would refuse it. Changes nothing.
    pub(in crate::exchange) async fn preview_sign_in(
        &self,
        mut request: SignIn,
        reopen: impl Fn(u64) -> Uuid,
    ) -> Result<(Uuid, Option<SignInRefusal>), StoreError> {
        let mut refusal = None;
        for _ in 0..ATTEMPTS {
            refusal = match self.store.preview_sign_in(request.clone()).await? {
                SignInOutcome::Live(_) => None,
                SignInOutcome::Refused(refusal) => Some(refusal),
            };
            match refusal {
                Some(SignInRefusal::IssuerWasDisabled(epoch)) => request.sid = reopen(epoch),
                _ => break,
            }
        }
        Ok((request.sid, refusal))
    }

    fn count_created(&self, issuer: &str, signed_in: &SignedIn) {
        let metrics = &self.metrics;
        if signed_in.user_created {
            metrics.users_created.with_label_values(&[issuer]).inc();
            info!(issuer, user = %signed_in.user.id, "user created");
        }
        if signed_in.session_created {
            metrics.sessions_created.with_label_values(&[issuer]).inc();
        }
        if signed_in.email_taken {
            metrics.emails_taken.with_label_values(&[issuer]).inc();
            warn!(issuer, user = %signed_in.user.id, "verified email belongs to another user");
        }
    }
}
