//! Browsers with several cookies, some of which count no more.

use serde_json::{Value, json};

use crate::support::test_gateway::config;
use crate::support::{
    ACME, GLOBEX, Gateway, Key, Message, RawUpstream, TestGateway, TestIssuer, TokenBuilder,
    refusal_id,
};

/// Tokens of `acme` with this `exp` that nothing can be done with, and why.
fn faulty(site: &TestGateway, expires_in: i64) -> Vec<(&'static str, String)> {
    let token = || site.acme.token().expires_in(expires_in);
    let forged = token().forged_by(&Key::p256("acme-1"));
    let legacy = token().header("alg", "HS256");
    vec![
        ("kid_unknown", token().header("kid", "rotated away").sign()),
        ("signature_invalid", forged.sign()),
        (
            "issuer_unknown",
            token().claim("iss", "https://old.test").sign(),
        ),
        ("issuer_mismatch", token().claim("iss", GLOBEX).sign()),
        (
            "algorithm_not_allowed",
            legacy.sign_hs256(b"a secret of the years before"),
        ),
    ]
}

#[tokio::test]
async fn a_cookie_past_its_end_has_expired_whatever_else_is_wrong_with_it() {
    let site = TestGateway::with(with_login).await;
    let lapsed = site.acme.token().expires_in(-3600).sign();
    let plain = vec![("expired", lapsed)];
    for (reason, token) in [plain, faulty(&site, -3600)].concat() {
        let cookie = format!("acme_token={token}");
        is_nobody(&site, &cookie).await;
        let anonymous = [
            ("outcome", "anonymous"),
            ("source", "cookie"),
            ("reason", reason),
        ];
        let metrics = site.gateway.metrics().await;
        assert_eq!(metrics.sum("vestibule_decisions_total", &anonymous), 1.0);
        let refused = get(&site, "/", &cookie).await;
        site.is_refusal(&refused, 401, "token_expired", reason)
            .await;
        let location = navigate(&site, &cookie).await.field("location");
        let expected = "/optional/login?return_to=%2Fa&reason=expired";
        assert_eq!(location.as_deref(), Some(expected), "{reason}");
    }
    // Until then it is refused everywhere, and no login mends it.
    for (reason, token) in faulty(&site, 3600) {
        let cookie = format!("acme_token={token}");
        for path in ["/", "/optional"] {
            let refused = get(&site, path, &cookie).await;
            site.is_refusal(&refused, 401, "token_invalid", reason)
                .await;
        }
        assert_eq!(navigate(&site, &cookie).await.status(), 401, "{reason}");
    }
    // An explicit field is no cookie: whoever writes it can write another.
    for (reason, token) in faulty(&site, -3600) {
        let field = [("X-Acme-Token", &*token)];
        let refused = site.gateway.get("/optional", &field).await;
        site.is_refusal(&refused, 401, "token_invalid", reason)
            .await;
    }
}

#[tokio::test]
async fn a_cookie_that_counts_no_more_hides_no_live_one() {
    let site = TestGateway::start().await;
    let live = format!("globex_token={}", site.globex.token().sub("bob").sign());
    let bob = user(&site, &live).await;
    let ended = site.acme.token().claim("sid", "ended").sign();
    site.passes(&ended).await;
    log_out(&site, &ended).await;
    let expired = site.acme.token().expires_in(-3600).sign();
    let over = vec![("session_ended", ended), ("expired", expired)];
    for (reason, token) in [over, faulty(&site, -3600)].concat() {
        for cookies in [
            format!("acme_token={token}; {live}"),
            format!("{live}; acme_token={token}"),
        ] {
            for path in ["/", "/optional"] {
                let answer = get(&site, path, &cookies).await;
                assert_eq!(answer.status(), 200, "{reason}: {}", answer.text());
                assert_eq!(site.session().claims["sub"], bob, "{reason}");
                let line = site.access_line(&answer).await;
                assert_eq!(
                    (&line["source"], &line["issuer"]),
                    (&json!("cookie"), &json!("globex"))
                );
            }
        }
        // By itself it is nobody's.
        is_nobody(&site, &format!("acme_token={token}")).await;
    }
    // The same with the two changed over.
    let (first, second) = (site.acme.token(), site.globex.token());
    let cookies = format!(
        "acme_token={}; globex_token={}",
        first.sign(),
        second.expires_in(-3600).sign()
    );
    assert_eq!(get(&site, "/", &cookies).await.status(), 200);
}

#[tokio::test]
async fn an_issuer_that_is_switched_off_hides_no_other() {
    let site = TestGateway::with(|config| config["issuers"][0]["enabled"] = json!(false)).await;
    let live = format!("globex_token={}", site.globex.token().sub("bob").sign());
    let off = format!("acme_token={}", site.acme.token().sign());
    let bob = user(&site, &live).await;
    assert_eq!(user(&site, &format!("{off}; {live}")).await, bob);
    // Where nobody has to be signed in, nor does it lock its browser out.
    let refused = get(&site, "/", &off).await;
    site.is_refusal(&refused, 401, "token_invalid", "issuer_disabled")
        .await;
    is_nobody(&site, &off).await;
    let lapsed = site.acme.token().expires_in(-3600).sign();
    is_nobody(&site, &format!("acme_token={lapsed}")).await;
}

/// A site whose `acme` has no keys yet, by these settings.
async fn without_keys(settings: Value) -> TestGateway {
    let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
    acme.hang();
    let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
    let upstream = RawUpstream::start().await;
    let mut config = config(&acme, &globex, &upstream);
    let issuer = config["issuers"][0].as_object_mut().unwrap();
    issuer.extend(settings.as_object().unwrap().clone());
    issuer["jwks"] = json!({ "timeout": "2s", "unknown_kid_wait": "1ms" });
    TestGateway {
        gateway: Gateway::start(config).await,
        acme,
        globex,
        upstream,
    }
}

#[tokio::test]
async fn an_issuer_without_keys_is_waited_for_only_until_its_cookie_is_past() {
    let site = without_keys(json!({ "jwks": null })).await;
    let live = format!("globex_token={}", site.globex.token().sub("bob").sign());
    let bob = user(&site, &live).await;
    // It may be a live one, and another user's.
    let unknown = format!("acme_token={}", site.acme.token().sign());
    for cookies in [&unknown, &format!("{unknown}; {live}")] {
        let refused = get(&site, "/optional", cookies).await;
        site.is_refusal(&refused, 503, "unavailable", "no_keys")
            .await;
    }
    let lapsed = site.acme.token().expires_in(-3600).sign();
    let lapsed = format!("acme_token={lapsed}");
    assert_eq!(user(&site, &format!("{lapsed}; {live}")).await, bob);
    is_nobody(&site, &lapsed).await;
    let refused = get(&site, "/", &lapsed).await;
    site.is_refusal(&refused, 401, "token_expired", "no_keys")
        .await;
}

/// The session of a cookie that is past may live, and its browser would give it up.
#[tokio::test]
async fn an_issuer_without_keys_is_waited_for_where_sessions_outlive_their_tokens() {
    for (outlives, status, code) in [(true, 503, "unavailable"), (false, 401, "token_expired")] {
        let settings = json!({ "jwks": null, "session_outlives_token": outlives });
        let site = without_keys(settings).await;
        let lapsed = site.acme.token().expires_in(-3600).sign();
        let refused = get(&site, "/", &format!("acme_token={lapsed}")).await;
        site.is_refusal(&refused, status, code, "no_keys").await;
    }
}

#[tokio::test]
async fn a_live_credential_decides_alone() {
    let site = TestGateway::start().await;
    let bob = format!("globex_token={}", site.globex.token().sub("bob").sign());
    let alice = format!("acme_token={}", site.acme.token().sign());
    let (first, second) = (user(&site, &alice).await, user(&site, &bob).await);
    assert_ne!(first, second);
    assert_eq!(user(&site, &format!("{alice}; {bob}")).await, first);

    // What is made up is not past, whatever stands behind it.
    let forged = site.acme.token().forged_by(&Key::p256("acme-1")).sign();
    let cookies = format!("acme_token={forged}; {bob}");
    for path in ["/", "/optional"] {
        let refused = get(&site, path, &cookies).await;
        site.is_refusal(&refused, 401, "token_invalid", "signature_invalid")
            .await;
    }

    // An explicit field decides, also when it has expired.
    let expired = format!("Bearer {}", site.acme.token().expires_in(-3600).sign());
    let fields = [("Authorization", &*expired), ("Cookie", &*bob)];
    let refused = site.gateway.get("/optional", &fields).await;
    site.is_refusal(&refused, 401, "token_expired", "expired")
        .await;

    // So does the token of somebody who is kept out.
    let path = format!("/admin/api/users/{}/blocked", first.as_str().unwrap());
    let block = json!({ "blocked": true });
    let blocked = site.gateway.admin_send("PUT", &path, &[], &block).await;
    assert_eq!(blocked.status(), 200, "{}", blocked.text());
    let next = site.acme.token().claim("jti", "the next login").sign();
    let lapsed = site.globex.token().expires_in(-3600).sign();
    for other in [&bob, &format!("globex_token={lapsed}")] {
        let refused = get(&site, "/optional", &format!("acme_token={next}; {other}")).await;
        site.is_refusal(&refused, 403, "forbidden", "user_blocked")
            .await;
    }
}

#[tokio::test]
async fn behind_a_cookie_that_is_over_only_a_live_one_counts() {
    let site = TestGateway::with(with_login).await;
    let lapsed = format!("acme_token={}", site.acme.token().expires_in(-3600).sign());
    let token = |sub: &str| site.globex.token().sub(sub);
    let of = |token: TokenBuilder| format!("globex_token={}", token.sign());
    let forged = of(token("bob").forged_by(&Key::p256("globex-1")));
    let twins = format!("{}; {}", of(token("bob")), of(token("eve")));
    let late = of(token("bob").expires_in(-3600));
    for other in [
        &*forged,
        &*twins,
        &*late,
        "globex_token=deleted",
        "vestibule=unknown",
    ] {
        let cookies = format!("{lapsed}; {other}");
        is_nobody(&site, &cookies).await;
        let refused = get(&site, "/", &cookies).await;
        site.is_refusal(&refused, 401, "token_expired", "expired")
            .await;
        let location = navigate(&site, &cookies).await.field("location");
        let expected = "/optional/login?return_to=%2Fa&reason=expired";
        assert_eq!(location.as_deref(), Some(expected), "{other}");
    }
    // Nor does it make anything else of them.
    let refused = get(&site, "/optional", &forged).await;
    site.is_refusal(&refused, 401, "token_invalid", "signature_invalid")
        .await;
    let refused = get(&site, "/optional", &twins).await;
    site.is_refusal(&refused, 400, "conflict", "cookies_of_two_users")
        .await;
    let live = of(token("bob"));
    assert_eq!(
        user(&site, &format!("{lapsed}; {live}")).await,
        user(&site, &live).await
    );
}

#[tokio::test]
async fn the_origin_rule_is_for_whichever_cookie_decides() {
    let site = TestGateway::start().await;
    let lapsed = site.acme.token().expires_in(-3600).sign();
    let live = site.globex.token().sign();
    let cookies = format!("acme_token={lapsed}; globex_token={live}");
    let own = format!("http://{}", site.gateway.public);
    for (origin, status) in [(&*own, 200), ("https://evil.test", 403)] {
        let fields = [
            ("Cookie", &*cookies),
            ("Origin", origin),
            ("Content-Length", "0"),
        ];
        let answer = site.gateway.request("POST", "/", &fields).await;
        assert_eq!(answer.status(), status, "{origin}: {}", answer.text());
        if status == 403 {
            refusal_id(&answer, "forbidden");
        }
    }
    assert_eq!(site.upstream.count(), 1);
}

/// The session of another login at the same provider may be another user's.
#[tokio::test]
async fn the_gateways_cookie_counts_behind_that_of_another_issuer() {
    let site = TestGateway::with(|config| config["session"] = json!({ "cookie": true })).await;
    let token = site.globex.token().sub("bob");
    let first = get(&site, "/", &format!("globex_token={}", token.sign())).await;
    let own = first.field("set-cookie").expect("a session cookie");
    let own = own.split(';').next().unwrap().to_owned();
    let bob = user(&site, &own).await;

    let lapsed = site.acme.token().expires_in(-3600).sign();
    let cookies = format!("acme_token={lapsed}; {own}");
    assert_eq!(user(&site, &cookies).await, bob);
    let line = site.access_line(&get(&site, "/", &cookies).await).await;
    assert_eq!(line["source"], "session_cookie");

    let other = site.globex.token().sub("eve").expires_in(-3600).sign();
    for cookies in [
        format!("globex_token={other}; {own}"),
        format!("acme_token={lapsed}; globex_token={other}; {own}"),
    ] {
        is_nobody(&site, &cookies).await;
        let refused = get(&site, "/", &cookies).await;
        site.is_refusal(&refused, 401, "token_expired", "expired")
            .await;
    }
}

fn with_login(config: &mut Value) {
    config["login_url"] = json!("/optional/login");
}

async fn get(site: &TestGateway, path: &str, cookies: &str) -> Message {
    site.gateway.get(path, &[("Cookie", cookies)]).await
}

async fn navigate(site: &TestGateway, cookies: &str) -> Message {
    let fields = [
        ("Sec-Fetch-Mode", "navigate"),
        ("Accept", "text/html"),
        ("Cookie", cookies),
    ];
    site.gateway.get("/a", &fields).await
}

/// Whom the cookies sign in.
async fn user(site: &TestGateway, cookies: &str) -> Value {
    let answer = get(site, "/", cookies).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    site.session().claims["sub"].clone()
}

/// Where nobody has to be signed in, the cookies sign nobody in.
async fn is_nobody(site: &TestGateway, cookies: &str) {
    let answer = get(site, "/optional", cookies).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(site.upstream.last().field("authorization"), None);
}

async fn log_out(site: &TestGateway, token: &str) {
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", &*bearer), ("Content-Length", "0")];
    let answer = site
        .gateway
        .request("POST", "/_vestibule/logout", &fields)
        .await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
}
