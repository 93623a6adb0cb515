//! Users with many sessions.

use super::*;

/// A session of the user's that cannot be read is in the way only of whoever has to read it.
pub(super) async fn a_token_of_a_known_session_reads_no_others(databases: &InDatabases<'_>) {
    let store = databases.connect().await;
    let request = SignIn {
        max_sessions: Some(9),
        ..conformance::token("ada")
    };
    let user = signed_in(&store, request.clone()).await.user.id;
    let name = format!("case_{}", databases.number);
    let client = databases.server.client(&name).await;
    let unreadable = "INSERT INTO vestibule.sessions VALUES ($1, $2, '', 0, 0, '{}')";
    let inserted = client.execute(unreadable, &[&Uuid::now_v7(), &user]).await;
    assert_eq!(inserted.unwrap(), 1);

    let newer = SignIn {
        token_end: request.token_end.plus(Duration::from_secs(60)),
        ..request.clone()
    };
    let continued = signed_in(&store, newer.clone()).await;
    assert_eq!(continued.session.expires_at, newer.token_end);
    let another = SignIn {
        sid: Uuid::now_v7(),
        ..request
    };
    let opened = store.sign_in(another).await;
    assert_eq!(opened, Err(StoreError::Corrupt("sessions")));
    store.close().await;
}
