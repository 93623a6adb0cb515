//! Limits that several gateways count together, approximately.
//!
//! Each gateway counts by itself and lets nobody wait. At intervals it hands over what it let pass
//! since ([`Sharing::collect`]) and hears what all of them together owe ([`Sharing::hear`]), of keys
//! that have used more than half of what they may at once. A key that owes here less than what was
//! heard is treated as if it owed that.
//!
//! What a key owes is a time, as in GCRA: each pass adds `period / count`, and time pays it back. Two
//! accounts are therefore joined by the greater time, and hearing the same twice changes nothing.
//!
//! # How far off it is
//!
//! With a limit of `count/period`, one gateway lets `count · (1 + t / period)` pass in a time `t`.
//! `N` gateways let pass at most
//!
//! ```text
//! count · (1 + t / period)  +  N · count · (1 + delay / period)
//! ```
//!
//! where `delay` is the time from a pass until all have heard of it: two intervals and two exchanges.
//! The second part is there once, however long `t` is: what passed too much is paid back before
//! anything else passes. The proof: whoever lets something pass has heard of all that passed before
//! `delay`, or of less than half a period, so that this part owes no more than a period; what
//! passed since is at most what each gateway lets pass by itself.
//!
//! This holds while the store is reached and no more than 10,000 keys wait to be handed over. Where
//! it does not, each gateway still keeps the limit by itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;

/// The name of a key among gateways: a keyed hash, from which no address or user can be read.
pub type KeyDigest = [u8; 32];

/// What this gateway is to hand over, and what it heard of others. One per process.
pub struct Sharing {
    key: hmac::Key,
    begun: Instant,
    queue: SyncSender<Arc<Passes>>,
    unsent: Mutex<Unsent>,
    heard: ArcSwap<HashMap<KeyDigest, Instant>>,
    is_alone: AtomicBool,
    unshared: AtomicU64,
}

/// What passed here of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The key and its limit.
    pub key: KeyDigest,
    /// How long it takes to pay back what passed.
    pub cost: Duration,
    /// When the first of it passed.
    pub since: Instant,
    /// In which time a key that may do nothing any more may do everything again.
    pub period: Duration,
}

/// One limit, as keys are counted by it.
pub(super) struct SharedLimit {
    pub(super) sharing: Arc<Sharing>,
    /// Derived from the limit's name and rate.
    key: hmac::Key,
    /// What one pass costs.
    cost: Duration,
    period: Duration,
}

/// What passed of one key since it was handed over.
pub(super) struct Passes {
    pub(super) key: KeyDigest,
    cost: Duration,
    period: Duration,
    count: AtomicU32,
    /// Nanoseconds from the beginning of the sharing to the first of them.
    since: AtomicU64,
    is_queued: AtomicBool,
}

struct Unsent {
    queue: Receiver<Arc<Passes>>,
    /// Taken from the queue and not handed over.
    waiting: Vec<Arc<Passes>>,
    /// Handed over in vain.
    again: BTreeMap<KeyDigest, Count>,
}

impl Sharing {
    /// Shares limits with the gateways that have the same secret.
    pub fn new(secret: &[u8; 32]) -> Self {
        let (queue, receive) = sync_channel(QUEUED);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            begun: Instant::now(),
            queue,
            unsent: Mutex::new(Unsent {
                queue: receive,
                waiting: Vec::new(),
                again: BTreeMap::new(),
            }),
            heard: ArcSwap::default(),
            is_alone: AtomicBool::new(false),
            unshared: AtomicU64::new(0),
        }
    }

    /// A limit under its name and rate: gateways with another rate count apart.
    pub(super) fn limit(
        self: &Arc<Self>,
        name: &str,
        cost: Duration,
        period: Duration,
    ) -> SharedLimit {
        let rate = [
            cost.as_nanos().to_be_bytes(),
            period.as_nanos().to_be_bytes(),
        ];
        let secret = hmac::sign(
            &self.key,
            &[rate.concat().as_slice(), name.as_bytes()].concat(),
        );
        SharedLimit {
            sharing: Arc::clone(self),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()),
            cost,
            period,
        }
    }

    /// Takes at most `most` keys to hand over, each once; those that used up most of their limit
    /// first. The others wait for the next time, with what passes until then.
    pub fn collect(&self, most: usize) -> Vec<Count> {
        let mut unsent = self.unsent();
        let Unsent {
            queue,
            waiting,
            again,
        } = &mut *unsent;
        while waiting.len() < QUEUED {
            match queue.try_recv() {
                Ok(passes) => waiting.push(passes),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let room = most.saturating_sub(again.len());
        if waiting.len() > room {
            waiting.sort_unstable_by(|one, other| other.share().total_cmp(&one.share()));
        }
        let mut counts = std::mem::take(again);
        for passes in waiting.drain(..room.min(waiting.len())) {
            let count = passes.take(self.begun);
            merge(&mut counts, count);
        }
        counts.into_values().collect()
    }

    /// Keeps what could not be handed over for the next time.
    pub fn put_back(&self, counts: Vec<Count>) {
        let mut unsent = self.unsent();
        for count in counts {
            merge(&mut unsent.again, count);
        }
    }

    /// Replaces what was heard: for how long each key owes, as of now.
    pub fn hear(&self, owed: impl IntoIterator<Item = (KeyDigest, Duration)>) {
        let now = Instant::now();
        let until = |(key, owed): (KeyDigest, Duration)| (key, now + owed.min(LONGEST));
        let heard = owed.into_iter().map(until).collect();
        self.heard.store(Arc::new(heard));
    }

    /// Until when a key owes, by what was heard.
    pub(super) fn heard(&self, key: impl FnOnce() -> KeyDigest) -> Option<Instant> {
        let heard = self.heard.load();
        // Most of the time no key is near its limit.
        if heard.is_empty() {
            return None;
        }
        heard.get(&key()).copied()
    }

    /// Says whether the store is out of reach, so that this gateway counts by itself.
    pub fn set_alone(&self, is_alone: bool) {
        self.is_alone.store(is_alone, Ordering::Relaxed);
    }

    /// Whether this gateway counts by itself for the time being.
    pub fn is_alone(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// How many passes were not queued for want of room, since the last call: they count here only.
    pub fn take_unshared(&self) -> u64 {
        self.unshared.swap(0, Ordering::Relaxed)
    }

    fn unsent(&self) -> std::sync::MutexGuard<'_, Unsent> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedLimit {
    /// The name of a key among gateways.
    pub(super) fn digest(&self, key: [u8; 16]) -> KeyDigest {
        let tag = hmac::sign(&self.key, &key);
        let mut digest = KeyDigest::default();
        // An HMAC-SHA256 tag is 32 bytes, so the zip fills all of them.
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        digest
    }

    /// An account of a key, with nothing in it.
    pub(super) fn account(&self, key: [u8; 16]) -> Arc<Passes> {
        Arc::new(Passes {
            key: self.digest(key),
            cost: self.cost,
            period: self.period,
            count: AtomicU32::new(0),
            since: AtomicU64::new(0),
            is_queued: AtomicBool::new(false),
        })
    }
}

impl Passes {
    /// Something passed.
    pub(super) fn add(self: &Arc<Self>, sharing: &Sharing) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let since = sharing.begun.elapsed().as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
        if sharing.queue.try_send(Arc::clone(self)).is_err() {
            let count = self.count.swap(0, Ordering::Relaxed);
            self.is_queued.store(false, Ordering::Release);
            sharing.unshared.fetch_add(count.into(), Ordering::Relaxed);
        }
    }

    fn take(&self, begun: Instant) -> Count {
        let since = Duration::from_nanos(self.since.load(Ordering::Relaxed));
        // What passes from here on queues the key again, even if it is taken below.
        self.is_queued.store(false, Ordering::Release);
        let count = self.count.swap(0, Ordering::AcqRel);
        Count {
            key: self.key,
            cost: self.cost.saturating_mul(count),
            since: begun + since,
            period: self.period,
        }
    }

    /// What passed, as a part of what may at once.
    fn share(&self) -> f64 {
        let count = self.count.load(Ordering::Relaxed);
        self.cost.as_secs_f64() * f64::from(count) / self.period.as_secs_f64()
    }
}

/// A key whose account was forgotten and opened again may have two.
fn merge(counts: &mut BTreeMap<KeyDigest, Count>, count: Count) {
    if count.cost.is_zero() {
        return;
    }
    let known = counts.entry(count.key).or_insert(Count {
        cost: Duration::ZERO,
        ..count
    });
    known.cost = known.cost.saturating_add(count.cost);
    known.since = known.since.min(count.since);
}

/// How many keys may wait to be handed over. What passes of further ones counts at this gateway only.
const QUEUED: usize = 10_000;
/// More than anybody owes: times beyond it are a clock's fault.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests;
