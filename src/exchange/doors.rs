//! What a token may open, by where it was, for whom it is, and what it allows.

use std::sync::Arc;

use super::fixture::TestExchange;
use super::standing::Standing;
use super::{Recipient, Session};
use crate::clock::UnixTime;
use crate::credential::{Credential, Source, Token};
use crate::identity::Client;
use crate::rejection::{Code, Rejection};
use crate::store::RevocationReason;

fn credential<'a>(token: &'a str, issuers: &'a [Arc<str>]) -> Credential<'a> {
    Credential {
        token: Token::from(token),
        source: Source::Cookie,
        issuers,
        session_cookie: None,
    }
}

async fn open(
    gateway: &TestExchange,
    credential: &Credential<'_>,
) -> Result<Arc<Session>, Rejection> {
    let recipient = Recipient::Gateway;
    gateway
        .here
        .session_of(credential, recipient, Client::default)
        .await
}

/// A hit looks as closely as a miss: remembered or not, a token counts in its own issuer's place only.
#[tokio::test]
async fn a_token_opens_nothing_in_another_issuers_place() {
    let (own, other): ([Arc<str>; 1], [Arc<str>; 1]) = (["idp".into()], ["other".into()]);
    for remembered in [false, true] {
        let gateway = TestExchange::new();
        let token = gateway.token("alice", "1");
        if remembered {
            open(&gateway, &credential(&token, &own)).await.unwrap();
        }
        let refused = open(&gateway, &credential(&token, &other)).await;
        assert_eq!(refused.unwrap_err().code, Code::TokenInvalid);
        let accepted = open(&gateway, &credential(&token, &own)).await;
        assert!(accepted.is_ok(), "{accepted:?}");
    }
}

#[tokio::test]
async fn a_session_token_allows_what_its_scopes_say() {
    let gateway = TestExchange::new();
    let token = gateway.token("alice", "1");
    let session = gateway.present(&token).await.unwrap();
    assert_eq!(session.require_scope("user:basic"), Ok(()));
    let refused = session.require_scope("user:delete").unwrap_err();
    assert_eq!(refused.code, Code::ScopeInsufficient);
}

#[tokio::test]
async fn twins_of_two_users_are_noticed_and_those_of_one_are_not() {
    let gateway = TestExchange::new();
    let own: [Arc<str>; 1] = ["idp".into()];
    let client = Client::default();
    let (alice, again, bob) = (
        gateway.token("alice", "1"),
        gateway.token("alice", "2"),
        gateway.token("bob", "1"),
    );
    let expired = gateway.token_issued("bob", "2", UnixTime(1_000_000));
    for (one, two, differ) in [
        (&alice, &again, false),
        (&alice, &bob, true),
        (&bob, &alice, true),
        (&alice, &expired, false),
    ] {
        let both = [credential(one, &own), credential(two, &own)];
        let found = gateway.here.are_of_different_users(&both, &client).await;
        assert_eq!(found, differ);
    }
}

/// What a test of a token says about its user and its session, without opening one.
#[tokio::test]
async fn a_look_at_a_token_sees_a_block_and_an_end_and_nothing_else() {
    let gateway = TestExchange::new();
    let look = async |token: &str| {
        let found = gateway.here.standing(token, UnixTime::now()).await.unwrap();
        found.map(|Standing { user, session, .. }| (user, session))
    };
    let token = gateway.token("alice", "1");
    assert_eq!(look(&token).await, Some((None, None)), "nobody yet");
    let session = gateway.present(&token).await.unwrap();
    assert_eq!(look(&token).await, Some((None, None)));
    let forged = format!("{}x", token);
    assert_eq!(look(&forged).await, None);

    let user = session.user();
    for (blocked, word) in [(true, Some("user_blocked")), (false, None)] {
        let set = gateway.store.set_blocked(user, blocked, UnixTime::now());
        assert!(set.await.unwrap().is_some());
        let (user, _) = look(&token).await.unwrap();
        assert_eq!(user, word);
    }

    let other = gateway.token("bob", "1");
    let session = gateway.present(&other).await.unwrap();
    let ended = gateway
        .here
        .sessions()
        .end_session(session.sid(), RevocationReason::Logout);
    assert!(ended.await.unwrap().is_some());
    assert_eq!(look(&other).await, Some((None, Some("session_ended"))));
}

#[tokio::test]
async fn the_session_of_an_account_that_is_over_is_none() {
    let gateway = TestExchange::new();
    let session = gateway.present(&gateway.token("alice", "1")).await.unwrap();
    let account = gateway.here.sessions().account(&session).await.unwrap();
    assert_eq!(account.session.sid, session.sid());
    let ended = gateway
        .here
        .sessions()
        .end_session(session.sid(), RevocationReason::Logout);
    assert!(ended.await.unwrap().is_some());
    let over = gateway.here.sessions().account(&session).await.unwrap_err();
    assert_eq!(over.reason, "session_ended");
}
