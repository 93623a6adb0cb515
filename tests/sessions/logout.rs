//! Logout by the browser and by the issuer.

use serde_json::{Value, json};

use crate::support::{Message, TestGateway, now, refusal_id, remember_session_token};

const LOGOUT: &str = "/_vestibule/logout";

#[tokio::test]
async fn a_bearer_is_logged_out_and_its_neighbour_is_not() {
    let site = TestGateway::start().await;
    let (gone, other) = (
        site.acme.token().claim("sid", "1").sign(),
        site.acme.token().claim("sid", "2").sign(),
    );
    site.passes(&gone).await;
    site.passes(&other).await;
    let field = format!("Bearer {gone}");
    let answer = site
        .gateway
        .request("POST", LOGOUT, &[("Authorization", &field)])
        .await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    let answer = site.present(&gone).await;
    site.is_refusal(&answer, 401, "login_required", "session_ended")
        .await;
    site.passes(&other).await;
    // A second logout has nothing to end, and says so to a client that names its token.
    let again = site
        .gateway
        .request("POST", LOGOUT, &[("Authorization", &field)])
        .await;
    assert_eq!(again.status(), 401);
}

#[tokio::test]
async fn a_cookie_is_logged_out_by_its_own_site_only() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let cookie = format!("acme_token={token}");
    let own = format!("http://{}", site.gateway.public);
    site.passes(&token).await;
    for origin in [None, Some("https://evil.example")] {
        let mut fields = vec![("Cookie", cookie.as_str())];
        fields.extend(origin.map(|origin| ("Origin", origin)));
        let refused = site.gateway.request("POST", LOGOUT, &fields).await;
        assert_eq!(refused.status(), 403, "{origin:?}");
        refusal_id(&refused, "forbidden");
        site.passes(&token).await;
    }
    let fields = [("Cookie", cookie.as_str()), ("Origin", own.as_str())];
    for _ in 0..2 {
        // A page may call it again: there is nothing left to do.
        let answer = site.gateway.request("POST", LOGOUT, &fields).await;
        assert_eq!(answer.status(), 204, "{}", answer.text());
        let gone = answer
            .field("set-cookie")
            .expect("the cookie is taken away");
        assert!(
            gone.starts_with("vestibule=;") && gone.contains("Max-Age=0"),
            "{gone}"
        );
    }
    assert_eq!(site.present(&token).await.status(), 401);
}

/// What a proxy adds to a browser's request, a page of another site has it send.
#[tokio::test]
async fn a_login_that_a_proxy_adds_is_logged_out_by_its_own_site_only() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["header_from_cookie"] = json!(true);
    })
    .await;
    let token = site.acme.token().sign();
    let own = format!("http://{}", site.gateway.public);
    site.passes(&token).await;
    for (origin, status) in [("https://evil.example", 403), (own.as_str(), 204)] {
        let fields = [("X-Acme-Token", token.as_str()), ("Origin", origin)];
        let answer = site.gateway.request("POST", LOGOUT, &fields).await;
        assert_eq!(answer.status(), status, "{origin}: {}", answer.text());
        let lives = site.present(&token).await.status() == 200;
        assert_eq!(lives, status == 403, "{origin}");
    }
}

/// Scripts without a token often send a field all the same.
#[tokio::test]
async fn a_field_without_a_token_keeps_nobody_signed_in() {
    let site = TestGateway::start().await;
    let own = format!("http://{}", site.gateway.public);
    for (number, field) in ["Bearer null", "Bearer undefined", "Bearer ", "Bearer"]
        .into_iter()
        .enumerate()
    {
        let token = site.acme.token().claim("sid", number.to_string()).sign();
        let cookie = format!("acme_token={token}");
        site.passes(&token).await;
        // What a page of another site sends ends nothing.
        for (origin, status) in [("https://evil.example", 403), (&*own, 204)] {
            let fields = [
                ("Cookie", &*cookie),
                ("Authorization", field),
                ("Origin", origin),
            ];
            let answer = site.gateway.request("POST", LOGOUT, &fields).await;
            assert_eq!(answer.status(), status, "{field}: {}", answer.text());
            let left = site.present(&token).await.status();
            assert_eq!(left, if status == 204 { 401 } else { 200 });
        }
    }
    // A token is taken at its word: it says whose session is to end.
    let token = site.acme.token().claim("sid", "stays").sign();
    site.passes(&token).await;
    let forged = site.acme.token().forged_by(&site.globex.key).sign();
    let (cookie, field) = (format!("acme_token={token}"), format!("Bearer {forged}"));
    let fields = [
        ("Cookie", &*cookie),
        ("Authorization", &*field),
        ("Origin", &*own),
    ];
    let answer = site.gateway.request("POST", LOGOUT, &fields).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
    site.passes(&token).await;
}

/// One of several cookies stands in for another that counts no more: after a logout none may.
#[tokio::test]
async fn a_logout_ends_the_session_of_each_cookie_that_could_count() {
    let site = TestGateway::start().await;
    let own = format!("http://{}", site.gateway.public);
    let lapsed = site.acme.token().expires_in(-3600).sign();
    let unverifiable = site.acme.token().header("kid", "of last year");
    let unverifiable = unverifiable.expires_in(-3600).sign();
    let live = site.acme.token().claim("sid", "acme").sign();
    for (number, first) in [lapsed, unverifiable, live].into_iter().enumerate() {
        let token = site.globex.token().claim("sid", number.to_string());
        let second = format!("globex_token={}", token.sign());
        let cookies = format!("acme_token={first}; {second}");
        let both = [("Cookie", &*cookies)];
        assert_eq!(site.gateway.get("/", &both).await.status(), 200);
        let fields = [both[0], ("Origin", &*own)];
        let answer = site.gateway.request("POST", LOGOUT, &fields).await;
        assert_eq!(answer.status(), 204, "{}", answer.text());
        for cookies in [&cookies, &second] {
            let answer = site.gateway.get("/", &[("Cookie", cookies)]).await;
            assert_eq!(answer.status(), 401, "{}", answer.text());
        }
        // Another login continues.
        let other = site.globex.token().claim("sid", "elsewhere").sign();
        site.passes(&other).await;
    }
}

/// One rule for all of the gateway's endpoints that read or set a cookie.
#[tokio::test]
async fn the_same_pages_may_sign_in_and_log_out() {
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("https://app.example.com");
        config["allowed_origins"] = json!(["https://*.pages.example.com"]);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["environment_id"] = json!(ENVIRONMENT);
        config["sdk"] = json!({"issuer": "acme", "cookie": true});
    })
    .await;
    for (host, origin, passes) in [
        ("gw.internal", "https://app.example.com", true),
        ("other.example", "https://other.example", true),
        ("other.example", "http://other.example", false),
        ("app.example.com", "https://a.pages.example.com", true),
        ("app.example.com", "https://other.example", false),
        ("gw.internal", "https://evil.test", false),
        ("app.example.com", "https://a.b.pages.example.com", false),
        ("app.example.com", "https://pages.example.com", false),
        ("app.example.com", "http://app.example.com", false),
    ] {
        let content = json!({ "jwt": site.acme.token().sign() }).to_string();
        let sign_in = format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/externalAuth/signin");
        for (path, content, status) in
            [(&*sign_in, &*content, 200), ("/_vestibule/logout", "", 204)]
        {
            let request = format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
                 X-Forwarded-Proto: https\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{content}",
                content.len()
            );
            let answer = site.gateway.send(request).await;
            let status = if passes { status } else { 403 };
            let text = answer.text();
            assert_eq!(answer.status(), status, "{host} {origin} {path}: {text}");
            for set in answer.all("set-cookie") {
                let value = set.split(['=', ';']).nth(1).unwrap_or_default();
                if value.split('.').count() == 3 {
                    remember_session_token(value);
                }
            }
        }
    }
}

#[tokio::test]
async fn logout_is_a_post() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    let field = format!("Bearer {token}");
    let answer = site.gateway.get(LOGOUT, &[("Authorization", &field)]).await;
    assert_eq!(answer.status(), 405);
    site.passes(&token).await;
}

#[tokio::test]
async fn an_issuer_ends_a_login_by_sid_by_sub_or_by_both() {
    let cases: [(Value, [bool; 3]); 3] = [
        (json!({"sid": "1"}), [false, true, true]),
        (json!({"sid": "1", "sub": "alice"}), [false, true, true]),
        (json!({"sub": "alice"}), [false, false, true]),
    ];
    for (named, lasting) in cases {
        let site = site().await;
        let token = |sub: &str, login: &str| site.acme.token().sub(sub).claim("sid", login).sign();
        let tokens = [token("alice", "1"), token("alice", "2"), token("bob", "3")];
        for token in &tokens {
            site.passes(token).await;
        }
        let answer = logout(&site, &logout_token(&site, &named)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
        for (token, lasts) in tokens.iter().zip(lasting) {
            let status = site.present(token).await.status();
            assert_eq!(status == 200, lasts, "{named}: {status}");
        }
    }
}

/// Whichever setting accepts it, whoever its subject is, and whatever was between.
#[tokio::test]
async fn an_accepted_logout_token_ends_what_it_names() {
    for provisioning in ["auto", "none"] {
        for named in [
            json!({"sid": "1"}),
            json!({"sub": "alice"}),
            json!({"sub": "alice", "sid": "1"}),
        ] {
            for was_off in [false, true] {
                let site = TestGateway::with(|config| {
                    config["issuers"][0]["aud"] = json!("gateway");
                    config["issuers"][0]["provisioning"] = json!(provisioning);
                })
                .await;
                let token = |sub: &str, login: &str| {
                    let token = site.acme.token().sub(sub).claim("aud", "gateway");
                    token.claim("sid", login).sign()
                };
                let (ended, other) = (token("alice", "1"), token("bob", "2"));
                for token in [&ended, &other] {
                    site.passes(token).await;
                }
                if was_off {
                    for enabled in [false, true] {
                        let path = "/admin/api/issuers/acme/enabled";
                        let body = json!({ "enabled": enabled });
                        let done = site.gateway.admin_send("PUT", path, &[], &body).await;
                        assert_eq!(done.status(), 200, "{}", done.text());
                    }
                    for token in [&ended, &other] {
                        site.passes(token).await;
                    }
                }
                let answer = logout(&site, &logout_token(&site, &named)).await;
                let case = format!("{provisioning} {named} {was_off}");
                assert_eq!(answer.status(), 200, "{case}: {}", answer.text());
                assert_eq!(site.present(&ended).await.status(), 401, "{case}");
                assert_eq!(site.present(&other).await.status(), 200, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let site = site().await;
    let token = logout_token(&site, &json!({"sub": "alice"}));
    assert_eq!(logout(&site, &token).await.status(), 200);
    let replayed = logout(&site, &token).await;
    site.is_refusal(&replayed, 400, "invalid_request", "logout_token_replayed")
        .await;
    let fresh = logout_token(&site, &json!({"sub": "alice"}));
    assert_eq!(logout(&site, &fresh).await.status(), 200);
}

#[tokio::test]
async fn what_is_no_logout_token_ends_nothing() {
    let site = site().await;
    let login = site.acme.token().claim("sid", "1").sign();
    site.passes(&login).await;
    let builder = |issuer: &crate::support::TestIssuer| {
        issuer
            .token()
            .header("typ", "logout+jwt")
            .claim("aud", "gateway")
            .claim("jti", format!("{:x}", rand()))
            .claim("sid", "1")
            .claim("events", json!({ EVENT: {} }))
    };
    let cases = [
        (
            site.acme.token().claim("aud", "gateway").sign(),
            "logout_event_missing",
        ),
        (
            builder(&site.acme).claim("aud", "other").sign(),
            "aud_mismatch",
        ),
        (
            builder(&site.acme).claim("nonce", "n").sign(),
            "nonce_present",
        ),
        (
            builder(&site.acme).header("typ", "at+jwt").sign(),
            "type_not_accepted",
        ),
        (
            builder(&site.acme).forged_by(&site.globex.key).sign(),
            "signature_invalid",
        ),
        // Its logout tokens are for nobody here.
        (builder(&site.globex).sign(), "logout_audience_unset"),
    ];
    for (token, reason) in cases {
        let answer = logout(&site, &token).await;
        site.is_refusal(&answer, 400, "invalid_request", reason)
            .await;
    }
    let empty = site.gateway.request("POST", BACKCHANNEL, &[]).await;
    assert_eq!(empty.status(), 400);
    site.passes(&login).await;
    // And a logout token is no login.
    site.refuses(&builder(&site.acme).sign(), "type_not_accepted")
        .await;
    assert_eq!(
        logout(&site, &builder(&site.acme).sign()).await.status(),
        200
    );
    assert_eq!(site.present(&login).await.status(), 401);
}

async fn site() -> TestGateway {
    TestGateway::with(|config| config["issuers"][0]["logout_audience"] = json!("gateway")).await
}

fn logout_token(site: &TestGateway, named: &Value) -> String {
    let mut token = site
        .acme
        .token()
        .without("sub")
        .header("typ", "logout+jwt")
        .claim("aud", "gateway")
        .claim("jti", format!("{:x}", rand()))
        .claim("events", json!({ EVENT: {} }));
    for (name, value) in named.as_object().unwrap() {
        token = token.claim(name, value.clone());
    }
    token.expires_in(120).sign()
}

async fn logout(site: &TestGateway, token: &str) -> Message {
    let body = format!("logout_token={token}");
    let head = format!(
        "POST {BACKCHANNEL} HTTP/1.1\r\nHost: {}\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
        site.gateway.public,
        body.len()
    );
    site.gateway.send(head + &body).await
}

/// Never twice in a run.
fn rand() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    now() << 20 | NEXT.fetch_add(1, Ordering::Relaxed)
}

const BACKCHANNEL: &str = "/_vestibule/backchannel-logout";
const FORM: &str = "application/x-www-form-urlencoded";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
