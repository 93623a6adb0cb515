//! What only the embedded engine does; what all engines do is in `store/conformance.rs`.

use std::ops::Bound;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::poll;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};
use tokio::sync::oneshot;

use super::table::Write;
use super::*;
use crate::clock::UnixTime;
use crate::store::conformance::Engine;
use crate::store::{Maintenance, RevocationReason, Sessions, Settings, StoreSettings};
use uuid::Uuid;

mod place;
mod reading;
mod writing;

/// A file in a folder of its own, gone with the case.
pub(in crate::store) struct InFolder(tempfile::TempDir);

impl InFolder {
    pub(in crate::store) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn settings(&self) -> StoreSettings {
        StoreSettings {
            path: self.0.path().join("store.redb"),
            ..StoreSettings::default()
        }
    }
}

#[async_trait]
impl Engine for InFolder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(Embedded::open(&self.settings()).unwrap())
    }

    async fn open_another(&self) -> Arc<dyn Store> {
        let path = self.0.path().join("another.redb");
        let settings = StoreSettings {
            path,
            ..self.settings()
        };
        Arc::new(Embedded::open(&settings).unwrap())
    }
}

#[tokio::test]
async fn the_file_is_private_and_has_one_owner() {
    let folder = InFolder::new();
    let settings = folder.settings();
    let store = Embedded::open(&settings).unwrap();
    let mode = || {
        std::fs::metadata(&settings.path)
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(), 0o600);

    let second = Embedded::open(&settings).err().unwrap();
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    store.close().await;

    std::fs::set_permissions(&settings.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Embedded::open(&settings).unwrap();
    assert_eq!(mode(), 0o600);
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_store_is_left_alone() {
    let folder = InFolder::new();
    let settings = folder.settings();
    let text = "not a database, but long enough to be taken for one".repeat(1000);
    std::fs::write(&settings.path, &text).unwrap();
    let error = Embedded::open(&settings).err().unwrap();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(&settings.path).unwrap(), text);

    let nowhere = StoreSettings {
        path: folder.0.path().join("no/folder"),
        ..settings
    };
    let error = Embedded::open(&nowhere).err().unwrap();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("create its folder"), "{error}");
}

#[tokio::test]
async fn a_newer_file_is_refused() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    let newer = 1000_u32.to_be_bytes();
    store
        .writer
        .write(move |tx| tx.put(Table::Meta, b"schema", &newer))
        .await
        .unwrap();
    store.close().await;
    let error = Embedded::open(&folder.settings()).err().unwrap();
    assert!(
        matches!(error, OpenError::NewerSchema { found: 1000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_read_fails_alone() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    store
        .writer
        .write(|tx| tx.put(Table::Sessions, &[1; 16], b"{"))
        .await
        .unwrap();
    let damaged = Uuid::from_bytes([1; 16]);
    let at = UnixTime(1);
    let (failed, written) = tokio::join!(
        store.end_session(damaged, RevocationReason::Logout, at),
        store.put_setting("name", "value"),
    );
    assert_eq!(failed.unwrap_err(), StoreError::Corrupt("sessions"));
    written.unwrap();
    assert_eq!(
        store.setting("name").await.unwrap().as_deref(),
        Some("value")
    );
    store.close().await;
}

#[tokio::test]
async fn a_write_that_panics_fails_and_the_next_succeeds() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    let panicked = store
        .writer
        .write(|_| -> Result<(), StoreError> { panic!("on purpose") });
    assert!(matches!(
        panicked.await.unwrap_err(),
        StoreError::Unavailable(_)
    ));
    store.put_setting("name", "value").await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_full_disk_is_an_error_until_there_is_space() {
    let folder = InFolder::new();
    let place = Arc::new(Place::new(folder.settings().path));
    let full = Arc::new(AtomicBool::new(false));
    let open: Opener = Box::new({
        let (place, full) = (place.clone(), full.clone());
        move |lacks| {
            let disk = Disk {
                file: place.open()?,
                full: full.clone(),
            };
            open_database(place.path(), Noted::new(disk, lacks), 1 << 20)
        }
    });
    let store = Embedded::start(place, open).unwrap();
    store.put_setting("before", "1").await.unwrap();

    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = store.put_setting("meanwhile", "1").await.unwrap_err();
        assert_eq!(error, StoreError::Full("no space left on the device"));
        assert!(store.health().await.is_err());
    }
    full.store(false, Ordering::SeqCst);
    // The writing thread tries in its own time, so the first attempts may still come too early.
    while store.put_setting("after", "1").await.is_err() {
        tokio::task::yield_now().await;
    }
    store.health().await.unwrap();
    for (name, value) in [
        ("before", Some("1")),
        ("meanwhile", None),
        ("after", Some("1")),
    ] {
        assert_eq!(
            store.setting(name).await.unwrap().as_deref(),
            value,
            "{name}"
        );
    }
    store.close().await;
}

#[tokio::test]
async fn a_file_gives_back_the_room_of_what_is_gone() {
    let folder = InFolder::new();
    let settings = folder.settings();
    let store = Embedded::open(&settings).unwrap();
    let long = "x".repeat(1 << 18);
    for number in 0..64 {
        store.put_setting(&number.to_string(), &long).await.unwrap();
    }
    // What stays is at the end of the file.
    for number in 0..63 {
        let name = number.to_string();
        let gone = store.replace_setting(&name, Some(&long), None, UnixTime(1));
        gone.await.unwrap();
    }
    let bytes = store.bytes().await.unwrap().unwrap();
    assert_eq!(bytes, std::fs::metadata(&settings.path).unwrap().len());
    assert!(matches!(
        Embedded::compact(&settings),
        Err(OpenError::InUse(_))
    ));
    store.close().await;
    drop(store);

    let (before, after) = Embedded::compact(&settings).unwrap();
    assert!(after < before && after < 4 << 20, "{before} {after}");
    assert_eq!(after, std::fs::metadata(&settings.path).unwrap().len());
    let store = Embedded::open(&settings).unwrap();
    assert_eq!(store.setting("63").await.unwrap().as_deref(), Some(&*long));
    store.close().await;
}

#[tokio::test]
async fn a_store_that_was_handed_over_says_so_until_it_is_back() {
    let folder = InFolder::new();
    let store = Embedded::open(&folder.settings()).unwrap();
    store.put_setting("name", "value").await.unwrap();
    store.release().await;
    assert_eq!(store.setting("name").await, Err(StoreError::Released));
    let written = store.put_setting("name", "other").await;
    assert_eq!(written, Err(StoreError::Released));
    store.reacquire().await;
    let setting = store.setting("name").await.unwrap();
    assert_eq!(setting.as_deref(), Some("value"));
    store.close().await;
    let closed = store.setting("name").await;
    assert!(
        matches!(closed, Err(StoreError::Unavailable(_))),
        "{closed:?}"
    );
}

impl Embedded {
    /// Holds the thread that writes, which has begun a transaction of its own.
    pub(crate) async fn hold_writes(&self) -> HeldWrites {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let (writer, mut begin) = (self.writer.clone(), Some(begin));
        tokio::spawn(async move {
            let wait = move |_: &mut Transaction<'_>| {
                begin.take().map(|begin| begin.send(()));
                // An error says that the writes were released.
                let _ = released.recv();
                Ok(())
            };
            writer.write(wait).await
        });
        begun.await.unwrap();
        HeldWrites {
            writer: self.writer.clone(),
            release,
        }
    }
}

/// Writes that wait. Released when it is dropped.
pub(crate) struct HeldWrites {
    writer: Writer,
    release: std::sync::mpsc::Sender<()>,
}

impl HeldWrites {
    /// Releases the writes, of which those that came since the hold fail.
    pub(crate) async fn fail(self) {
        let fault = || Err(StoreError::Unavailable("on purpose".to_owned()));
        let mut failing = Box::pin(self.writer.write(move |_| -> Result<(), _> { fault() }));
        // Now it is queued, for the same transaction.
        assert!(poll!(&mut failing).is_pending());
        drop(self.release);
        assert!(failing.await.is_err());
    }
}

/// A file on a disk that may be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        if self.full.load(Ordering::SeqCst) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.file.write(offset, data)
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.file.close()
    }

    fn try_lock_range(&self, from: Bound<u64>, to: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(from, to)
    }
}
