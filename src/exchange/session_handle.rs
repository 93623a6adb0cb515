//! Whether a session is still valid, for everything that runs under it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use uuid::Uuid;

mod index;
mod registry;

pub(super) use registry::MassEnd;
pub use registry::SessionRegistry;

use crate::clock::{ShortTime, UnixTime};

/// The handle of one session at this gateway. Cached sessions read it on each hit; open streams
/// wait for its end.
///
/// There may be a million, so times are as short as [`ShortTime`].
#[derive(Debug)]
pub struct SessionHandle {
    sid: Uuid,
    owner: OnceLock<Owner>,
    /// The number of the key that vouched last among those of [`SessionRegistry`]; 0 where it is
    /// not known.
    key: AtomicU32,
    /// The time of the latest request, here or according to the store.
    last_seen: AtomicU32,
    /// What of that is written down.
    written: AtomicU32,
    /// Seconds; 0 for no limit.
    idle_timeout: u32,
    /// The latest end that the store has reported: a newer token of the login moves it.
    expires_at: AtomicU32,
    /// [`ENDED`] once it has, and how often what is known of the session changed.
    state: AtomicU32,
}

/// A session's handle, taken before the store is asked about it.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The handle.
    pub handle: Arc<SessionHandle>,
    /// Its [`SessionHandle::revision`] then.
    pub revision: u32,
}

/// Whose session it is, as far as ends of many sessions at once ask. Packed, since eight bytes fewer
/// fit a smaller class of the allocator's.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Owner {
    user: Uuid,
    opened_after: u64,
    /// The number of its `iss` among [`SessionRegistry`].
    issuer: u32,
}

impl SessionHandle {
    fn new(sid: Uuid, idle_timeout: u32) -> Self {
        Self {
            sid,
            owner: OnceLock::new(),
            key: AtomicU32::new(0),
            last_seen: AtomicU32::new(0),
            written: AtomicU32::new(0),
            idle_timeout,
            expires_at: AtomicU32::new(0),
            state: AtomicU32::new(0),
        }
    }

    /// The session's id.
    pub fn sid(&self) -> Uuid {
        self.sid
    }

    /// Whose session it is, once the store has reported it.
    pub fn user(&self) -> Option<Uuid> {
        self.owner.get().map(|owner| owner.user)
    }

    /// Whether the session may still be used.
    pub fn is_valid(&self) -> bool {
        self.state.load(Ordering::Acquire) & ENDED == 0
    }

    /// Whether the session may be used at the time `now`: it has neither ended nor been idle for
    /// too long.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.is_valid() && !self.is_idle(now)
    }

    /// Grows each time that what is known of the session or its user has changed. Whoever asks the
    /// store about a session reads this before: what was made of the answer holds as long as it
    /// is the same.
    pub fn revision(&self) -> u32 {
        self.state.load(Ordering::Acquire) & !ENDED
    }

    /// Says that what is known of the session has changed, so that what was derived from it is derived again.
    pub fn revise(&self) {
        self.state.fetch_add(1, Ordering::AcqRel);
    }

    /// When the session ends by itself, as far as is known here.
    pub fn expires_at(&self) -> UnixTime {
        ShortTime(self.expires_at.load(Ordering::Relaxed)).into()
    }

    /// Notes an end that the store tells of.
    fn expires(&self, at: UnixTime) {
        self.expires_at.fetch_max(seconds(at), Ordering::Relaxed);
    }

    /// Whether nothing was heard of it for longer than allowed.
    pub fn is_idle(&self, now: UnixTime) -> bool {
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        self.idle_timeout > 0 && last_seen.saturating_add(self.idle_timeout) <= seconds(now)
    }

    /// Notes a request at the time `now`. Writes once a second at most, so that the requests of
    /// one session do not wait for each other.
    pub fn touch(&self, now: UnixTime) {
        let now = seconds(now);
        if self.last_seen.load(Ordering::Relaxed) < now {
            self.last_seen.store(now, Ordering::Relaxed);
        }
    }

    /// When it was last seen, unless that is written down.
    pub fn unwritten(&self) -> Option<UnixTime> {
        let last_seen = self.last_seen.load(Ordering::Relaxed);
        (self.written.load(Ordering::Relaxed) < last_seen).then(|| ShortTime(last_seen).into())
    }

    /// Notes that it is written down that it was seen at the time `at`.
    pub fn wrote(&self, at: UnixTime) {
        self.written.fetch_max(seconds(at), Ordering::Relaxed);
    }

    /// Whether the store has reported whose session it is.
    pub fn is_known(&self) -> bool {
        self.owner.get().is_some()
    }

    /// Ends it for every holder, immediately and permanently.
    pub fn end(&self) {
        self.state.fetch_or(ENDED, Ordering::AcqRel);
        self.end_signal().notify_waiters();
    }

    /// Waits for the end.
    pub async fn over(&self) {
        loop {
            // Registered before the flag is read, so an end between the two is not missed.
            let notified = self.end_signal().notified();
            if !self.is_valid() {
                return;
            }
            notified.await;
        }
    }

    /// The notification of its end, shared with other sessions.
    #[allow(
        clippy::indexing_slicing,
        reason = "a remainder is less than its divisor"
    )]
    fn end_signal(&self) -> &'static Notify {
        &ENDS[self.sid.as_u128() as usize % ENDS.len()]
    }
}

fn seconds(time: UnixTime) -> u32 {
    ShortTime::from(time).0
}

/// The highest bit; what counts revisions does not get there.
const ENDED: u32 = 1 << 31;

/// Notifications of ended sessions. Few of a million sessions have anyone waiting for their end, so
/// the notifications are shared: a waiter that is woken checks whether its own session ended.
static ENDS: [Notify; 256] = [const { Notify::const_new() }; 256];

#[cfg(test)]
mod tests;
