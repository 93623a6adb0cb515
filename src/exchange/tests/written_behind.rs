//! Session tokens that are shown while their session's row is still being written.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::poll;
use uuid::Uuid;

use crate::clock::UnixTime;
use crate::exchange::fixture::TestExchange;
use crate::exchange::{Exchange, Session};
use crate::rejection::Code;
use crate::store::{RevocationReason, SessionRecord, Sessions, When};

/// A session of a known user, of which nothing is written while writes are held.
async fn opened(gateway: &TestExchange) -> Arc<Session> {
    gateway.present(&gateway.token("alice", "2")).await.unwrap()
}

/// An upstream shows the token at once; whatever asks for the session waits for its row, and fails if the
/// row cannot be written.
#[tokio::test]
async fn a_session_is_waited_for_while_its_row_is_written() {
    for fails in [false, true] {
        let gateway = TestExchange::new();
        gateway.present(&gateway.token("alice", "1")).await.unwrap();
        let writes = gateway.engine.hold_writes().await;
        let session = opened(&gateway).await;
        let sessions = gateway.here.sessions();
        let (sid, now) = (session.sid(), UnixTime::now());
        let mut shown = pin!(gateway.present(session.token()));
        let mut account = pin!(sessions.account(&session));
        let mut by_id = pin!(gateway.here.live_account(sid, now));
        assert!(poll!(&mut shown).is_pending());
        assert!(poll!(&mut account).is_pending());
        assert!(poll!(&mut by_id).is_pending());
        match fails {
            true => writes.fail().await,
            false => drop(writes),
        }
        let outcomes = [
            shown.await.map(|shown| shown.sid()),
            account.await.map(|account| account.session.sid),
            by_id.await.map(|account| account.session.sid),
        ];
        for outcome in outcomes {
            match fails {
                true => assert_eq!(outcome.unwrap_err().code, Code::Unavailable),
                false => assert_eq!(outcome.unwrap(), sid),
            }
        }
    }
}

/// Nobody waits for a row that nobody writes.
#[tokio::test]
async fn an_unknown_session_is_refused_at_once() {
    let gateway = TestExchange::new();
    let first = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let token = minted(&gateway, &gateway.here, &first, Uuid::now_v7(), now()).await;
    let _writes = gateway.engine.hold_writes().await;
    opened(&gateway).await;
    match poll!(pin!(gateway.present(&token))) {
        Poll::Ready(shown) => assert_eq!(shown.unwrap_err().reason, "session_unknown"),
        Poll::Pending => panic!("it waits"),
    }
}

/// An end of a session whose row is being written is the end of a known one.
#[tokio::test]
async fn an_end_comes_after_the_row_that_is_being_written() {
    let gateway = TestExchange::new();
    gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let writes = gateway.engine.hold_writes().await;
    let session = opened(&gateway).await;
    let sessions = gateway.here.sessions();
    let mut end = pin!(sessions.end_session(session.sid(), RevocationReason::Logout));
    assert!(poll!(&mut end).is_pending());
    drop(writes);
    assert!(end.await.unwrap().is_some());
    let shown = gateway.present(session.token()).await.unwrap_err();
    assert_eq!(shown.reason, "session_ended");
}

/// Another gateway minted the token and is still writing its session: the row is looked for again, for a
/// token that is new, where gateways share the store.
#[tokio::test]
async fn a_session_of_another_gateway_is_looked_for_again() {
    for (shares_store, age, passes) in [(true, 0, true), (true, 30, false), (false, 0, false)] {
        let gateway = TestExchange::new();
        let first = gateway.present(&gateway.token("alice", "1")).await.unwrap();
        // What the login will open is known beforehand.
        let sid = opened(&TestExchange::new()).await.sid();
        let minted_at = now().minus(Duration::from_secs(age));
        let token = minted(&gateway, &gateway.there, &first, sid, minted_at).await;
        let mut settings = (*gateway.there.settings).clone();
        settings.shares_store = shares_store;
        let there = gateway
            .there
            .succeeding(Arc::clone(gateway.there.issuers()), settings);

        let mut looked = gateway.gates.hold("session", When::After);
        let mut shown = pin!(gateway.present_at(&there, &token));
        assert!(poll!(&mut shown).is_pending());
        looked.reached().await;
        assert_eq!(opened(&gateway).await.sid(), sid);
        assert!(gateway.engine.session(sid).await.unwrap().is_some());
        looked.open();
        match shown.await {
            Ok(session) => assert!(passes && session.sid() == sid),
            Err(rejection) => assert!(!passes && rejection.reason == "session_unknown"),
        }
    }
}

fn now() -> UnixTime {
    UnixTime::now()
}

/// A token of the same user as `like` for another session.
async fn minted(
    gateway: &TestExchange,
    by: &Exchange,
    like: &Session,
    sid: Uuid,
    at: UnixTime,
) -> String {
    let record = gateway.store.session(like.sid()).await.unwrap().unwrap();
    let user = gateway.store.user(like.user()).await.unwrap().unwrap();
    let record = SessionRecord { sid, ..record };
    let end = at.plus(Duration::from_secs(60));
    by.minter().mint(&user, &record, at, end).unwrap().text
}
