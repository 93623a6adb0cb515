//! What is refused by mistake, or for a moment, is not refused for good.

use serde_json::{Value, json};

use crate::support::{Clock, TestGateway, now};

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_moment_refuses_nothing_for_good() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |_| {}).await;
    let token = site.acme.token().sub("ada").expires_in(1800).sign();
    clock.step(&site, 3600).await;
    let answer = site.present(&token).await;
    site.is_refusal(&answer, 401, "token_expired", "expired")
        .await;
    clock.step(&site, 0).await;
    site.passes(&token).await;
    // The refusal of what has expired is remembered nevertheless.
    let expired = site.acme.token().sub("bob").expires_in(-1800).sign();
    for _ in 0..2 {
        let answer = site.present(&expired).await;
        site.is_refusal(&answer, 401, "token_expired", "expired")
            .await;
    }
}

#[tokio::test]
async fn tokens_without_iat_are_judged_by_what_was_seen() {
    for end in ["sign out", "block", "delete"] {
        let site = TestGateway::start().await;
        let token = |login: &str| {
            let token = site.acme.token().claim("jti", login);
            token.without("iat").sign()
        };
        let seen = token("seen");
        let user = site.passes(&seen).await.claims["sub"].clone();
        let user = user.as_str().unwrap();
        act(&site, user, end).await;
        let answer = site.present(&seen).await;
        assert!(
            [401, 403].contains(&answer.status()),
            "{end}: {}",
            answer.text()
        );
        // Nobody knows when this one was issued, and nothing speaks against it.
        site.passes(&token("new")).await;
        let again = site.present(&seen).await;
        assert!(
            [401, 403].contains(&again.status()),
            "{end}: {}",
            again.text()
        );
    }
}

#[tokio::test]
async fn tokens_of_before_an_end_are_refused_seen_or_not() {
    let site = TestGateway::start().await;
    let token = |login: &str, age: u64| {
        let token = site.acme.token().claim("jti", login);
        token.claim("iat", now() - age).sign()
    };
    let user = site.passes(&token("seen", 60)).await.claims["sub"].clone();
    act(&site, user.as_str().unwrap(), "sign out").await;
    for login in ["seen", "unseen"] {
        assert_eq!(site.present(&token(login, 60)).await.status(), 401);
    }
}

/// Does something to a user that ends all sessions, and takes back what else it did.
async fn act(site: &TestGateway, user: &str, end: &str) {
    let users = format!("/admin/api/users/{user}");
    let send = async |method: &str, path: String, body: Value| {
        let answer = site.gateway.admin_send(method, &path, &[], &body).await;
        assert!(answer.status() < 300, "{method} {path}: {}", answer.text());
    };
    match end {
        "sign out" => send("POST", format!("{users}/sign-out"), Value::Null).await,
        "block" => {
            for blocked in [true, false] {
                let body = json!({ "blocked": blocked });
                send("PUT", format!("{users}/blocked"), body).await;
            }
        }
        _ => send("DELETE", users.clone(), Value::Null).await,
    }
}
