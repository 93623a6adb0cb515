//! Whether a session still lives, told to everything that runs under it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::Notify;
use uuid::Uuid;

mod index;
mod live;

pub use live::{LiveSessions, MassEnd};

use crate::clock::UnixTime;
use crate::jwks::Trust;

/// The life of one session at this gateway. Cached sessions read it on each hit; open streams
/// wait for its end.
///
/// There may be a million, so times are seconds since 1970 in 32 bits, which last until 2106.
#[derive(Debug)]
pub struct Life {
    sid: Uuid,
    owner: OnceLock<Owner>,
    opened_by: OnceLock<Trust>,
    /// Made when the first waits for the end: most sessions have no stream.
    end: ArcSwapOption<Notify>,
    /// The latest request, here or as the store told.
    last_seen: AtomicU32,
    /// What of that is written down.
    written: AtomicU32,
    /// Seconds; 0 for no bound.
    idle_timeout: u32,
    ended: AtomicBool,
}

/// Whose session it is, as far as ends of many sessions at once ask.
#[derive(Clone, Copy, Debug)]
struct Owner {
    user: Uuid,
    opened_after: u64,
    /// The number of its `iss` among [`LiveSessions`].
    issuer: u32,
}

impl Life {
    fn new(sid: Uuid, idle_timeout: u32) -> Self {
        Self {
            sid,
            owner: OnceLock::new(),
            opened_by: OnceLock::new(),
            end: ArcSwapOption::empty(),
            last_seen: AtomicU32::new(0),
            written: AtomicU32::new(0),
            idle_timeout,
            ended: AtomicBool::new(false),
        }
    }

    /// The session's id.
    pub fn sid(&self) -> Uuid {
        self.sid
    }

    /// Whose session it is, once the store has told.
    pub fn user(&self) -> Option<Uuid> {
        self.owner.get().map(|owner| owner.user)
    }

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
        self.idle_timeout > 0 && last_seen.saturating_add(self.idle_timeout) <= seconds(now)
    }

    /// Notes a request at the time `now`. Writes once a second at most, so that the requests of
    /// one session do not wait for each other.
    pub fn see(&self, now: UnixTime) {
        let now = seconds(now);
        if self.last_seen.load(Ordering::Relaxed) < now {
            self.last_seen.store(now, Ordering::Relaxed);
        }
    }

    /// When it was last seen, unless that is written down.
    pub fn unwritten(&self) -> Option<UnixTime> {
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        (self.written.load(Ordering::Relaxed) < last_seen).then(|| UnixTime(last_seen.into()))
    }

    /// Notes that it is written down that it was seen at the time `at`.
    pub fn wrote(&self, at: UnixTime) {
        self.written.fetch_max(seconds(at), Ordering::Relaxed);
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
        if let Some(end) = &*self.end.load() {
            end.notify_waiters();
        }
    }

    /// Waits for the end.
    pub async fn over(&self) {
        let notice = self.notice();
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

    fn notice(&self) -> Arc<Notify> {
        let made = Arc::default();
        let nobody: Option<Arc<Notify>> = None;
        let there = self.end.compare_and_swap(&nobody, Some(Arc::clone(&made)));
        Guard::into_inner(there).unwrap_or(made)
    }
}

fn seconds(time: UnixTime) -> u32 {
    u32::try_from(time.0).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
