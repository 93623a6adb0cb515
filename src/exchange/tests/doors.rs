//! What a token may open, by where it was, for whom it is, and what it allows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::clock::UnixTime;
use crate::credential::{Credential, Source, Token};
use crate::exchange::fixture::{PATIENCE, TestExchange};
use crate::exchange::standing::Standing;
use crate::exchange::{Recipient, Session};
use crate::identity::Client;
use crate::jwt::fixture::ISS;
use crate::rejection::{Code, Rejection};
use crate::store::{RevocationReason, RevocationScope};

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

/// A session goes with an expired token of its login only where the issuer has that, and only from a
/// place of this issuer.
#[tokio::test]
async fn a_session_outlives_its_token_where_the_issuer_has_that() {
    let (own, other): ([Arc<str>; 1], [Arc<str>; 1]) = (["idp".into()], ["other".into()]);
    for (outlives, place, continues) in [
        (true, &own, true),
        (false, &own, false),
        (true, &other, false),
    ] {
        let gateway = TestExchange::with_issuer(json!({ "session_outlives_token": outlives }));
        let token = gateway.token("alice", "1");
        let session = gateway.present(&token).await.unwrap();
        let expired = credential(&token, place);
        let found = gateway.here.outlives(&session, &expired).await;
        assert_eq!(found, continues);
    }
}

/// What stands in front of a session of the gateway's cookie is of another issuer, or of the very login.
#[tokio::test]
async fn a_session_counts_behind_a_cookie_of_another_issuer_or_of_its_login() {
    let (own, other): ([Arc<str>; 1], [Arc<str>; 1]) = (["idp".into()], ["other".into()]);
    for (outlives, place, reason, counts) in [
        (false, &other, "expired", true),
        (false, &other, "session_ended", true),
        (false, &own, "expired", false),
        (true, &own, "expired", true),
        (true, &own, "session_ended", false),
        (true, &own, "signature_invalid", false),
    ] {
        let gateway = TestExchange::with_issuer(json!({ "session_outlives_token": outlives }));
        let token = gateway.token("alice", "1");
        let session = gateway.present(&token).await.unwrap();
        let cookie = credential(&token, place);
        let refused = Rejection::new(Code::TokenExpired, reason);
        let found = gateway.here.counts_behind((&cookie, &refused), &session);
        assert_eq!(found.await, counts, "{outlives} {reason}");
    }
}

/// The same of the session that the login has had since its issuer was switched off and on again.
#[tokio::test]
async fn a_session_that_was_opened_again_outlives_its_token() {
    let own: [Arc<str>; 1] = ["idp".into()];
    let gateway = TestExchange::with_issuer(json!({ "session_outlives_token": true }));
    let (token, other) = (gateway.token("alice", "1"), gateway.token("alice", "2"));
    let before = gateway.present(&token).await.unwrap().sid();
    let disabled = RevocationScope::IssuerDisabled(ISS.to_owned());
    let sessions = gateway.here.sessions();
    sessions.end_sessions(disabled).await.unwrap();
    let session = gateway.present(&token).await.unwrap();
    assert_ne!(before, session.sid());
    for (expired, continues) in [(&token, true), (&other, false)] {
        let expired = credential(expired, &own);
        let found = gateway.here.outlives(&session, &expired).await;
        assert_eq!(found, continues);
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

/// A look is a sign-in that is not carried out: it says what a sign-in with this token would be answered.
#[tokio::test]
async fn a_look_at_a_token_says_what_its_sign_in_would() {
    let gateway = TestExchange::new();
    let now = UnixTime::now();
    let at = |ago| now.minus(Duration::from_secs(ago));
    let look = async |token: &str| {
        let found = gateway.here.standing(token, UnixTime::now()).await.unwrap();
        let Standing { user, session, .. } = found.unwrap();
        user.or(session)
    };
    let sign_in = async |token: &str| {
        let session = gateway.present(token).await;
        session.err().map(|rejection| rejection.reason)
    };
    let user = async |sub: &str| {
        let token = gateway.token_issued(sub, "first", at(50));
        gateway.present(&token).await.unwrap().user()
    };

    // A login that was never seen here, of somebody who was signed out everywhere since.
    let scope = RevocationScope::User(user("alice").await);
    gateway.store.end_sessions(scope, at(20)).await.unwrap();
    // One that was never seen here either, of somebody who was deleted since.
    let (bob, until) = (user("bob").await, UnixTime::now().plus(PATIENCE));
    gateway.store.delete_user(bob, at(20), until).await.unwrap();
    for (sub, reason) in [
        ("alice", "signed_out"),
        ("bob", "user_deleted"),
        ("carol", ""),
    ] {
        for (issued, reason) in [(at(40), Some(reason)), (at(10), None)] {
            let token = gateway.token_issued(sub, "unseen", issued);
            let expected = reason.filter(|reason| !reason.is_empty());
            assert_eq!(look(&token).await, expected, "{sub}");
            assert_eq!(sign_in(&token).await, expected, "{sub}");
        }
    }

    // The whole issuer was signed out, or was disabled and is back.
    let signed_out = RevocationScope::Issuer(ISS.to_owned());
    let token = gateway.token_issued("dave", "unseen", at(40));
    assert_eq!(look(&token).await, None);
    gateway
        .store
        .end_sessions(signed_out, at(20))
        .await
        .unwrap();
    assert_eq!(look(&token).await, Some("signed_out"));
    assert_eq!(sign_in(&token).await, Some("signed_out"));

    let token = gateway.token("erin", "seen");
    assert_eq!(sign_in(&token).await, None);
    let disabled = RevocationScope::IssuerDisabled(ISS.to_owned());
    gateway.store.end_sessions(disabled, at(0)).await.unwrap();
    assert_eq!(
        look(&token).await,
        None,
        "the login continues in another session"
    );
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
