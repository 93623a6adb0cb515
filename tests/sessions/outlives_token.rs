//! A session that lasts longer than the token that opened it, by choice.

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Clock, Key, Message, TestGateway};

async fn site(clock: &Clock, outlives: bool) -> TestGateway {
    TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({ "cookie": true, "max_age": "8h" });
        config["issuers"][0]["session_outlives_token"] = json!(outlives);
    })
    .await
}

async fn with_cookies(site: &TestGateway, cookies: &str) -> Message {
    site.gateway.get("/", &[("Cookie", cookies)]).await
}

#[tokio::test]
async fn a_session_lasts_to_its_maximum_age_and_its_token_does_not() {
    for outlives in [true, false] {
        let folder = TempDir::new().unwrap();
        let clock = Clock::new(folder.path());
        let site = site(&clock, outlives).await;
        let token = site.acme.token().claim("sid", "1").expires_in(300).sign();
        let external = format!("acme_token={token}");
        let first = with_cookies(&site, &external).await;
        assert_eq!(first.status(), 200);
        let own = first.field("set-cookie").expect("a session cookie");
        let own = own.split(';').next().unwrap().to_owned();
        let both = format!("{external}; {own}");
        let other = site.acme.token().claim("sid", "2").expires_in(300).sign();
        let foreign = format!("acme_token={other}; {own}");

        clock.step(&site, 3600).await;
        let status = if outlives { 200 } else { 401 };
        assert_eq!(with_cookies(&site, &own).await.status(), status);
        assert_eq!(with_cookies(&site, &both).await.status(), status);
        // What opens nothing does not stand between a login and its session, nor lead to it.
        let forged = site.globex.token().forged_by(&Key::p256("globex-1")).sign();
        let twins = [
            site.globex.token().sub("bob"),
            site.globex.token().sub("eve"),
        ];
        let twins = twins.map(|token| format!("globex_token={}", token.sign()));
        for between in [format!("globex_token={forged}"), twins.join("; ")] {
            let cookies = format!("{external}; {between}; {own}");
            assert_eq!(with_cookies(&site, &cookies).await.status(), status);
            let cookies = format!("acme_token={other}; {between}; {own}");
            assert_eq!(with_cookies(&site, &cookies).await.status(), 401);
        }
        // The token by itself is over, as is that of another login in front of the cookie.
        for cookies in [&external, &foreign] {
            let answer = with_cookies(&site, cookies).await;
            site.is_refusal(&answer, 401, "token_expired", "expired")
                .await;
        }
        if outlives {
            clock.step(&site, 9 * 3600).await;
            assert_eq!(with_cookies(&site, &both).await.status(), 401);
        }
    }
}

#[tokio::test]
async fn a_longer_session_ends_by_a_logout() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = site(&clock, true).await;
    let token = site.acme.token().claim("sid", "1").expires_in(300).sign();
    let external = format!("acme_token={token}");
    let first = with_cookies(&site, &external).await;
    let own = first.field("set-cookie").expect("a session cookie");
    let own = own.split(';').next().unwrap().to_owned();
    clock.step(&site, 3600).await;
    let both = format!("{external}; {own}");
    assert_eq!(with_cookies(&site, &both).await.status(), 200);
    let fields = [
        ("Cookie", &*both),
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Length", "0"),
    ];
    let out = site
        .gateway
        .request("POST", "/_vestibule/logout", &fields)
        .await;
    assert_eq!(out.status(), 204, "{}", out.text());
    for cookies in [&own, &both] {
        assert_eq!(with_cookies(&site, cookies).await.status(), 401);
    }
}
