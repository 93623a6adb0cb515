//! Whether a session still lives, told to everything that runs under it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use dashmap::{DashMap, DashSet};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::jwks::Trust;
use crate::store::{Activity, EndScope, SessionRecord};

/// The life of one session at this gateway. Cached sessions read it on each hit; open streams
/// wait for its end.
#[derive(Debug, Default)]
pub struct Life {
    ended: AtomicBool,
    /// Made when the first waits for the end: most sessions have no stream.
    end: OnceLock<Box<Notify>>,
    owner: OnceLock<Owner>,
    opened_by: OnceLock<Trust>,
    /// Seconds since 1970; the latest request, here or as the store told.
    last_seen: AtomicU64,
    /// What of that is written down.
    written: AtomicU64,
    /// Seconds; 0 for no bound.
    idle_timeout: u64,
}

/// Whose session it is, as far as ends of many sessions at once ask.
#[derive(Debug)]
struct Owner {
    user: Uuid,
    iss: Arc<str>,
    opened_after: u64,
}

impl Life {
    /// Says whose key signed the token that opened the session here; the first word stands.
    pub fn opened_by(&self, key: &Trust) {
        self.opened_by.get_or_init(|| key.clone());
    }

    /// Whether the session may still be used.
    pub fn lasts(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// Whether the session may be used at the time `now`: it has neither ended nor been idle for
    /// too long.
    pub fn lasts_at(&self, now: UnixTime) -> bool {
        self.lasts() && !self.is_idle(now)
    }

    /// Whether nothing was heard of it for longer than allowed.
    pub fn is_idle(&self, now: UnixTime) -> bool {
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        self.idle_timeout > 0 && last_seen.saturating_add(self.idle_timeout) <= now.0
    }

    /// Notes a request at the time `now`. Writes once a second at most, so that the requests of
    /// one session do not wait for each other.
    pub fn see(&self, now: UnixTime) {
        if self.last_seen.load(Ordering::Relaxed) < now.0 {
            self.last_seen.store(now.0, Ordering::Relaxed);
        }
    }

    /// When it was last seen, unless that is written down.
    pub fn unwritten(&self) -> Option<UnixTime> {
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        (self.written.load(Ordering::Relaxed) < last_seen).then_some(UnixTime(last_seen))
    }

    /// Notes that it is written down that it was seen at the time `at`.
    pub fn wrote(&self, at: UnixTime) {
        self.written.fetch_max(at.0, Ordering::Relaxed);
    }

    /// Whether the store told whose session it is.
    pub fn is_known(&self) -> bool {
        self.owner.get().is_some()
    }

    /// Ends it for every holder, at once and for ever.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // With its like in `over`: either this sees who waits, or the waiter sees the flag.
        fence(Ordering::SeqCst);
        if let Some(end) = self.end.get() {
            end.notify_waiters();
        }
    }

    /// Waits for the end.
    pub async fn over(&self) {
        let notice = self.end.get_or_init(Box::default);
        fence(Ordering::SeqCst);
        loop {
            // Registered before the flag is read, so an end between the two is not missed.
            let end = notice.notified();
            if !self.lasts() {
                return;
            }
            end.await;
        }
    }

    fn is_ended_by(&self, end: &MassEnd<'_>) -> bool {
        self.owner.get().is_some_and(|owner| {
            owner.opened_after < end.sequence
                && match end.scope {
                    EndScope::User(user) => owner.user == *user,
                    EndScope::UserAtIssuer(user, iss) => owner.user == *user && *owner.iss == **iss,
                    EndScope::Issuer(iss) => *owner.iss == **iss,
                    // Which sessions had a token by that key, only the store knows; the others
                    // are asked for again and found alive.
                    EndScope::SigningKey(_) => true,
                }
        })
    }
}

/// That many sessions end at once.
#[derive(Clone, Copy, Debug)]
pub struct MassEnd<'a> {
    /// Which.
    pub scope: &'a EndScope,
    /// The number of the change (see [`crate::store::Change`]): sessions opened after it are not
    /// meant. `u64::MAX` when it is not known.
    pub sequence: u64,
}

/// The sessions that something at this gateway holds.
#[derive(Default)]
pub struct LiveSessions {
    by_sid: DashMap<Uuid, Weak<Life>>,
    by_user: DashMap<Uuid, OfUser>,
    /// The `iss` of all owners, each once: there are few, and many sessions.
    issuers: DashSet<Arc<str>>,
    mass_ends: AtomicU64,
    idle_timeout: u64,
}

impl LiveSessions {
    /// For sessions that last `idle_timeout` without a request; `None` for no bound.
    pub fn new(idle_timeout: Option<Duration>) -> Self {
        Self {
            idle_timeout: idle_timeout.map_or(0, |timeout| timeout.as_secs()),
            ..Self::default()
        }
    }

    /// The life of the session, shared with all who ask for the same `sid`.
    pub fn register(&self, sid: Uuid) -> Arc<Life> {
        let mut entry = self.by_sid.entry(sid).or_default();
        let earlier = entry.upgrade();
        // An ended life stays with those who hold it; whether a session of this `sid` may live
        // again is for the store to say.
        if let Some(life) = earlier.as_ref().filter(|life| life.lasts()) {
            return Arc::clone(life);
        }
        let mut life = Life {
            idle_timeout: self.idle_timeout,
            ..Life::default()
        };
        if let Some(earlier) = earlier {
            // What it was seen at is still to be written down.
            life.last_seen = earlier.last_seen.load(Ordering::Relaxed).into();
            life.written = earlier.written.load(Ordering::Relaxed).into();
        }
        let life = Arc::new(life);
        *entry = Arc::downgrade(&life);
        life
    }

    /// How often many sessions were ended at once. Whoever asks the store about a session reads
    /// this before, and again after [`Self::bind`]: if it grew, the answer may be of before the
    /// end, and the end may have come before the life could be found.
    pub fn mass_ends(&self) -> u64 {
        self.mass_ends.load(Ordering::SeqCst)
    }

    /// Says whose session a registered life is, so that ends of many find it.
    pub fn bind(&self, life: &Arc<Life>, session: &SessionRecord) {
        life.last_seen
            .fetch_max(session.last_seen.0, Ordering::Relaxed);
        life.wrote(session.last_seen);
        let mut is_first = false;
        life.owner.get_or_init(|| {
            is_first = true;
            Owner {
                user: session.user_id,
                iss: self.shared(&session.iss),
                opened_after: session.opened_after,
            }
        });
        if is_first {
            let mut of_user = self.by_user.entry(session.user_id).or_default();
            of_user.add(Arc::downgrade(life));
        }
    }

    fn shared(&self, iss: &str) -> Arc<str> {
        if let Some(known) = self.issuers.get(iss) {
            return Arc::clone(known.key());
        }
        let iss: Arc<str> = iss.into();
        self.issuers.insert(Arc::clone(&iss));
        iss
    }

    /// The sessions that tokens under this key opened here.
    pub fn opened_under(&self, key: &Trust) -> Vec<Uuid> {
        let under = |life: &Weak<Life>| {
            let life = life.upgrade()?;
            life.opened_by.get().map(|opener| opener.is(key))
        };
        let lives = self.by_sid.iter();
        lives
            .filter(|entry| under(entry.value()) == Some(true))
            .map(|entry| *entry.key())
            .collect()
    }

    /// Ends the session here. False when nothing held it.
    pub fn end(&self, sid: Uuid) -> bool {
        let life = self.by_sid.get(&sid).and_then(|life| life.upgrade());
        life.inspect(|life| life.end()).is_some()
    }

    /// Ends many here, and says how many.
    pub fn end_many(&self, end: &MassEnd<'_>) -> usize {
        // Before the look at the tables; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        let is_meant = |life: &Arc<Life>| life.lasts() && life.is_ended_by(end);
        let lives: Vec<_> = match end.scope {
            EndScope::User(user) | EndScope::UserAtIssuer(user, _) => {
                let of_user = self.by_user.get(user);
                let of_user = of_user.iter().flat_map(|of_user| of_user.lives());
                of_user.filter_map(Weak::upgrade).filter(is_meant).collect()
            }
            EndScope::Issuer(_) | EndScope::SigningKey(_) => {
                let all = self.by_sid.iter();
                all.filter_map(|life| life.upgrade())
                    .filter(is_meant)
                    .collect()
            }
        };
        // No table is locked here, so whoever wakes up may register at once.
        lives.iter().for_each(|life| life.end());
        lives.len()
    }

    /// Ends all of them here, and says how many.
    pub fn end_all(&self) -> usize {
        // Before the look at the table; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        let all = self.by_sid.iter();
        let lives: Vec<_> = all
            .filter_map(|life| life.upgrade())
            .filter(|life| life.lasts())
            .collect();
        lives.iter().for_each(|life| life.end());
        lives.len()
    }

    /// All that were seen since that was last written down.
    pub fn unwritten(&self) -> Vec<(Activity, Arc<Life>)> {
        let lives = self.by_sid.iter();
        lives
            .filter_map(|entry| {
                let life = entry.value().upgrade()?;
                let at = life.unwritten()?;
                let sid = *entry.key();
                Some((Activity { sid, at }, life))
            })
            .collect()
    }

    /// All that live.
    pub fn sids(&self) -> Vec<Uuid> {
        let lives = self.by_sid.iter();
        lives
            .filter(|entry| entry.value().upgrade().is_some_and(|life| life.lasts()))
            .map(|entry| *entry.key())
            .collect()
    }

    /// Forgets those that nothing holds.
    pub fn sweep(&self) {
        self.by_sid.retain(|_, life| life.strong_count() > 0);
        self.by_user.retain(|_, of_user| of_user.sweep());
    }

    /// How many users they are of, swept or not.
    pub fn users(&self) -> usize {
        self.by_user.len()
    }

    /// How many are known, swept or not.
    pub fn count(&self) -> usize {
        self.by_sid.len()
    }
}

/// The sessions of one user. Most have one, so that is what takes little room.
#[derive(Debug)]
enum OfUser {
    One(Weak<Life>),
    #[allow(
        clippy::box_collection,
        reason = "two words less for each user with one session"
    )]
    Several(Box<Vec<Weak<Life>>>),
}

impl Default for OfUser {
    fn default() -> Self {
        Self::One(Weak::new())
    }
}

impl OfUser {
    fn lives(&self) -> &[Weak<Life>] {
        match self {
            Self::One(life) => std::slice::from_ref(life),
            Self::Several(lives) => lives,
        }
    }

    fn add(&mut self, life: Weak<Life>) {
        match self {
            Self::One(earlier) if earlier.strong_count() == 0 => *self = Self::One(life),
            Self::One(earlier) => {
                let both = vec![std::mem::take(earlier), life];
                *self = Self::Several(Box::new(both));
            }
            Self::Several(lives) => lives.push(life),
        }
    }

    /// Forgets those that nothing holds; whether any are left.
    fn sweep(&mut self) -> bool {
        match self {
            Self::One(life) => life.strong_count() > 0,
            Self::Several(lives) => {
                lives.retain(|life| life.strong_count() > 0);
                !lives.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests;
