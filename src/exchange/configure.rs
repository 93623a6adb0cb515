//! The change of what an exchange is configured by, while requests come.

use std::sync::Arc;

use super::{Exchange, Settings};
use crate::jwt::Issuers;

impl Exchange {
    /// Puts other issuers and settings in force, from the next request on. Issuers that are in both
    /// keep the sessions that they vouch for; others are retired, and their tokens, cached or not,
    /// are verified again.
    pub fn reconfigure(&self, issuers: Arc<Issuers>, settings: Settings) {
        let earlier = self.issuers.swap(Arc::clone(&issuers));
        let before = self.settings.swap(Arc::new(settings));
        for issuer in earlier.iter() {
            if !issuers.iter().any(|other| Arc::ptr_eq(other, issuer)) {
                issuer.retire();
            }
        }
        if !before.make_sessions_of(&self.settings.load()) {
            self.sessions.forget_all();
        }
        // What was refused by its form alone was so within bounds that may be others now.
        self.refused.forget_all();
    }
}
