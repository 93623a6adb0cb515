//! The database file: opening it, and opening it again after an I/O error.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use redb::{
    Builder, CompactionError, Database, DatabaseError, ReadableDatabase, StorageBackend,
    StorageError,
};

use super::noted::Lacks;
use super::table::{Read, Snapshot, Table, Write, no_room};
use super::transaction::Transaction;
use crate::store::StoreError;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the store `{}` is in use by another process: stop that gateway or command first, since only \
         one process can use the file (several gateways need PostgreSQL)",
        .0.display()
    )]
    InUse(PathBuf),
    /// It cannot be opened, created or written.
    #[error("the store `{}` cannot be opened: {cause}{}", .path.display(), advice(cause))]
    Io {
        /// The path of the file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// It has no room to be written. It is not damaged.
    #[error("the store `{}` cannot be written: {cause}", .path.display())]
    Full {
        /// The path of the file.
        path: PathBuf,
        /// Which room there is none of.
        cause: &'static str,
    },
    /// It is no store, or damaged.
    #[error(
        "`{}` is not a store of this gateway, or it is damaged: {cause}; restore a copy, or move it away to \
         begin with an empty store",
        .path.display()
    )]
    NotAStore {
        /// The path of the file.
        path: PathBuf,
        /// What the database says.
        cause: String,
    },
    /// It was open, and was removed, emptied or replaced since.
    #[error(
        "the store `{}` was removed, emptied or replaced while it was open: put the file back, or stop the \
         gateway and restore it",
        .0.display()
    )]
    Replaced(PathBuf),
    /// A newer gateway wrote it.
    #[error(
        "the store `{}` has schema version {found}; this gateway supports versions up to {known}: use a newer \
         gateway, or restore a copy from before the upgrade",
        .path.display()
    )]
    NewerSchema {
        /// The path of the file.
        path: PathBuf,
        /// The version of the schema that was found.
        found: u32,
        /// The latest version that this gateway reads.
        known: u32,
    },
}

/// What to do about an error of the system, where that is known.
fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "; create its folder, or set another `store.path`",
        io::ErrorKind::PermissionDenied => {
            "; the user who runs the gateway must own the file and be able to write its folder (a file that a \
             command of root created belongs to root)"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; set a `store.path` that can be written",
        _ => "",
    }
}

/// Opens the database; asked again after an I/O error. What its writes lack is noted.
pub(super) type Opener = Box<dyn Fn(Lacks) -> Result<Database, OpenError> + Send + Sync>;

/// The file, which is away while it is opened again.
pub(super) struct StoreFile {
    open: Opener,
    opened: RwLock<Option<Opened>>,
    /// Why it could not be opened again; `None` while it is open, or closed on purpose.
    fault: RwLock<Option<StoreError>>,
    /// Which room the latest write lacked. After it, the database says of everything only that an
    /// error came before, until the file is opened again.
    lacks: Lacks,
    lent: AtomicBool,
}

/// A database and what is committed in it. To begin a snapshot and to open its tables costs more than most
/// reads do, so all readers between two commits have the same.
struct Opened {
    database: Database,
    /// `None`: each reader has to take one, and learns why there is none.
    latest: ArcSwapOption<Snapshot>,
}

impl Opened {
    fn new(database: Database) -> Self {
        let opened = Self {
            database,
            latest: ArcSwapOption::empty(),
        };
        opened.committed();
        opened
    }

    /// Takes a snapshot after a commit, before anybody hears of it. The one before is given back, so that
    /// the next commit can use the pages again that this one has freed. Only the writing thread is here.
    fn committed(&self) {
        let snapshot = self.database.begin_read().map(Snapshot::new);
        self.latest.store(snapshot.ok().map(Arc::new));
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        if let Some(latest) = &*self.latest.load() {
            return Ok(Snapshot::clone(latest));
        }
        Ok(Snapshot::new(self.database.begin_read()?))
    }
}

impl StoreFile {
    /// Opens the database.
    pub(super) fn open(open: Opener) -> Result<Self, OpenError> {
        let lacks = Lacks::default();
        let opened = RwLock::new(Some(Opened::new(open(lacks.clone())?)));
        let lent = AtomicBool::new(false);
        Ok(Self {
            open,
            opened,
            fault: RwLock::default(),
            lacks,
            lent,
        })
    }

    /// Runs `work` on what is committed now.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&mut Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.as_ref().ok_or_else(|| self.away())?;
        let read = opened
            .snapshot()
            .and_then(|mut snapshot| work(&mut snapshot));
        read.map_err(|error| self.cause_of(error))
    }

    /// Runs `work` in a transaction and commits it. An error of `work` takes all of it back.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.as_ref().ok_or_else(|| self.away())?;
        let written = write(&opened.database, work);
        let written = written.map_err(|error| self.cause_of(error));
        // After an error, too, of which nobody knows how far the commit came.
        opened.committed();
        if written.is_ok() {
            self.lacks.set(None);
        }
        written
    }

    /// What an error that only says that there was one before is about.
    fn cause_of(&self, error: StoreError) -> StoreError {
        match (error, self.lacks.get()) {
            (StoreError::Unavailable(_), Some(cause)) => StoreError::Full(cause),
            (error, _) => error,
        }
    }

    /// Closes the file and opens it again. After an I/O error the database refuses everything
    /// until then, reads included; opening it goes back to the last commit.
    pub(super) fn reopen(&self) -> Result<(), OpenError> {
        let mut place = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        // The lock on the file goes with the old database.
        drop(place.take());
        let opened = (self.open)(self.lacks.clone());
        let mut fault = self.fault.write().unwrap_or_else(PoisonError::into_inner);
        *fault = opened.as_ref().err().map(StoreError::from);
        *place = Some(Opened::new(opened?));
        Ok(())
    }

    /// Why nothing can be read or written while the file is closed.
    fn away(&self) -> StoreError {
        if self.is_lent() {
            return StoreError::Released;
        }
        let fault = self.fault.read().unwrap_or_else(PoisonError::into_inner);
        let closed = || StoreError::Unavailable("the file is closed".to_owned());
        fault.clone().unwrap_or_else(closed)
    }

    /// Closes the file for another process.
    pub(super) fn release(&self) {
        self.lent.store(true, Ordering::Release);
        self.close();
    }

    /// Says that the file may be opened again; the writing thread does.
    pub(super) fn reacquire(&self) {
        self.lent.store(false, Ordering::Release);
    }

    /// Whether another process has it.
    pub(super) fn is_lent(&self) -> bool {
        self.lent.load(Ordering::Acquire)
    }

    /// Closes the file permanently.
    pub(super) fn close(&self) {
        let opened = self
            .opened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // Nobody reads any more.
        let closed = opened.map(|Opened { database, latest }| {
            drop(latest);
            database.close()
        });
        if let Some(Err(error)) = closed {
            tracing::warn!(%error, "the store was not closed properly; it will be recovered at \
                the next start");
        }
    }
}

/// Opens the database in `backend`, which is the file at `path`, and makes its tables.
pub(super) fn open_database(
    path: &Path,
    backend: impl StorageBackend,
    cache_size: usize,
) -> Result<Database, OpenError> {
    let database = Builder::new()
        .set_cache_size(cache_size)
        .create_with_backend(backend)
        .map_err(|error| refused(path, error))?;
    let found = write(&database, prepare).map_err(|error| {
        let path = path.to_owned();
        match error {
            StoreError::Full(cause) => OpenError::Full { path, cause },
            error => OpenError::NotAStore {
                path,
                cause: error.to_string(),
            },
        }
    })?;
    if found > SCHEMA {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            known: SCHEMA,
        });
    }
    Ok(database)
}

impl From<&OpenError> for StoreError {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Full { cause, .. } => Self::Full(cause),
            OpenError::Replaced(_) => Self::Replaced,
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// Why a file did not become smaller.
pub(super) fn compaction_failed(path: &Path, error: CompactionError) -> OpenError {
    match error {
        CompactionError::Storage(error) => refused(path, error.into()),
        error => OpenError::NotAStore {
            path: path.to_owned(),
            cause: error.to_string(),
        },
    }
}

/// Why a file could not be opened.
pub(super) fn refused(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(path),
        DatabaseError::Storage(StorageError::Io(cause))
            if cause.kind() != io::ErrorKind::InvalidData =>
        {
            match no_room(&cause) {
                Some(cause) => OpenError::Full { path, cause },
                None => OpenError::Io { path, cause },
            }
        }
        error => OpenError::NotAStore {
            path,
            cause: error.to_string(),
        },
    }
}

fn write<T>(
    database: &Database,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut transaction = database.begin_write()?;
    // After a crash the file is opened in a moment, whatever its size.
    transaction.set_quick_repair(true);
    let mut tx = Transaction::new(&transaction);
    let outcome = work(&mut tx).and_then(|outcome| tx.finish().map(|()| outcome));
    drop(tx);
    if outcome.is_ok() {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    outcome
}

/// Makes all tables in a new file. The file's schema version.
fn prepare(tx: &mut Transaction<'_>) -> Result<u32, StoreError> {
    let Some(version) = tx.get(Table::Meta, SCHEMA_KEY)? else {
        tx.create_all()?;
        tx.put(Table::Meta, SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
        return Ok(SCHEMA);
    };
    let version = version
        .try_into()
        .map_err(|_| StoreError::Corrupt("schema version"))?;
    let version = u32::from_be_bytes(version);
    if version <= SCHEMA {
        // A table that this version adds.
        tx.create_all()?;
    }
    Ok(version)
}

/// Grows when an older gateway could not read what this one writes.
const SCHEMA: u32 = 1;
const SCHEMA_KEY: &[u8] = b"schema";
