//! A backend that notes which room a write lacked.
//!
//! The database may meet an error where it cannot report it, and says at its next operation only that
//! there was one. What it was is known here.

use std::io;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{BackendError, StorageBackend};

use super::table::no_room;

/// Which room the latest write lacked.
#[derive(Clone, Debug, Default)]
pub(super) struct Lacks(Arc<RwLock<Option<&'static str>>>);

impl Lacks {
    /// Which room; `None` if the latest write lacked none.
    pub(super) fn get(&self) -> Option<&'static str> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes it.
    pub(super) fn set(&self, cause: Option<&'static str>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = cause;
    }
}

/// A backend whose errors are noted.
#[derive(Debug)]
pub(super) struct Noted<B> {
    backend: B,
    lacks: Lacks,
}

impl<B> Noted<B> {
    pub(super) fn new(backend: B, lacks: Lacks) -> Self {
        Self { backend, lacks }
    }

    fn note<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| {
            if let Some(cause) = no_room(error) {
                self.lacks.set(Some(cause));
            }
        })
    }
}

impl<B: StorageBackend> StorageBackend for Noted<B> {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.note(self.backend.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.note(self.backend.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.note(self.backend.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }
    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(from, to)
    }

    fn try_lock_shared_range(
        &self,
        from: Bound<u64>,
        to: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(from, to)
    }

    fn lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(from, to)
    }

    fn lock_shared_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(from, to)
    }

    fn unlock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(from, to)
    }

    fn query_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(from, to)
    }
}
