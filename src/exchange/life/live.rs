//! The lives of all sessions at this gateway: found by session and by user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use uuid::Uuid;

use super::index::{Identified, Index};
use super::{Life, Owner, seconds};
use crate::jwks::Trust;
use crate::store::{Activity, EndScope, SessionRecord};

/// That many sessions end at once.
#[derive(Clone, Copy, Debug)]
pub struct MassEnd<'a> {
    /// Which.
    pub scope: &'a EndScope,
    /// The number of the change (see [`crate::store::Change`]): sessions opened after it are not
    /// meant. `u64::MAX` when it is not known.
    pub sequence: u64,
}

/// The sessions that something at this gateway holds, and until the next [`Self::sweep`] those
/// that it held.
#[derive(Default)]
pub struct LiveSessions {
    by_sid: Index<Arc<Life>>,
    by_user: Index<OfUser>,
    /// The `iss` of all owners, numbered: there are few, and many sessions.
    issuers: DashMap<String, u32>,
    next_issuer: AtomicU32,
    mass_ends: AtomicU64,
    idle_timeout: u32,
}

impl LiveSessions {
    /// For sessions that last `idle_timeout` without a request; `None` for no bound.
    pub fn new(idle_timeout: Option<Duration>) -> Self {
        let seconds = |timeout: Duration| u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        Self {
            idle_timeout: idle_timeout.map_or(0, seconds),
            ..Self::default()
        }
    }

    /// The life of the session, shared with all who ask for the same `sid`.
    pub fn register(&self, sid: Uuid) -> Arc<Life> {
        let begin = || Life::new(sid, self.idle_timeout);
        let join = |there: &mut Arc<Life>| {
            // An ended life stays with those who hold it; whether a session of this `sid` may
            // live again is for the store to say.
            if !there.lasts() {
                let life = begin();
                // What it was seen at is still to be written down.
                *there = Arc::new(Life {
                    last_seen: there.last_seen.load(Ordering::Relaxed).into(),
                    written: there.written.load(Ordering::Relaxed).into(),
                    ..life
                });
            }
            Arc::clone(there)
        };
        let make = || {
            let life = Arc::new(begin());
            (Arc::clone(&life), life)
        };
        self.by_sid.change(sid, join, make)
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
            .fetch_max(seconds(session.last_seen), Ordering::Relaxed);
        life.wrote(session.last_seen);
        // Made before it has an owner; see `is_held`.
        let to_keep = Arc::clone(life);
        let mut is_first = false;
        life.owner.get_or_init(|| {
            is_first = true;
            Owner {
                user: session.user_id,
                opened_after: session.opened_after,
                issuer: self.number(&session.iss),
            }
        });
        if is_first {
            let new = || (OfUser::One(Arc::clone(&to_keep)), ());
            let add = |of_user: &mut OfUser| of_user.add(Arc::clone(&to_keep));
            self.by_user.change(session.user_id, add, new);
        }
    }

    /// The sessions that tokens under this key opened here.
    pub fn opened_under(&self, key: &Trust) -> Vec<Uuid> {
        let under = |life: &Life| life.opened_by.get().is_some_and(|opener| opener.is(key));
        self.select(|life| under(life).then(|| life.sid()))
    }

    /// Ends the session here. False when it was not known.
    pub fn end(&self, sid: Uuid) -> bool {
        // No table is locked when whoever waits for the end wakes up.
        let life = self.by_sid.look(sid, Arc::clone);
        life.inspect(|life| life.end()).is_some()
    }

    /// Ends many here, and says how many.
    pub fn end_many(&self, end: &MassEnd<'_>) -> usize {
        // Before the look at the tables; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        let is_meant = |life: &Life, issuer: Option<u32>| {
            let owner = life.owner.get();
            owner.is_some_and(|owner| {
                owner.opened_after < end.sequence
                    && issuer.is_none_or(|issuer| owner.issuer == issuer)
            })
        };
        let of_user = |user: &Uuid, issuer: Option<u32>| {
            let lives = self.by_user.look(*user, |of_user| of_user.lives().to_vec());
            let lives = lives.into_iter().flatten();
            lives.filter(|life| is_meant(life, issuer)).collect()
        };
        let of_all = |issuer: Option<u32>| {
            self.select(|life| is_meant(life, issuer).then(|| Arc::clone(life)))
        };
        let lives: Vec<Arc<Life>> = match end.scope {
            EndScope::User(user) => of_user(user, None),
            EndScope::UserAtIssuer(user, iss) => of_user(user, Some(self.number(iss))),
            EndScope::Issuer(iss) => of_all(Some(self.number(iss))),
            // Which sessions had a token by that key, only the store knows; the others are asked
            // for again and found alive.
            EndScope::SigningKey(_) => of_all(None),
        };
        end_all(&lives)
    }

    /// Ends all of them here, and says how many.
    pub fn end_all(&self) -> usize {
        // Before the look at the table; see `mass_ends`.
        self.mass_ends.fetch_add(1, Ordering::SeqCst);
        end_all(&self.select(|life| Some(Arc::clone(life))))
    }

    /// All that were seen since that was last written down.
    pub fn unwritten(&self) -> Vec<(Activity, Arc<Life>)> {
        self.select(|life| {
            let (sid, at) = (life.sid(), life.unwritten()?);
            Some((Activity { sid, at }, Arc::clone(life)))
        })
    }

    /// All that live.
    pub fn sids(&self) -> Vec<Uuid> {
        self.select(|life| life.lasts().then(|| life.sid()))
    }

    /// Forgets those that nothing holds.
    pub fn sweep(&self) {
        self.by_sid.retain(|life| is_held(life));
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

    fn select<T>(&self, choose: impl Fn(&Arc<Life>) -> Option<T>) -> Vec<T> {
        let mut chosen = Vec::new();
        self.by_sid.each(|life| chosen.extend(choose(life)));
        chosen
    }

    fn number(&self, iss: &str) -> u32 {
        if let Some(number) = self.issuers.get(iss) {
            return *number;
        }
        let next = || self.next_issuer.fetch_add(1, Ordering::Relaxed);
        *self.issuers.entry(iss.to_owned()).or_insert_with(next)
    }
}

fn end_all(lives: &[Arc<Life>]) -> usize {
    let lasting = lives.iter().filter(|life| life.lasts());
    lasting.inspect(|life| life.end()).count()
}

/// Whether anything but the tables holds it, or what it was seen at is still to be written down.
///
/// Asked under the lock of the table by session, without which nobody comes to hold what nothing
/// holds. A life is in the table by user once it has an owner; until it is, [`LiveSessions::bind`]
/// holds it in the table's stead.
fn is_held(life: &Arc<Life>) -> bool {
    let tables = if life.owner.get().is_some() { 2 } else { 1 };
    Arc::strong_count(life) > tables || (life.lasts() && life.unwritten().is_some())
}

impl Identified for Arc<Life> {
    fn id(&self) -> Uuid {
        self.sid
    }
}

/// The sessions of one user. Most have one, so that is what takes little room.
#[derive(Debug)]
enum OfUser {
    One(Arc<Life>),
    #[allow(
        clippy::box_collection,
        reason = "two words less for each user with one session"
    )]
    Several(Box<Vec<Arc<Life>>>),
}

impl Identified for OfUser {
    fn id(&self) -> Uuid {
        // Never empty, and all in it have an owner.
        let user = self.lives().first().and_then(|life| life.user());
        user.unwrap_or_default()
    }
}

impl OfUser {
    fn lives(&self) -> &[Arc<Life>] {
        match self {
            Self::One(life) => std::slice::from_ref(life),
            Self::Several(lives) => lives,
        }
    }

    fn add(&mut self, life: Arc<Life>) {
        match self {
            Self::One(earlier) => {
                let both = vec![Arc::clone(earlier), life];
                *self = Self::Several(Box::new(both));
            }
            Self::Several(lives) => lives.push(life),
        }
    }

    /// Forgets those that are in no other table; whether any are left.
    fn sweep(&mut self) -> bool {
        match self {
            Self::One(life) => Arc::strong_count(life) > 1,
            Self::Several(lives) => {
                lives.retain(|life| Arc::strong_count(life) > 1);
                !lives.is_empty()
            }
        }
    }
}
