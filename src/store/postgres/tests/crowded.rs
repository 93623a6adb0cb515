//! A server that takes fewer connections than gateways want.

use super::*;

/// What would find a free connection in a moment waits for it.
pub(super) async fn fewer_connections_than_wanted_serve_everybody(databases: &InDatabases<'_>) {
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    let limited = format!(
        "CREATE ROLE limited LOGIN CONNECTION LIMIT 3; \
         GRANT CREATE ON DATABASE {name} TO limited"
    );
    client.batch_execute(&limited).await.unwrap();
    let url = databases.url().replacen("postgres@", "limited@", 1);
    // One of the three follows the changes.
    let store = Arc::new(connect(url).await.unwrap());
    let writes = (0..40).map(|number: u32| {
        let store = Arc::clone(&store);
        async move { store.put_setting(&number.to_string(), "value").await }
    });
    for written in conformance::together(writes).await {
        written.unwrap();
    }

    // Where none is free for long, whoever waits hears of it.
    let held = [
        store.shared.database.client().await.unwrap(),
        store.shared.database.client().await.unwrap(),
    ];
    let error = store.put_setting("name", "value").await.unwrap_err();
    assert!(error.to_string().contains("53300"), "{error}");
    drop(held);
    store.put_setting("name", "value").await.unwrap();
    store.close().await;
}
