//! From one configuration to the next.

use std::sync::Arc;

use super::{Exchange, Settings};
use crate::jwt::{Issuer, Issuers};

impl Exchange {
    /// The exchange of the next configuration. Nothing is in force before [`Self::supersede`].
    pub fn succeeding(&self, issuers: Arc<Issuers>, settings: Settings) -> Self {
        let version = self
            .version
            .next(self.settings.makes_same_sessions_as(&settings));
        for issuer in issuers.iter() {
            if !self.has(issuer) {
                issuer.enters(version.number);
            }
        }
        Self::under(self.shared.clone(), issuers, settings, version)
    }

    /// Takes over from the exchange of the configuration before, right before requests get this one.
    /// Those that have the other keep it: under this one, and later, what its issuers vouched for is
    /// void, unless they are in both.
    pub fn supersede(&self, earlier: &Self) {
        for issuer in earlier.issuers().iter() {
            if !self.has(issuer) {
                issuer.leaves(self.version.number);
            }
        }
        self.changes()
            .set_max_staleness(self.settings.max_staleness);
    }

    /// Forgets what no request can use any more, once none gets the configuration before.
    pub fn forget_superseded(&self, earlier: &Self) {
        if self.version.era != earlier.version.era {
            self.shared.cache.forget_sessions();
        }
        self.shared.cache.forget_refusals();
    }

    fn has(&self, issuer: &Arc<Issuer>) -> bool {
        self.issuers().iter().any(|own| Arc::ptr_eq(own, issuer))
    }
}
