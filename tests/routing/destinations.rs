//! Where the requests of a route end: at one upstream, at several, or at the gateway; and for which
//! clients that is.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{RawUpstream, TestGateway};

/// With more routes.
async fn site(routes: Value) -> TestGateway {
    TestGateway::with(|config| {
        let more = routes.as_array().unwrap().clone();
        config["routes"].as_array_mut().unwrap().extend(more);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
    })
    .await
}

#[tokio::test]
async fn a_route_redirects_and_keeps_what_follows_its_path() {
    let site = site(json!([
        {"path": "/old", "auth": "none", "redirect": {"to": "https://new.test/base"}},
        {"path": "/moved", "auth": "none", "redirect": {"to": "/", "status": 301}},
        {"path": "/closed", "auth": "none", "redirect": {"to": "/sorry", "append_path": false}},
        {"path": "/private", "redirect": {"to": "/inner"}},
        {"path": "/empty", "auth": "none", "allow_empty_segments": true, "redirect": {"to": "/"}},
    ]))
    .await;
    for (path, status, location) in [
        ("/old", 307, "https://new.test/base"),
        ("/old/a/b?c=d", 307, "https://new.test/base/a/b?c=d"),
        ("/moved/x", 301, "/x"),
        ("/moved", 301, "/"),
        ("/closed/x?y", 307, "/sorry"),
        ("/empty//evil.test", 307, "/.//evil.test"),
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(
            answer.field("location").as_deref(),
            Some(location),
            "{path}"
        );
        let line = site.access_line(&answer).await;
        assert_eq!(
            (&line["status"], &line["upstream"]),
            (&json!(status), &Value::Null)
        );
    }
    // Only who may pass is sent on.
    let answer = site.gateway.get("/private/x", &[]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answer = site
        .gateway
        .get("/private/x", &[("Authorization", &bearer)])
        .await;
    assert_eq!(answer.field("location").as_deref(), Some("/inner/x"));
    assert_eq!(
        answer.field("cache-control").as_deref(),
        Some("private, no-store")
    );
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn a_route_answers_by_itself() {
    let site = site(json!([
        {"path": "/robots.txt", "exact": true, "auth": "none",
         "respond": {"status": 200, "body": "User-agent: *\n"},
         "response_headers": {"set": {"X-From": "gateway"}}},
        {"path": "/gone", "auth": "none",
         "respond": {"status": 410, "body": "<p>gone", "content_type": "text/html"}},
        {"path": "/nothing", "auth": "none", "respond": {"status": 204}},
        {"path": "/members", "respond": {"status": 200, "body": "hello"}},
        {"path": "/sent", "redirect": {"to": "/inner"}},
        {"path": "/served", "upstream": "app"},
    ]))
    .await;
    let answer = site.gateway.get("/robots.txt", &[]).await;
    assert_eq!((answer.status(), &*answer.text()), (200, "User-agent: *\n"));
    assert_eq!(
        answer.field("content-type").as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.field("x-from").as_deref(), Some("gateway"));
    let head = site.gateway.request("HEAD", "/robots.txt", &[]).await;
    assert_eq!(head.field("content-length").as_deref(), Some("14"));
    let answer = site.gateway.get("/gone/x", &[]).await;
    assert_eq!((answer.status(), &*answer.text()), (410, "<p>gone"));
    let answer = site.gateway.get("/nothing", &[]).await;
    assert_eq!(
        (answer.status(), answer.field("content-length")),
        (204, None)
    );
    let answer = site.gateway.get("/members", &[]).await;
    site.is_refusal(&answer, 401, "token_missing", "token_missing")
        .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answer = site
        .gateway
        .get("/members", &[("Authorization", &bearer)])
        .await;
    assert_eq!((answer.status(), &*answer.text()), (200, "hello"));
    assert_eq!(site.upstream.count(), 0);
    // A browser asks without a credential whether its page may send one, and only a server knows.
    let asks = [
        ("Origin", "https://pages.test"),
        ("Access-Control-Request-Method", "GET"),
    ];
    for path in ["/members", "/sent"] {
        let answer = site.gateway.request("OPTIONS", path, &asks).await;
        site.is_refusal(&answer, 401, "token_missing", "token_missing")
            .await;
        assert_eq!(answer.field("location"), None);
    }
    let answer = site.gateway.request("OPTIONS", "/served", &asks).await;
    assert_eq!((answer.status(), site.upstream.count()), (200, 1));
}

#[tokio::test]
async fn what_a_request_carries_decides_between_routes_for_the_same_path() {
    let answer = |text: &str| json!({"status": 200, "body": text});
    let site = site(json!([
        {"path": "/api", "auth": "none", "respond": answer("base")},
        {"path": "/api", "auth": "none", "name": "two", "respond": answer("two"),
         "match": {"headers": {"X-Version": "2"}}},
        {"path": "/api", "auth": "none", "name": "beta", "respond": answer("beta"),
         "match": {"query": {"beta": "1"}}},
    ]))
    .await;
    let two = ("X-Version", "2");
    for (path, fields, text, route) in [
        ("/api/x", &[][..], "base", "/api"),
        ("/api/x", &[two], "two", "two"),
        ("/api/x?beta=1", &[], "beta", "beta"),
        ("/api/x?beta=1", &[two], "two", "two"),
        ("/api/x?beta=2", &[("X-Version", "3")], "base", "/api"),
        ("/api/x", &[two, two], "base", "/api"),
    ] {
        let answer = site.gateway.get(path, fields).await;
        assert_eq!(answer.text(), text, "{path} {fields:?}");
        assert_eq!(site.access_line(&answer).await["route"], route);
    }
}

/// Each user stays with one upstream, and both have users.
#[tokio::test]
async fn users_are_shared_out_by_weight_and_stay() {
    let canary = RawUpstream::start().await;
    let site = TestGateway::with(|config| {
        config["upstreams"]["canary"] = json!({"servers": [canary.address]});
        config["routes"][0] = json!({"path": "/", "split": [
            {"upstream": "app", "weight": 3}, {"upstream": "canary", "weight": 2},
        ]});
    })
    .await;
    let mut of = BTreeMap::new();
    for round in 0..2 {
        for user in 0..40 {
            let before = canary.count();
            let token = site.acme.token().sub(&format!("user-{user}"));
            let token = token.claim("round", json!(round)).sign();
            assert_eq!(site.present(&token).await.status(), 200);
            let at_canary = canary.count() > before;
            let first = *of.entry(user).or_insert(at_canary);
            assert_eq!(first, at_canary, "user-{user} moved");
        }
    }
    let at_canary = of.values().filter(|at_canary| **at_canary).count();
    assert!((1..40).contains(&at_canary), "{at_canary} of 40");
    canary.take_unchecked();
}

#[tokio::test]
async fn a_route_is_for_the_clients_in_its_networks() {
    let site = site(json!([{
        "path": "/office", "auth": "none", "upstream": "app",
        "client_networks": {
            "allow": ["192.0.2.0/24", "2001:db8::/32", "127.0.0.1"], "deny": ["192.0.2.7"],
        },
    }]))
    .await;
    for (client, is_served) in [
        ("192.0.2.1", true),
        ("2001:db8::5", true),
        ("192.0.2.7", false),
        ("198.51.100.1", false),
        // What a client says before a trusted proxy does not count.
        ("192.0.2.1, 198.51.100.1", false),
        // Nobody knows who this is, and it is not the proxy.
        ("127.0.0.1, unknown", false),
    ] {
        let fields = [("X-Forwarded-For", client)];
        let answer = site.gateway.get("/office", &fields).await;
        if is_served {
            assert_eq!(answer.status(), 200, "{client}");
        } else {
            let reason = "client_network_refused";
            site.is_refusal(&answer, 403, "forbidden", reason).await;
        }
    }
}

/// As for routes that ask for more in other ways, another spelling does not lead past it.
#[tokio::test]
async fn a_spelling_leads_past_no_network() {
    let site = site(json!([{
        "path": "/open/office", "auth": "none", "upstream": "app",
        "client_networks": {"allow": ["192.0.2.0/24"]},
    }]))
    .await;
    for (path, status) in [
        ("/open/lobby", 200),
        ("/open/office", 403),
        ("/open/Office", 404),
    ] {
        assert_eq!(site.gateway.get(path, &[]).await.status(), status, "{path}");
    }
}

/// Another proxy would forward to a server what this route keeps from all of them.
#[tokio::test]
async fn what_ends_at_the_gateway_is_granted_to_no_other_proxy() {
    let site = site(json!([
        {"path": "/old", "auth": "none", "redirect": {"to": "/new"}},
        {"path": "/gone", "auth": "none", "respond": {"status": 200}},
    ]))
    .await;
    for path in ["/old", "/gone"] {
        let answer = site
            .gateway
            .get(&format!("/_vestibule/check{path}"), &[])
            .await;
        let reason = "check_of_fixed_answer";
        site.is_refusal(&answer, 403, "forbidden", reason).await;
    }
    let open = site.gateway.get("/_vestibule/check/open", &[]).await;
    assert_eq!(open.status(), 200);
}

#[tokio::test]
async fn what_is_explained_is_what_becomes_of_it() {
    let site = site(json!([
        {"path": "/old", "auth": "none", "redirect": {"to": "https://new.test"}},
        {"path": "/office", "auth": "none", "upstream": "app",
         "client_networks": {"allow": ["192.0.2.0/24"]}},
    ]))
    .await;
    let explain = async |url: &str| {
        let path = "/admin/api/routes/explain";
        let question = json!({"method": "GET", "url": url});
        site.gateway
            .admin_send("POST", path, &[], &question)
            .await
            .json()
    };
    let old = explain("/old/x").await;
    assert_eq!(
        (&old["passes"], &old["upstream"]),
        (&json!(true), &Value::Null)
    );
    assert!(
        old.to_string().contains("redirect to https://new.test"),
        "{old}"
    );
    let office = explain("/office").await;
    assert!(
        office["in_addition"]
            .to_string()
            .contains("client_networks"),
        "{office}"
    );
    let routes = site.gateway.admin("/admin/api/routes").await.json();
    let old = routes["routes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|route| route["path"] == "/old");
    assert_eq!(old.unwrap()["upstream"], "redirect to https://new.test");
}
