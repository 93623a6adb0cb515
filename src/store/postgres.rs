//! The PostgreSQL store: one database for any number of gateways.
//!
//! Plain SQL, no extension. Operations run on a runtime of the store's own, because a connection
//! lives on the runtime that first asked for it, and on tasks of their own, because an asker who
//! goes away must not leave a transaction half done. A transaction that lost a race runs again
//! (`connection`). Other gateways' changes come by `NOTIFY` and, where that is lost, by a look
//! at the counter twice a second (`feed`).
//!
//! SQL is written only here and below.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod audit_log;
mod change_feed;
mod clock;
mod connection;
mod deliveries;
mod events;
mod feed;
mod first_sign_in;
mod import;
mod maintenance;
mod replay_guard;
mod row;
mod schema;
mod sessions;
mod settings;
mod shared_rates;
mod sign_in;
mod sweep;
#[cfg(test)]
pub(super) mod tests;
mod tombstones;
mod users;

pub use connection::{ConnectError, UrlFault};

use connection::{Database, Read, Work};

use super::behind::{Behind, RowWrite};
use super::{Store, StoreError};

/// Where the database is.
#[derive(Clone)]
pub struct PostgresSettings {
    /// A connection URI or string as libpq reads it, password and all. Without `sslmode` in it
    /// the connection is encrypted unless the host is this machine, and without
    /// `target_session_attrs` it leads to a server that takes writes.
    pub url: String,
    /// The certificates of the authorities that vouch for the server, as PEM; those of the system
    /// by default.
    pub root_certificates: Option<PathBuf>,
    /// The most connections.
    pub connections: usize,
}

/// The PostgreSQL store.
pub struct Postgres {
    shared: Arc<Shared>,
    latest_change: watch::Receiver<u64>,
    latest_event: watch::Receiver<u64>,
    sweep: AtomicUsize,
    stop: CancellationToken,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

struct Shared {
    database: Database,
    latest_change: watch::Sender<u64>,
    /// The latest event that was inserted, numbered or not.
    latest_event: watch::Sender<u64>,
    /// Writes that no sign-in waits for, at most [`MOST_BEHIND`].
    behind: TaskTracker,
    /// The sessions that they write.
    rows_behind: Arc<Behind>,
    /// The latest of them failed.
    failing: AtomicBool,
}

impl Postgres {
    /// Reads the settings and connects to nothing.
    ///
    /// # Errors
    ///
    /// The URL is none, or the authorities cannot be read.
    pub fn check(settings: &PostgresSettings) -> Result<(), ConnectError> {
        connection::prepare(settings).map(drop)
    }

    /// Connects, brings the schema up to date and starts to listen for changes.
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, ConnectError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("store")
            .enable_all()
            .build()
            .map_err(ConnectError::Runtime)?;
        // From here on an early return drops the runtime the way `Drop` does.
        let runtime = OwnRuntime(Some(runtime));
        let (database, connector) = connection::prepare(settings)?;
        let opening = async move {
            schema::migrate(&database).await?;
            let latest = feed::latest(&database).await?;
            Ok((database, latest))
        };
        let (database, latest) = runtime.spawn(opening).await?;

        let (publish, latest_change) = watch::channel(latest);
        let (publish_event, latest_event) = watch::channel(0);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            database,
            latest_change: publish,
            latest_event: publish_event,
            behind: TaskTracker::new(),
            rows_behind: Arc::default(),
            failing: AtomicBool::new(false),
        });
        let runtime = runtime.into_inner();
        if let Some(runtime) = &runtime {
            runtime.spawn(feed::follow(connector, shared.clone(), stop.clone()));
        }
        Ok(Self {
            shared,
            latest_change,
            latest_event,
            sweep: AtomicUsize::new(0),
            stop,
            runtime,
        })
    }

    /// Runs a read on the store's runtime.
    async fn read<I, T>(&self, input: I, read: Read<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        self.run(async move { shared.database.read(&input, read).await })
            .await
    }

    /// Runs a transaction on the store's runtime; the changes in it are published.
    async fn write<I, T>(&self, input: I, work: Work<I, T>) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let shared = self.shared.clone();
        self.run(async move { shared.write(&input, work).await })
            .await
    }

    /// Runs a transaction that writes a session's row and that its sign-in does not wait for.
    fn write_behind<I, T>(
        &self,
        row: RowWrite,
        input: I,
        work: Work<I, T>,
    ) -> Result<(), StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
    {
        let Some(runtime) = &self.runtime else {
            return Err(stopped());
        };
        if self.shared.behind.is_closed() {
            return Err(stopped());
        }
        let shared = self.shared.clone();
        let write = async move {
            let written = shared.write(&input, work).await.map(drop);
            shared.failing.store(written.is_err(), Ordering::Relaxed);
            if let Err(error) = &written {
                tracing::error!(%error, "a session was not stored");
            }
            row.done(written);
        };
        self.shared.behind.spawn_on(write, runtime.handle());
        Ok(())
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let runtime = self.runtime.as_ref().ok_or_else(stopped)?;
        runtime.spawn(work).await.map_err(|_| stopped())?
    }
}

impl Shared {
    async fn write<I: Sync, T>(&self, input: &I, work: Work<I, T>) -> Result<T, StoreError> {
        let (value, latest) = self.database.write(input, work).await?;
        if let Some(latest) = latest {
            self.publish(latest);
            feed::notify(&self.database, latest).await;
        }
        Ok(value)
    }

    /// Tells this process what the database says: it was set back where that is less than before.
    fn set_latest(&self, latest: u64) {
        self.latest_change
            .send_if_modified(|known| std::mem::replace(known, latest) != latest);
    }

    /// Tells this process of the latest event.
    fn set_latest_event(&self, latest: u64) {
        self.latest_event
            .send_if_modified(|known| std::mem::replace(known, latest) != latest);
    }

    /// Tells this process of a change.
    fn publish(&self, latest: u64) {
        self.latest_change.send_if_modified(|known| {
            let news = latest > *known;
            *known = latest.max(*known);
            news
        });
    }
}

#[async_trait]
impl Store for Postgres {
    async fn health(&self) -> Result<(), StoreError> {
        self.read((), |on, ()| Box::pin(feed::expect_writable(on)))
            .await
    }

    async fn close(&self) {
        self.stop.cancel();
        self.shared.behind.close();
        self.shared.behind.wait().await;
        self.shared.database.close();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop.cancel();
        drop(OwnRuntime(self.runtime.take()));
    }
}

/// A runtime that may be dropped inside another: its threads end in their own time.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    async fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ConnectError>> + Send + 'static,
    ) -> Result<T, ConnectError> {
        let stopped = || ConnectError::Runtime(std::io::ErrorKind::Interrupted.into());
        let runtime = self.0.as_ref().ok_or_else(stopped)?;
        runtime.spawn(work).await.map_err(|_| stopped())?
    }

    fn into_inner(mut self) -> Option<Runtime> {
        self.0.take()
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Sign-ins that do not wait for their rows, at one time; further ones wait.
const MOST_BEHIND: usize = 4096;
/// Threads that wait for the database.
const RUNTIME_THREADS: usize = 2;
