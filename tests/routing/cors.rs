//! A page of an allowed origin can read why it was refused (Fetch standard, "CORS protocol").

use serde_json::{Value, json};

use crate::support::{Message, Reply, TestGateway};

const SPA: &str = "https://spa.test";
const APP: &str = "capacitor://localhost";

fn is_readable(answer: &Message, origin: &str) -> bool {
    let varies = answer.all("vary").iter().any(|field| field == "Origin");
    assert!(varies, "{}", answer.text());
    let allowed = answer.field("access-control-allow-origin");
    let with_credentials = answer.field("access-control-allow-credentials");
    assert_eq!(allowed.is_some(), with_credentials.is_some());
    assert_ne!(allowed.as_deref(), Some("*"));
    let exposed = answer.field("access-control-expose-headers");
    assert_eq!(allowed.is_some(), exposed.is_some());
    allowed.as_deref() == Some(origin)
}

fn with_origins(config: &mut Value) {
    config["allowed_origins"] = json!([SPA, APP]);
    config["routes"].as_array_mut().unwrap().extend([
        json!({ "path": "/partner", "upstream": "app", "allowed_origins": ["https://partner.test"] }),
        json!({ "path": "/few", "upstream": "app", "auth": "none", "rate_per_client": "1/1h" }),
    ]);
}

#[tokio::test]
async fn refusals_and_failures_can_be_read_by_pages_that_are_allowed() {
    let site = TestGateway::with(with_origins).await;
    let first = site.gateway.get("/few", &[]).await;
    assert_eq!(first.status(), 200, "{}", first.text());
    site.upstream.reply(Reply::Close);
    let cookie = format!("acme_token={}", site.acme.token().sign());
    let by_cookie = [("Cookie", &*cookie), ("Content-Length", "0")];
    let grpc_web = [
        ("Content-Type", "application/grpc-web+proto"),
        ("Content-Length", "0"),
    ];
    for (method, path, status, fields) in [
        ("GET", "/", 401, &[][..]),
        ("POST", "/pkg.Service/Call", 401, &grpc_web),
        ("GET", "/open", 502, &[]),
        ("GET", "/few", 429, &[]),
        ("GET", "/a/../b", 400, &[]),
    ] {
        for (origin, readable) in [
            (SPA, true),
            (APP, true),
            ("https://evil.test", false),
            ("null", false),
        ] {
            let fields = [fields, &[("Origin", origin)]].concat();
            let answer = site.gateway.request(method, path, &fields).await;
            assert_eq!(answer.status(), status, "{path}");
            assert_eq!(is_readable(&answer, origin), readable, "{path} {origin}");
        }
    }
    // The page is known; what it may not do is send a cookie and say that it is another.
    let twice = [&by_cookie[..], &[("Origin", SPA), ("Origin", SPA)]].concat();
    let answer = site.gateway.request("POST", "/", &twice).await;
    assert_eq!(answer.status(), 403);
    assert!(!is_readable(&answer, SPA));
}

#[tokio::test]
async fn a_route_has_origins_of_its_own() {
    let site = TestGateway::with(with_origins).await;
    let partner = [("Origin", "https://partner.test")];
    for (path, readable) in [("/partner", true), ("/", false)] {
        let answer = site.gateway.get(path, &partner).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(is_readable(&answer, partner[0].1), readable, "{path}");
    }
}

#[tokio::test]
async fn an_upstream_says_of_its_answers_itself_who_may_read_them() {
    let site = TestGateway::with(with_origins).await;
    let answer = site.gateway.get("/open", &[("Origin", SPA)]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_page_that_hides_its_address_posts_its_own_form() {
    let site = TestGateway::with(with_origins).await;
    for (metadata, status) in [
        (Some("same-origin"), 200),
        (Some("cross-site"), 403),
        (Some("same-site"), 403),
        (Some("none"), 403),
        (None, 403),
    ] {
        // Each ends a session of its own.
        let token = site.acme.token().sub(metadata.unwrap_or("nothing"));
        let cookie = format!("acme_token={}", token.sign());
        let mut fields = vec![
            ("Cookie", &*cookie),
            ("Origin", "null"),
            ("Content-Length", "0"),
        ];
        fields.extend(metadata.map(|site| ("Sec-Fetch-Site", site)));
        let answer = site.gateway.request("POST", "/", &fields).await;
        assert_eq!(answer.status(), status, "{metadata:?}: {}", answer.text());
        let logout = "/_vestibule/logout";
        let answer = site.gateway.request("POST", logout, &fields).await;
        let expected = if status == 200 { 204 } else { 403 };
        assert_eq!(answer.status(), expected, "{metadata:?}");
    }
}

#[tokio::test]
async fn an_app_and_an_extension_send_the_cookie_when_listed() {
    let extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let site = TestGateway::with(|config| {
        config["allowed_origins"] = json!([APP, "ionic://localhost", extension]);
    })
    .await;
    let cookie = format!("acme_token={}", site.acme.token().sign());
    for (origin, status) in [
        (APP, 200),
        ("ionic://localhost", 200),
        (extension, 200),
        ("tauri://localhost", 403),
        ("capacitor://localhost.evil.test", 403),
        ("file://", 403),
    ] {
        let fields = [
            ("Cookie", &*cookie),
            ("Origin", origin),
            ("Content-Length", "0"),
        ];
        let answer = site.gateway.request("POST", "/", &fields).await;
        assert_eq!(answer.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn a_route_edits_its_refusals_by_choice() {
    let site = TestGateway::with(|config| {
        let set = json!({ "set": { "X-Frame-Options": "DENY" } });
        config["routes"].as_array_mut().unwrap().extend([
            json!({ "path": "/a", "upstream": "app", "response_headers": set,
                    "response_headers_on_refusals": true }),
            json!({ "path": "/b", "upstream": "app", "response_headers": set }),
        ]);
    })
    .await;
    for (path, expected) in [("/a", Some("DENY")), ("/b", None)] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.field("x-frame-options").as_deref(), expected);
    }
}
