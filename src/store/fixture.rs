//! A store for a test, in a folder that goes with it.

use std::sync::Arc;

use tempfile::TempDir;

use super::{Embedded, Gated, Store, StoreSettings};

/// The embedded engine in a folder of its own.
pub(crate) struct TestStore {
    /// The engine.
    pub(crate) engine: Arc<Embedded>,
    _folder: TempDir,
}

impl TestStore {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("store.redb"),
            ..StoreSettings::default()
        };
        Self {
            engine: Arc::new(Embedded::open(&settings).unwrap()),
            _folder: folder,
        }
    }

    /// As the rest of the gateway knows it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.engine) as Arc<dyn Store>
    }

    /// The same with gates.
    pub(crate) fn gated(&self) -> Arc<Gated> {
        Arc::new(Gated::new(self.store()))
    }
}
