//! A table of entries that know their own key.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use uuid::Uuid;

/// What has an id.
pub(super) trait Identified {
    /// The id, which does not change while the item is in a table.
    fn id(&self) -> Uuid;
}

/// A hash table in shards, each with a lock of its own. It keeps no copy of the keys, which are
/// half of what a map of ids to pointers takes.
pub(super) struct Index<T> {
    shards: [Mutex<HashTable<T>>; SHARDS],
    hasher: RandomState,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

impl<T: Identified> Index<T> {
    /// Looks at the entry of an id.
    pub(super) fn look<R>(&self, id: Uuid, look: impl FnOnce(&T) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(id);
        let shard = self.shard(hash);
        shard.find(hash, |entry| entry.id() == id).map(look)
    }

    /// Changes the entry of an id, or makes one.
    pub(super) fn change<R>(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut T) -> R,
        make: impl FnOnce() -> (T, R),
    ) -> R {
        let hash = self.hasher.hash_one(id);
        let hash_of = |entry: &T| self.hasher.hash_one(entry.id());
        let mut shard = self.shard(hash);
        match shard.entry(hash, |entry| entry.id() == id, hash_of) {
            Entry::Occupied(mut entry) => change(entry.get_mut()),
            Entry::Vacant(place) => {
                let (entry, outcome) = make();
                place.insert(entry);
                outcome
            }
        }
    }

    /// Looks at every entry. Others wait for one shard at a time.
    pub(super) fn each(&self, mut look: impl FnMut(&T)) {
        for shard in &self.shards {
            lock(shard).iter().for_each(&mut look);
        }
    }

    /// Takes out what is not to be kept.
    pub(super) fn retain(&self, mut keep: impl FnMut(&mut T) -> bool) {
        for shard in &self.shards {
            lock(shard).retain(&mut keep);
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "a remainder is less than its divisor"
    )]
    fn shard(&self, hash: u64) -> MutexGuard<'_, HashTable<T>> {
        // In the middle: the table itself uses the highest and the lowest bits of the hash.
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }
}

/// No change of a table can be left half done, so a panic under the lock breaks nothing.
fn lock<T>(shard: &Mutex<HashTable<T>>) -> MutexGuard<'_, HashTable<T>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

const SHARDS: usize = 64;
