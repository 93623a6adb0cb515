//! Preflights pass without a credential, and so get nothing that is for those who have one.

use serde_json::json;

use super::forward_auth::ways::{WAYS, ask, start};
use crate::support::{Reply, TestGateway};

const PREFLIGHT: [(&str, &str); 2] = [
    ("Origin", "https://spa.test"),
    ("Access-Control-Request-Method", "GET"),
];

/// A server may take a key that the route adds for the leave to answer in full.
#[tokio::test]
async fn a_preflight_gets_nothing_of_what_the_route_adds() {
    let site = TestGateway::with(|config| {
        config["forward"] = json!({"identity": {"X-User": "{user.id}"}});
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/keyed", "upstream": "app",
            "request_headers": {"set": {"X-Api-Key": "of-the-route"}, "remove": ["X-Debug"]},
        }));
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let of_client = [("X-Api-Key", "of-the-client"), ("X-Debug", "1")];
    let fields = [&of_client[..], &[("Authorization", &*bearer)], &PREFLIGHT].concat();
    let answer = site.gateway.request("GET", "/keyed", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert_eq!(seen.all("x-api-key"), ["of-the-route"]);
    assert!(seen.field("x-user").is_some());
    site.session();

    let answer = site.gateway.request("OPTIONS", "/keyed", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert!(seen.start_line().starts_with("OPTIONS "));
    for gone in ["x-api-key", "x-user", "x-debug", "authorization"] {
        assert_eq!(seen.field(gone), None, "{gone}");
    }
}

#[tokio::test]
async fn another_proxy_adds_nothing_to_a_preflight_either() {
    let site = start(|config| {
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/keyed", "upstream": "app",
            "request_headers": {"set": {"X-Api-Key": "of-the-route"}},
        }));
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let fields = [&[("Authorization", &*bearer)][..], &PREFLIGHT].concat();
    for way in WAYS {
        for (method, key) in [("GET", "of-the-route"), ("OPTIONS", "")] {
            let answer = ask(&site, way, method, "/keyed", &fields).await;
            assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
            assert_eq!(answer.field("x-api-key").as_deref(), Some(key), "{way:?}");
        }
    }
}

/// Servers that ignore the method answer `OPTIONS` as they would a `GET`.
#[tokio::test]
async fn the_answer_to_a_preflight_is_a_head_without_cookies() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let by = [("Authorization", &*bearer)];
    let head = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nSet-Cookie: theirs=1\r\n";
    for rest in [
        "Content-Length: 4\r\n\r\nheap",
        "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nheap\r\n0\r\n\r\n",
    ] {
        let bytes = format!("{head}{rest}").into_bytes();
        site.upstream.reply(Reply::Bytes(bytes));
        // Who is known gets all of it, by the same method.
        let answer = site.gateway.request("OPTIONS", "/", &by).await;
        assert_eq!((answer.status(), &*answer.text()), (200, "heap"));
        assert_eq!(answer.field("set-cookie").as_deref(), Some("theirs=1"));

        let mut wire = site.gateway.connect().await;
        for _ in 0..2 {
            wire.write(site.gateway.bytes("OPTIONS", "/", &PREFLIGHT))
                .await;
            let answer = wire.read_response("OPTIONS").await.unwrap();
            assert_eq!((answer.status(), &*answer.text()), (200, ""));
            let field = |name| answer.field(name);
            assert_eq!(field("access-control-allow-origin").as_deref(), Some("*"));
            assert_eq!(field("content-length").as_deref(), Some("0"));
            for gone in ["set-cookie", "transfer-encoding", "content-encoding"] {
                assert_eq!(field(gone), None, "{gone}");
            }
        }
    }
    let none = b"HTTP/1.1 204 No Content\r\nSet-Cookie: theirs=1\r\n\r\n";
    site.upstream.reply(Reply::Bytes(none.to_vec()));
    let answer = site.gateway.request("OPTIONS", "/", &PREFLIGHT).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.field("content-length"), None);
    assert_eq!(answer.field("set-cookie"), None);
}

/// What makes a request a preflight is there once, and reaches the server.
#[tokio::test]
async fn no_preflight_becomes_another_request_on_the_way() {
    let site = TestGateway::start().await;
    let nominating = |options| [PREFLIGHT[0], PREFLIGHT[1], ("Connection", options)];
    for options in ["close", "keep-alive, X-Hop"] {
        let fields = nominating(options);
        let answer = site.gateway.request("OPTIONS", "/", &fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = site.upstream.last();
        for (name, value) in PREFLIGHT {
            assert_eq!(seen.field(name).as_deref(), Some(value));
        }
    }
    let passed = site.upstream.count();
    for options in [
        "Origin, Access-Control-Request-Method",
        "close, access-control-request-method",
    ] {
        let fields = nominating(options);
        let answer = site.gateway.request("OPTIONS", "/", &fields).await;
        let reason = "connection_nominates_decisive_field";
        site.is_refusal(&answer, 400, "invalid_request", reason)
            .await;
    }
    for twice in PREFLIGHT {
        let fields = [PREFLIGHT[0], PREFLIGHT[1], twice];
        let answer = site.gateway.request("OPTIONS", "/", &fields).await;
        assert_eq!(answer.status(), 401, "{twice:?}");
    }
    assert_eq!(site.upstream.count(), passed);
}

/// A server that goes by the query does not take it for one.
#[tokio::test]
async fn a_preflight_that_names_another_method_needs_a_credential() {
    let site = start(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({"path": "/items", "upstream": "app"}));
    })
    .await;
    for (target, status) in [
        ("/items/1?_method=DELETE", 401),
        ("/items/1?a=b&_method=delete", 401),
        ("/items/1?method=DELETE", 200),
    ] {
        let answer = site.gateway.request("OPTIONS", target, &PREFLIGHT).await;
        assert_eq!(answer.status(), status, "{target}");
        for way in WAYS {
            let answer = ask(&site, way, "OPTIONS", target, &PREFLIGHT).await;
            assert_eq!(answer.status(), status, "{way:?} {target}");
        }
    }
}
