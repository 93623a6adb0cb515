//! Which answers delete issuers' cookies: those of the gateway to navigations, and never an upstream's.

use serde_json::{Value, json};

use super::forward_auth::ways::{WAYS, ask};
use crate::support::{Message, Reply, TestGateway};

const NAVIGATION: [(&str, &str); 2] = [
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
];
const FRESH: &str = "acme_token=FRESH; Domain=acme.test; Path=/";

fn clearing(config: &mut Value) {
    config["login_url"] = json!("/optional/login");
    config["logout"] = json!({ "clear_issuer_cookie": true });
    config["issuers"][0]["cookie_domain"] = json!("acme.test");
    config["issuers"][0]["cookie_path"] = json!("/");
    config["routes"].as_array_mut().unwrap().push(json!({
        "path": "/auth", "auth": "optional", "upstream": "app", "forward_issuer_cookie": ["acme"],
    }));
}

/// Cookies that count no more: past their end, of an ended session, twins. And what a script learns of them.
async fn over(site: &TestGateway) -> [(String, u16); 3] {
    let token = || site.acme.token();
    let expired = token().expires_in(-3600).sign();
    let ended = token().claim("sid", "ended").sign();
    site.passes(&ended).await;
    let bearer = format!("Bearer {ended}");
    let fields = [("Authorization", &*bearer), ("Content-Length", "0")];
    let path = "/_vestibule/logout";
    let out = site.gateway.request("POST", path, &fields).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    let twins = format!("acme_token={}; acme_token={expired}", token().sign());
    [
        (format!("acme_token={expired}"), 401),
        (format!("acme_token={ended}"), 401),
        (twins, 400),
    ]
}

#[tokio::test]
async fn what_the_login_application_sets_is_not_deleted() {
    let site = TestGateway::with(clearing).await;
    let own = format!("http://{}", site.gateway.public);
    let sets = format!("HTTP/1.1 200 OK\r\nSet-Cookie: {FRESH}\r\nContent-Length: 0\r\n\r\n");
    let over = over(&site).await;
    site.upstream.take();
    site.upstream.reply(Reply::Bytes(sets.into_bytes()));
    for (cookies, _) in &over {
        let fields = [
            ("Cookie", &**cookies),
            ("Origin", &*own),
            ("Content-Length", "0"),
        ];
        let login = site.gateway.request("POST", "/auth/login", &fields).await;
        assert_eq!(login.status(), 200, "{}", login.text());
        assert_eq!(login.all("set-cookie"), [FRESH], "{cookies}");
    }
    // Its route gets the issuer's cookie on purpose, and no other request came.
    assert_eq!(site.upstream.take_unchecked().len(), over.len());
}

/// A script's answer may come after the page has refreshed its login.
#[tokio::test]
async fn only_a_navigation_deletes_what_counts_no_more() {
    let site = TestGateway::with(clearing).await;
    for (cookies, refused) in over(&site).await {
        let cookie = [("Cookie", &*cookies)];
        let script = [("Sec-Fetch-Mode", "cors"), ("Accept", "*/*")];
        let advance = [&NAVIGATION[..], &[("Sec-Purpose", "prefetch")]].concat();
        for (fields, status, count) in [
            (&script[..], refused, 0),
            (&advance, refused, 0),
            (&NAVIGATION, 302, 2),
        ] {
            let fields = [fields, &cookie].concat();
            let answer = site.gateway.get("/a", &fields).await;
            assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
            assert_eq!(deleted(&answer), count, "{fields:?}");
        }
    }
}

#[tokio::test]
async fn a_page_that_ends_a_circle_deletes_it_too() {
    let site = TestGateway::with(clearing).await;
    let expired = site.acme.token().expires_in(-3600).sign();
    let mut login = String::new();
    for status in [302, 302, 302, 401] {
        // By a browser that keeps it, because another path was configured.
        let cookies = format!("acme_token={expired}{login}");
        let fields = [&NAVIGATION[..], &[("Cookie", &*cookies)]].concat();
        let answer = site.gateway.get("/a", &fields).await;
        assert_eq!((answer.status(), deleted(&answer)), (status, 2));
        let set = answer.all("set-cookie").into_iter();
        let mut set = set.filter(|field| field.starts_with("vestibule-login="));
        let set = set.next().unwrap();
        login = format!("; {}", set.split(';').next().unwrap());
    }
}

/// Another proxy adds what a grant sets to the answer of the application.
#[tokio::test]
async fn a_grant_to_another_proxy_deletes_none() {
    let site = super::forward_auth::ways::start(clearing).await;
    for (cookies, _) in over(&site).await {
        for way in WAYS {
            let fields = [("Cookie", &*cookies), ("Origin", "https://page.test")];
            let granted = ask(&site, way, "POST", "/auth/login", &fields).await;
            assert_eq!(granted.status(), 200, "{way:?}: {}", granted.text());
            assert_eq!(deleted(&granted), 0, "{way:?}");
            let fields = [&NAVIGATION[..], &[("Cookie", &*cookies)]].concat();
            let led = ask(&site, way, "GET", "/a", &fields).await;
            assert_eq!(deleted(&led), 2, "{way:?}: {}", led.status());
        }
    }
}

fn deleted(answer: &Message) -> usize {
    let fields = answer.all("set-cookie").into_iter();
    fields
        .filter(|field| field.starts_with("acme_token=;") && field.contains("Max-Age=0"))
        .count()
}
