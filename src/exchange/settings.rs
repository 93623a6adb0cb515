//! What an exchange is configured by.

use std::sync::Arc;
use std::time::Duration;

use super::forward::Forward;
use crate::canonical::AllowedOrigin;
use crate::clock::UnixTime;
use crate::identity::Policy;
use crate::session::settings::DeviceBound;
use crate::store::SessionRecord;

/// What an exchange is configured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How long sessions last, and whose they are.
    pub policy: Policy,
    /// Set session cookies, and take them.
    pub session_cookie: bool,
    /// Session tokens are given to browsers in the SDK's cookie.
    pub sdk_cookie: bool,
    /// Whether sessions of those cookies are bound to devices.
    pub device_bound: DeviceBound,
    /// How long the cookie of a bound session lasts.
    pub device_bound_ttl: Duration,
    /// The scopes that assertions ask for.
    pub step_up_scopes: Vec<String>,
    /// Sessions go on when their issuer is switched off or taken out of the configuration.
    pub outlive_issuer: bool,
    /// How long sessions are trusted while the store's changes cannot be received; `None` for no
    /// limit.
    pub max_staleness: Option<Duration>,
    /// Other gateways open sessions in the same store.
    pub shares_store: bool,
    /// How session tokens reach upstreams.
    pub forward: Forward,
    /// Keep users' email addresses, because upstreams or clients get them.
    pub keep_email: bool,
    /// Keep the names of users' issuers, because upstreams get them.
    pub keep_issuer: bool,
    /// Audiences in addition to the usual one by which a session token is the gateway's own: pages that
    /// sign in. A token for any other is for the route of that audience alone.
    pub pages: Vec<AllowedOrigin>,
    /// The identifiers of protected resources, for which tokens can be.
    pub resources: Vec<Arc<str>>,
    /// Digests whose session is remembered. Taken at the start only.
    pub cached_sessions: usize,
    /// About how many bytes of memory those may take. Taken at the start only.
    pub cached_bytes: u64,
    /// Digests of refused tokens that are remembered. Taken at the start only.
    pub cached_refusals: usize,
}

impl Settings {
    /// From when on credentials of before a session's binding count no more by themselves. `None`: it
    /// is not bound.
    pub(super) fn alone_until(&self, record: &SessionRecord) -> Option<UnixTime> {
        let device = record.device.as_ref();
        let device = device.filter(|_| self.device_bound.is_on())?;
        Some(device.bound_at.plus(self.device_bound_ttl))
    }

    /// Until when a session token of our own counts without the device's cookie: where browsers get them
    /// in a cookie, those of before the binding end with it.
    pub(super) fn own_token_until(
        &self,
        record: &SessionRecord,
        issued_at: UnixTime,
    ) -> Option<UnixTime> {
        let device = record.device.as_ref()?;
        let is_of_before = self.sdk_cookie && issued_at <= device.bound_at;
        self.alone_until(record).filter(|_| is_of_before)
    }

    /// Whether a session that was opened under these settings is what it would be under the others, so that both
    /// may find it in the cache.
    pub(super) fn makes_same_sessions_as(&self, other: &Self) -> bool {
        self.forward == other.forward
            && self.policy.claims == other.policy.claims
            && self.policy.claims_size == other.policy.claims_size
            && self.keep_email == other.keep_email
            && self.keep_issuer == other.keep_issuer
            && self.outlive_issuer == other.outlive_issuer
            && self.pages == other.pages
            && self.resources == other.resources
            && self.sdk_cookie == other.sdk_cookie
            && self.device_bound == other.device_bound
            && self.device_bound_ttl == other.device_bound_ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::ClaimPaths;
    use crate::exchange::fixture::TestExchange;

    type Change = fn(&mut Settings);

    #[tokio::test]
    async fn a_cached_session_is_of_the_settings_that_it_was_made_of() {
        let gateway = TestExchange::new();
        let settings = &*gateway.here.settings;
        let makes_same = |change: Change| {
            let mut other = settings.clone();
            change(&mut other);
            settings.makes_same_sessions_as(&other)
        };
        let others: [Change; 11] = [
            |it| it.forward.scheme = "Token".to_owned(),
            |it| it.policy.claims = ClaimPaths::new(["org"]),
            |it| it.policy.claims_size += 1,
            |it| it.keep_email = true,
            |it| it.keep_issuer = true,
            |it| it.outlive_issuer = true,
            // A page that may no longer sign in has tokens that were the gateway's own.
            |it| it.pages.clear(),
            |it| it.resources.push("https://tools.example".into()),
            |it| it.sdk_cookie = true,
            |it| it.device_bound = DeviceBound::Offered,
            |it| it.device_bound_ttl *= 2,
        ];
        for (at, change) in others.into_iter().enumerate() {
            assert!(!makes_same(change), "case {at}");
        }
        let same: [Change; 3] = [
            |_| {},
            |it| it.session_cookie = true,
            |it| it.max_staleness = Some(Duration::from_secs(1)),
        ];
        for (at, change) in same.into_iter().enumerate() {
            assert!(makes_same(change), "case {at}");
        }
    }
}
