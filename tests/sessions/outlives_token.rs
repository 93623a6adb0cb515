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

/// The expired token opens nothing, but says whose session is to end: another credential of it would count.
#[tokio::test]
async fn a_longer_session_ends_by_a_logout_with_its_expired_token() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = site(&clock, true).await;
    let mut logins = Vec::new();
    for sid in ["bearer", "cookie", "forged", "other"] {
        let token = site.acme.token().claim("sid", sid).expires_in(300);
        let first = with_cookies(&site, &format!("acme_token={}", token.sign())).await;
        let own = first.field("set-cookie").expect("a session cookie");
        logins.push((token, own.split(';').next().unwrap().to_owned()));
    }
    let [bearer, cookie, forged, _] = [0, 1, 2, 3].map(|at: usize| &logins[at].0);
    clock.step(&site, 3600).await;
    let forged = forged.clone().forged_by(&Key::p256("acme-1")).sign();
    for (field, status) in [
        (("Authorization", format!("Bearer {}", bearer.sign())), 204),
        (("Cookie", format!("acme_token={}", cookie.sign())), 204),
        // Whose session that is, nobody knows.
        (("Authorization", format!("Bearer {forged}")), 401),
    ] {
        let fields = [
            (field.0, &*field.1),
            ("Sec-Fetch-Site", "same-origin"),
            ("Content-Length", "0"),
        ];
        let logout = "/_vestibule/logout";
        let out = site.gateway.request("POST", logout, &fields).await;
        assert_eq!(out.status(), status, "{field:?}: {}", out.text());
    }
    for ((_, own), status) in logins.iter().zip([401, 401, 200, 200]) {
        assert_eq!(with_cookies(&site, own).await.status(), status, "{own}");
    }
}

/// A script sends the token that it has left, and the browser the cookie that counts.
#[tokio::test]
async fn an_old_token_in_a_field_keeps_no_cookie_signed_in() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = site(&clock, true).await;
    let token = |sid: &str| site.acme.token().claim("sid", sid).expires_in(300);
    let old = format!("Bearer {}", token("never seen").sign());
    let first = with_cookies(&site, &format!("acme_token={}", token("1").sign())).await;
    let own = first.field("set-cookie").expect("a session cookie");
    let own = own.split(';').next().unwrap().to_owned();
    clock.step(&site, 3600).await;
    for (cookie, status) in [(Some(&own), 204), (None, 401)] {
        let mut fields = vec![("Authorization", &*old), ("Content-Length", "0")];
        fields.extend(cookie.map(|cookie| ("Cookie", &**cookie)));
        let logout = "/_vestibule/logout";
        let out = site.gateway.request("POST", logout, &fields).await;
        assert_eq!(out.status(), status, "{}", out.text());
        assert_eq!(with_cookies(&site, &own).await.status(), 401);
    }
}
