//! Logout tokens, and the names under which they find sessions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::UnixTime;
use crate::exchange::fixture::{PATIENCE, TestExchange};
use crate::jwt::fixture::ISS;
use crate::rejection::Code;
use crate::store::{Exported, Maintenance, PageRequest, RevocationScope, Users, When};

/// A login has another session once its issuer is back; its later tokens do not lead a logout to the one
/// that ended.
#[tokio::test]
async fn a_logout_ends_the_session_that_a_login_has_now() {
    for was_off in [false, true] {
        for named in [json!({"sid": "1"}), json!({"sid": "1", "sub": "alice"})] {
            let gateway = gateway();
            let tokens = [0, 1, 2].map(|ago| issued(&gateway, ago));
            gateway.present(&tokens[0]).await.unwrap();
            if was_off {
                turn_off_and_on(&gateway).await;
            }
            for token in &tokens {
                gateway.present(token).await.unwrap();
            }
            log_out(&gateway, &named).await;
            for token in &tokens {
                let refused = gateway.present(token).await.map(|_| ()).unwrap_err();
                let case = format!("{was_off} {named}");
                assert_eq!(refused.code, Code::LoginRequired, "{case}");
            }
        }
    }
}

/// Whoever is refused may ask as often as they like.
#[tokio::test]
async fn a_refused_sign_in_writes_nothing() {
    for refused in [false, true] {
        let gateway = gateway();
        let first = gateway.present(&issued(&gateway, 0)).await.unwrap();
        let other = gateway.token("bob", "2");
        let blocked = gateway.present(&other).await.unwrap();
        assert_eq!(gateway.gates.calls("put_session_alias"), 2);
        if refused {
            log_out(&gateway, &json!({"sid": "1"})).await;
            let now = UnixTime::now();
            gateway
                .gates
                .set_blocked(blocked.user(), true, now)
                .await
                .unwrap();
            gateway.here.sessions().look_up_again().await.unwrap();
        }
        let before = rows(&gateway).await;
        // The same token, another one of the login, and one of another login.
        for token in [
            issued(&gateway, 0),
            issued(&gateway, 1),
            other,
            gateway.token("bob", "3"),
        ] {
            for _ in 0..3 {
                assert_eq!(gateway.present(&token).await.is_err(), refused);
            }
        }
        assert_eq!(first.handle().is_valid(), !refused);
        let written = gateway.gates.calls("put_session_alias") - 2;
        assert_eq!(written, usize::from(!refused), "the new login's");
        assert_eq!(rows(&gateway).await == before, refused);
    }
}

/// The name is there before the session, and the session's end counts before there is one.
#[tokio::test]
async fn a_sign_in_does_not_outrun_a_logout_by_the_issuer() {
    for was_off in [false, true] {
        // Before the name of the new session is written down, the earlier one is what a logout finds.
        for held_at in ["put_session_alias", "sign_in"] {
            if !was_off && held_at == "put_session_alias" {
                // Of a login that nobody knows a logout ends nothing.
                continue;
            }
            for logs_out in [false, true] {
                let gateway = Arc::new(gateway());
                let token = issued(&gateway, 0);
                if was_off {
                    gateway.present(&token).await.unwrap();
                    turn_off_and_on(&gateway).await;
                }
                let mut held = gateway.gates.hold(held_at, When::Before);
                let sign_in = {
                    let (gateway, token) = (Arc::clone(&gateway), token.clone());
                    tokio::spawn(async move { gateway.present(&token).await })
                };
                held.reached().await;
                if logs_out {
                    log_out(&gateway, &json!({"sid": "1"})).await;
                }
                held.open();
                let outcome = tokio::time::timeout(PATIENCE, sign_in).await;
                let case = format!("{was_off} {held_at}");
                assert_eq!(outcome.unwrap().unwrap().is_err(), logs_out, "{case}");
                assert_eq!(gateway.present(&token).await.is_err(), logs_out, "{case}");
            }
        }
    }
}

fn gateway() -> TestExchange {
    TestExchange::with_issuer(json!({"logout_audience": "gateway"}))
}

/// A token of Alice's login, that many seconds old.
fn issued(gateway: &TestExchange, ago: u64) -> String {
    let at = UnixTime::now().minus(Duration::from_secs(ago));
    gateway.token_issued("alice", "1", at)
}

async fn turn_off_and_on(gateway: &TestExchange) {
    let scope = RevocationScope::IssuerDisabled(ISS.to_owned());
    gateway.here.sessions().end_sessions(scope).await.unwrap();
}

async fn log_out(gateway: &TestExchange, named: &Value) {
    let token = gateway.logout_token(named);
    let issuer = [192, 0, 2, 9].into();
    gateway
        .here
        .backchannel_logout(&token, issuer)
        .await
        .unwrap();
}

async fn rows(gateway: &TestExchange) -> Vec<Exported> {
    let page = PageRequest::first(1000);
    gateway.gates.export(page).await.unwrap().items
}
