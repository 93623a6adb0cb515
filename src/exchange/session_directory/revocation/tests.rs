use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::exchange::Session;
use crate::exchange::fixture::{PATIENCE, TestExchange};
use crate::jwt::fixture::ISS;

#[tokio::test]
async fn an_ended_session_is_over_at_once_and_its_token_opens_no_other() {
    let gateway = TestExchange::new();
    let (ended, other) = (gateway.token("alice", "1"), gateway.token("alice", "2"));
    let session = gateway.present(&ended).await.unwrap();
    let neighbour = gateway.present(&other).await.unwrap();
    let record = gateway
        .here
        .sessions()
        .end_session(session.sid(), RevocationReason::Operator)
        .await;
    assert_eq!(record.unwrap().unwrap().user_id, session.user());
    assert!(!session.handle().is_valid());
    gateway.is_over(&ended).await;
    assert!(neighbour.handle().is_valid());
    assert_eq!(
        gateway.present(&other).await.unwrap().sid(),
        neighbour.sid()
    );
}

#[tokio::test]
async fn ends_of_many_reach_those_that_they_mean() {
    for (scope, lasting) in [("user", [false, false, true]), ("issuer", [false; 3])] {
        let gateway = TestExchange::new();
        let tokens = [
            gateway.token("alice", "1"),
            gateway.token("alice", "2"),
            gateway.token("bob", "1"),
        ];
        let mut sessions = Vec::new();
        for token in &tokens {
            sessions.push(gateway.present(token).await.unwrap());
        }
        let scope = match scope {
            "user" => RevocationScope::User(sessions[0].user()),
            _ => RevocationScope::Issuer(ISS.to_owned()),
        };
        gateway
            .here
            .sessions()
            .end_sessions(scope.clone())
            .await
            .unwrap();
        for ((token, session), lasts) in tokens.iter().zip(&sessions).zip(lasting) {
            assert_eq!(session.handle().is_valid(), lasts, "{scope:?}");
            assert_eq!(gateway.present(token).await.is_ok(), lasts, "{scope:?}");
        }
        // A login that nobody has seen, but which began before the end.
        assert_eq!(
            gateway
                .present(&gateway.token("alice", "3"))
                .await
                .unwrap_err()
                .reason,
            "signed_out"
        );
        let later =
            gateway.token_issued("alice", "4", UnixTime::now().plus(Duration::from_secs(1)));
        assert!(gateway.present(&later).await.is_ok(), "{scope:?}");
    }
}

#[tokio::test]
async fn an_end_by_one_gateway_ends_the_session_at_another() {
    let gateway = TestExchange::new();
    let (stop, stopped) = watch::channel(false);
    let follower = tokio::spawn(Arc::clone(gateway.there.changes()).follow(stopped));
    for end in ["session", "user", "block", "delete"] {
        let token = gateway.token(end, "1");
        let there = gateway.present_at(&gateway.there, &token).await.unwrap();
        let untouched = gateway
            .present_at(&gateway.there, &gateway.token("bob", "1"))
            .await;
        let untouched = untouched.unwrap();
        let user = there.user();
        match end {
            "session" => {
                let ended = gateway
                    .here
                    .sessions()
                    .end_session(there.sid(), RevocationReason::Logout)
                    .await;
                assert!(ended.unwrap().is_some());
            }
            "user" => gateway
                .here
                .sessions()
                .end_sessions(RevocationScope::User(user))
                .await
                .unwrap(),
            "block" => assert!(
                gateway
                    .here
                    .sessions()
                    .set_blocked(user, true)
                    .await
                    .unwrap()
                    .is_some()
            ),
            _ => assert!(
                gateway
                    .here
                    .sessions()
                    .delete_user(user)
                    .await
                    .unwrap()
                    .is_some()
            ),
        }
        let over = tokio::time::timeout(PATIENCE, there.handle().over()).await;
        assert!(over.is_ok(), "{end}");
        assert!(
            gateway.present_at(&gateway.there, &token).await.is_err(),
            "{end}"
        );
        assert!(untouched.handle().is_valid(), "{end}");
    }
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, follower)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_end_that_is_not_written_down_is_no_end() {
    let gateway = TestExchange::new();
    let token = gateway.token("alice", "1");
    let session = gateway.present(&token).await.unwrap();
    gateway.store.close().await;
    let refused = gateway
        .here
        .sessions()
        .end_session(session.sid(), RevocationReason::Logout)
        .await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    let refused = gateway
        .here
        .sessions()
        .end_sessions(RevocationScope::User(session.user()))
        .await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(session.handle().is_valid());
    assert!(gateway.present(&token).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_hears_nothing_asks_the_store_again() {
    let gateway = TestExchange::new();
    let (ended, going_on) = (gateway.token("alice", "1"), gateway.token("alice", "2"));
    let there = gateway.present_at(&gateway.there, &ended).await.unwrap();
    let other = gateway.present_at(&gateway.there, &going_on).await.unwrap();
    gateway
        .here
        .sessions()
        .end_session(there.sid(), RevocationReason::Logout)
        .await
        .unwrap();
    assert!(there.handle().is_valid(), "nobody follows");

    gateway.there.changes().invalidate_all();
    assert!(!there.handle().is_valid() && !other.handle().is_valid());
    let refused = gateway
        .present_at(&gateway.there, &ended)
        .await
        .unwrap_err();
    assert_eq!(refused.reason, "session_ended");
    let again = gateway.present_at(&gateway.there, &going_on).await.unwrap();
    assert_eq!(again.sid(), other.sid(), "it was not ended, only asked for");

    gateway.there.changes().invalidate_all();
    gateway.store.close().await;
    let refused = gateway
        .present_at(&gateway.there, &going_on)
        .await
        .unwrap_err();
    assert_eq!(refused.code, crate::rejection::Code::Unavailable);
}

#[tokio::test]
async fn what_a_newer_token_says_is_known_to_all_holders_of_the_session() {
    let gateway = TestExchange::new();
    let (stop, stopped) = watch::channel(false);
    let follower = tokio::spawn(Arc::clone(gateway.there.changes()).follow(stopped));
    let now = UnixTime::now();
    let first = gateway.token_saying("alice", "1", UnixTime(now.0 - 20), json!({ "role": "a" }));
    let second = gateway.token_saying("alice", "1", UnixTime(now.0 - 10), json!({ "role": "b" }));
    let role = |session: &Session| session.claims().get("role").value().cloned();
    let here = gateway.present(&first).await.unwrap();
    let there = gateway.present_at(&gateway.there, &first).await.unwrap();
    let ours = gateway.present(here.token()).await.unwrap();
    for session in [&here, &there, &ours] {
        assert_eq!(role(session), Some(json!("a")));
        assert!(session.is_valid(now, gateway.here.version));
    }
    let newer = gateway.present(&second).await.unwrap();
    assert_eq!(role(&newer), Some(json!("b")));
    assert!(newer.is_valid(now, gateway.here.version));
    assert!(
        !here.is_valid(now, gateway.here.version) && !ours.is_valid(now, gateway.here.version),
        "at once"
    );
    assert!(here.handle().is_valid(), "streams go on");
    let heard = async {
        while there.is_valid(now, gateway.here.version) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
    // The other gateway of this test has keys of its own.
    for (asked, credential) in [
        (&gateway.here, &*first),
        (&gateway.here, here.token()),
        (&gateway.there, &first),
    ] {
        let session = gateway.present_at(asked, credential).await.unwrap();
        assert_eq!(role(&session), Some(json!("b")));
    }
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, follower)
        .await
        .unwrap()
        .unwrap();
}
