//! Sessions end with their issuers: when one is switched off, or taken out of the configuration.
//!
//! Each gateway refuses the sessions of an issuer that it does not have in force. So that they stay
//! over, and end at all gateways, the end is written down as well, by whichever gateway notices
//! first. The store remembers which issuers were in force, so that one that is taken out while no
//! gateway runs is noticed at the next start. A gateway that runs goes by what it had in force itself,
//! because others may have a newer configuration. An issuer that an operator created and that this version
//! cannot use is neither: it stays among those that were in force ([`super::set_aside`]).

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tracing::{info, warn};

use super::LiveConfig;
use super::set_aside::Spared;
use crate::store::{RevocationScope, StoreError};

impl LiveConfig {
    /// Ends the sessions of issuers that were in force and are no longer. What fails is tried again
    /// by [`Self::end_what_is_left`].
    ///
    /// # Errors
    ///
    /// The store did not answer.
    pub(super) async fn end_with_issuers(&self) -> Result<(), StoreError> {
        let ended = self.try_end_with_issuers().await;
        self.ends_are_left.store(ended.is_err(), Ordering::Release);
        ended
    }

    /// The same, where it failed before.
    pub(super) async fn end_what_is_left(&self) {
        if !self.ends_are_left.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.end_with_issuers().await {
            warn!(%error, "the end of sessions with their issuer is not written down yet");
        }
    }

    async fn try_end_with_issuers(&self) -> Result<(), StoreError> {
        let (store, exchange) = (&self.parts.store, self.parts.exchange());
        // One look at a time, so that none undoes what another noticed.
        let mut before_here = self.issuers_before.lock().await;
        let in_force = exchange.issuers().iter().filter(|issuer| issuer.enabled());
        let in_force: BTreeSet<String> = in_force
            .flat_map(|issuer| issuer.settings().accepted_iss())
            .map(|accepted| accepted.iss)
            .collect();
        let stored = store.setting(IN_FORCE).await?;
        let before = stored.as_deref().map(serde_json::from_str);
        let before: BTreeSet<String> = before
            .transpose()
            .map_err(|_| StoreError::Corrupt("settings"))?
            .unwrap_or_default();
        let view = self.view.load_full();
        // What others have in force, and this gateway never had, is not over because its configuration came here
        // later. At the start alone nobody else may have noticed.
        let known = before_here.as_ref().unwrap_or(&before).clone();
        let Change { kept, gone } = Change::of(known, &in_force, &view.spared);
        if !view.config.sessions_outlive_issuer {
            for iss in &gone {
                info!(iss, "the issuer is no longer in force; its sessions end");
                exchange
                    .sessions()
                    .end_sessions(RevocationScope::IssuerDisabled(iss.clone()))
                    .await?;
            }
        }
        let here: BTreeSet<String> = in_force.into_iter().chain(kept).collect();
        let remembered: BTreeSet<String> = before.difference(&gone).chain(&here).cloned().collect();
        if before != remembered {
            let text = serde_json::to_string(&remembered);
            let text = text.map_err(|_| StoreError::Corrupt("settings"))?;
            store.put_setting(IN_FORCE, &text).await?;
        }
        *before_here = Some(here);
        Ok(())
    }
}

/// What a look at the issuers comes to.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    /// Which are not in force, and are set aside.
    kept: BTreeSet<String>,
    /// Which are over.
    gone: BTreeSet<String>,
}

impl Change {
    fn of(known: BTreeSet<String>, in_force: &BTreeSet<String>, spared: &Spared) -> Self {
        let missing = known.into_iter().filter(|iss| !in_force.contains(iss));
        let (kept, gone) = missing.partition(|iss| spared.has(iss));
        Self { kept, gone }
    }
}

/// The setting that says which issuers, by `iss`, were in force at the latest look.
const IN_FORCE: &str = "in_force_issuers";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::made::SetAside;
    use crate::live_config::set_aside::Refused;

    fn set(iss: &[&str]) -> BTreeSet<String> {
        iss.iter().map(|iss| (*iss).to_owned()).collect()
    }

    #[test]
    fn an_issuer_is_over_unless_its_own_settings_keep_it_from_being_in_force() {
        let spared = |refused: &[Refused]| {
            let mut spared = Spared::default();
            refused.iter().for_each(|one| spared.add(one));
            spared
        };
        let unusable = |iss: Option<&str>| {
            let iss = iss.map(|iss| vec![iss.to_owned()]);
            Refused::SetAside(SetAside::Unusable {
                why: Vec::new(),
                iss,
            })
        };
        let taken = || SetAside::Taken {
            why: Vec::new(),
            iss: vec!["b".to_owned()],
        };
        for (refused, kept, gone) in [
            // Removed, turned off, or in the way of the file.
            (vec![], set(&[]), set(&["b", "c"])),
            (
                vec![Refused::SetAside(taken()), Refused::NameTaken],
                set(&[]),
                set(&["b", "c"]),
            ),
            // An `iss` that was not in force does not come into force by that.
            (
                vec![unusable(Some("b")), unusable(Some("e"))],
                set(&["b"]),
                set(&["c"]),
            ),
            (vec![Refused::Crowded(taken())], set(&["b"]), set(&["c"])),
            // It may be any of them.
            (vec![unusable(None)], set(&["b", "c"]), set(&[])),
            (vec![Refused::Damaged], set(&["b", "c"]), set(&[])),
        ] {
            let spared = spared(&refused);
            let change = Change::of(set(&["a", "b", "c"]), &set(&["a", "d"]), &spared);
            assert_eq!(change, Change { kept, gone }, "{refused:?}");
        }
    }
}
