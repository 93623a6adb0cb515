//! How often clients may fail, and users sign in by the API.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::jwt::Verified;
use crate::limit::{Limiter, TooOften, client_network, settings};
use crate::rejection::{Code, Rejection};

/// The limits of one exchange.
#[derive(Debug)]
pub struct Rates {
    failed: Limiter<IpAddr>,
    sign_ins: Limiter<u64>,
    hasher: RandomState,
}

impl Rates {
    /// Takes the settings from the configuration.
    pub fn new(settings: &settings::Rates) -> Self {
        Self {
            failed: Limiter::new(settings.failed_per_client, settings.tracked),
            sign_ins: Limiter::new(settings.sign_in_per_user, settings.tracked),
            hasher: RandomState::new(),
        }
    }

    /// Whether something new of this client may be looked at.
    ///
    /// # Errors
    ///
    /// Too much of what it showed did not verify.
    pub fn may_try(&self, client: Option<IpAddr>) -> Result<(), Rejection> {
        client.map_or(Ok(()), |address| {
            let looked = self.failed.look(client_network(address));
            looked.map_err(|TooOften(wait)| Rejection::too_often("client_failed_too_often", wait))
        })
    }

    /// Counts failed verifications. Tokens that used to be valid do not count, because browsers
    /// keep sending the cookies that they were given.
    pub fn count(&self, client: Option<IpAddr>, rejection: &Rejection) {
        if let (Some(address), Code::TokenInvalid) = (client, rejection.code) {
            // Once the bucket is empty there is no more to count.
            let _ = self.failed.take(client_network(address));
        }
    }

    /// Counts a sign-in of a verified user.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub(super) fn sign_in(&self, verified: &Verified) -> Result<(), Rejection> {
        // Users whose hashes are equal share a limit, no more.
        let user = self.hasher.hash_one((verified.iss(), verified.subject()));
        let taken = self.sign_ins.take(user);
        taken.map_err(|TooOften(wait)| Rejection::too_often("user_signs_in_too_often", wait))
    }
}
