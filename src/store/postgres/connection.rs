//! Connections, and transactions that run again when they lost a race.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    Client, GenericClient, Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime, Transaction,
};
use futures::future::BoxFuture;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresSettings;
use crate::store::StoreError;

mod tls;

use tls::{says_ssl_mode, stays_on_machine, tls_config};

/// Why the database cannot be used. Names no part of the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL is not valid.
    #[error("the PostgreSQL URL is not valid")]
    Url,
    /// The certificates of the authorities cannot be read.
    #[error("the root certificates for PostgreSQL cannot be read: {0}")]
    RootCertificates(String),
    /// The runtime cannot be started.
    #[error("cannot start a runtime for the store: {0}")]
    Runtime(std::io::Error),
    /// The database does not answer, or not as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer gateway created the schema.
    #[error("the schema has version {found}, this gateway knows versions up to {known}")]
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

/// How to reach the database.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// The connections.
pub(super) struct Database {
    pool: Pool,
}

/// Reads the settings; connects to nothing yet.
pub(super) fn prepare(settings: &PostgresSettings) -> Result<(Database, Connector), ConnectError> {
    // The parser's error may quote what it did not understand, which may be the password.
    let mut config = Config::from_str(&settings.url).map_err(|_| ConnectError::Url)?;
    if !says_ssl_mode(&settings.url) {
        config.ssl_mode(match stays_on_machine(&config) {
            true => SslMode::Disable,
            false => SslMode::Require,
        });
    }
    if config.get_application_name().is_none() {
        config.application_name("vestibule");
    }
    config
        .connect_timeout(CONNECT)
        .tcp_user_timeout(OPERATION)
        .keepalives_idle(OPERATION);

    let tls = MakeRustlsConnect::new(tls_config(settings)?);
    let connector = Connector {
        config: config.clone(),
        tls: tls.clone(),
    };
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let set_up = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            client
                .batch_execute(SET_UP)
                .await
                .map_err(HookError::Backend)
        })
    });
    let pool = Pool::builder(Manager::from_config(config, tls, recycling))
        .max_size(settings.connections.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(OPERATION))
        .create_timeout(Some(CONNECT))
        .recycle_timeout(Some(CONNECT))
        .post_create(set_up)
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
                Ok(Err(Failure::Again)) => {}
                Ok(Err(Failure::Store(error))) => return Err(error),
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
                Ok(Err(Failure::Again)) => {}
                Ok(Err(Failure::Store(error))) => return Err(error),
                Err(_) => return Err(give_up(client)),
            }
        }
        Err(StoreError::Unavailable(
            "the transaction kept conflicting with others".to_owned(),
        ))
    }

    /// A connection of its own, for what is no operation.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        self.pool.get().await.map_err(|error| {
            StoreError::Unavailable(match error {
                PoolError::Timeout(_) => "no connection in time".to_owned(),
                PoolError::Backend(error) => describe(&error),
                PoolError::Closed => "the store is closed".to_owned(),
                error => error.to_string(),
            })
        })
    }

    /// Lets go of all connections.
    pub(super) fn close(&self) {
        self.pool.close();
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
    let transaction = client.transaction().await?;
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

/// Bounds that the server keeps, so that a gateway which stopped in the middle of a transaction
/// holds no row for long.
const SET_UP: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '10s'";
/// Bound on making a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Bound on one attempt at an operation, and on waiting for a free connection.
const OPERATION: Duration = Duration::from_secs(5);
/// Attempts at an operation that others keep getting ahead of.
const ATTEMPTS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        let settings = PostgresSettings {
            url: url.to_owned(),
            root_certificates: None,
            connections: 1,
        };
        prepare(&settings).unwrap().1.config.get_ssl_mode()
    }

    #[test]
    fn a_connection_that_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
        for (url, expected) in [
            ("postgres://ada@localhost/db", SslMode::Disable),
            ("postgres://ada@127.0.0.1,[::1]/db", SslMode::Disable),
            ("host=/run/postgresql user=ada", SslMode::Disable),
            ("postgres://ada@db.example/db", SslMode::Require),
            ("postgres://ada@localhost,db.example/db", SslMode::Require),
            // The address is what is connected to.
            (
                "host=localhost hostaddr=192.0.2.7 user=ada",
                SslMode::Require,
            ),
            (
                "host=localhost hostaddr=127.0.0.1 user=ada",
                SslMode::Disable,
            ),
            ("hostaddr=192.0.2.7 user=ada", SslMode::Require),
            ("hostaddr=::1 user=ada", SslMode::Disable),
            (
                "host=/run/postgresql hostaddr=192.0.2.7 user=ada",
                SslMode::Require,
            ),
            (
                "host=db.example hostaddr=127.0.0.1 user=ada",
                SslMode::Disable,
            ),
            (
                "postgres://ada@localhost/db?hostaddr=192.0.2.7",
                SslMode::Require,
            ),
            (
                "host=localhost,localhost hostaddr=127.0.0.1,192.0.2.7 user=ada",
                SslMode::Require,
            ),
            // The word in a password, a name or a value is no setting.
            ("postgres://ada:sslmode@db.example/db", SslMode::Require),
            ("postgres://ada@db.example/sslmode", SslMode::Require),
            (
                "host=db.example password=sslmode user=ada",
                SslMode::Require,
            ),
            (
                "host=db.example user=ada application_name='sslmode=disable'",
                SslMode::Require,
            ),
            // What is said counts.
            (
                "postgres://ada@db.example/db?sslmode=disable",
                SslMode::Disable,
            ),
            (
                "postgres://ada@db.example/db?sslmode=prefer",
                SslMode::Prefer,
            ),
            ("host=db.example user=ada sslmode=prefer", SslMode::Prefer),
            (
                "host=localhost user=ada sslmode = require",
                SslMode::Require,
            ),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }
}
