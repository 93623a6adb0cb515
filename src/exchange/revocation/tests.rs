use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::*;
use crate::exchange::fixture::{Desk, PATIENCE};
use crate::jwt::fixture::ISS;

#[tokio::test]
async fn an_ended_session_is_over_at_once_and_its_token_opens_no_other() {
    let desk = Desk::new();
    let (ended, other) = (desk.token("alice", "1"), desk.token("alice", "2"));
    let session = desk.present(&ended).await.unwrap();
    let neighbour = desk.present(&other).await.unwrap();
    let record = desk
        .here
        .end_session(session.sid(), EndCause::Operator)
        .await;
    assert_eq!(record.unwrap().unwrap().user_id, session.user());
    assert!(!session.life().lasts());
    desk.is_over(&ended).await;
    assert!(neighbour.life().lasts());
    assert_eq!(desk.present(&other).await.unwrap().sid(), neighbour.sid());
}

#[tokio::test]
async fn ends_of_many_reach_those_that_they_mean() {
    for (scope, lasting) in [("user", [false, false, true]), ("issuer", [false; 3])] {
        let desk = Desk::new();
        let tokens = [
            desk.token("alice", "1"),
            desk.token("alice", "2"),
            desk.token("bob", "1"),
        ];
        let mut sessions = Vec::new();
        for token in &tokens {
            sessions.push(desk.present(token).await.unwrap());
        }
        let scope = match scope {
            "user" => EndScope::User(sessions[0].user()),
            _ => EndScope::Issuer(ISS.to_owned()),
        };
        desk.here.end_sessions(scope.clone()).await.unwrap();
        for ((token, session), lasts) in tokens.iter().zip(&sessions).zip(lasting) {
            assert_eq!(session.life().lasts(), lasts, "{scope:?}");
            assert_eq!(desk.present(token).await.is_ok(), lasts, "{scope:?}");
        }
        // A login that nobody has seen, but which began before the end.
        assert_eq!(
            desk.present(&desk.token("alice", "3"))
                .await
                .unwrap_err()
                .reason,
            "signed_out"
        );
        let later = desk.token_issued("alice", "4", UnixTime::now().plus(Duration::from_secs(1)));
        assert!(desk.present(&later).await.is_ok(), "{scope:?}");
    }
}

#[tokio::test]
async fn an_end_by_one_gateway_ends_the_session_at_another() {
    let desk = Desk::new();
    let (stop, stopped) = watch::channel(false);
    let follower = tokio::spawn(Arc::clone(&desk.there).follow(stopped));
    for end in ["session", "user", "block", "delete"] {
        let token = desk.token(end, "1");
        let there = desk.present_at(&desk.there, &token).await.unwrap();
        let untouched = desk.present_at(&desk.there, &desk.token("bob", "1")).await;
        let untouched = untouched.unwrap();
        let user = there.user();
        match end {
            "session" => {
                let ended = desk.here.end_session(there.sid(), EndCause::Logout).await;
                assert!(ended.unwrap().is_some());
            }
            "user" => desk.here.end_sessions(EndScope::User(user)).await.unwrap(),
            "block" => assert!(desk.here.set_blocked(user, true).await.unwrap().is_some()),
            _ => assert!(desk.here.delete_user(user).await.unwrap().is_some()),
        }
        let over = tokio::time::timeout(PATIENCE, there.life().over()).await;
        assert!(over.is_ok(), "{end}");
        assert!(desk.present_at(&desk.there, &token).await.is_err(), "{end}");
        assert!(untouched.life().lasts(), "{end}");
    }
    stop.send_replace(true);
    tokio::time::timeout(PATIENCE, follower)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_gateway_that_missed_changes_looks_its_sessions_up() {
    let desk = Desk::new();
    let (ended, going_on) = (desk.token("alice", "1"), desk.token("alice", "2"));
    let there = desk.present_at(&desk.there, &ended).await.unwrap();
    let other = desk.present_at(&desk.there, &going_on).await.unwrap();
    desk.here
        .end_session(there.sid(), EndCause::Logout)
        .await
        .unwrap();
    assert!(there.life().lasts(), "nobody follows");
    desk.there.look_anew().await.unwrap();
    assert!(!there.life().lasts());
    assert!(other.life().lasts());
}

#[tokio::test]
async fn an_end_that_is_not_written_down_is_no_end() {
    let desk = Desk::new();
    let token = desk.token("alice", "1");
    let session = desk.present(&token).await.unwrap();
    desk.store.close().await;
    let refused = desk.here.end_session(session.sid(), EndCause::Logout).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    let refused = desk.here.end_sessions(EndScope::User(session.user())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert!(session.life().lasts());
    assert!(desk.present(&token).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_hears_nothing_asks_the_store_again() {
    let desk = Desk::new();
    let (ended, going_on) = (desk.token("alice", "1"), desk.token("alice", "2"));
    let there = desk.present_at(&desk.there, &ended).await.unwrap();
    let other = desk.present_at(&desk.there, &going_on).await.unwrap();
    desk.here
        .end_session(there.sid(), EndCause::Logout)
        .await
        .unwrap();
    assert!(there.life().lasts(), "nobody follows");

    desk.there.distrust();
    assert!(!there.life().lasts() && !other.life().lasts());
    let refused = desk.present_at(&desk.there, &ended).await.unwrap_err();
    assert_eq!(refused.reason, "session_ended");
    let again = desk.present_at(&desk.there, &going_on).await.unwrap();
    assert_eq!(again.sid(), other.sid(), "it was not ended, only asked for");

    desk.there.distrust();
    desk.store.close().await;
    let refused = desk.present_at(&desk.there, &going_on).await.unwrap_err();
    assert_eq!(refused.code, crate::rejection::Code::Unavailable);
}
