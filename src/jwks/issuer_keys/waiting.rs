//! Waiting for a fetch that may bring the key of a token.

use tokio::time::{Instant, timeout_at};

use super::IssuerKeys;
use crate::issuer::Algorithm;
use crate::jwks::events::UnknownKidAction;
use crate::jwks::key::Thumbprints;
use crate::jwks::set::{KeyHint, KeySet};

/// What a request hopes that a fetch brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The key that a token names.
    Key {
        /// What the token says of it.
        named: NamedKey,
        /// The generation of the keys none of which it was.
        since: u64,
    },
    /// Other keys than those of this generation: none of them verifies a token that may be good,
    /// because its issuer put a new key in the place of an old one.
    Change {
        /// The generation under which the token was judged.
        since: u64,
    },
}

/// A key as the header of a token names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// The `kid`.
    pub kid: String,
    /// Its `x5t` and `x5t#S256`, where it has any.
    pub thumbprints: Option<Thumbprints>,
    /// The algorithm of the signature.
    pub algorithm: Algorithm,
}

impl NamedKey {
    /// Found is what verification would find, which may be a key of another `kid` or of none.
    fn is_found_in(&self, set: &KeySet) -> bool {
        let hint = KeyHint {
            kid: Some(&self.kid),
            thumbprints: self.thumbprints.as_ref(),
        };
        set.find(hint, self.algorithm).is_ok()
    }
}

/// How far fetching is. Fetches of one issuer never overlap.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::jwks) struct Progress {
    /// The number of fetches that have started.
    pub(in crate::jwks) started: u64,
    /// The number of fetches that have finished.
    pub(in crate::jwks) finished: u64,
    /// The last fetch that succeeded, counted like `started`.
    pub(in crate::jwks) last_good: u64,
    /// When the cooldown of fetches for unknown `kid`s ends; `None`: there was none yet.
    pub(in crate::jwks) cooled_at: Option<Instant>,
    /// Until when the issuer's server wants to be left alone, by its latest answer.
    pub(in crate::jwks) deferred_until: Option<Instant>,
    /// A request has asked for one since the last fetch began.
    pub(in crate::jwks) asked: bool,
    /// Nobody fetches any more: there is nothing to wait for.
    pub(in crate::jwks) over: bool,
}

impl Progress {
    /// When the next fetch for an unknown `kid` may begin; `None`: at any time.
    pub(in crate::jwks) fn permitted_at(&self) -> Option<Instant> {
        self.cooled_at.max(self.deferred_until)
    }

    fn is_running(&self) -> bool {
        self.started > self.finished
    }
}

impl IssuerKeys {
    /// Asks for one more fetch because no key verifies a token, and waits for it, at most
    /// `unknown_kid_wait`. True: the keys have changed for this token, look again.
    ///
    /// All requests share one fetch, and there is at most one in `unknown_kid_cooldown`, failed
    /// ones counted, whatever they want. A request that could only wait in vain does not wait.
    pub async fn refetch_for(&self, wanted: &Wanted) -> bool {
        if !self.settings.is_fetched() {
            return false;
        }
        let action = match self.ask_for(wanted) {
            true => self.wait_for_key(wanted).await,
            false => UnknownKidAction::Absent,
        };
        if let Some(events) = self.events.get() {
            events.unknown_kid(&self.settings.name, action);
        }
        action == UnknownKidAction::Found
    }

    /// Has the next fetch ask for it, where each key has an address of its own. False: it cannot have one.
    fn ask_for(&self, wanted: &Wanted) -> bool {
        match (&self.wanted_kids, wanted) {
            (Some(kids), Wanted::Key { named, .. }) => kids.ask_for(&named.kid),
            _ => true,
        }
    }

    /// Whether the keys have changed for a token, so that it is to be verified again.
    fn have_brought(&self, wanted: &Wanted) -> bool {
        match wanted {
            Wanted::Key { named, since } => {
                self.generation() != *since && named.is_found_in(&self.snapshot())
            }
            Wanted::Change { since } => self.generation() != *since,
        }
    }

    /// Whether the latest fetch, a good one, tells that nobody has it: of kids with an address each, only
    /// those are looked for that it asked for.
    fn is_absent(&self, kid: &str) -> bool {
        let kids = self.wanted_kids.as_ref();
        kids.is_none_or(|kids| kids.was_absent(kid))
    }

    async fn wait_for_key(&self, wanted: &Wanted) -> UnknownKidAction {
        let settings = self.settings();
        let deadline = Instant::now() + settings.unknown_kid_wait;
        let mut changes = self.progress.subscribe();
        let mut asked_after = None;
        let kid = match wanted {
            Wanted::Key { named, .. } => Some(named.kid.as_str()),
            Wanted::Change { .. } => None,
        };
        loop {
            let now = *changes.borrow_and_update();
            if self.have_brought(wanted) {
                return UnknownKidAction::Found;
            }
            if now.over {
                return UnknownKidAction::Absent;
            }
            // A fetch that began before the question may have been answered before the key was
            // published; one that began after it settles the matter.
            if asked_after.is_some_and(|asked_after| now.finished > asked_after) {
                if let Some(kid) = kid
                    && now.last_good == now.finished
                    && self.is_absent(kid)
                {
                    let longest = settings.refresh_interval;
                    self.unknown
                        .absent(kid, settings.unknown_kid_cooldown, longest);
                }
                return UnknownKidAction::Absent;
            }
            if !now.is_running() && asked_after.is_none() {
                let remembered = kid.and_then(|kid| self.unknown.not_before(kid));
                let permitted_at = now.permitted_at().max(remembered);
                if permitted_at.is_some_and(|at| at > deadline) {
                    return UnknownKidAction::Refused;
                }
                // Under the channel's lock: a fetch that begins meanwhile is waited for instead.
                self.progress.send_if_modified(|now| {
                    if now.is_running() {
                        return false;
                    }
                    asked_after = Some(now.started);
                    !std::mem::replace(&mut now.asked, true)
                });
            }
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return UnknownKidAction::TimedOut;
            }
        }
    }

    /// Fetches at once, whatever the cooldown, and waits for the end. True: it succeeded.
    pub async fn refresh(&self) -> bool {
        if !self.settings.is_fetched() {
            return false;
        }
        let mut changes = self.progress.subscribe();
        let begun = changes.borrow_and_update().started;
        self.asked_for_refresh.notify_one();
        let ended = changes
            .wait_for(|now| now.finished > begun || now.over)
            .await;
        ended.is_ok_and(|now| now.last_good > begun)
    }

    /// Waits until the first fetch has ended, well or badly; at once when nothing is fetched.
    pub async fn first_fetch(&self) {
        if self.settings.is_fetched() {
            // The sender lives as long as `self`, so this cannot fail.
            let _ = self
                .progress
                .subscribe()
                .wait_for(|now| now.finished > 0 || now.over)
                .await;
        }
    }
}
