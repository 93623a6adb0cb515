//! A browser attaches cookies whichever page asks: an unsafe request must come from the site.

use serde_json::json;

use crate::support::{Message, TestGateway, refusal_id};

#[tokio::test]
async fn an_unsafe_method_with_a_cookie_needs_an_origin_of_the_site() {
    let site = TestGateway::with(|config| {
        config["allowed_origins"] = json!(["https://partner.test"]);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/special", "upstream": "app", "allowed_origins": ["https://special.test"],
        }));
    })
    .await;
    let own = format!("http://{}", site.gateway.public);
    for (path, fields) in [
        ("/", vec![("Origin", &*own)]),
        ("/", vec![("Origin", "https://partner.test")]),
        ("/special", vec![("Origin", "https://special.test")]),
        ("/", vec![("Sec-Fetch-Site", "same-origin")]),
    ] {
        let answer = by_cookie(&site, "POST", path, &fields).await;
        assert_eq!(answer.status(), 200, "{path} {fields:?}: {}", answer.text());
    }
    let passed = site.upstream.count();
    for (path, fields) in [
        ("/", vec![]),
        ("/", vec![("Origin", "https://evil.test")]),
        ("/", vec![("Origin", "null")]),
        ("/", vec![("Origin", "https://partner.test.evil.test")]),
        ("/", vec![("Origin", "http://partner.test")]),
        ("/", vec![("Origin", "https://special.test")]),
        ("/", vec![("Sec-Fetch-Site", "cross-site")]),
        ("/", vec![("Sec-Fetch-Site", "same-site")]),
        ("/", vec![("Sec-Fetch-Site", "none")]),
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = by_cookie(&site, method, path, &fields).await;
            assert_eq!(
                answer.status(),
                403,
                "{method} {path} {fields:?}: {}",
                answer.text()
            );
            refusal_id(&answer, "forbidden");
        }
    }
    assert_eq!(site.upstream.count(), passed);
}

/// The site's own origin has the scheme by which the client came, as far as that is known.
#[tokio::test]
async fn a_trusted_proxy_says_by_which_scheme_the_site_was_reached() {
    for (trusted, status) in [(json!(["127.0.0.0/8"]), 200), (json!([]), 403)] {
        let site = TestGateway::with(|config| config["trusted_proxies"] = trusted).await;
        let own = format!("https://{}", site.gateway.public);
        let fields = [("Origin", &*own), ("X-Forwarded-Proto", "https")];
        let answer = by_cookie(&site, "POST", "/", &fields).await;
        assert_eq!(answer.status(), status);
        let answer = by_cookie(&site, "POST", "/", &fields[..1]).await;
        assert_eq!(answer.status(), 403);
    }
}

#[tokio::test]
async fn a_safe_method_or_a_bearer_needs_none() {
    let site = TestGateway::start().await;
    let foreign = [
        ("Origin", "https://evil.test"),
        ("Sec-Fetch-Site", "cross-site"),
    ];
    for method in ["GET", "HEAD", "OPTIONS"] {
        let answer = by_cookie(&site, method, "/", &foreign).await;
        assert_eq!(answer.status(), 200, "{method}: {}", answer.text());
    }
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let fields = [
        foreign[0],
        foreign[1],
        ("Authorization", &bearer),
        ("Content-Length", "0"),
    ];
    let answer = site.gateway.request("POST", "/", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

/// WordPress and others do by GET what `_method` says, and a link of another site is enough for a GET.
#[tokio::test]
async fn a_safe_method_that_the_query_replaces_is_not_safe() {
    let site = TestGateway::start().await;
    let own = format!("http://{}", site.gateway.public);
    for method in ["GET", "HEAD", "OPTIONS"] {
        for (path, origin, status) in [
            ("/?_method=DELETE", "https://evil.test", 403),
            ("/?a=1&%5Fmethod=DELETE", "https://evil.test", 403),
            ("/?_method=DELETE", &*own, 200),
            ("/?a=_method", "https://evil.test", 200),
        ] {
            let answer = by_cookie(&site, method, path, &[("Origin", origin)]).await;
            assert_eq!(answer.status(), status, "{method} {path} {origin}");
        }
    }
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let fields = [("Authorization", &*bearer), ("Origin", "https://evil.test")];
    let answer = site.gateway.get("/?_method=DELETE", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

#[tokio::test]
async fn a_websocket_by_cookie_needs_an_origin_too() {
    let site = TestGateway::start().await;
    site.upstream.reply(crate::support::Reply::Echo);
    let own = format!("http://{}", site.gateway.public);
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (origin, status) in [(&*own, 101), ("https://evil.test", 403)] {
        let fields = [&upgrade[..], &[("Origin", origin)]].concat();
        let answer = by_cookie(&site, "GET", "/", &fields).await;
        assert_eq!(answer.status(), status, "{origin}");
    }
    let answer = by_cookie(&site, "GET", "/", &upgrade).await;
    assert_eq!(answer.status(), 403, "no origin at all");
    assert_eq!(site.upstream.count(), 1);
}

/// A proxy that signs browsers in adds their login to whatever a page has them send, like a cookie. It adds one
/// to what programs send as well, which have no page.
#[tokio::test]
async fn a_login_that_a_proxy_adds_needs_an_origin_of_the_site_or_no_page() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["header_from_cookie"] = json!(true);
    })
    .await;
    let own = format!("http://{}", site.gateway.public);
    let (acme, globex) = (site.acme.token().sign(), site.globex.token().sign());
    // One that a page's script has to set itself, which no page of another site can unasked.
    let (by_proxy, by_script) = (("X-Acme-Token", &*acme), ("X-Globex-Token", &*globex));
    for (token, fields, status) in [
        (by_proxy, &[("Origin", &*own)][..], 200),
        (by_proxy, &[("Origin", "https://evil.test")], 403),
        (by_script, &[("Origin", "https://evil.test")], 200),
        (by_proxy, &[("Origin", "null")], 403),
        (by_proxy, &[("Sec-Fetch-Site", "cross-site")], 403),
        (by_proxy, &[("Sec-Fetch-Site", "same-origin")], 200),
        (by_proxy, &[], 200),
    ] {
        let sent = [&[token, ("Content-Length", "0")][..], fields].concat();
        let answer = site.gateway.request("POST", "/", &sent).await;
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
        let sent = [&[token][..], fields].concat();
        let answer = site.gateway.request("GET", "/", &sent).await;
        assert_eq!(answer.status(), 200, "{fields:?}: {}", answer.text());
    }
    site.upstream.reply(crate::support::Reply::Echo);
    let upgrade = [
        by_proxy,
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (origin, status) in [("https://evil.test", 403), (&*own, 101)] {
        let fields = [&upgrade[..], &[("Origin", origin)]].concat();
        let answer = site.gateway.request("GET", "/", &fields).await;
        assert_eq!(answer.status(), status, "{origin}");
    }
}

async fn by_cookie(
    site: &TestGateway,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Message {
    let cookie = format!("acme_token={}", site.acme.token().sign());
    let mut all = vec![("Cookie", &*cookie)];
    all.extend_from_slice(fields);
    if !matches!(method, "GET" | "HEAD" | "OPTIONS") {
        all.push(("Content-Length", "0"));
    }
    site.gateway.request(method, path, &all).await
}
