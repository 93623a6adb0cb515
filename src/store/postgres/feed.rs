//! News of changes: the counter, and the notices that it moved.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::GenericClient;
use futures::stream::{StreamExt, poll_fn};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::connection::{
    Connector, Database, Failure, OPERATION, describe, execute, not_connected, rows,
};
use super::row::unsigned;
use crate::store::StoreError;

/// The number of the latest change.
pub(super) async fn latest(database: &Database) -> Result<u64, StoreError> {
    database.read(&(), |on, ()| Box::pin(read_latest(on))).await
}

/// Fails unless this connection's server takes writes, unlike a standby.
pub(super) async fn expect_writable(on: &impl GenericClient) -> Result<(), Failure> {
    let mode = rows(
        on,
        "SELECT current_setting('transaction_read_only') = 'off'",
        &[],
    )
    .await?;
    match mode.first().is_some_and(|row| row.get(0)) {
        true => Ok(()),
        false => Err(StoreError::ReadOnly.into()),
    }
}

/// Notifies other gateways of a change. A lost notification only delays them until they poll, so a
/// failure is not an error, and neither is a database without notifications.
pub(super) async fn notify(database: &Database, latest: u64) {
    let text = latest.to_string();
    let notify = async {
        let client = database.client().await?;
        let sql = "SELECT pg_notify('vestibule_changes', $1::text)";
        execute(&client, sql, &[&text]).await
    };
    if let Ok(Err(Failure::Store(error))) = timeout(NOTICE, notify).await {
        tracing::debug!(%error, "other gateways could not be notified of a change");
    }
}

/// Follows the counter until `stop`: by notices, and by looking.
pub(super) async fn follow(connector: Connector, shared: Arc<Shared>, stop: CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        let listening = stop
            .run_until_cancelled(listen(&connector, &shared, &mut failing))
            .await;
        let Some(Err(error)) = listening else { return };
        if !failing {
            tracing::warn!(%error, "changes cannot be received at the moment");
            failing = true;
        }
        stop.run_until_cancelled(sleep(LOOK)).await;
    }
}

/// Follows it on one connection, until that is lost or its server does not respond.
pub(super) async fn listen(
    connector: &Connector,
    shared: &Shared,
    failing: &mut bool,
) -> Result<(), StoreError> {
    let connected = timeout(connector.patience(), connector.open()).await;
    let connected = connected.map_err(|_| silent())?;
    let (client, mut connection) = connected.map_err(|error| not_connected(&error))?;
    let (notices, mut noticed) = mpsc::channel(16);
    // Ends with the connection, and that with `client`.
    tokio::spawn(async move {
        let mut messages = poll_fn(move |cx| connection.poll_message(cx));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notice) = message {
                // If the channel is full, a look-up is due anyway.
                let _ = notices.try_send(notice.payload().parse::<u64>().unwrap_or(0));
            }
        }
    });
    let listening = client.batch_execute("LISTEN vestibule_changes");
    // A database without notices is looked at alone.
    if let Err(error) = timeout(OPERATION, listening).await.map_err(|_| silent())? {
        tracing::debug!(
            error = describe(&error),
            "notifications of changes are not available"
        );
    }
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            notice = noticed.recv() => match notice {
                Some(latest) => shared.publish(latest),
                // The connection is gone; the look says why.
                None => looks.reset_immediately(),
            },
            _ = looks.tick() => {}
        }
        let looked = timeout(OPERATION, client.query_one(LATEST_OF_BOTH, &[]));
        let row = looked.await.map_err(|_| silent())?;
        let row = row.map_err(|error| StoreError::Unavailable(describe(&error)))?;
        if row.get(2) {
            // After a failover the former primary may still answer what is read, and knows of no
            // change that is made elsewhere.
            shared.database.drop_idle();
            return Err(StoreError::ReadOnly);
        }
        if std::mem::take(failing) {
            tracing::info!("changes are received again");
        }
        shared.set_latest(unsigned(row.get(0)));
        shared.set_latest_event(unsigned(row.get(1)));
    }
}

fn silent() -> StoreError {
    StoreError::Unavailable("no response in time".to_owned())
}

/// The number of the latest change, as a statement among others.
pub(super) async fn read_latest(on: &impl GenericClient) -> Result<u64, Failure> {
    let found = rows(on, LATEST, &[]).await?;
    let row = found.first().ok_or(StoreError::Corrupt("change_counter"))?;
    Ok(unsigned(row.get(0)))
}

const LATEST: &str = "SELECT latest FROM vestibule.change_counter";
const LATEST_OF_BOTH: &str = "SELECT latest, \
     (SELECT coalesce(max(inserted), 0) FROM vestibule.events), \
     current_setting('transaction_read_only') = 'on' FROM vestibule.change_counter";
/// Between looks at the counter, and between attempts to connect again.
const LOOK: Duration = Duration::from_millis(500);
/// Bound on giving notice.
const NOTICE: Duration = Duration::from_secs(1);
