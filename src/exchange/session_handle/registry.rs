//! The handles of all sessions at this gateway: found by session and by user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use uuid::Uuid;

use super::index::{Identified, Index};
use super::{Lease, Owner, SessionHandle, seconds};
use crate::store::{Activity, RevocationScope, SessionRecord};

/// That many sessions end at once.
#[derive(Clone, Copy, Debug)]
pub struct MassEnd<'a> {
    /// The scope of the revocation.
    pub scope: &'a RevocationScope,
    /// The number of the change (see [`crate::store::Change`]): sessions opened after it are not
    /// meant. `u64::MAX` when it is not known.
    pub sequence: u64,
}

/// A question to the store about a session, under way.
#[derive(Debug)]
pub struct PendingLookup {
    /// The session's handle.
    pub lease: Lease,
    mass_ends: u64,
    user_revisions: u64,
    was_bound: bool,
}

/// The sessions that something at this gateway holds, and until the next [`Self::sweep`] those
/// that it held.
#[derive(Default)]
pub struct SessionRegistry {
    by_sid: Index<Arc<SessionHandle>>,
    by_user: Index<OfUser>,
    /// The `iss` of all owners, numbered: there are few, and many sessions.
    issuers: Numbers,
    /// The names of issuers' keys, numbered.
    keys: Numbers,
    mass_ends: AtomicU64,
    user_revisions: AtomicU64,
    idle_timeout: u32,
}

impl SessionRegistry {
    /// For sessions that expire after `idle_timeout` without a request; `None` for no limit.
    pub fn new(idle_timeout: Option<Duration>) -> Self {
        let seconds = |timeout: Duration| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        Self {
            idle_timeout: idle_timeout.map_or(0, seconds),
            ..Self::default()
        }
    }

    /// After how long without a request sessions expire; `None` for no limit.
    pub fn idle_timeout(&self) -> Option<Duration> {
        (self.idle_timeout > 0).then(|| Duration::from_secs(self.idle_timeout.into()))
    }

    /// The handle of the session, shared by all who ask for the same `sid`.
    pub fn register(&self, sid: Uuid) -> Arc<SessionHandle> {
        let begin = || SessionHandle::new(sid, self.idle_timeout);
        let join = |there: &mut Arc<SessionHandle>| {
            // An ended handle stays with those who hold it; only the store decides whether a
            // session with this `sid` can be opened again.
            if !there.is_valid() {
                let handle = begin();
                // The time of its last use has not been stored yet.
                *there = Arc::new(SessionHandle {
                    last_seen: there.last_seen.load(Ordering::Relaxed).into(),
                    written: there.written.load(Ordering::Relaxed).into(),
                    ..handle
                });
            }
            Arc::clone(there)
        };
        let make = || {
            let handle = Arc::new(begin());
            (Arc::clone(&handle), handle)
        };
        self.by_sid.change(sid, join, make)
    }

    /// How often many sessions were ended at once. Whoever asks the store about a session reads
    /// this before, and again after [`Self::bind`]: if it grew, the response may be from before a
    /// revocation that could not yet find the handle.
    pub fn mass_ends(&self) -> u64 {
        self.mass_ends.load(Ordering::SeqCst)
    }

    /// How often users' sessions were revised. Whoever asks the store about a session that has no
    /// owner yet reads this before, and again after [`Self::bind`]: if it grew, the revision may
    /// have come before the handle could be found.
    pub fn user_revisions(&self) -> u64 {
        self.user_revisions.load(Ordering::SeqCst)
    }

    /// Begins to ask the store about a session. From here on, what ends or revises the session
    /// finds its handle, or is counted.
    pub fn ask(&self, sid: Uuid) -> PendingLookup {
        let (mass_ends, user_revisions) = (self.mass_ends(), self.user_revisions());
        let handle = self.register(sid);
        PendingLookup {
            mass_ends,
            user_revisions,
            was_bound: handle.is_known(),
            lease: Lease {
                revision: handle.revision(),
                handle,
            },
        }
    }

    /// Takes the store's answer. `None`: it may be of before an end or a revision, and the store
    /// is to be asked again.
    pub fn answered(&self, pending: PendingLookup, session: &SessionRecord) -> Option<Lease> {
        let handle = &pending.lease.handle;
        self.bind(handle, session);
        let holds = handle.is_valid()
            && self.mass_ends() == pending.mass_ends
            && (pending.was_bound || self.user_revisions() == pending.user_revisions);
        holds.then_some(pending.lease)
    }

    /// Records whose session a registered handle is, so that revocations of many sessions find it.
    pub fn bind(&self, handle: &Arc<SessionHandle>, session: &SessionRecord) {
        handle
            .last_seen
            .fetch_max(seconds(session.last_seen), Ordering::Relaxed);
        handle.wrote(session.last_seen);
        handle.expires(session.expires_at);
        let key = session.key().map_or(0, |key| self.keys.of(key));
        handle.key.store(key, Ordering::Relaxed);
        // Made before it has an owner; see `is_held`.
        let to_keep = Arc::clone(handle);
        let mut is_first = false;
        handle.owner.get_or_init(|| {
            is_first = true;
            Owner {
                user: session.user_id,
                opened_after: session.opened_after,
                issuer: self.issuers.of(&session.iss),
            }
        });
        if is_first {
            let new = || (OfUser::One(Arc::clone(&to_keep)), ());
            let add = |of_user: &mut OfUser| of_user.add(Arc::clone(&to_keep));
            self.by_user.change(session.user_id, add, new);
        }
    }

    /// Ends the session here. False when it was not known.
    pub fn end(&self, sid: Uuid) -> bool {
        // No table is locked when whoever waits for the end wakes up.
        let handle = self.by_sid.look(sid, Arc::clone);
        handle.inspect(|handle| handle.end()).is_some()
    }

    /// Ends many here, and says how many.
    pub fn end_many(&self, end: &MassEnd<'_>) -> usize {
        // Before the look at the tables; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        let is_meant = |handle: &SessionHandle, issuer: Option<u32>| {
            let owner = handle.owner.get();
            owner.is_some_and(|owner| {
                owner.opened_after < end.sequence
                    && issuer.is_none_or(|issuer| owner.issuer == issuer)
            })
        };
        let of_user = |user: &Uuid, issuer: Option<u32>| {
            let handles = self
                .by_user
                .look(*user, |of_user| of_user.handles().to_vec());
            let handles = handles.into_iter().flatten();
            handles.filter(|handle| is_meant(handle, issuer)).collect()
        };
        let of_all = |issuer: Option<u32>| {
            self.select(|handle| is_meant(handle, issuer).then(|| Arc::clone(handle)))
        };
        let handles: Vec<Arc<SessionHandle>> = match end.scope {
            RevocationScope::User(user) => of_user(user, None),
            RevocationScope::UserAtIssuer(user, iss) => of_user(user, Some(self.issuers.of(iss))),
            RevocationScope::Issuer(iss) | RevocationScope::IssuerDisabled(iss) => {
                of_all(Some(self.issuers.of(iss)))
            }
            RevocationScope::IssuerKey(iss, key) => {
                let (issuer, key) = (self.issuers.of(iss), self.keys.of(key));
                // One whose key is not known here may be of this one.
                let is_under = |handle: &SessionHandle| {
                    let owner = handle.owner.get();
                    owner.is_some_and(|owner| owner.issuer == issuer)
                        && [0, key].contains(&handle.key.load(Ordering::Relaxed))
                };
                self.select(|handle| is_under(handle).then(|| Arc::clone(handle)))
            }
            // Which sessions had a token by that key, only the store knows; the others are asked
            // for again and found alive.
            RevocationScope::Everyone | RevocationScope::SigningKey(_) => of_all(None),
        };
        end_all(&handles)
    }

    /// Revises all sessions of a user: what is known of them has changed.
    pub fn revise_user(&self, user: Uuid) {
        // Before the look at the table; see `user_revisions`.
        self.user_revisions.fetch_add(1, Ordering::SeqCst);
        let handles = self
            .by_user
            .look(user, |of_user| of_user.handles().to_vec());
        handles.iter().flatten().for_each(|handle| handle.revise());
    }

    /// Has the store asked again about every session.
    pub fn revise_all(&self) {
        self.by_sid.each(|handle| handle.revise());
    }

    /// Ends all of them here, and says how many.
    pub fn end_all(&self) -> usize {
        // Before the look at the table; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        end_all(&self.select(|handle| Some(Arc::clone(handle))))
    }

    /// All that were seen since that was last written down.
    pub fn unwritten(&self) -> Vec<(Activity, Arc<SessionHandle>)> {
        self.select(|handle| {
            let (sid, at) = (handle.sid(), handle.unwritten()?);
            Some((Activity { sid, at }, Arc::clone(handle)))
        })
    }

    /// The ids of all live sessions.
    pub fn sids(&self) -> Vec<Uuid> {
        self.select(|handle| handle.is_valid().then(|| handle.sid()))
    }

    /// Forgets those that nothing holds.
    pub fn sweep(&self) {
        self.by_sid.retain(|handle| is_held(handle));
        self.by_user.retain(OfUser::sweep);
    }

    /// How many users they are of, swept or not.
    pub fn users(&self) -> usize {
        self.by_user.len()
    }

    /// How many are known, swept or not.
    pub fn count(&self) -> usize {
        self.by_sid.len()
    }

    fn select<T>(&self, choose: impl Fn(&Arc<SessionHandle>) -> Option<T>) -> Vec<T> {
        let mut chosen = Vec::new();
        self.by_sid.each(|handle| chosen.extend(choose(handle)));
        chosen
    }
}

/// Texts, numbered from 1 as they come. There are few of them: all are of verified tokens.
#[derive(Default)]
struct Numbers {
    known: DashMap<String, u32>,
    count: AtomicU32,
}

impl Numbers {
    fn of(&self, text: &str) -> u32 {
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let next = || self.count.fetch_add(1, Ordering::Relaxed) + 1;
        *self.known.entry(text.to_owned()).or_insert_with(next)
    }
}

fn end_all(handles: &[Arc<SessionHandle>]) -> usize {
    let lasting = handles.iter().filter(|handle| handle.is_valid());
    lasting.inspect(|handle| handle.end()).count()
}

/// Whether anything but the tables holds it, or what it was seen at is still to be written down.
///
/// Asked under the lock of the table by session, without which nobody comes to hold what nothing
/// holds. A handle is in the table by user once it has an owner; until it is, [`SessionRegistry::bind`]
/// holds it in the table's stead.
fn is_held(handle: &Arc<SessionHandle>) -> bool {
    let tables = if handle.owner.get().is_some() { 2 } else { 1 };
    Arc::strong_count(handle) > tables || (handle.is_valid() && handle.unwritten().is_some())
}

impl Identified for Arc<SessionHandle> {
    fn id(&self) -> Uuid {
        self.sid
    }
}

/// The sessions of one user. Most have one, so that is what takes little room.
#[derive(Debug)]
enum OfUser {
    One(Arc<SessionHandle>),
    #[allow(
        clippy::box_collection,
        reason = "two words less for each user with one session"
    )]
    Several(Box<Vec<Arc<SessionHandle>>>),
}

impl Identified for OfUser {
    fn id(&self) -> Uuid {
        // Never empty, and all in it have an owner.
        let user = self.handles().first().and_then(|handle| handle.user());
        user.unwrap_or_default()
    }
}

impl OfUser {
    fn handles(&self) -> &[Arc<SessionHandle>] {
        match self {
            Self::One(handle) => std::slice::from_ref(handle),
            Self::Several(handles) => handles,
        }
    }

    fn add(&mut self, handle: Arc<SessionHandle>) {
        match self {
            Self::One(earlier) => {
                let both = vec![Arc::clone(earlier), handle];
                *self = Self::Several(Box::new(both));
            }
            Self::Several(handles) => handles.push(handle),
        }
    }

    /// Forgets those that are in no other table; whether any are left.
    fn sweep(&mut self) -> bool {
        match self {
            Self::One(handle) => Arc::strong_count(handle) > 1,
            Self::Several(handles) => {
                handles.retain(|handle| Arc::strong_count(handle) > 1);
                !handles.is_empty()
            }
        }
    }
}
