//! What a route may say for itself: bounds, header edits, identity in fields, escaped slashes.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use crate::support::{Reply, TestGateway, Wire, refusal_id, upstream};

mod limits;

#[tokio::test]
async fn header_fields_are_set_added_and_removed() {
    let site = with_routes(
        json!([
            {"path": "/", "auth": "none", "upstream": "app"},
            {
                "path": "/edited", "auth": "none", "upstream": "app",
                "request_headers": {
                    "remove": ["X-Debug"],
                    "set": {"X-Env": "prod {request.id}", "Host": "inner.test"},
                    "add": {"X-Via": "vestibule {{1}}"},
                },
                "response_headers": {
                    "remove": ["Server"],
                    "set": {"X-Frame-Options": "DENY"},
                    "add": {"Set-Cookie": "a=2"},
                },
            },
        ]),
        |_| {},
    )
    .await;
    site.upstream.reply(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nServer: x\r\nX-Frame-Options: ALLOW\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n"
            .to_vec(),
    ));
    let fields = [
        ("X_Debug", "1"),
        ("X-Env", "forged"),
        ("X_Env", "forged"),
        ("X-Via", "client"),
    ];
    let answer = site.gateway.get("/edited", &fields).await;
    let seen = site.upstream.last();
    assert!(
        !seen.contains("forged") && !seen.contains("X_Debug"),
        "{seen:?}"
    );
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(seen.all("x-env"), [format!("prod {id}")]);
    assert_eq!(seen.all("x-via"), ["client", "vestibule {1}"]);
    assert_eq!(seen.all("host"), ["inner.test"]);
    assert_eq!(
        seen.field("x-forwarded-host"),
        Some(site.gateway.public.to_string())
    );
    assert_eq!(answer.field("server"), None);
    assert_eq!(answer.all("x-frame-options"), ["DENY"]);
    assert_eq!(answer.all("set-cookie"), ["a=1", "a=2"]);

    let answer = site.gateway.get("/", &fields[1..2]).await;
    assert_eq!(
        site.upstream.last().field("x-env").as_deref(),
        Some("forged")
    );
    assert_eq!(answer.field("x-frame-options").as_deref(), Some("ALLOW"));
}

/// What claims say can neither end a field nor pass for another value.
#[tokio::test]
async fn claims_go_into_fields_safely() {
    let site = with_routes(
        json!([
            {
                "path": "/", "upstream": "app",
                "request_headers": {
                    "set": {"X-Name": "{claims.name}", "X-Org": "{claims.org.id}", "X-Roles": "{claims.roles}"},
                },
                "response_headers": {"set": {"X-User": "{user.id}"}},
            },
        ]),
        |_| {},
    )
    .await;
    let token = site
        .acme
        .token()
        .claim("name", "Zo\u{eb}\r\nX-Admin: 1")
        .claim("org", json!({"id": 7}))
        .claim("roles", json!(["a", "b,c", "100%"]));
    let answer = site.present(&token.sign()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert_eq!(
        seen.field("x-name").as_deref(),
        Some("Zo%C3%AB%0D%0AX-Admin: 1")
    );
    assert_eq!(seen.field("x-org").as_deref(), Some("7"));
    assert_eq!(seen.field("x-roles").as_deref(), Some("a,b%2Cc,100%25"));
    assert_eq!(seen.field("x-admin"), None);
    let user = site.session().claims["sub"].as_str().map(str::to_owned);
    assert_eq!(answer.field("x-user"), user);

    // A claim that is not there leaves the field out, the client's own with it.
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let fields = [("Authorization", &*bearer), ("X-Org", "forged")];
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);
    let seen = site.upstream.last();
    assert!(seen.field("x-org").is_none() && seen.field("x-name").is_none());
}

/// Fields that upstreams believe are nobody else's, on any route.
#[tokio::test]
async fn identity_is_told_in_fields_of_the_gateways_own() {
    let site = TestGateway::with(|config| {
        config["forward"] =
            json!({"identity": {"X-User-Id": "{user.id}", "X-User-Email": "{user.email}"}});
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/tenant", "upstream": "app",
            "request_headers": {"add": {"X-Tenant": "{claims.tenant}"}},
        }));
    })
    .await;
    let token = site
        .acme
        .token()
        .claim("email", "ada@example.com")
        .claim("email_verified", true)
        .claim("tenant", "blue")
        .sign();
    let bearer = format!("Bearer {token}");
    for path in ["/", "/optional", "/open", "/tenant"] {
        for (name, other) in [
            ("X-User-Id", "X-User-Email"),
            ("x_user_id", "X_User-Email"),
            ("X.User.Id", "x-tenant"),
        ] {
            let fields = [
                ("Authorization", &*bearer),
                (name, "forged"),
                (other, "forged"),
            ];
            let answer = site.gateway.get(path, &fields).await;
            assert_eq!(answer.status(), 200, "{path} {}", answer.text());
            let seen = site.upstream.last();
            assert!(!seen.contains("forged"), "{path} {name} {other}");
            if path == "/open" {
                assert!(seen.field("x-user-id").is_none() && seen.field("x-user-email").is_none());
                continue;
            }
            let user = site.session().claims["sub"].as_str().map(str::to_owned);
            assert_eq!(seen.field("x-user-id"), user, "{path}");
            assert_eq!(
                seen.field("x-user-email").as_deref(),
                Some("ada@example.com")
            );
            let tenant = (path == "/tenant").then_some("blue");
            assert_eq!(seen.field("x-tenant").as_deref(), tenant, "{path}");
        }
    }
    // As nobody there is nothing to tell.
    let answer = site
        .gateway
        .get("/optional", &[("X-User-Id", "forged")])
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(site.upstream.last().field("x-user-id"), None);
    let kept = site.gateway.get("/open", &[("X-User-Ids", "kept")]).await;
    assert_eq!(kept.status(), 200);
    assert!(site.upstream.last().contains("kept"));
}

#[tokio::test]
async fn an_escaped_slash_passes_where_a_route_allows_it() {
    let site = with_routes(
        json!([
            {"path": "/", "auth": "none", "upstream": "app"},
            {"path": "/files", "auth": "none", "upstream": "app", "allow_encoded_slash": true},
            {"path": "/files/private", "upstream": "app"},
        ]),
        |_| {},
    )
    .await;
    for path in [
        "/files/a%2Fb",
        "/files/a%2fb/c?d=%2F",
        "/files/privateer%2Fx",
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let seen = site.upstream.last().start_line();
        assert_eq!(seen, format!("GET {path} HTTP/1.1"), "the same bytes");
    }
    let passed = site.upstream.count();
    for (path, status) in [
        ("/other/a%2Fb", 400),
        ("/files%2Fa", 404),
        ("/files/a%2F..%2Fprivate", 400),
        ("/files/a%2F%2e%2e/private", 400),
        ("/files/%2Fprivate", 400),
        ("/files/a%2F", 400),
        ("/files/a%5Cb", 400),
        ("/files/private%2Fx", 404),
        ("/files/privat%65%2fx", 404),
        ("/_vestibule%2Fjwks.json", 400),
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
    }
    assert_eq!(site.upstream.count(), passed);
}

#[tokio::test]
async fn a_host_that_is_not_served_is_misdirected() {
    let site = with_routes(
        json!([{"host": "app.test", "path": "/here", "auth": "none", "upstream": "app"}]),
        |_| {},
    )
    .await;
    for (host, path, status) in [
        ("app.test", "/here", 200),
        ("app.test", "/there", 404),
        ("other.test", "/here", 421),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = site.gateway.send(request).await;
        assert_eq!(answer.status(), status, "{host}{path}");
    }
}

/// A server that takes the method from a field would serve what another route protects.
#[tokio::test]
async fn no_field_changes_the_method() {
    let site = with_routes(
        json!([
            {"path": "/", "auth": "none", "upstream": "app"},
            {"path": "/read", "auth": "none", "methods": ["GET", "POST"], "upstream": "app"},
        ]),
        |_| {},
    )
    .await;
    let spelled = [
        ("X-HTTP-Method-Override", "DELETE"),
        ("x_http_method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("Content-Length", "0"),
    ];
    for (method, path, kept) in [
        ("GET", "/", false),
        ("POST", "/", true),
        ("POST", "/read", false),
        ("GET", "/read", false),
    ] {
        let answer = site.gateway.request(method, path, &spelled).await;
        assert_eq!(answer.status(), 200, "{method} {path}");
        let seen = site.upstream.last();
        assert_eq!(seen.contains("DELETE"), kept, "{method} {path}");
    }
    for method in ["GET", "POST"] {
        let fields = [("Content-Length", "0")];
        for path in ["/?_method=DELETE", "/read?a=_method"] {
            let answer = site.gateway.request(method, path, &fields).await;
            assert_eq!(answer.status(), 200, "{method} {path}");
        }
        let path = "/read?_method=DELETE";
        let answer = site.gateway.request(method, path, &fields).await;
        site.is_refusal(&answer, 400, "invalid_request", "method_in_query")
            .await;
    }
    let answer = site.gateway.request("DELETE", "/read", &[]).await;
    assert_eq!(answer.status(), 405);
    assert_eq!(answer.field("allow").as_deref(), Some("GET, HEAD, POST"));
}

async fn with_routes(routes: Value, change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["routes"] = routes;
        change(config);
    })
    .await
}

#[tokio::test]
async fn methods_of_webdav_are_served_where_they_are_named() {
    let site = TestGateway::with(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({
            "path": "/dav", "auth": "none", "upstream": "app", "methods": ["GET", "PROPFIND"],
        }));
        routes.push(json!({
            "path": "/files", "auth": "none", "upstream": "app", "any_method": true,
        }));
    })
    .await;
    for (method, path, status) in [
        ("PROPFIND", "/dav", 200),
        ("MKCOL", "/dav", 405),
        ("PROPFIND", "/open", 405),
        ("PROPFIND", "/files/a", 200),
        ("PURGE", "/files/a", 200),
        ("GET", "/files/a", 200),
        ("TRACE", "/files/a", 405),
    ] {
        let answer = site.gateway.request(method, path, &[]).await;
        assert_eq!(answer.status(), status, "{method} {path}");
        if status == 200 {
            let line = site.upstream.last().start_line();
            assert!(line.starts_with(&format!("{method} {path} ")), "{line}");
        }
    }
    let refused = site.gateway.request("MKCOL", "/dav", &[]).await;
    let allowed = refused.field("allow").unwrap();
    assert_eq!(allowed, "GET, HEAD, PROPFIND");
    // A method that changes something needs an origin when a cookie is what lets it pass.
    let cookie = format!("acme_token={}", site.acme.token().sign());
    let answer = site
        .gateway
        .request("PROPFIND", "/", &[("Cookie", &cookie)])
        .await;
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn empty_segments_pass_where_they_are_allowed() {
    let site = TestGateway::with(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({
            "path": "/objects", "auth": "none", "upstream": "app", "allow_empty_segments": true,
        }));
        routes.push(json!({
            "path": "/moved", "auth": "none", "upstream": "app", "allow_empty_segments": true,
            "replace_prefix": "/v2",
        }));
        routes.push(json!({ "path": "/objects/private", "upstream": "app" }));
    })
    .await;
    for (path, forwarded) in [
        ("/objects//a///b", "/objects//a///b"),
        ("/objects//", "/objects//"),
        ("/moved//a", "/v2//a"),
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 200, "{path}");
        let line = site.upstream.last().start_line();
        assert_eq!(line, format!("GET {forwarded} HTTP/1.1"));
    }
    // The collapsed path decides, so no number of slashes leads around a protected route; and that
    // route allows none.
    for path in [
        "/objects//private/x",
        "/objects/private//x",
        "/open//x",
        "/_vestibule//x",
    ] {
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), 400, "{path}");
    }
    assert_eq!(
        site.gateway.get("/objects/private/x", &[]).await.status(),
        401
    );
    assert_eq!(site.gateway.get("/objects//../x", &[]).await.status(), 400);
}
