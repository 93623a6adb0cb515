//! Rows that follow behind, held by a lock.

use std::pin::pin;

use futures::poll;

use super::*;

pub(super) async fn what_asks_for_a_session_waits_for_its_row(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    let user = signed_in(&store, conformance::token("ada")).await.user.id;
    let name = format!("case_{}", databases.number);
    let mut client = databases.server.client(&name).await;
    let lock = client.transaction().await.unwrap();
    // Rows can be read, and none can be written.
    let locked = "LOCK TABLE vestibule.sessions IN SHARE ROW EXCLUSIVE MODE";
    lock.batch_execute(locked).await.unwrap();
    let [asked_for, ended] = [Uuid::now_v7(), Uuid::now_v7()];
    for sid in [asked_for, ended] {
        let behind = SignIn {
            sid,
            durable_session: false,
            ..conformance::token("ada")
        };
        assert!(signed_in(&store, behind).await.session_created);
    }
    let mut found = pin!(store.session(asked_for));
    let mut end = pin!(store.end_session(ended, RevocationReason::Logout, NOW));
    assert!(poll!(&mut found).is_pending());
    assert!(poll!(&mut end).is_pending());
    // Nobody waits for a row that nobody writes.
    assert_eq!(store.session(Uuid::now_v7()).await, Ok(None));
    assert!(poll!(&mut found).is_pending());
    lock.commit().await.unwrap();
    assert_eq!(found.await.unwrap().unwrap().user_id, user);
    let ended = end.await.unwrap().expect("an unknown session");
    assert_eq!(ended.user_id, user);
    store.close().await;
}
