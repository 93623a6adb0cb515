//! Requests that two servers could read differently, and sizes that cost too much.

use crate::support::{TestGateway, refusal_id};

#[tokio::test]
async fn a_path_has_one_reading() {
    let site = TestGateway::start().await;
    for path in [
        "/open/a.b/..c",
        "/open/%61",
        "/open/%20x",
        "/open/a;v=1",
        "/open/...",
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(
            site.upstream.last().start_line(),
            format!("GET {path} HTTP/1.1")
        );
    }
    let passed = site.upstream.count();
    for path in [
        "/open/../admin",
        "/open/./x",
        "/open/..",
        "/open/%2e%2e/admin",
        "/open/.%2E/admin",
        "/open/..;x/admin",
        "/open//admin",
        "//open",
        "/open/%2fadmin",
        "/open/%2Fadmin",
        "/open/%5cadmin",
        "/open/\\admin",
        "/open/%00",
        "/open/%0d%0aX: y",
        "/open/%c0%ae%c0%ae/admin",
        "/open/%",
        "/open/%zz",
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 400, "{path}: {}", answer.text());
    }
    assert_eq!(site.upstream.count(), passed);

    // A fragment is no part of a request target.
    let answer = site.gateway.get("/open/#/../admin", &[]).await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert_eq!(site.upstream.count(), passed);
}

#[tokio::test]
async fn one_host_is_named() {
    let site = TestGateway::start().await;
    let host = site.gateway.public;
    let cases = [
        (format!("GET /open HTTP/1.1\r\nHost: {host}\r\n\r\n"), 200),
        (
            format!("GET http://{host}/open HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            200,
        ),
        ("GET /open HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /open HTTP/1.1\r\nHost:\r\n\r\n".to_owned(), 400),
        (
            format!("GET /open HTTP/1.1\r\nHost: {host}\r\nHost: evil.test\r\n\r\n"),
            400,
        ),
        (
            format!("GET http://evil.test/open HTTP/1.1\r\nHost: {host}\r\n\r\n"),
            400,
        ),
        (
            format!("GET /open HTTP/1.1\r\nHost: user@{host}\r\n\r\n"),
            400,
        ),
        (format!("GET /open HTTP/1.1\r\nHost: {host}/x\r\n\r\n"), 400),
        ("GET /open HTTP/1.0\r\n\r\n".to_owned(), 400),
    ];
    for (request, status) in cases {
        let answer = site.gateway.send(&request).await;
        assert_eq!(answer.status(), status, "{request}{}", answer.text());
    }
    // Absolute-form goes on as origin-form.
    assert_eq!(site.upstream.last().start_line(), "GET /open HTTP/1.1");
    assert_eq!(site.upstream.count(), 2);
}

#[tokio::test]
async fn methods_are_the_known_ones() {
    let site = TestGateway::start().await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = site
            .gateway
            .request(method, "/open", &[("Content-Length", "0")])
            .await;
        assert_eq!(answer.status(), 200, "{method}");
    }
    let passed = site.upstream.count();
    let answer = site.gateway.request("TRACE", "/open", &[]).await;
    assert_eq!(answer.status(), 405);
    let allowed = answer
        .field("allow")
        .expect("Allow (RFC 9110 section 15.5.6)");
    assert_eq!(allowed, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    for method in ["TRACE", "TRACK", "get", "CONNECT", "PROPFIND", "X"] {
        let answer = site.gateway.request(method, "/open", &[]).await;
        assert!(
            (400..500).contains(&answer.status()),
            "{method}: {}",
            answer.status()
        );
    }
    assert_eq!(site.upstream.count(), passed);
}

#[tokio::test]
async fn the_end_of_a_body_is_not_ambiguous() {
    let site = TestGateway::start().await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = smuggled.len();
    for framing in [
        format!("Content-Length: {length}\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: {length}, {length}\r\n"),
        "Content-Length: -1\r\n".to_owned(),
        format!("Content_Length: {length}\r\n"),
        "Transfer_Encoding: chunked\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding:\x0bchunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "X: y\r\n Transfer-Encoding: chunked\r\n".to_owned(),
    ] {
        let head = format!(
            "POST /open HTTP/1.1\r\nHost: {}\r\n{framing}\r\n",
            site.gateway.public
        );
        // Pingora answers some of these before any of our code runs; the status is what counts.
        if let Some(answer) = site.gateway.try_send(format!("{head}{smuggled}")).await {
            assert!(
                (400..502).contains(&answer.status()),
                "{framing:?}: {}",
                answer.status()
            );
        }
    }
    assert_eq!(site.upstream.count(), 0, "{:?}", site.upstream.take());

    let head = format!("POST /open HTTP/1.1\r\nHost: {}\r\n", site.gateway.public);
    let answer = site
        .gateway
        .send(format!("{head}Content-Length: {length}\r\n\r\n{smuggled}"))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(site.upstream.last().text(), smuggled);
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn what_costs_too_much_is_refused_by_its_own_status() {
    let site = TestGateway::start().await;
    let filled = |length: usize| "x".repeat(length);
    let path = |length: usize| format!("/open?{}", filled(length - "/open?".len()));

    let answer = site.gateway.get(&path(8 * 1024), &[]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site.gateway.get(&path(8 * 1024 + 1), &[]).await;
    assert_eq!(answer.status(), 414);
    refusal_id(&answer, "too_large");

    let answer = site
        .gateway
        .get("/open", &[("X-Filling", &filled(31 * 1024))])
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site
        .gateway
        .get("/open", &[("X-Filling", &filled(32 * 1024))])
        .await;
    assert_eq!(answer.status(), 431);
    refusal_id(&answer, "too_large");

    // `Host` is one of them.
    for (count, status) in [(99, 200), (100, 431)] {
        let answer = site
            .gateway
            .get("/open", &vec![("X-Field", "x"); count])
            .await;
        assert_eq!(answer.status(), status, "{count} fields");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let site =
        TestGateway::with(|config| config["limits"] = serde_json::json!({"body_size": "10B"}))
            .await;
    let post = |framing: &str, body: &str| {
        let host = site.gateway.public;
        format!("POST /open HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n{body}")
    };
    let answer = site
        .gateway
        .send(post("Content-Length: 10", "0123456789"))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site
        .gateway
        .send(post("Content-Length: 11", "01234567890"))
        .await;
    assert_eq!(answer.status(), 413, "{}", answer.text());
    refusal_id(&answer, "too_large");

    let chunked = "Transfer-Encoding: chunked";
    let answer = site
        .gateway
        .send(post(chunked, "a\r\n0123456789\r\n0\r\n\r\n"))
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let answer = site
        .gateway
        .send(post(chunked, "b\r\n01234567890\r\n0\r\n\r\n"))
        .await;
    assert_eq!(answer.status(), 413, "{}", answer.text());
}

/// Requests with some bytes changed: whatever the client sends, no answer is a fault of the
/// gateway, and nothing passes without a session. The seed is fixed, so a failure repeats.
#[tokio::test]
async fn mutilated_requests_are_the_clients_fault() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let cookie = format!(
        "a=1; acme_token={}; b=2",
        site.acme.token().sub("bob").sign()
    );
    let fields = [
        ("Authorization", &*bearer),
        ("Cookie", &*cookie),
        ("X-Forwarded-For", "1.2.3.4"),
    ];
    let good = site.gateway.bytes("GET", "/a/b?c=d", &fields);
    assert_eq!(site.gateway.send(&good).await.status(), 200);

    let mut seed = 0x5eed_u64;
    let mut random = |below: usize| {
        // Xorshift: any spread will do, as long as it is the same each time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(below).unwrap()).unwrap()
    };
    let interesting = b"\r\n\t\0 :;=,.%/\\\"\x7f\x80\xff_-#?AaZz09";
    for round in 0..1000 {
        let mut request = good.clone();
        for _ in 0..=random(3) {
            let at = random(request.len());
            let byte = interesting[random(interesting.len())];
            match random(3) {
                0 => request[at] = byte,
                1 => request.insert(at, byte),
                _ => drop(request.remove(at)),
            }
        }
        // An end, in case the one of the request was hit.
        request.extend(b"\r\n\r\n");
        if let Some(answer) = site.gateway.try_send(&request).await {
            let text = String::from_utf8_lossy(&request);
            assert!(
                // A version that nobody knows is the client's fault, too.
                answer.status() < 500 || answer.status() == 505,
                "round {round}: {}\n{text}",
                answer.status()
            );
        }
    }
    // A token under a mutilated name is nobody's credential, and goes on as it is.
    for seen in site.upstream.take_unchecked() {
        assert!(
            seen.bearer().is_some_and(|token| token.starts_with("ey")),
            "{seen:?}"
        );
    }
}
