//! What an exchange is configured by.

use std::time::Duration;

use super::forward::Forward;
use crate::canonical::AllowedOrigin;
use crate::identity::Policy;
use crate::limit::settings::Rates;

/// What an exchange is configured by.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How long sessions last, and whose they are.
    pub policy: Policy,
    /// Set session cookies, and take them.
    pub session_cookie: bool,
    /// The scopes that assertions ask for.
    pub step_up_scopes: Vec<String>,
    /// Sessions go on when their issuer is switched off or taken out of the configuration.
    pub outlive_issuer: bool,
    /// How long sessions are trusted while the store's changes cannot be received; `None` for no
    /// limit.
    pub max_staleness: Option<Duration>,
    /// How session tokens reach upstreams.
    pub forward: Forward,
    /// Keep users' email addresses, because upstreams or clients get them.
    pub keep_email: bool,
    /// Keep the names of users' issuers, because upstreams are told them.
    pub keep_issuer: bool,
    /// Audiences, beside the usual one, by which a session token is the gateway's own: pages that
    /// sign in. A token for any other is for the route of that audience alone.
    pub pages: Vec<AllowedOrigin>,
    /// Digests whose session is remembered. Taken at the start only.
    pub cached_sessions: usize,
    /// About how many bytes of memory those may take. Taken at the start only.
    pub cached_bytes: u64,
    /// Digests of refused tokens that are remembered. Taken at the start only.
    pub cached_refusals: usize,
    /// How often clients may fail, and users sign in. Taken at the start only.
    pub rates: Rates,
}

impl Settings {
    /// Whether sessions created with these settings are the same as with the others.
    pub(super) fn make_sessions_of(&self, other: &Self) -> bool {
        self.forward == other.forward
            && self.policy.claims == other.policy.claims
            && self.policy.claims_size == other.policy.claims_size
            && self.keep_email == other.keep_email
            && self.keep_issuer == other.keep_issuer
            && self.outlive_issuer == other.outlive_issuer
            && self.pages == other.pages
    }
}
