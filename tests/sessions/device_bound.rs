//! Device Bound Session Credentials: a session that a stolen cookie does not carry far.

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Clock, Key, TestGateway, refusal_id};

mod converted;
pub mod device;
mod logout;
mod overload;
mod tokens;

use device::{Device, bind_sessions, challenge_of, cookie_of, device_site, is_offered, offer_of};

#[tokio::test]
async fn a_browser_binds_its_session_and_renews_the_cookie_by_proofs() {
    let mut site = device_site().await;
    let mut device = Device::signed_in(&site).await;
    let sid = site.session_of(&device.plain).await;
    let first_cookie = device.register(&site.gateway).await;
    assert_ne!(first_cookie, device.plain);
    let instructions = &device.instructions;
    let origin = format!("http://{}", site.gateway.public);
    assert_eq!(instructions["scope"]["origin"], origin);
    assert_eq!(instructions["scope"]["include_site"], false);
    let credential = &instructions["credentials"][0];
    assert_eq!(credential["name"], "vestibule");
    assert_eq!(credential["attributes"], "Path=/; HttpOnly; SameSite=Lax");

    let mut cookie = first_cookie;
    for round in 0..3 {
        let before = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(before.status(), 200, "{round}");
        assert_eq!(offer_of(&before), None, "it is bound");
        let renewed = device.refresh(&site.gateway).await;
        assert_ne!(renewed, cookie, "each cookie is another");
        cookie = renewed;
        if round == 0 {
            site.gateway = site.gateway.restart().await;
        }
    }
    assert_eq!(site.session_of(&cookie).await, sid);
    let row = site
        .gateway
        .admin(&format!("/admin/api/sessions/{sid}"))
        .await;
    assert_eq!(
        row.json()["device_key"],
        device.thumbprint(),
        "{}",
        row.text()
    );
    let page = site.gateway.admin("/dashboard/sessions").await;
    assert!(page.contains(&device.thumbprint()), "{}", page.text());
    let proofs = |result| [("result", result)];
    let metrics = site.gateway.metrics().await;
    let name = "vestibule_device_proofs_total";
    assert_eq!(
        metrics.sum(name, &proofs("refreshed")),
        2.0,
        "since the restart"
    );
}

#[tokio::test]
async fn a_stolen_cookie_ends_with_its_minutes() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), bind_sessions).await;
    let mut device = Device::signed_in(&site).await;
    let bound = device.register(&site.gateway).await;
    let external = device.external.clone();
    // Whatever was in the browser, and in whichever place it is shown.
    let bearer = external.split_once('=').unwrap().1.to_owned();
    let bearer = format!("Bearer {bearer}");
    let stolen: [&[(&str, &str)]; 4] = [
        &[("Cookie", &bound)],
        &[("Cookie", &device.plain)],
        &[("Cookie", &external)],
        &[("Authorization", &bearer)],
    ];
    for fields in stolen {
        let answer = site.gateway.get("/", fields).await;
        assert_eq!(answer.status(), 200, "in its time: {fields:?}");
    }
    clock.step(&site, AFTER_A_COOKIE).await;
    for fields in stolen {
        for _ in 0..2 {
            let answer = site.gateway.get("/", fields).await;
            assert_eq!(answer.status(), 401, "{fields:?}");
            assert!(!is_offered(&answer));
        }
    }
    // The owner proves the key, and all of it counts again next to the new cookie.
    let renewed = device.refresh(&site.gateway).await;
    for extra in ["", &external] {
        let cookies = format!("{renewed}; {extra}");
        let answer = site.gateway.get("/", &[("Cookie", &cookies)]).await;
        assert_eq!(answer.status(), 200, "{extra}");
    }
    let fields = [("Authorization", &*bearer), ("Cookie", &*renewed)];
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);
    let dead = site.gateway.get("/", &[("Cookie", &bound)]).await;
    assert_eq!(dead.status(), 401, "never again");
}

#[tokio::test]
async fn another_key_gets_nothing_and_ends_nothing() {
    let site = device_site().await;
    let mut device = Device::signed_in(&site).await;
    let cookie = device.register(&site.gateway).await;

    let thief = Device {
        key: Key::p256("thief"),
        ..device.clone()
    };
    let challenge = thief.challenge(&site.gateway).await;
    let refused = thief.prove(&site.gateway, &challenge).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(challenge_of(&refused), None);
    assert_eq!(refused.field("set-cookie"), None);
    // A second registration by the owner's cookie, with the challenge of the first.
    for challenge in [device.offered.as_str(), "AAAA"] {
        let forged = thief.try_register(&site.gateway, challenge, &cookie).await;
        assert_eq!(forged.status(), 403, "{}", forged.text());
        assert_eq!(forged.field("set-cookie"), None);
    }
    // A proof of the owner's that is shown once more.
    let challenge = device.challenge(&site.gateway).await;
    assert_eq!(device.prove(&site.gateway, &challenge).await.status(), 200);
    let replayed = device.prove(&site.gateway, &challenge).await;
    assert_eq!(replayed.status(), 403);
    assert_eq!(replayed.field("set-cookie"), None);
    assert!(challenge_of(&replayed).is_some(), "it may sign another one");

    let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.status(), 200, "the owner noticed nothing");
    device.refresh(&site.gateway).await;
    let metrics = site.gateway.metrics().await;
    for (result, count) in [
        ("registered", 1.0),
        ("refreshed", 2.0),
        ("device_key_other", 1.0),
        ("device_bound_already", 1.0),
        ("device_challenge_spent", 1.0),
    ] {
        let labels = [("result", result)];
        let counted = metrics.sum("vestibule_device_proofs_total", &labels);
        assert_eq!(counted, count, "{result}");
    }
}

#[tokio::test]
async fn a_challenge_is_for_one_session_and_one_purpose() {
    let site = device_site().await;
    let mut ada = Device::signed_in(&site).await;
    let mut grace = Device::signed_in_as(&site, "grace").await;
    // With the cookie of the one and the offer of the other.
    let forged = ada
        .try_register(&site.gateway, &grace.offered, &ada.plain)
        .await;
    assert_eq!(forged.status(), 403);
    let without = ada.try_register(&site.gateway, &ada.offered, "").await;
    assert_eq!(without.status(), 401, "an offer alone binds nothing");
    ada.register(&site.gateway).await;
    grace.register(&site.gateway).await;
    let of_grace = grace.challenge(&site.gateway).await;
    let elsewhere = ada.prove(&site.gateway, &of_grace).await;
    assert_eq!(elsewhere.status(), 403);
    assert!(challenge_of(&elsewhere).is_some());
    let registration = ada.offered.clone();
    assert_eq!(ada.prove(&site.gateway, &registration).await.status(), 403);
    ada.refresh(&site.gateway).await;
    grace.refresh(&site.gateway).await;
}

/// Without the gateway's cookie, the issuers' cookie that decided when the offer was sent.
#[tokio::test]
async fn a_cookie_that_counts_no_more_hides_no_session_that_a_browser_binds() {
    let site = device_site().await;
    let path = "/_vestibule/device-bound/register";
    let token = || site.acme.token().sub("ada");
    let ended = token().claim("sid", "ended").sign();
    site.passes(&ended).await;
    let bearer = format!("Bearer {ended}");
    let fields = [("Authorization", &*bearer), ("Content-Length", "0")];
    let logout = site.gateway.request("POST", "/_vestibule/logout", &fields);
    assert_eq!(logout.await.status(), 204);
    let expired = token().expires_in(-3600).sign();
    for (code, over) in [("login_required", &ended), ("token_expired", &expired)] {
        let over = format!("acme_token={over}");
        let live = site.globex.token().sub("grace").claim("sid", code).sign();
        let cookies = format!("{over}; globex_token={live}");
        let offered = site.gateway.get("/", &[("Cookie", &cookies)]).await;
        assert_eq!(offered.status(), 200, "{}", offered.text());
        let device = Device::offered(cookies.clone(), &offered);
        let register = async |cookies: &str| {
            let proof = device.proof(&device.offered, true);
            let fields = [("Cookie", cookies), ("Secure-Session-Response", &proof)];
            site.gateway.request("POST", path, &fields).await
        };
        let late = site.globex.token().sub("grace").expires_in(-3600).sign();
        for other in ["", &*format!("globex_token={late}")] {
            let refused = register(&format!("{over}; {other}")).await;
            assert_eq!(refused.status(), 401, "{}", refused.text());
            refusal_id(&refused, code);
        }
        let forged = token().forged_by(&Key::p256("acme-1")).sign();
        let made_up = format!("acme_token={forged}; globex_token={live}");
        assert_eq!(register(&made_up).await.status(), 401);
        // Another's live login decides, and the offer was not for that.
        let other = format!("acme_token={}; globex_token={live}", token().sign());
        assert_eq!(register(&other).await.status(), 403);
        let bound = register(&cookies).await;
        assert_eq!(bound.status(), 200, "{}", bound.text());
        let sid = site.session_of(&cookie_of(&bound)).await;
        assert_eq!(sid, site.session_of(&device.plain).await);
    }
}

#[tokio::test]
async fn two_tabs_refresh_at_once() {
    let site = device_site().await;
    let mut device = Device::signed_in(&site).await;
    device.register(&site.gateway).await;
    let (one, two) = (
        device.challenge(&site.gateway).await,
        device.challenge(&site.gateway).await,
    );
    let (one, two) = tokio::join!(
        device.prove(&site.gateway, &one),
        device.prove(&site.gateway, &two)
    );
    for answer in [one, two] {
        assert_eq!(answer.status(), 200);
        let cookie = cookie_of(&answer);
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn a_sign_out_ends_the_binding() {
    let site = device_site().await;
    let mut device = Device::signed_in(&site).await;
    let cookie = device.register(&site.gateway).await;
    let own = format!("http://{}", site.gateway.public);
    let fields = [("Cookie", &*cookie), ("Origin", &*own)];
    let logout = site.gateway.request("POST", "/_vestibule/logout", &fields);
    assert_eq!(logout.await.status(), 204);
    let challenge = device.challenge(&site.gateway).await;
    let refused = device.prove(&site.gateway, &challenge).await;
    assert_eq!(refused.status(), 401, "which ends it in the browser, too");
    let gone = refused.field("set-cookie").unwrap();
    assert!(gone.starts_with("vestibule=;"), "{gone}");
    assert_eq!(challenge_of(&refused), None);
    assert_eq!(
        site.gateway.get("/", &[("Cookie", &cookie)]).await.status(),
        401
    );
}

#[tokio::test]
async fn browsers_without_the_feature_keep_what_they_have() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), bind_sessions).await;
    let device = Device::signed_in(&site).await;
    clock.step(&site, AFTER_A_COOKIE).await;
    for cookies in [&device.external, &device.plain] {
        let page = [("Cookie", cookies.as_str()), ("Sec-Fetch-Mode", "navigate")];
        let answer = site.gateway.get("/", &page).await;
        assert_eq!(answer.status(), 200, "{cookies}");
        assert!(is_offered(&answer), "a page");
    }
    let script = site.gateway.get("/", &[("Cookie", &device.plain)]).await;
    assert_eq!(script.status(), 200);
    assert!(!is_offered(&script), "it has its cookie");
    let bearer = site.present(&site.acme.token().sign()).await;
    assert_eq!(bearer.status(), 200);
    assert!(!is_offered(&bearer), "a program is offered nothing");
}

#[tokio::test]
async fn a_route_can_require_a_bound_session() {
    let site = TestGateway::with(|config| {
        config["session"] = json!({"cookie": true, "device_bound": "required"});
        config["routes"][0]["device_bound"] = json!(false);
        let mut strict = config["routes"][0].clone();
        strict["path"] = json!("/strict");
        strict.as_object_mut().unwrap().remove("device_bound");
        config["routes"].as_array_mut().unwrap().push(strict);
    })
    .await;
    let token = site.acme.token().sign();
    let external = format!("acme_token={token}");
    let refused = site.gateway.get("/strict", &[("Cookie", &external)]).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert!(is_offered(&refused), "the browser can mend that");
    assert!(refused.field("set-cookie").is_some());
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", bearer.as_str())];
    assert_eq!(site.gateway.get("/strict", &fields).await.status(), 403);
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);

    let mut device = Device::offered(external, &refused);
    let cookie = device.register(&site.gateway).await;
    let passed = site.gateway.get("/strict", &[("Cookie", &cookie)]).await;
    assert_eq!(passed.status(), 200);
}

#[tokio::test]
async fn where_it_is_not_configured_nothing_is_offered_or_served() {
    let site = TestGateway::with(|config| config["session"] = json!({"cookie": true})).await;
    let external = format!("acme_token={}", site.acme.token().sign());
    let fields = [("Cookie", &*external), ("Sec-Fetch-Mode", "navigate")];
    let answer = site.gateway.get("/", &fields).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(offer_of(&answer), None);
    let path = "/_vestibule/device-bound/register";
    let fields = [("Secure-Session-Response", "a.b.c")];
    assert_eq!(
        site.gateway.request("POST", path, &fields).await.status(),
        404
    );
}

#[tokio::test]
async fn a_page_of_another_site_registers_nothing() {
    let site = device_site().await;
    let device = Device::signed_in(&site).await;
    let proof = device.proof(&device.offered, true);
    let own = format!("http://{}", site.gateway.public);
    for (origin, status) in [("https://evil.example", 403), (own.as_str(), 200)] {
        let fields = [
            ("Cookie", device.plain.as_str()),
            ("Secure-Session-Response", &proof),
            ("Origin", origin),
        ];
        let path = "/_vestibule/device-bound/register";
        let answer = site.gateway.request("POST", path, &fields).await;
        assert_eq!(answer.status(), status, "{origin}");
    }
}

/// Seconds, of which a cookie lasts 600.
const AFTER_A_COOKIE: i64 = 660;
