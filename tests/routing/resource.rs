//! A route as a protected resource: its metadata (RFC 9728), what its refusals ask for, and the audience
//! of its tokens (RFC 8707), by every door.

use serde_json::{Value, json};

use crate::api::oauth::{exchange, granted};
use crate::support::{Key, Message, TestGateway, decode, remember_session_token};

#[tokio::test]
async fn metadata_are_at_the_path_and_at_the_root() {
    let site = start(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({
            "path": "/", "host": "other.test", "upstream": "app",
            "resource": { "name": "https://other.test", "any_audience": true },
        }));
    })
    .await;
    let origin = format!("http://{}", site.gateway.public);
    let mcp = json!({
        "resource": format!("{origin}/mcp"),
        "authorization_servers": [format!("{origin}/_vestibule")],
        "scopes_supported": ["tools:read", "tools:write"],
        "bearer_methods_supported": ["header"],
    });
    let mail = json!({
        "resource": "https://mail.test/mail",
        "authorization_servers": ["https://idp.test", "https://idp.test/two"],
        "bearer_methods_supported": ["header"],
    });
    let other = json!({
        "resource": "https://other.test",
        "authorization_servers": [format!("{origin}/_vestibule")],
        "bearer_methods_supported": ["header"],
    });
    for (host, path, expected) in [
        ("app.test", "/mcp", Some(&mcp)),
        ("app.test", "", Some(&mcp)),
        ("app.test", "/mail", Some(&mail)),
        ("other.test", "", Some(&other)),
        ("other.test", "/mail", Some(&mail)),
        ("app.test", "/mcp/x", None),
        ("app.test", "/nowhere", None),
        ("app.test", "s/mcp", None),
    ] {
        let before = site.upstream.count();
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = site.gateway.send(request).await;
        let Some(expected) = expected else {
            // It is on the route of everything, as it was.
            assert_eq!(answer.status(), 401, "{path}");
            continue;
        };
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert_eq!(answer.json(), *expected, "{host}{path}");
        assert_eq!(answer.field("content-type").unwrap(), "application/json");
        assert_eq!(answer.field("access-control-allow-origin").unwrap(), "*");
        assert_eq!(site.upstream.count(), before);
    }
    let path = "/.well-known/oauth-protected-resource/mcp";
    let asked = |method| site.gateway.request(method, path, &[]);
    assert_eq!(asked("OPTIONS").await.status(), 204);
    assert_eq!(asked("POST").await.status(), 405);
}

#[tokio::test]
async fn an_upstream_says_it_itself_where_nothing_is_configured() {
    let site = TestGateway::start().await;
    let path = "/.well-known/oauth-protected-resource";
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let answer = site.gateway.get(path, &[("Authorization", &bearer)]).await;
    assert_eq!((answer.status(), site.upstream.count()), (200, 1));
}

#[tokio::test]
async fn refusals_say_where_a_token_is_had_and_with_which_scopes() {
    let site = start(|_| {}).await;
    let origin = format!("http://{}", site.gateway.public);
    let metadata = |path: &str| {
        format!(r#"resource_metadata="{origin}/.well-known/oauth-protected-resource{path}""#)
    };
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let forged = format!("Bearer {forged}");
    let narrow = format!(
        "Bearer {}",
        token_for(&site, "/both", Some("user:basic")).await
    );
    let reads = format!(
        "Bearer {}",
        token_for(&site, "/both", Some("tools:read")).await
    );
    for (path, bearer, status, expected) in [
        (
            "/mcp",
            None,
            401,
            format!(r#"{}, scope="tools:read tools:write""#, metadata("/mcp")),
        ),
        (
            "/mcp/x",
            Some(&forged),
            401,
            format!(
                r#"error="invalid_token", {}, scope="tools:read tools:write""#,
                metadata("/mcp"),
            ),
        ),
        (
            "/both",
            None,
            401,
            format!(r#"{}, scope="tools:read tools:write""#, metadata("/both"),),
        ),
        (
            "/both",
            Some(&narrow),
            403,
            format!(
                r#"error="insufficient_scope", {}, scope="tools:read tools:write""#,
                metadata("/both"),
            ),
        ),
        (
            "/both",
            Some(&reads),
            403,
            format!(
                r#"error="insufficient_scope", {}, scope="tools:write""#,
                metadata("/both"),
            ),
        ),
    ] {
        let expected = format!(r#"Bearer realm="vestibule", {expected}"#);
        let fields: Vec<_> = bearer
            .iter()
            .map(|it| ("Authorization", it.as_str()))
            .collect();
        let proxied = site.gateway.get(path, &fields).await;
        let asked = ask(&site, path, &fields).await;
        for answer in [proxied, asked] {
            assert_eq!(answer.status(), status, "{path}: {}", answer.text());
            assert_eq!(
                answer.field("www-authenticate").as_ref(),
                Some(&expected),
                "{path}"
            );
        }
    }
    let whole = format!("Bearer {}", token_for(&site, "/both", None).await);
    let passed = site
        .gateway
        .get("/both", &[("Authorization", &whole)])
        .await;
    assert_eq!(passed.status(), 200, "{}", passed.text());
}

/// By the proxy and by forward auth, on a miss and on a hit.
#[tokio::test]
async fn a_resource_takes_tokens_for_itself_only() {
    let site = start(|_| {}).await;
    let mcp = format!("http://{}/mcp", site.gateway.public);
    let external = |aud: Value| site.acme.token().claim("aud", aud).sign();
    let plain = site.acme.token().sign();
    let usual = granted(&exchange(&site, &plain, &[]).await);
    let usual = usual["access_token"].as_str().unwrap().to_owned();
    let for_mcp = token_for(&site, "/mcp", None).await;
    let for_mail =
        granted(&exchange(&site, &usual, &[("resource", "https://mail.test/mail")]).await);
    let for_mail = for_mail["access_token"].as_str().unwrap().to_owned();
    assert_eq!(decode(&for_mcp).claims["aud"], *mcp);
    assert_eq!(decode(&for_mail).claims["aud"], "https://mail.test/mail");
    for (token, opens) in [
        (plain, &["/", "/any"][..]),
        (usual, &["/", "/any"]),
        (for_mcp, &["/mcp"]),
        (for_mail, &["/mail"]),
        (external(json!(mcp)), &["/mcp"]),
        (
            external(json!(["https://mail.test/mail", mcp])),
            &["/mcp", "/mail"],
        ),
        (external(json!([mcp, "app"])), &["/", "/mcp", "/any"]),
        (external(json!("https://elsewhere.test")), &["/", "/any"]),
    ] {
        let bearer = format!("Bearer {token}");
        let fields = [("Authorization", &*bearer)];
        for path in ["/", "/mcp", "/mail", "/any", "/mcp"] {
            let status = if opens.contains(&path) { 200 } else { 401 };
            let proxied = site.gateway.get(path, &fields).await;
            let asked = ask(&site, path, &fields).await;
            for answer in [&proxied, &asked] {
                let claims = decode(&token).claims;
                assert_eq!(
                    answer.status(),
                    status,
                    "{path} by {claims}: {}",
                    answer.text()
                );
            }
            if status == 401 {
                site.is_refusal(&proxied, 401, "token_invalid", "own_audience_mismatch")
                    .await;
                continue;
            }
            let seen = asked.bearer().unwrap();
            remember_session_token(&seen);
            let audience = match path {
                "/mcp" => mcp.clone(),
                "/mail" => "https://mail.test/mail".to_owned(),
                "/any" => "https://any.test/any".to_owned(),
                _ => format!("http://{}", site.gateway.public),
            };
            assert_eq!(decode(&seen).claims["aud"], audience, "{path}");
            assert_eq!(site.session().claims["aud"], audience, "{path}");
        }
    }
}

/// What is for a resource opens no session for anything else, by whatever endpoint.
#[tokio::test]
async fn a_token_for_a_resource_is_no_login() {
    let site = start(|_| {}).await;
    let mcp = format!("http://{}/mcp", site.gateway.public);
    let fenced = site.acme.token().claim("aud", json!(mcp)).sign();
    let free = site.acme.token().claim("aud", json!([mcp, "app"])).sign();
    for (token, target, is_granted) in [
        (&fenced, None, false),
        (&fenced, Some("https://mail.test/mail"), false),
        (&fenced, Some(&*mcp), true),
        (&free, None, true),
        (&free, Some("https://mail.test/mail"), true),
        (&free, Some("https://elsewhere.test"), false),
    ] {
        let more: Vec<_> = target.iter().map(|target| ("resource", *target)).collect();
        let answer = exchange(&site, token, &more).await;
        match is_granted {
            true => drop(granted(&answer)),
            false => assert_eq!(answer.status(), 400, "{target:?}: {}", answer.text()),
        }
    }
    let ours = token_for(&site, "/mcp", None).await;
    for token in [&*ours, &fenced] {
        let bearer = format!("Bearer {token}");
        let fields = [("Authorization", &*bearer)];
        let answer = site.gateway.get("/_vestibule/userinfo", &fields).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
    }
    let widened = exchange(&site, &ours, &[("resource", "https://mail.test/mail")]).await;
    assert_eq!(widened.status(), 400, "{}", widened.text());
}

/// A session token for the resource at a path, by token exchange.
async fn token_for(site: &TestGateway, path: &str, scope: Option<&str>) -> String {
    let resource = format!("http://{}{path}", site.gateway.public);
    let scope = scope.map(|scope| ("scope", scope));
    let more: Vec<_> = scope
        .into_iter()
        .chain([("resource", &*resource)])
        .collect();
    let granted = granted(&exchange(site, &site.acme.token().sign(), &more).await);
    granted["access_token"].as_str().unwrap().to_owned()
}

async fn ask(site: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Message {
    let own = [
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Host", "app.test"),
        ("X-Forwarded-Uri", path),
    ];
    site.gateway
        .get("/_vestibule/check", &[&own[..], fields].concat())
        .await
}

async fn start(change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
        config["session"] = json!({ "scopes": ["tools:read", "tools:write"] });
        let routes = config["routes"].as_array_mut().unwrap();
        let resource = json!({ "scopes": ["tools:read", "tools:write"] });
        routes.extend([
            json!({ "path": "/mcp", "upstream": "app", "resource": resource }),
            json!({
                "path": "/both", "upstream": "app", "resource": resource,
                "scopes": ["tools:read", "tools:write"],
            }),
            json!({
                "path": "/mail", "upstream": "app",
                "resource": {
                    "name": "https://mail.test/mail",
                    "authorization_servers": ["https://idp.test", "https://idp.test/two"],
                },
            }),
            json!({
                "path": "/any", "upstream": "app",
                "resource": { "name": "https://any.test/any", "any_audience": true },
            }),
        ]);
        change(config);
    })
    .await
}
