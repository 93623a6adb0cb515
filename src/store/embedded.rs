//! The embedded store: one redb file, owned by one gateway.
//!
//! Reads happen on the caller's thread, from what is committed. Writes go to one thread that
//! commits what is queued together (`writer`). Redb is named only here and below.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use tokio::sync::{Mutex, watch};

mod audit_log;
mod change_feed;
mod deliveries;
mod event_row;
mod events;
mod file;
mod first_sign_in;
mod maintenance;
mod noted;
mod place;
mod replay_guard;
mod row;
mod sessions;
mod settings;
mod shared_rates;
mod table;
#[cfg(test)]
pub(super) mod tests;
mod transaction;
mod users;
mod writer;

pub use file::OpenError;

use file::{Opener, StoreFile, open_database};
use maintenance::SweepPosition;
use noted::Noted;
use place::Place;
use shared_rates::Debts;
use table::{Range, Read, Row, Snapshot, Table, Write};
use transaction::Transaction;
use writer::Writer;

use super::behind::Behind;
use super::{Page, PageRequest, Store, StoreError};
use crate::store::StoreSettings;

/// The embedded store.
pub struct Embedded {
    file: Arc<StoreFile>,
    writer: Writer,
    behind: Arc<Behind>,
    latest_change: watch::Receiver<u64>,
    latest_event: watch::Receiver<u64>,
    sweep: Mutex<SweepPosition>,
    debts: Debts,
    place: Arc<Place>,
}

impl Embedded {
    /// Opens the file, creating it with mode 0600 if necessary, and starts the writing thread.
    /// Reads the disk, so it must be called outside the runtime.
    pub fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let cache_size = cache_size(settings);
        let place = Arc::new(Place::new(settings.path.clone()));
        let opened = Arc::clone(&place);
        let open: Opener = Box::new(move |lacks| {
            let noted = Noted::new(opened.open()?, lacks);
            open_database(opened.path(), noted, cache_size)
        });
        Self::start(place, open)
    }

    fn start(place: Arc<Place>, open: Opener) -> Result<Self, OpenError> {
        let path = || place.path().to_owned();
        let file = Arc::new(StoreFile::open(open)?);
        let (latest, event) = file
            .read(|rows| Ok((row::latest_change(rows)?, event_row::latest_event(rows)?)))
            .map_err(|error| OpenError::NotAStore {
                path: path(),
                cause: error.to_string(),
            })?;
        let (publish, latest_change) = watch::channel(latest);
        let (publish_event, latest_event) = watch::channel(event);
        let writer = Writer::start(file.clone(), place.clone(), publish, publish_event);
        let writer = writer.map_err(|cause| OpenError::Io {
            path: path(),
            cause,
        })?;
        Ok(Self {
            file,
            writer,
            behind: Arc::default(),
            latest_change,
            latest_event,
            sweep: Mutex::default(),
            debts: Debts::default(),
            place,
        })
    }

    /// Makes the file as small as it can be: its size before and after. Nobody may have it open.
    /// Reads and writes the disk for as long as it takes.
    pub fn compact(settings: &StoreSettings) -> Result<(u64, u64), OpenError> {
        let (path, size) = (&settings.path, cache_size(settings));
        let io = |cause| OpenError::Io {
            path: path.clone(),
            cause,
        };
        let bytes = || std::fs::metadata(path).map(|file| file.len()).map_err(io);
        let before = bytes()?;
        let mut database = open_database(path, Place::new(path.clone()).open()?, size)?;
        while database
            .compact()
            .map_err(|error| file::compaction_failed(path, error))?
        {}
        drop(database);
        Ok((before, bytes()?))
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&mut Snapshot) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.file.read(work)
    }
}

#[async_trait]
impl Store for Embedded {
    async fn health(&self) -> Result<(), StoreError> {
        self.place.expect_same()?;
        self.read(row::latest_change)?;
        if self.writer.is_failing() {
            // Only a commit shows that the cause is gone, and only one that needs space: a small
            // one may fit between the pages of a file that cannot grow.
            let occupy = |tx: &mut Transaction<'_>| tx.put(Table::Meta, PROBE, &[0; PROBE_SIZE]);
            self.writer.write(occupy).await?;
            let free = |tx: &mut Transaction<'_>| tx.remove(Table::Meta, PROBE);
            self.writer.write(free).await?;
        }
        Ok(())
    }

    async fn close(&self) {
        self.writer.close().await;
    }

    async fn release(&self) {
        self.writer.release().await;
    }

    async fn reacquire(&self) {
        self.file.reacquire();
        while self.writer.write(|_| Ok(())).await.is_err() {
            tokio::time::sleep(TAKE_BACK_PAUSE).await;
        }
    }
}

fn cache_size(settings: &StoreSettings) -> usize {
    usize::try_from(settings.cache_size.as_u64()).unwrap_or(usize::MAX)
}

/// A row that is written to test whether there is space, and then removed.
const PROBE: &[u8] = b"probe";
/// Room for the commits of the next moments.
const PROBE_SIZE: usize = 1 << 20;
/// Between looks whether the writing thread has the file again.
const TAKE_BACK_PAUSE: Duration = Duration::from_millis(50);

/// A page of the entries under `prefix`, from the greatest key down.
fn page<R: Read, T>(
    rows: &mut R,
    table: Table,
    prefix: &[u8],
    request: &PageRequest,
    item: impl Fn(&mut R, &Row) -> Result<T, StoreError>,
) -> Result<Page<T>, StoreError> {
    let after = request
        .after
        .as_ref()
        .map(|after| BASE64URL.decode(after))
        .transpose();
    let after = after.map_err(|_| StoreError::InvalidCursor)?;
    let range = Range {
        prefix,
        after: after.as_deref(),
        backwards: true,
    };
    let limit = request.bounded();
    let mut found = rows.scan(table, range, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(key, _)| BASE64URL.encode(key));
    let items = found
        .iter()
        .map(|row| item(rows, row))
        .collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}
