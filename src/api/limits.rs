//! How often a client may sign in, and a client or a user step up.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::limit::settings::Rates;
use crate::limit::{Limiter, Sharing, TooOften, client_network};
use crate::rejection::Rejection;

/// The limits of the endpoints.
#[derive(Debug)]
pub struct ApiLimits {
    sign_ins: Limiter<IpAddr>,
    refreshes: Limiter<IpAddr>,
    refreshes_of_user: Limiter<Uuid>,
    step_ups: Limiter<IpAddr>,
    step_ups_of_user: Limiter<Uuid>,
}

impl ApiLimits {
    /// Takes the settings from the configuration; with `sharing`, gateways count together.
    pub fn new(settings: &Rates, sharing: Option<&Arc<Sharing>>) -> Self {
        let tracked = settings.tracked;
        let of_client = |rate, name| Limiter::shared(rate, tracked, name, sharing);
        let of_user = |rate, name| Limiter::shared(rate, tracked, name, sharing);
        Self {
            sign_ins: of_client(settings.sign_in_per_client, "sign_in_per_client"),
            refreshes: of_client(settings.sign_in_per_client, "refresh_per_client"),
            refreshes_of_user: of_user(settings.sign_in_per_user, "refresh_per_user"),
            step_ups: of_client(settings.step_up_per_client, "step_up_per_client"),
            step_ups_of_user: of_user(settings.step_up_per_user, "step_up_per_user"),
        }
    }

    /// Counts a sign-in, successful or not.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub fn sign_in(&self, client: IpAddr) -> Result<(), Rejection> {
        let taken = self.sign_ins.take(client_network(client));
        taken.map_err(|TooOften(wait)| Rejection::too_often("client_signs_in_too_often", wait))
    }

    /// Counts a refresh with a device's signature, good or bad: like a sign-in, it writes.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub fn refresh(&self, client: IpAddr) -> Result<(), Rejection> {
        let taken = self.refreshes.take(client_network(client));
        taken.map_err(|TooOften(wait)| Rejection::too_often("client_refreshes_too_often", wait))
    }

    /// Counts the same of a user whose session is known.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub fn refresh_of(&self, user: Uuid) -> Result<(), Rejection> {
        let taken = self.refreshes_of_user.take(user);
        taken.map_err(|TooOften(wait)| Rejection::too_often("user_refreshes_too_often", wait))
    }

    /// Counts a change that a user makes of their own record: like a refresh, it writes.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub fn change(&self, client: IpAddr, user: Uuid) -> Result<(), Rejection> {
        let taken = self.refreshes.take(client_network(client));
        taken
            .and_then(|()| self.refreshes_of_user.take(user))
            .map_err(|TooOften(wait)| Rejection::too_often("user_changes_too_often", wait))
    }

    /// Counts a step-up, successful or not.
    ///
    /// # Errors
    ///
    /// There were too many.
    pub fn step_up(&self, client: IpAddr, user: Uuid) -> Result<(), Rejection> {
        let taken = self.step_ups.take(client_network(client));
        taken
            .and_then(|()| self.step_ups_of_user.take(user))
            .map_err(|TooOften(wait)| Rejection::too_often("steps_up_too_often", wait))
    }
}
