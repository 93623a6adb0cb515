//! Who becomes a user, and how long a session of one lasts.

use serde_json::json;

use crate::support::{Clock, Message, TestGateway, eventually, now};

#[tokio::test]
async fn a_stranger_is_a_user_or_is_refused_as_the_issuer_is_configured() {
    let site =
        TestGateway::with(|config| config["issuers"][0]["provisioning"] = json!("existing_only"))
            .await;
    let answer = site.present(&site.acme.token().sign()).await;
    site.is_refusal(&answer, 403, "forbidden", "user_unknown")
        .await;
    assert_eq!(site.upstream.count(), 0);
    site.passes(&site.globex.token().sign()).await;
}

#[tokio::test]
async fn accounts_are_linked_by_address_only_where_everybody_says_so() {
    for (top, acme, globex, linked) in [
        (true, true, true, true),
        (false, true, true, false),
        (true, true, false, false),
    ] {
        let site = TestGateway::with(|config| {
            // Two trusted issuers, or the configuration is refused.
            let mut third = config["issuers"][1].clone();
            for (key, value) in [
                ("name", "third"),
                ("iss", "https://third.test"),
                ("cookie_name", "third_token"),
                ("header", "X-Third-Token"),
            ] {
                third[key] = json!(value);
            }
            third["email_trusted"] = json!(true);
            config["issuers"].as_array_mut().unwrap().push(third);
            config["link_by_verified_email"] = json!(top);
            config["issuers"][0]["email_trusted"] = json!(acme);
            config["issuers"][1]["email_trusted"] = json!(globex);
        })
        .await;
        let email = "alice@example.com";
        let token = |issuer: &crate::support::TestIssuer, email: &str| {
            let token = issuer.token().claim("email", email);
            token.claim("email_verified", true).sign()
        };
        let first = site.passes(&token(&site.acme, email)).await;
        let second = site.passes(&token(&site.globex, "Alice@Example.com")).await;
        let same = first.claims["sub"] == second.claims["sub"];
        assert_eq!(same, linked, "{top} {acme} {globex}");
    }
}

#[tokio::test]
async fn the_oldest_session_makes_room() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({"max_sessions_per_user": 2});
    })
    .await;
    let token = |sub: &str, login: &str| site.acme.token().sub(sub).claim("sid", login).sign();
    let neighbour = token("bob", "1");
    site.passes(&neighbour).await;
    let first = token("alice", "1");
    site.passes(&first).await;
    // Sessions of the same second have no order.
    clock.step(&site, 60).await;
    let (second, third) = (token("alice", "2"), token("alice", "3"));
    site.passes(&second).await;
    site.passes(&third).await;
    let answer = site.present(&first).await;
    is_over(
        &site,
        &answer,
        "session_displaced",
        "session.max_sessions_per_user",
    )
    .await;
    for token in [&second, &third, &neighbour] {
        site.passes(token).await;
    }
}

#[tokio::test]
async fn an_idle_session_is_over() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({"idle_timeout": "10m"});
    })
    .await;
    let token = |sub: &str| site.acme.token().sub(sub).claim("exp", now() + 3600).sign();
    let (idle, busy) = (token("alice"), token("bob"));
    site.passes(&idle).await;
    site.passes(&busy).await;
    // Past the timeout in all, never past it at once.
    for offset in [360, 720] {
        clock.step(&site, offset).await;
        site.passes(&busy).await;
    }
    let answer = site.present(&idle).await;
    is_over(&site, &answer, "session_idle", "session.idle_timeout").await;
}

/// Providers renew tokens for weeks: each of them is refused then, and the log says by which setting.
#[tokio::test]
async fn a_session_has_a_greatest_age_whatever_tokens_its_login_has() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({"max_age": "1h"});
        config["login_url"] = json!("/optional/login");
    })
    .await;
    let token = |login: &str, jti: &str| {
        let token = site.acme.token().sub("alice").claim("sid", login);
        token.claim("jti", jti).claim("exp", now() + 10_000).sign()
    };
    site.passes(&token("1", "first")).await;
    clock.step(&site, 3540).await;
    site.passes(&token("1", "second")).await;
    clock.step(&site, 3700).await;
    for jti in ["first", "third"] {
        let answer = site.present(&token("1", jti)).await;
        is_over(&site, &answer, "session_max_age", "session.max_age").await;
    }
    // A login page learns no more than after a logout.
    let cookie = format!("acme_token={}", token("1", "third"));
    let page = [("Cookie", &*cookie), ("Sec-Fetch-Mode", "navigate")];
    let location = site.gateway.get("/", &page).await.field("location");
    let expected = "/optional/login?return_to=%2F&reason=session_ended";
    assert_eq!(location.as_deref(), Some(expected));
    // The next sign-in at the issuer is another login.
    site.passes(&token("2", "fourth")).await;
}

/// The client learns that the login is over; the log learns by which setting.
async fn is_over(site: &TestGateway, answer: &Message, reason: &str, setting: &str) {
    site.is_refusal(answer, 401, "login_required", reason).await;
    let hint = site.access_line(answer).await["hint"].to_string();
    assert!(hint.contains(&format!("`{setting}`")), "{hint}");
    assert!(!answer.text().contains(reason), "{}", answer.text());
}

#[tokio::test]
async fn the_store_is_swept_in_the_background() {
    let site = TestGateway::start().await;
    eventually("never swept", async || {
        let metrics = site.gateway.metrics().await;
        metrics.sum("vestibule_store_sweeps_total", &[]) >= 1.0
    })
    .await;
}
