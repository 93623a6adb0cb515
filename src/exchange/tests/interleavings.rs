//! What happens at once, forced: an exchange is held at the store while something else takes place.

use std::sync::Arc;
use std::time::Duration;

use futures::poll;
use serde_json::json;

use crate::clock::UnixTime;
use crate::exchange::Forward;
use crate::exchange::Session;
use crate::exchange::fixture::{PATIENCE, TestExchange};
use crate::jwks::KeySet;
use crate::jwt::fixture::{ISS, Signer};
use crate::rejection::{Code, Rejection};
use crate::store::{
    ChangeFeed, Maintenance, PageRequest, Position, RevocationReason, RevocationScope, Sessions,
    Users, When,
};

/// A sign-in whose answer the store has given, and that has not heard of it.
async fn held_after_the_answer(
    gateway: &Arc<TestExchange>,
    token: &str,
    meanwhile: impl AsyncFnOnce(),
) -> Result<Arc<Session>, Rejection> {
    let mut held = gateway.gates.hold("sign_in", When::After);
    let follower = {
        let (gateway, token) = (Arc::clone(gateway), token.to_owned());
        tokio::spawn(async move { gateway.present(&token).await })
    };
    held.reached().await;
    meanwhile().await;
    held.open();
    tokio::time::timeout(PATIENCE, follower)
        .await
        .unwrap()
        .unwrap()
}

/// The look at the count of ends of many: such an end finds no handle that it could end.
#[tokio::test]
async fn a_sign_in_does_not_outrun_an_end_of_many() {
    for ends in [true, false] {
        let gateway = Arc::new(TestExchange::new());
        let token = gateway.token("alice", "1");
        let outcome = held_after_the_answer(&gateway, &token, async || {
            if ends {
                let scope = RevocationScope::Issuer(ISS.to_owned());
                gateway.here.sessions().end_sessions(scope).await.unwrap();
            }
        })
        .await;
        assert_eq!(outcome.is_err(), ends, "{outcome:?}");
        assert_eq!(gateway.present(&token).await.is_err(), ends);
    }
}

/// The handle that was registered before the store was asked: an end of one finds it.
#[tokio::test]
async fn a_sign_in_does_not_outrun_the_end_of_its_session() {
    for ends in [true, false] {
        let gateway = Arc::new(TestExchange::new());
        let token = gateway.token("alice", "1");
        let sid = gateway.present(&token).await.unwrap().sid();
        // Another token of the same login, which has to ask the store.
        let earlier = UnixTime::now().minus(Duration::from_secs(1));
        let again = gateway.token_issued("alice", "1", earlier);
        let outcome = held_after_the_answer(&gateway, &again, async || {
            if ends {
                let ended = gateway
                    .here
                    .sessions()
                    .end_session(sid, RevocationReason::Logout)
                    .await;
                assert!(ended.unwrap().is_some());
            }
        })
        .await;
        assert_eq!(outcome.is_err(), ends, "{outcome:?}");
    }
}

/// The look at the token's key once the store has answered: whoever took the key back meanwhile found no
/// session of its.
#[tokio::test]
async fn a_sign_in_does_not_outrun_the_removal_of_its_key() {
    for (removed, revokes) in [(false, true), (true, false), (true, true)] {
        let settings = json!({ "revoke_on_key_removal": revokes });
        let gateway = Arc::new(TestExchange::with_issuer(settings));
        let token = gateway.token("alice", "1");
        let outcome = held_after_the_answer(&gateway, &token, async || {
            if removed {
                let next = Signer::new("ES256").jwk("next");
                let set = KeySet::parse(json!({ "keys": [next] }).to_string().as_bytes());
                let issuer = gateway.here.issuers().by_name("idp").unwrap();
                issuer.keys().turn_over(set.unwrap());
            }
        })
        .await;
        let reason = outcome.err().map(|rejection| rejection.reason);
        assert_eq!(reason, removed.then_some("key_removed"));
        let sessions = gateway.gates.sessions(None, PageRequest::first(9)).await;
        let [session] = &sessions.unwrap().items[..] else {
            panic!("one session");
        };
        let cause = session.ended.map(|ended| ended.cause);
        let ends = removed && revokes;
        assert_eq!(cause, ends.then_some(RevocationReason::IssuerKeyRemoved));
    }
}

/// Those who wait for an exchange look whether what it brought has ended since.
#[tokio::test]
async fn a_follower_takes_no_session_that_has_ended() {
    for ends in [true, false] {
        let gateway = TestExchange::new();
        let token = gateway.token("alice", "1");
        let mut held = gateway.gates.hold("sign_in", When::After);
        // Both on this thread, so that each continues only when it is polled.
        let (mut leader, mut follower) = (
            Box::pin(gateway.present(&token)),
            Box::pin(gateway.present(&token)),
        );
        // The store answers in its own time.
        while poll!(Box::pin(held.reached())).is_pending() {
            assert!(poll!(&mut leader).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(poll!(&mut follower).is_pending(), "it waits for the leader");
        held.open();
        let session = leader.await.unwrap();
        if ends {
            let ended = gateway
                .here
                .sessions()
                .end_session(session.sid(), RevocationReason::Logout)
                .await;
            assert!(ended.unwrap().is_some());
        }
        let outcome = follower.await;
        assert_eq!(outcome.is_err(), ends, "{outcome:?}");
        if let Err(rejection) = outcome {
            assert_eq!(rejection.code, Code::LoginRequired);
        }
    }
}

/// A session that was begun before all were forgotten is not remembered.
#[tokio::test]
async fn what_was_begun_under_other_settings_is_not_remembered() {
    for changes in [true, false] {
        let gateway = Arc::new(TestExchange::new());
        let token = gateway.token("alice", "1");
        let mut settings = (*gateway.here.settings).clone();
        if changes {
            settings.forward = Forward {
                scheme: "Token".to_owned(),
                ..settings.forward
            };
        }
        let issuers = Arc::clone(gateway.here.issuers());
        let next = gateway.here.succeeding(issuers, settings);
        held_after_the_answer(&gateway, &token, async || {
            next.supersede(&gateway.here);
            next.forget_superseded(&gateway.here);
        })
        .await
        .unwrap();
        assert_eq!(gateway.here.remembers(&token), !changes);
        let session = gateway.present_at(&next, &token).await.unwrap();
        let forwarded = session.forwarded().to_str().unwrap();
        assert_eq!(forwarded.starts_with("Token "), changes, "{forwarded}");
    }
}

/// The feed says that changes are gone: everything that is held is looked up.
#[tokio::test]
async fn a_gateway_that_was_away_for_too_long_looks_its_sessions_up() {
    for swept in [true, false] {
        // The sessions outlast what the sweep removes.
        let days = Duration::from_secs(72 * 3600);
        let gateway = TestExchange::with(|policy| policy.max_age = days);
        let now = UnixTime::now();
        let until = json!({"exp": now.plus(days).0});
        let token = |login| gateway.token_saying("alice", login, now, until.clone());
        let (ended, lasting) = (token("1"), token("2"));
        let over = gateway.present_at(&gateway.there, &ended).await.unwrap();
        let other = gateway.present_at(&gateway.there, &lasting).await.unwrap();
        let first = gateway
            .here
            .sessions()
            .end_session(over.sid(), RevocationReason::Logout)
            .await;
        assert!(first.unwrap().is_some());
        if swept {
            sweep_changes(&gateway).await;
        }
        assert!(over.handle().is_valid(), "nobody follows yet");
        let mut seen = 0.into();
        gateway.there.changes().catch_up(&mut seen).await.unwrap();
        assert!(!over.handle().is_valid());
        assert!(other.handle().is_valid());
        assert!(is_up_to_date(&gateway, seen).await);
    }
}

/// Numbers of a store that was set back mean something else: nothing that is held is believed.
#[tokio::test]
async fn a_store_that_was_set_back_is_asked_for_everything_again() {
    for set_back in [true, false] {
        let gateway = TestExchange::new();
        let token = gateway.token("alice", "1");
        let there = gateway.present_at(&gateway.there, &token).await.unwrap();
        gateway
            .here
            .sessions()
            .end_session(uuid::Uuid::now_v7(), RevocationReason::Logout)
            .await
            .unwrap();
        let mut seen = 0.into();
        gateway.there.changes().catch_up(&mut seen).await.unwrap();
        assert!(there.handle().is_valid());
        if set_back {
            // Another change has the number that was read.
            seen.mark = seen.mark.map(|mark| mark ^ 1);
        }
        gateway.there.changes().catch_up(&mut seen).await.unwrap();
        assert_eq!(there.handle().is_valid(), !set_back);
        let goes_on = is_up_to_date(&gateway, seen).await;
        assert!(goes_on, "from where the store is");
        assert!(gateway.present_at(&gateway.there, &token).await.is_ok());
    }
}

/// A process that was stopped answers before anything else in it has had its turn: what was held for
/// too long is looked up first.
#[tokio::test]
async fn what_was_held_for_too_long_is_looked_up_before_the_next_answer() {
    let hour = Duration::from_secs(3600);
    for (trusted, ends) in [
        (Duration::ZERO, true),
        (Duration::ZERO, false),
        (hour, true),
    ] {
        let gateway = TestExchange::new();
        let token = gateway.token("alice", "1");
        let session = gateway.present(&token).await.unwrap();
        if ends {
            // At another gateway, whose word nobody follows here.
            let sessions = gateway.there.sessions();
            let ended = sessions.end_session(session.sid(), RevocationReason::Logout);
            assert!(ended.await.unwrap().is_some());
        }
        gateway.here.changes().trust_for(trusted);
        let is_refused = gateway.present(&token).await.is_err();
        assert_eq!(is_refused, ends && trusted.is_zero());
    }
}

/// The user is looked at after the session, and may have been blocked in between.
#[tokio::test]
async fn an_account_of_a_user_who_was_just_blocked_is_refused() {
    for blocks in [true, false] {
        let gateway = Arc::new(TestExchange::new());
        let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let user = session.user();
        let mut held = gateway.gates.hold("session", When::After);
        let asked = {
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move { gateway.here.sessions().account(&session).await })
        };
        held.reached().await;
        if blocks {
            // At another gateway, of which this one has not heard.
            gateway
                .gates
                .set_blocked(user, true, UnixTime::now())
                .await
                .unwrap();
        }
        held.open();
        let account = asked.await.unwrap();
        assert_eq!(account.is_err(), blocks);
        if let Err(rejection) = account {
            assert_eq!(rejection.reason, "user_blocked");
        }
    }
}

/// A token that the gateway signed says whose it is; the session says it, too.
#[tokio::test]
async fn a_session_token_of_another_user_than_its_sessions_is_refused() {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let other = gateway.present(&gateway.token("bob", "1")).await.unwrap();
    let record = gateway.gates.session(session.sid()).await.unwrap().unwrap();
    for (user, passes) in [(session.user(), true), (other.user(), false)] {
        let user = gateway.gates.user(user).await.unwrap().unwrap();
        let now = UnixTime::now();
        let end = now.plus(Duration::from_secs(60));
        let token = gateway
            .here
            .minter()
            .mint(&user, &record, now, end)
            .unwrap();
        let presented = gateway.present(&token.text).await;
        assert_eq!(presented.is_ok(), passes);
        if let Err(rejection) = presented {
            assert_eq!(rejection.reason, "session_unknown");
        }
    }
}

async fn is_up_to_date(gateway: &TestExchange, seen: Position) -> bool {
    let batch = gateway.gates.changes_since(seen, 1).await.unwrap();
    !batch.set_back && !batch.lost && batch.changes.is_empty()
}

async fn sweep_changes(gateway: &TestExchange) {
    let later = UnixTime::now().plus(Duration::from_secs(48 * 3600));
    loop {
        let swept = gateway.gates.sweep(later, UnixTime(0)).await.unwrap();
        if swept.finished {
            return;
        }
    }
}
