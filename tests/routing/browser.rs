//! What browsers meet: a redirect to the login page, an error page, preflights, caches.

use serde_json::json;

use crate::support::{Message, Reply, TestGateway, refusal_id};

const NAVIGATION: [(&str, &str); 2] = [
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
];

#[tokio::test]
async fn a_navigation_without_a_session_goes_to_the_login_page() {
    let site = TestGateway::with(|config| {
        config["login_url"] = json!("https://login.test/in?next={return_to}&x=1");
    })
    .await;
    let answer = site.gateway.get("/a/b%20c?d=e&f", &NAVIGATION).await;
    assert_eq!(answer.status(), 302, "{}", answer.text());
    let host = site
        .gateway
        .public
        .to_string()
        .replace('.', "%2E")
        .replace(':', "%3A");
    let back = format!("http%3A%2F%2F{host}%2Fa%2Fb%2520c%3Fd%3De%26f");
    let location = format!("https://login.test/in?next={back}&x=1");
    assert_eq!(answer.field("location"), Some(location));
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    assert!(answer.field("x-request-id").is_some());
    // Browsers of before Fetch Metadata.
    let old = site.gateway.get("/", &NAVIGATION[1..]).await;
    assert_eq!(old.status(), 302);
    // A login that is over is one to be renewed.
    let expired = format!("acme_token={}", site.acme.token().expires_in(-3600).sign());
    let fields = [&NAVIGATION[..], &[("Cookie", &*expired)]].concat();
    assert_eq!(site.gateway.get("/", &fields).await.status(), 302);
    let good = format!("acme_token={}", site.acme.token().sign());
    let fields = [&NAVIGATION[..], &[("Cookie", &*good)]].concat();
    assert_eq!(site.gateway.get("/", &fields).await.status(), 200);
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn everything_else_is_refused_with_401() {
    let site = TestGateway::with(|config| config["login_url"] = json!("https://login.test/")).await;
    assert_eq!(site.gateway.get("/", &NAVIGATION).await.status(), 302);
    let [mode, accept] = NAVIGATION;
    let bad = site
        .acme
        .token()
        .forged_by(&crate::support::Key::p256("x"))
        .sign();
    let (bearer, cookie) = (format!("Bearer {bad}"), format!("acme_token={bad}"));
    let expired = format!("Bearer {}", site.acme.token().expires_in(-3600).sign());
    for fields in [
        &[][..],
        &[("Accept", "*/*")],
        &[accept, ("Sec-Fetch-Mode", "cors")],
        &[accept, ("Sec-Fetch-Mode", "websocket")],
        &[accept, ("X-Requested-With", "XMLHttpRequest")],
        &[
            mode,
            accept,
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
        ],
        // No login mends a credential that is not one, nor one that a program has sent.
        &[mode, accept, ("Cookie", &*cookie)],
        &[mode, accept, ("Authorization", &*bearer)],
        &[mode, accept, ("Authorization", &*expired)],
    ] {
        let answer = site.gateway.get("/", fields).await;
        assert_eq!(answer.status(), 401, "{fields:?}");
        assert_eq!(answer.field("location"), None);
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let fields = [mode, accept, ("Content-Length", "0")];
        let answer = site.gateway.request(method, "/", &fields).await;
        assert_eq!(answer.status(), 401, "{method}");
    }
    assert_eq!(
        site.gateway
            .request("HEAD", "/", &NAVIGATION)
            .await
            .status(),
        302
    );
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn the_way_back_is_on_a_host_that_is_configured() {
    let site = TestGateway::with(|config| {
        config["login_url"] = json!("https://login.test/");
        config["routes"].as_array_mut().unwrap().extend([
            json!({"host": "*.app.test", "path": "/", "upstream": "app"}),
            json!({"path": "/own", "login_url": "/open/login", "upstream": "app"}),
        ]);
    })
    .await;
    let get = async |host: &str, path: &str| {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in NAVIGATION {
            request += &format!("{name}: {value}\r\n");
        }
        site.gateway.send(request + "\r\n").await
    };
    let answer = get("eu.app.test", "/x").await;
    let location = answer.field("location").expect("a redirect");
    assert!(
        location.ends_with("?return_to=http%3A%2F%2Feu%2Eapp%2Etest%2Fx"),
        "{location}"
    );
    // A host that any client may make up is no place to send people to.
    let answer = get("evil.test", "/x").await;
    assert_eq!((answer.status(), answer.field("location")), (401, None));
    // A path leads to the host that was asked, and says no more than a path.
    let answer = get("evil.test", "/own/x?y").await;
    let location = answer.field("location");
    assert_eq!(
        location.as_deref(),
        Some("/open/login?return_to=%2Fown%2Fx%3Fy")
    );
    for path in ["//evil.test/x", "/\\evil.test/x", "/own//evil.test"] {
        assert_eq!(get("eu.app.test", path).await.status(), 400, "{path}");
    }
}

#[tokio::test]
async fn a_login_page_that_needs_a_login_is_no_place_to_go() {
    for (login, status) in [("/login", 401), ("/login/", 401), ("/open/login", 302)] {
        let site = TestGateway::with(|config| config["login_url"] = json!(login)).await;
        let answer = site.gateway.get("/a", &NAVIGATION).await;
        assert_eq!(answer.status(), status, "{login}");
        let answer = site.gateway.get(login, &NAVIGATION).await;
        assert_eq!(answer.field("location"), None, "{login}");
    }
}

/// Cookies ignore ports, so the login page is often on another port of the same host.
#[tokio::test]
async fn a_login_page_on_another_port_is_of_another_server() {
    let mapped = "http%3A%2F%2Fapp%2Etest%3A8080%2F";
    for (public_url, host, own, other, back) in [
        (
            "http://app.test:8080",
            "app.test:8080",
            ":8080",
            ":99",
            mapped,
        ),
        // A proxy in front maps ports and tells none.
        ("http://app.test:8080", "app.test", ":8080", "", mapped),
        // One ends TLS.
        (
            "https://app.test",
            "App.test",
            ":443",
            ":8443",
            "https%3A%2F%2Fapp%2Etest%2F",
        ),
        (
            "http://[::1]:8080",
            "[::1]:8080",
            ":8080",
            ":99",
            "http%3A%2F%2F%5B%3A%3A1%5D%3A8080%2F",
        ),
    ] {
        let at_host = public_url.trim_end_matches(":8080");
        let [own, other] = [own, other].map(|port| format!("{at_host}{port}/login?next="));
        let site = TestGateway::with(|config| {
            config["public_url"] = json!(public_url);
            config["routes"].as_array_mut().unwrap().extend([
                json!({"path": "/own", "login_url": format!("{own}{{return_to}}"), "upstream": "app"}),
                json!({"path": "/other", "login_url": format!("{other}{{return_to}}"), "upstream": "app"}),
            ]);
        })
        .await;
        for (path, location) in [
            ("own", None),
            ("other", Some(format!("{other}{back}other"))),
        ] {
            let [(mode, navigate), (accept, html)] = NAVIGATION;
            let head = format!("Host: {host}\r\n{mode}: {navigate}\r\n{accept}: {html}\r\n");
            let answer = site
                .gateway
                .send(format!("GET /{path} HTTP/1.1\r\n{head}\r\n"))
                .await;
            assert_eq!(answer.field("location"), location, "{host} {path}");
            let expected = if location.is_some() { 302 } else { 401 };
            assert_eq!(answer.status(), expected, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn people_see_a_page_and_programs_a_problem() {
    let page = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        page.path(),
        "<h1>Oh {{ status }}</h1>{{detail}} <i>{{request_id}}</i>",
    )
    .unwrap();
    let site = TestGateway::with(|config| config["error_page"] = json!(page.path())).await;
    let answer = site.gateway.get("/", &NAVIGATION).await;
    assert_eq!(answer.status(), 401);
    let id = answer.field("x-request-id").unwrap();
    assert_eq!(
        answer.text(),
        format!("<h1>Oh 401</h1>A credential is required. <i>{id}</i>")
    );
    let kind = answer.field("content-type");
    assert_eq!(kind.as_deref(), Some("text/html; charset=utf-8"));
    let policy = answer.field("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(
        answer.field("x-content-type-options").as_deref(),
        Some("nosniff")
    );
    assert!(answer.field("www-authenticate").is_some());
    for accept in [
        "*/*",
        "application/json",
        "application/problem+json, text/html;q=0.5",
    ] {
        let answer = site.gateway.get("/", &[("Accept", accept)]).await;
        refusal_id(&answer, "token_missing");
    }
    // What fails behind the gateway is distinguished the same way.
    site.upstream.reply(Reply::Close);
    let answer = site.gateway.get("/open", &NAVIGATION).await;
    assert_eq!(answer.status(), 502);
    assert!(
        answer.text().starts_with("<h1>Oh 502</h1>The upstream"),
        "{}",
        answer.text()
    );
    let answer = site.gateway.get("/open", &[]).await;
    refusal_id(&answer, "upstream_failed");
}

#[tokio::test]
async fn a_preflight_passes_without_credentials() {
    let site = TestGateway::start().await;
    let cookie = format!("a=1; acme_token={}", site.acme.token().sign());
    let asks = [
        ("Origin", "https://spa.test"),
        ("Access-Control-Request-Method", "DELETE"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Cookie", &*cookie),
        ("Authorization", "Basic YWJjOmRlZg=="),
    ];
    for path in ["/", "/optional"] {
        let answer = site.gateway.request("OPTIONS", path, &asks).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = site.upstream.last();
        for gone in ["cookie", "authorization", "x-http-method-override"] {
            assert_eq!(seen.field(gone), None, "{gone}");
        }
        let origin = seen.field("origin");
        assert_eq!(origin.as_deref(), Some("https://spa.test"));
    }
    let passed = site.upstream.count();
    for fields in [&asks[..1], &asks[1..2], &[]] {
        let answer = site.gateway.request("OPTIONS", "/", fields).await;
        assert_eq!(answer.status(), 401, "{fields:?}");
    }
    let answer = site.gateway.request("GET", "/", &asks[..2]).await;
    assert_eq!(answer.status(), 401);
    assert_eq!(site.upstream.count(), passed);
    // It has no body, so it can bring none past the check.
    let length = [asks[0], asks[1], ("Transfer-Encoding", "chunked")];
    let request = site.gateway.bytes("OPTIONS", "/", &length);
    let answer = site
        .gateway
        .send([&request[..], b"1\r\nx\r\n0\r\n\r\n"].concat())
        .await;
    assert_eq!(answer.status(), 413);
}

#[tokio::test]
async fn answers_for_a_user_are_kept_by_nobody_else() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let with = [("Authorization", &*bearer)];
    let varying = "authorization, cookie, x-acme-token, x-globex-token";
    let get = async |path: &str, fields: &[(&str, &str)], upstream: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{upstream}Content-Length: 0\r\n\r\n");
        site.upstream.reply(Reply::Bytes(head.into_bytes()));
        let answer: Message = site.gateway.get(path, fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        (answer.field("cache-control"), answer.all("vary").join("|"))
    };
    let own = |text: &str| Some(text.to_owned());
    let public = "Cache-Control: public, max-age=60\r\n";
    for (path, fields, upstream, caching, vary) in [
        ("/", &with[..], "", own("private"), varying),
        ("/", &with, public, own("public, max-age=60"), varying),
        (
            "/",
            &with,
            "Cache-Control: no-store\r\n",
            own("no-store"),
            "",
        ),
        ("/optional", &with, "", own("private"), varying),
        ("/optional", &[], "", None, varying),
        ("/optional", &[], "Vary: *\r\n", None, "*"),
        ("/open", &with, "", None, ""),
    ] {
        let reported = get(path, fields, upstream).await;
        assert_eq!(reported, (caching, vary.to_owned()), "{path} {upstream:?}");
    }
}

#[tokio::test]
async fn fields_of_the_upstreams_connection_end_here() {
    let site = TestGateway::start().await;
    site.upstream.reply(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Stays: 1\r\nContent-Length: 2\r\n\r\nok"
            .to_vec(),
    ));
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(answer.text(), "ok");
    for gone in ["x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    assert_eq!(answer.field("x-stays").as_deref(), Some("1"));
}

/// A cookie without a name comes back as its bare value.
#[tokio::test]
async fn no_spelling_of_set_cookie_sets_the_session_cookie() {
    let site = TestGateway::start().await;
    let lines = [
        "vestibule=x",
        "=vestibule=x",
        "__Host-vestibule=x; Secure; Path=/",
        "__host-VESTIBULE=x",
        "  vestibule  =x",
        "vestibules=kept",
    ];
    let fields: String = lines.map(|line| format!("Set-Cookie: {line}\r\n")).concat();
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    site.upstream.reply(Reply::Bytes(head.into_bytes()));
    let answer = site.gateway.get("/open", &[]).await;
    assert_eq!(answer.all("set-cookie"), ["vestibules=kept"]);
}
