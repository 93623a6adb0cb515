//! Connections, and transactions that run again when they lost a race.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Client, GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod,
    Runtime, Transaction,
};
use futures::future::BoxFuture;
use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresSettings;
use crate::store::StoreError;

mod servers;
mod tls;
mod uri;

pub(super) use servers::Connector;
use tls::tls_config;
pub use uri::UrlFault;

/// Why the database cannot be used. Names no value of the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not valid.
    #[error("the PostgreSQL URL is not valid: {0}")]
    Url(#[from] UrlFault),
    /// The certificates of the authorities cannot be read.
    #[error("the root certificates for PostgreSQL cannot be read: {0}")]
    RootCertificates(String),
    /// The runtime cannot be started.
    #[error("cannot start a runtime for the store: {0}")]
    Runtime(io::Error),
    /// The database does not answer, or not as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another gateway brings the schema up to date, and has not ended in time.
    #[error("another gateway is migrating the database; start this one again when it is done")]
    Migrating,
    /// The database is new, and has an encoding that cannot write every text.
    #[error(
        "the database has the encoding {0}, in which names and claims of users cannot be stored that it \
         has no letters for: create it with `CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0`"
    )]
    Encoding(String),
    /// A newer gateway created the schema.
    #[error(
        "the schema of the database has version {found}; this gateway supports versions up to {known}: use a newer \
         gateway, or restore a backup from before the upgrade"
    )]
    NewerSchema {
        /// The version of the schema that was found.
        found: i32,
        /// The latest version that this gateway reads.
        known: i32,
    },
}

/// A read, or one statement that writes: it may run more than once, and nothing is published.
pub(super) type Read<I, T> = for<'a> fn(&'a Client, &'a I) -> BoxFuture<'a, Result<T, Failure>>;

/// A write, inside a transaction. It may run more than once.
pub(super) type Work<I, T> = for<'a, 't> fn(&'a Tx<'t>, &'a I) -> BoxFuture<'a, Result<T, Failure>>;

/// Why a statement or a transaction did not end well.
#[derive(Debug)]
pub(super) enum Failure {
    /// Another transaction was there first: the same again will see it.
    Again,
    /// The same again would end the same.
    Store(StoreError),
}

/// A transaction.
pub(super) struct Tx<'t> {
    transaction: Transaction<'t>,
    latest_change: AtomicU64,
}

impl<'t> Tx<'t> {
    /// What statements run on.
    pub(super) fn on(&self) -> &Transaction<'t> {
        &self.transaction
    }

    /// Notes the number of a change that the transaction makes.
    pub(super) fn note_change(&self, sequence: u64) {
        self.latest_change.fetch_max(sequence, Ordering::Relaxed);
    }
}

/// The rows of a statement.
pub(super) async fn rows(
    on: &impl GenericClient,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let statement = on.prepare_cached(sql).await?;
    Ok(on.query(&statement, parameters).await?)
}

/// Runs a statement; how many rows it changed.
pub(super) async fn execute(
    on: &impl GenericClient,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64, Failure> {
    let statement = on.prepare_cached(sql).await?;
    Ok(on.execute(&statement, parameters).await?)
}

/// The connections.
pub(super) struct Database {
    pool: Pool,
}

/// Reads the settings; connects to nothing yet.
pub(super) fn prepare(settings: &PostgresSettings) -> Result<(Database, Connector), ConnectError> {
    let mut config = uri::read(&settings.url)?;
    if config.get_application_name().is_none() {
        config.application_name("vestibule");
    }
    config
        .tcp_user_timeout(OPERATION)
        .keepalives_idle(OPERATION);

    let tls = MakeRustlsConnect::new(tls_config(settings)?);
    let connector = Connector::new(config.clone(), tls);
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_connect(config, connector.clone(), recycling);
    let pool = Pool::builder(manager)
        .max_size(settings.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(OPERATION))
        .create_timeout(Some(connector.patience()))
        .recycle_timeout(Some(OPERATION))
        .build()
        .map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok((Database { pool }, connector))
}

impl Database {
    /// Runs a read.
    pub(super) async fn read<I: Sync, T>(
        &self,
        input: &I,
        read: Read<I, T>,
    ) -> Result<T, StoreError> {
        for _ in 0..ATTEMPTS {
            let client = self.client().await?;
            match timeout(OPERATION, read(&client, input)).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failure)) => self.before_another(failure, client)?,
                Err(_) => return Err(give_up(client)),
            }
        }
        Err(StoreError::Unavailable(
            "the connection was lost repeatedly".to_owned(),
        ))
    }

    /// Runs a transaction and commits it; also returns the number of its latest change.
    pub(super) async fn write<I: Sync, T>(
        &self,
        input: &I,
        work: Work<I, T>,
    ) -> Result<(T, Option<u64>), StoreError> {
        for _ in 0..ATTEMPTS {
            let mut client = self.client().await?;
            match timeout(OPERATION, attempt(&mut client, input, work)).await {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err(failure)) => self.before_another(failure, client)?,
                Err(_) => return Err(give_up(client)),
            }
        }
        Err(StoreError::Unavailable(
            "the transaction kept conflicting with others".to_owned(),
        ))
    }

    /// Sees to it that another attempt can end otherwise than the one that failed on this connection.
    ///
    /// # Errors
    ///
    /// It would end the same.
    fn before_another(&self, failure: Failure, client: Client) -> Result<(), StoreError> {
        match failure {
            Failure::Again => Ok(()),
            Failure::Store(StoreError::ReadOnly) => self.leave(client),
            Failure::Store(error) => Err(error),
        }
    }

    /// Leaves a server that takes no writes, such as the former primary after a failover: its
    /// connections would stay good for reading, and every write on them would fail for ever.
    ///
    /// # Errors
    ///
    /// The connection is a new one: the server that is the right one now takes no writes either.
    fn leave(&self, client: Client) -> Result<(), StoreError> {
        let is_new = Object::metrics(&client).recycle_count == 0;
        drop(Object::take(client));
        self.drop_idle();
        match is_new {
            true => Err(StoreError::ReadOnly),
            false => Ok(()),
        }
    }

    /// Lets go of the connections that nobody uses now; whoever needs one opens another.
    pub(super) fn drop_idle(&self) {
        drop(self.pool.retain(|_, _| false));
    }

    /// A connection of its own, for what is no operation.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        let asked = Instant::now();
        loop {
            let error = match self.pool.get().await {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            if !is_crowded(&error) || asked.elapsed() >= OPERATION {
                return Err(unpooled(error));
            }
            // Of the connections that are here, one may be free then; and not all ask at once.
            sleep(CROWDED.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    /// Lets go of all connections.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Whether the server has as many connections as it takes.
fn is_crowded(error: &PoolError) -> bool {
    let PoolError::Backend(error) = error else {
        return false;
    };
    error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
}

fn unpooled(error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(_) => StoreError::Unavailable("no connection in time".to_owned()),
        PoolError::Backend(error) => not_connected(&error),
        PoolError::Closed => StoreError::Unavailable("the store is closed".to_owned()),
        error => StoreError::Unavailable(error.to_string()),
    }
}

/// A connection on which something is still under way must not be used again.
fn give_up(client: Object) -> StoreError {
    drop(Object::take(client));
    StoreError::Unavailable("no response in time".to_owned())
}

async fn attempt<I, T>(
    client: &mut Client,
    input: &I,
    work: Work<I, T>,
) -> Result<(T, Option<u64>), Failure> {
    // Whatever is the database's default: statements have to see what was committed while they waited.
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::ReadCommitted)
        .start()
        .await?;
    let tx = Tx {
        transaction,
        latest_change: AtomicU64::new(0),
    };
    let value = work(&tx, input).await?;
    let latest = tx.latest_change.into_inner();
    // After a lost connection nobody knows whether this took place: it must not run again.
    tx.transaction
        .commit()
        .await
        .map_err(|error| match Failure::from(error) {
            Failure::Again => Failure::Store(StoreError::Unavailable("no commit".to_owned())),
            failure => failure,
        })?;
    Ok((value, (latest > 0).then_some(latest)))
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let races = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            // A user who was deleted meanwhile.
            SqlState::FOREIGN_KEY_VIOLATION,
        ];
        let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
        match error.code() {
            Some(code) if races.contains(code) || ended.contains(code) => Self::Again,
            None if error.is_closed() => Self::Again,
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Self::Store(StoreError::ReadOnly),
            Some(&SqlState::DISK_FULL) => {
                Self::Store(StoreError::Full("no space left on the database's device"))
            }
            _ => Self::Store(StoreError::Unavailable(describe(&error))),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a connection could not be made. Of a server that takes no writes the client says so by an
/// error of its own, where others are the system's.
pub(super) fn not_connected(error: &tokio_postgres::Error) -> StoreError {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let takes_no_writes = cause.is_some_and(|cause| {
        cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none()
    });
    match takes_no_writes {
        true => StoreError::ReadOnly,
        false => StoreError::Unavailable(describe(error)),
    }
}

/// An error without what the statement was about: its detail may quote a row.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{} ({})", database.message(), database.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}

/// Bound on one attempt at an operation, and on waiting for a free connection.
pub(super) const OPERATION: Duration = Duration::from_secs(5);
/// Between attempts to connect to a server that has as many connections as it takes.
const CROWDED: Duration = Duration::from_millis(200);
/// Attempts at an operation that others keep getting ahead of.
const ATTEMPTS: usize = 20;
