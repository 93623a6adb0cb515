//! How often clients may fail, and users sign in by the API.

use std::net::IpAddr;
use std::sync::Arc;

use super::cookie::COOKIE_UNKNOWN;
use super::self_issued::OWN_SIGNATURE_INVALID;
use crate::jwt::{Reason, Verified};
use crate::limit::{Limiter, Sharing, TooOften, client_network, settings};
use crate::rejection::{Code, Rejection};
use crate::store::Digest;

/// The limits of one exchange.
pub struct Rates {
    failed: Limiter<IpAddr>,
    lapsed: Limiter<IpAddr>,
    unknown: Limiter<IpAddr>,
    sign_ins: Limiter<u128>,
    sharing: Option<Arc<Sharing>>,
}

impl Rates {
    /// Takes the settings from the configuration; with `sharing`, gateways count together.
    pub fn new(settings: &settings::Rates, sharing: Option<Arc<Sharing>>) -> Self {
        let (tracked, shared) = (settings.tracked, sharing.as_ref());
        let failed = settings.failed_per_client;
        let sign_ins = settings.sign_in_per_user;
        Self {
            failed: Limiter::shared(failed, tracked, "failed_per_client", shared),
            // It keeps nobody out, so gateways need not agree.
            lapsed: Limiter::shared(failed, tracked, "lapsed_per_client", None),
            // Each gateway asks the store for itself.
            unknown: Limiter::shared(failed, tracked, "unknown_per_client", None),
            sign_ins: Limiter::shared(sign_ins, tracked, "sign_in_per_user", shared),
            sharing,
        }
    }

    /// How gateways count together, if they do.
    pub fn sharing(&self) -> Option<&Arc<Sharing>> {
        self.sharing.as_ref()
    }

    /// Whether something new of this client may be looked at.
    ///
    /// # Errors
    ///
    /// Too much of what it showed did not verify.
    pub fn may_try(&self, client: Option<IpAddr>) -> Result<(), Rejection> {
        look(&self.failed, client)
    }

    /// Counts failed verifications. Tokens that used to be valid do not count, because browsers
    /// keep sending the cookies that they were given.
    pub fn count(&self, client: Option<IpAddr>, rejection: &Rejection) {
        if let (Some(address), Code::TokenInvalid) = (client, rejection.code) {
            // Once the bucket is empty there is no more to count.
            let _ = self.failed.take(client_network(address));
        }
    }

    /// Whether an issuer's cookie of this client that is past its end may be verified, for the sake of
    /// the reason alone.
    ///
    /// # Errors
    ///
    /// Too many of them did not verify. Their client may go on with everything else.
    pub(super) fn may_verify_lapsed(&self, client: Option<IpAddr>) -> Result<(), Rejection> {
        look(&self.lapsed, client)
    }

    /// Counts what such a cookie cost: a signature that did not verify. What else may be wrong with it
    /// shows without one, or only in a token that its issuer signed.
    pub(super) fn count_lapsed(&self, client: Option<IpAddr>, rejection: &Rejection) {
        let signatures = [Reason::SignatureInvalid.code(), OWN_SIGNATURE_INVALID];
        if let Some(address) = client
            && signatures.contains(&rejection.reason)
        {
            let _ = self.lapsed.take(client_network(address));
        }
    }

    /// Whether the store may be asked for a session cookie of this client. Nothing about one says that it was
    /// made up, so anybody could ask the store as often as requests come.
    ///
    /// # Errors
    ///
    /// Too many of them were nobody's. Their client may go on with everything else.
    pub(super) fn may_look_up(&self, client: Option<IpAddr>) -> Result<(), Rejection> {
        look(&self.unknown, client)
    }

    /// Counts a session cookie that the store was asked for in vain. One whose session has ended is known.
    pub(super) fn count_unknown(&self, client: Option<IpAddr>, rejection: &Rejection) {
        if let (Some(address), COOKIE_UNKNOWN) = (client, rejection.reason) {
            let _ = self.unknown.take(client_network(address));
        }
    }

    /// Counts a sign-in of a verified user.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub(super) fn sign_in(&self, verified: &Verified) -> Result<(), Rejection> {
        let Digest(user) = Digest::of(&[verified.iss(), verified.subject()]);
        // Half of it is enough; it is there.
        let user = user
            .first_chunk()
            .map_or(0, |half| u128::from_be_bytes(*half));
        let taken = self.sign_ins.take(user);
        taken.map_err(|TooOften(wait)| Rejection::too_often("user_signs_in_too_often", wait))
    }
}

fn look(limiter: &Limiter<IpAddr>, client: Option<IpAddr>) -> Result<(), Rejection> {
    client.map_or(Ok(()), |address| {
        let looked = limiter.look(client_network(address));
        looked.map_err(|TooOften(wait)| Rejection::too_often("client_failed_too_often", wait))
    })
}
