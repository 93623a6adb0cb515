//! What transactions see of each other.

use deadpool_postgres::GenericClient;

use super::connection::{Failure, rows};
use super::*;

/// Whoever waited for another transaction sees what that one wrote, whatever the database's default is.
pub(super) async fn a_transaction_has_the_isolation_that_its_rules_need(
    databases: &InDatabases<'_>,
) {
    let default = "?options=-c%20default_transaction_isolation%3Dserializable";
    let store = connect(databases.url() + default).await.unwrap();
    let alone = store.read((), |on, ()| Box::pin(isolation(on)));
    assert_eq!(alone.await.unwrap(), "serializable");
    let written = store.write((), |tx, ()| Box::pin(isolation(tx.on())));
    assert_eq!(written.await.unwrap(), "read committed");
    store.close().await;
}

async fn isolation(on: &impl GenericClient) -> Result<String, Failure> {
    let sql = "SELECT current_setting('transaction_isolation')";
    Ok(rows(on, sql, &[]).await?[0].get(0))
}
