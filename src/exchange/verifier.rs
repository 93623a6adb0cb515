//! Verifying external tokens by the issuers of one configuration.

use std::sync::Arc;

use super::settings::Settings;
use crate::clock::UnixTime;
use crate::credential::Credential;
use crate::jwt::{self, AssertionForm, Issuer, Issuers, Refusal, Unverified, Verified};
use crate::metrics::{Metrics, OTHER};
use crate::rejection::{Code, Rejection};

/// Verifies tokens, and lets an issuer's keys be fetched again where one is missing.
pub struct TokenVerifier {
    issuers: Arc<Issuers>,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
}

impl TokenVerifier {
    pub(super) fn new(
        issuers: Arc<Issuers>,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            issuers,
            settings,
            metrics,
        }
    }

    /// The issuers in force.
    pub(super) fn issuers(&self) -> &Arc<Issuers> {
        &self.issuers
    }

    /// Reads a token as far as that goes without a key.
    pub(super) fn parse<'a>(&self, token: &'a str) -> Result<Unverified<'a>, Refusal> {
        Unverified::parse(token, self.issuers.max_token_size())
    }

    /// Verifies a login token.
    pub(super) async fn verify(
        &self,
        unverified: &Result<Unverified<'_>, Refusal>,
        now: UnixTime,
    ) -> Result<Verified, Refusal> {
        let unverified = unverified.as_ref().map_err(Refusal::clone)?;
        let verify = |issuers: &Issuers| self.timed(unverified, issuers, now);
        self.with_keys(unverified.text(), verify).await
    }

    /// Verifies a login token by the keys that are known: none is fetched.
    pub(super) fn verify_by_known_keys(
        &self,
        unverified: &Result<Unverified<'_>, Refusal>,
        now: UnixTime,
    ) -> Result<Verified, Refusal> {
        let unverified = unverified.as_ref().map_err(Refusal::clone)?;
        self.timed(unverified, &self.issuers, now)
    }

    fn timed(
        &self,
        unverified: &Unverified<'_>,
        issuers: &Issuers,
        now: UnixTime,
    ) -> Result<Verified, Refusal> {
        let _timer = self.metrics.verify_duration.start_timer();
        unverified.verify(issuers, now)
    }

    /// Verifies an assertion for a session that was opened by a token with this `iss`.
    ///
    /// # Errors
    ///
    /// As for a login token, but that `iss` and audience may be left out.
    pub async fn verify_assertion(&self, token: &str, iss: &str) -> Result<Verified, Rejection> {
        let now = UnixTime::now();
        self.with_keys(token, |issuers| {
            jwt::verify_assertion(token, issuers, now, iss)
        })
        .await
        .map_err(|refusal| Rejection::from(&refusal))
    }

    /// Verifies an assertion that is for `own` as an authorization server.
    pub(super) async fn verify_grant(
        &self,
        token: &str,
        form: AssertionForm,
        own: &str,
    ) -> Result<Verified, Rejection> {
        let now = UnixTime::now();
        self.with_keys(token, |issuers| {
            jwt::verify_grant(token, issuers, now, (form, own))
        })
        .await
        .map_err(|refusal| Rejection::from(&refusal))
    }

    /// Tries, and once more when no key verified the token and a fetch brought other keys.
    pub(super) async fn with_keys<T>(
        &self,
        token: &str,
        attempt: impl Fn(&Issuers) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let refusal = match attempt(&self.issuers) {
            Err(refusal) if refusal.is_by_keys() => refusal,
            decided => return decided,
        };
        let wanted = refusal.wanted_key(token);
        let Some((issuer, wanted)) = refusal.issuer().cloned().zip(wanted) else {
            return Err(refusal);
        };
        match issuer.keys().refetch_for(&wanted).await {
            true => attempt(&self.issuers),
            false => Err(refusal),
        }
    }

    /// Refuses a token that claims to be of one issuer in another one's place.
    pub(super) fn check_place(
        &self,
        credential: &Credential<'_>,
        iss: &str,
    ) -> Result<(), Rejection> {
        match self.issuers.get(iss) {
            Some(issuer) if !credential.admits(issuer.name()) => Err(wrong_place()),
            _ => Ok(()),
        }
    }

    /// The configured issuer that a refused token names, as a label. Verified or not, it is the
    /// issuer whose operators need to know.
    pub fn issuer_label(&self, credential: &Credential<'_>) -> Arc<str> {
        match self.named_issuer(credential) {
            Some(issuer) => Arc::clone(issuer.name()),
            None => OTHER.into(),
        }
    }

    /// The configured issuer that a token names, verified or not.
    pub fn named_issuer(&self, credential: &Credential<'_>) -> Option<&Arc<Issuer>> {
        let iss = jwt::unverified_issuer(credential.token.expose())?;
        self.issuers.get(&iss)
    }

    /// Whether browsers can log out at the provider of this name.
    pub fn has_logout_page(&self, name: &str) -> bool {
        let issuer = self.issuers.by_name(name);
        issuer.is_some_and(|issuer| issuer.end_session_endpoint().is_some())
    }

    /// The issuer of a session, with its generation, as long as sessions end with their issuers.
    pub(super) fn issuer_in_force(
        &self,
        iss: &str,
    ) -> Result<Option<(Arc<Issuer>, u64)>, Rejection> {
        if self.settings.outlive_issuer {
            return Ok(None);
        }
        let gone = |reason| Rejection::new(Code::LoginRequired, reason);
        let issuer = self
            .issuers
            .get(iss)
            .ok_or_else(|| gone("issuer_removed"))?;
        // Before the switch is looked at: a turn in between makes another generation.
        let generation = issuer.generation();
        match issuer.enabled() {
            true => Ok(Some((Arc::clone(issuer), generation))),
            false => Err(gone("issuer_disabled")),
        }
    }
}

/// The refusal of a token in another issuer's place.
pub(super) fn wrong_place() -> Rejection {
    Rejection::new(Code::TokenInvalid, "issuer_mismatch")
}
