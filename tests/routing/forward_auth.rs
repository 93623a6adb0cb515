//! Forward auth: what other proxies learn about requests that never come here themselves.

use serde_json::json;

use crate::support::{decode, remember_session_token};

mod fields;
mod networks;
pub mod ways;

use ways::{WAYS, Way, ask, ask_as, start};

#[tokio::test]
async fn a_good_credential_gives_what_the_upstream_is_to_see() {
    let site = start(|_| {}).await;
    let token = site.acme.token().sign();
    let cookie = format!("a=1; acme_token={token}; b=\"2\"");
    for way in WAYS {
        let answer = ask(&site, way, "GET", "/page?q=1", &[("Cookie", &cookie)]).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        let session = answer.bearer().expect("a session token");
        remember_session_token(&session);
        let claims = decode(&session).claims;
        assert_eq!(answer.field("x-vestibule-user").unwrap(), claims["sub"]);
        assert_eq!(answer.field("x-vestibule-session").unwrap(), claims["sid"]);
        assert_eq!(answer.field("cookie").unwrap(), "a=1; b=\"2\"");
        assert_eq!(answer.field("cache-control").unwrap(), "no-store");
    }
    assert_eq!(site.upstream.count(), 0, "nothing is forwarded");
}

#[tokio::test]
async fn a_preflight_passes_without_credentials_here_too() {
    let site = start(|_| {}).await;
    let asks = [
        ("Origin", "https://spa.test"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Cookie", "a=1"),
        ("Authorization", "Basic YWJjOmRlZg=="),
    ];
    for way in WAYS {
        let answer = ask(&site, way, "OPTIONS", "/page", &asks).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        for gone in ["cookie", "authorization"] {
            assert_eq!(answer.field(gone).as_deref(), Some(""), "{way:?} {gone}");
        }
    }
}

#[tokio::test]
async fn a_route_has_an_audience_of_its_own_here_too() {
    let site = start(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({
            "path": "/billing", "upstream": "app", "audience": "https://billing.test",
        }));
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let usual = format!("http://{}", site.gateway.public);
    for (target, audience) in [("/page", &*usual), ("/billing", "https://billing.test")] {
        for way in WAYS {
            let answer = ask(&site, way, "GET", target, &[("Authorization", &bearer)]).await;
            assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
            let session = answer.bearer().expect("a session token");
            remember_session_token(&session);
            assert_eq!(decode(&session).claims["aud"], audience, "{way:?} {target}");
        }
    }
}

#[tokio::test]
async fn what_the_proxy_would_refuse_is_refused() {
    let site = start(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({
            "host": "app.test", "path": "/admins", "upstream": "app",
            "require": { "role": "admin" },
        }));
        routes.push(json!({
            "host": "app.test", "path": "/reads", "methods": ["GET"], "upstream": "app",
        }));
        routes.push(json!({
            "host": "app.test", "path": "/guarded", "upstream": "app", "step_up": "user:delete",
        }));
        config["step_up"] = json!({ "scopes": ["user:delete"] });
        config["routes"][0]["host"] = json!("app.test");
    })
    .await;
    let good = format!("Bearer {}", site.acme.token().sign());
    let admin = format!("Bearer {}", site.acme.token().claim("role", "admin").sign());
    let expired = format!("Bearer {}", site.acme.token().expires_in(-60).sign());
    let cookie = format!("acme_token={}", site.acme.token().sub("bob").sign());
    let (good, admin, expired) = (
        ("Authorization", &*good),
        ("Authorization", &*admin),
        ("Authorization", &*expired),
    );
    let cookie = ("Cookie", &*cookie);
    let foreign = ("Origin", "https://evil.test");
    let listed = ("Origin", "https://page.test");
    let websocket = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (method, target, fields, refused) in [
        ("GET", "/page", vec![good], None),
        (
            "GET",
            "/page",
            vec![],
            Some((401, "token_missing", "token_missing")),
        ),
        (
            "GET",
            "/page",
            vec![expired],
            Some((401, "token_expired", "expired")),
        ),
        ("GET", "/admins", vec![admin], None),
        (
            "GET",
            "/admins",
            vec![good],
            Some((403, "forbidden", "claim_absent")),
        ),
        (
            "GET",
            "/guarded",
            vec![good],
            Some((401, "step_up_required", "elevated_missing")),
        ),
        ("POST", "/page", vec![cookie, listed], None),
        (
            "POST",
            "/page",
            vec![cookie, foreign],
            Some((403, "forbidden", "origin_foreign")),
        ),
        (
            "POST",
            "/page",
            vec![cookie],
            Some((403, "forbidden", "origin_absent")),
        ),
        ("GET", "/page", vec![cookie, foreign], None),
        (
            "GET",
            "/page",
            vec![cookie, foreign, websocket],
            Some((403, "forbidden", "origin_foreign")),
        ),
        (
            "GET",
            "/a/../page",
            vec![good],
            Some((400, "invalid_request", "path_dot_segment")),
        ),
        (
            "POST",
            "/reads",
            vec![good],
            Some((405, "invalid_request", "method_not_served")),
        ),
        (
            "GET",
            "/_vestibule/userinfo",
            vec![good],
            Some((403, "forbidden", "check_of_own_path")),
        ),
    ] {
        for way in WAYS {
            let answer = ask(&site, way, method, target, &fields).await;
            let Some((status, code, reason)) = refused else {
                let text = answer.text();
                assert_eq!(answer.status(), 200, "{way:?} {method} {target}: {text}");
                answer
                    .bearer()
                    .inspect(|token| remember_session_token(token));
                continue;
            };
            // nginx knows 401 and 403 only.
            let status = match (way, status) {
                (Way::Nginx, 400 | 405) => 403,
                _ => status,
            };
            site.is_refusal(&answer, status, code, reason).await;
        }
    }
    let elsewhere = [("Host", "other.test"), good];
    let answer = ask_as(&site, Way::Envoy, "GET", "/page", &elsewhere).await;
    site.is_refusal(&answer, 404, "not_found", "no_route").await;
}

#[tokio::test]
async fn anonymous_where_the_route_says_so() {
    let site = start(|_| {}).await;
    for way in WAYS {
        let fields = [
            ("Authorization", "Basic dXNlcjpwYXNz"),
            ("X-Vestibule-User", "ada"),
        ];
        let answer = ask(&site, way, "GET", "/optional", &fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        // As it came, for it is no credential of ours.
        assert_eq!(answer.field("authorization").unwrap(), "Basic dXNlcjpwYXNz");
        assert_eq!(answer.field("x-vestibule-user").unwrap(), "");
        assert_eq!(answer.field("x-vestibule-session").unwrap(), "");
        assert_eq!(answer.field("cookie").unwrap(), "");
    }
    let token = site.acme.token().sign();
    let answer = ask(
        &site,
        Way::Envoy,
        "GET",
        "/open",
        &[("X-Acme-Token", &token)],
    )
    .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.field("authorization").unwrap(), "");
    assert_eq!(
        answer.field("x-envoy-auth-headers-to-remove").unwrap(),
        "x-acme-token"
    );
}

#[tokio::test]
async fn only_trusted_proxies_may_ask_and_only_in_one_way() {
    let site = start(|_| {}).await;
    let token = format!("Bearer {}", site.acme.token().sign());
    let own = ("Authorization", &*token);
    let method = ("X-Forwarded-Method", "GET");
    let host = ("X-Forwarded-Host", "app.test");
    let uri = ("X-Forwarded-Uri", "/page");
    let original = [("X-Original-Method", "GET"), ("X-Original-URI", "/open")];
    let url = ("X-Original-URL", "https://app.test/page");
    let get = async |path: &str, fields: &[(&str, &str)]| site.gateway.get(path, fields).await;
    let check = "/_vestibule/check";
    for (path, fields, reason) in [
        (check, vec![own, method, host, uri], None),
        (check, vec![own, original[0], url], None),
        (check, vec![own], Some("check_original_missing")),
        (check, vec![own, host, uri], Some("check_original_missing")),
        (
            check,
            vec![own, method, uri],
            Some("check_original_missing"),
        ),
        (
            check,
            vec![own, original[1]],
            Some("check_original_missing"),
        ),
        (
            check,
            vec![own, method, host, uri, original[0], original[1]],
            Some("check_original_ambiguous"),
        ),
        (
            check,
            vec![own, method, host, uri, uri],
            Some("check_original_ambiguous"),
        ),
        (
            "/_vestibule/check/page",
            vec![own, uri],
            Some("check_original_ambiguous"),
        ),
        (
            check,
            vec![own, method, host, ("X-Forwarded-Uri", "page")],
            Some("check_original_invalid"),
        ),
        (
            check,
            vec![own, original[0], ("X-Original-URL", "ftp://app.test/page")],
            Some("check_original_invalid"),
        ),
    ] {
        let answer = get(path, &fields).await;
        match reason {
            Some(reason) => site.is_refusal(&answer, 403, "forbidden", reason).await,
            None => {
                assert_eq!(answer.status(), 200, "{fields:?}: {}", answer.text());
                remember_session_token(&answer.bearer().unwrap());
            }
        }
    }
    let answer = get("/_vestibule/checks", &[own, method, host, uri]).await;
    assert_eq!(answer.status(), 404);

    for (trusted, listener, reason) in [
        (
            "192.0.2.1/32",
            json!({ "forward_auth": true }),
            "check_peer_untrusted",
        ),
        ("127.0.0.1/32", json!({}), "forward_auth_off"),
    ] {
        let other = start(|config| {
            config["trusted_proxies"] = json!([trusted]);
            config["listeners"] = json!([listener]);
        })
        .await;
        let token = format!("Bearer {}", other.acme.token().sign());
        let fields = [("Authorization", &*token), method, host, uri];
        for path in [check, "/_vestibule/check/page"] {
            let answer = other.gateway.get(path, &fields).await;
            other.is_refusal(&answer, 403, "forbidden", reason).await;
        }
    }
}

/// The question's own path has no route, and says nothing of what is asked about.
#[tokio::test]
async fn what_a_route_allows_in_paths_may_be_asked_about_in_every_way() {
    let site = start(|config| {
        config["routes"].as_array_mut().unwrap().extend([
            json!({"path": "/slash", "auth": "none", "upstream": "app", "allow_encoded_slash": true}),
            json!({"path": "/empty", "auth": "none", "upstream": "app", "allow_empty_segments": true}),
        ]);
    })
    .await;
    for way in WAYS {
        for (target, status) in [
            ("/slash/a%2Fb", 200),
            ("/empty//b", 200),
            ("/open/a%2Fb", 400),
            ("/open//b", 400),
        ] {
            let answer = ask(&site, way, "GET", target, &[]).await;
            let expected = match (status, way) {
                (400, Way::Nginx) => 403,
                _ => status,
            };
            assert_eq!(
                answer.status(),
                expected,
                "{way:?} {target}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn a_grant_tells_what_the_route_and_the_gateway_tell_upstreams() {
    let site = start(|config| {
        config["forward"] = json!({ "identity": { "X-User-Id": "{user.id}" } });
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/reported", "upstream": "app", "auth": "optional",
            "request_headers": {
                "set": { "X-Role": "{claims.role}", "X-Area": "reports" },
                "add": { "Accept-Language": "eo" },
                "remove": ["X-Debug"],
            },
        }));
    })
    .await;
    let token = site.acme.token().claim("role", "editor").sign();
    let bearer = format!("Bearer {token}");
    let own = [
        ("X-Role", "admin"),
        ("X-User-Id", "root"),
        ("X-Debug", "1"),
        ("Accept-Language", "en"),
    ];
    let known = [&own[..], &[("Authorization", &bearer)]].concat();
    for way in WAYS {
        let answer = ask(&site, way, "GET", "/reported", &known).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        let session = answer.bearer().expect("a session token");
        remember_session_token(&session);
        let claims = decode(&session).claims;
        assert_eq!(answer.field("x-user-id").unwrap(), claims["sub"]);
        assert_eq!(answer.field("x-role").unwrap(), "editor");
        assert_eq!(answer.field("x-area").unwrap(), "reports");
        assert_eq!(answer.all("accept-language"), ["en", "eo"]);
        let gone = answer.field("x-envoy-auth-headers-to-remove").unwrap();
        assert_eq!(gone, "x-debug");

        // Nobody: what a client says of itself goes all the same.
        let answer = ask(&site, way, "GET", "/reported", &own).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        assert_eq!(answer.field("x-user-id").unwrap(), "");
        assert_eq!(answer.field("x-role").unwrap(), "");
        assert_eq!(answer.field("x-area").unwrap(), "reports");
    }
    // As it is when the request comes here.
    let answer = site.gateway.get("/reported", &known).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let seen = site.upstream.last();
    assert_eq!(seen.field("x-role").unwrap(), "editor");
    assert_eq!(seen.all("accept-language"), ["en", "eo"]);
    assert_eq!(seen.field("x-debug"), None);
    remember_session_token(&seen.bearer().unwrap());
}

#[tokio::test]
async fn a_person_without_a_session_is_sent_to_sign_in() {
    let site = start(|config| {
        config["login_url"] = json!("https://login.test/in?next={return_to}");
        config["routes"][0]["host"] = json!("app.test");
    })
    .await;
    let person = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")];
    let script = [("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")];
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let known = [person[0], person[1], ("Authorization", &bearer)];
    for way in WAYS {
        let answer = ask(&site, way, "GET", "/page?q=1", &person).await;
        match way {
            // It takes a redirect for a failure, and has `error_page` for this.
            Way::Nginx => assert_eq!(answer.status(), 401, "{}", answer.text()),
            _ => {
                assert_eq!(answer.status(), 302, "{way:?}: {}", answer.text());
                let location = answer.field("location").unwrap();
                let back = "http%3A%2F%2Fapp%2Etest%2Fpage%3Fq%3D1";
                assert_eq!(location, format!("https://login.test/in?next={back}"));
            }
        }
        let answer = ask(&site, way, "GET", "/page?q=1", &script).await;
        assert_eq!(answer.status(), 401, "{way:?}: {}", answer.text());
        let answer = ask(&site, way, "POST", "/page?q=1", &person).await;
        assert_eq!(answer.status(), 401, "{way:?}: {}", answer.text());
        let answer = ask(&site, way, "GET", "/page?q=1", &known).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        remember_session_token(&answer.bearer().unwrap());
    }
}
