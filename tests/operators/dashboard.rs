//! The dashboard as a browser without script sees it: pages, forms, who may send them.

use serde_json::json;

use crate::support::{Gateway, Message, Pages, TestGateway};

mod access_lists;
mod confirm;
mod issuers;
mod kept_forms;
mod overview;
mod people;
mod several_cookies;
mod sign_in;
mod tokens;

#[tokio::test]
async fn every_page_is_served_with_a_strict_policy() {
    let site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    for (path, part) in [
        ("/dashboard", "All is well"),
        ("/dashboard/external", "https://acme.test"),
        ("/dashboard/external/issuer/acme", "acme-1"),
        ("/dashboard/external/new", "Who issues the tokens?"),
        ("/dashboard/external/new?preset=", "Add issuer"),
        ("/dashboard/external/new?preset=keycloak", "Realm"),
        ("/dashboard/users", "Search"),
        ("/dashboard/sessions", "Revoke"),
        ("/dashboard/access", "No lists yet"),
        ("/dashboard/keys", "current"),
        ("/dashboard/routes", "/optional"),
        ("/dashboard/refusals", "None since startup"),
        ("/dashboard/tokens", "Create token"),
        ("/dashboard/webhooks", "No webhooks yet"),
        ("/dashboard/audit", "Nothing yet"),
    ] {
        let answer = site.gateway.admin(path).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        assert!(
            answer.contains(part),
            "{path} does not say {part:?}: {}",
            answer.text()
        );
        let policy = answer.field("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(answer.field("x-frame-options").as_deref(), Some("DENY"));
        assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
        assert!(
            !answer.contains("style=") && !answer.contains("onclick"),
            "{path}"
        );
    }
    assert_eq!(
        site.gateway.admin("/").await.field("location").as_deref(),
        Some("/dashboard")
    );
    for asset in ["style.css", "page.js", "mark.svg"] {
        let asset = &format!("/dashboard/{asset}");
        assert_eq!(site.gateway.admin(asset).await.status(), 200);
    }
}

#[tokio::test]
async fn a_form_works_only_from_its_own_page() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.passes(&token).await;
    let path = "/dashboard/external/issuer/acme/enabled";
    let csrf = csrf(&site.gateway.admin("/dashboard/external/issuer/acme").await);
    let own = format!("http://{}", site.gateway.admin);
    let good = format!("csrf={csrf}&enabled=false&confirmed=true");
    let origin = ("Origin", own.as_str());
    let evil = ("Origin", "https://evil.example");
    for (fields, body) in [
        (vec![origin], "csrf=wrong&enabled=false&confirmed=true"),
        (vec![evil], good.as_str()),
        (vec![], good.as_str()),
        (vec![("Sec-Fetch-Site", "cross-site")], good.as_str()),
        (vec![("Sec-Fetch-Site", "same-origin"), evil], good.as_str()),
        (vec![("Origin", "null")], good.as_str()),
        (
            vec![("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
            good.as_str(),
        ),
    ] {
        assert_eq!(
            form(&site.gateway, path, &fields, body).await.status(),
            403,
            "{fields:?}"
        );
        site.passes(&token).await;
    }
    let rebound = [
        ("Host", "rebound.example"),
        ("Origin", "http://rebound.example"),
    ];
    assert_eq!(
        form(&site.gateway, path, &rebound, &good).await.status(),
        421
    );
    site.passes(&token).await;

    let answer = form(&site.gateway, path, &[origin], &good).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
    site.refuses(&token, "issuer_disabled").await;
    // A page whose address is kept to itself, as its browser says of it.
    let hidden = [("Origin", "null"), ("Sec-Fetch-Site", "same-origin")];
    let answer = form(&site.gateway, path, &hidden, &good).await;
    assert_eq!(answer.status(), 303, "{}", answer.text());
}

#[tokio::test]
async fn where_a_token_is_set_pages_need_a_login() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "operators-only\n").unwrap();
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    let gateway = &site.gateway;
    let answer = gateway.admin("/dashboard/users").await;
    assert_eq!(
        answer.field("location").as_deref(),
        Some("/dashboard/login?return_to=%2Fdashboard%2Fusers")
    );
    let login = gateway.admin(&answer.field("location").unwrap()).await;
    assert_eq!(login.status(), 200);
    assert!(login.contains("name=\"return_to\" value=\"/dashboard/users\""));

    let own = format!("http://{}", gateway.admin);
    let origin = ("Origin", own.as_str());
    let wrong = form(
        gateway,
        "/dashboard/login",
        &[origin],
        "token=operators-onlx",
    )
    .await;
    assert_eq!((wrong.status(), wrong.field("set-cookie")), (401, None));
    let right = form(
        gateway,
        "/dashboard/login",
        &[origin],
        "token=operators-only",
    )
    .await;
    assert_eq!(right.status(), 303);
    let cookie = right.field("set-cookie").unwrap();
    for attribute in ["HttpOnly", "SameSite=Strict", "Max-Age=3600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("operators-only"));
    // Back to the page that was asked for, and to no other site.
    assert_eq!(right.field("location").as_deref(), Some("/dashboard"));
    for (return_to, location) in [
        ("%2Fdashboard%2Fusers", "/dashboard/users"),
        ("%2F%2Fevil.example", "/dashboard"),
        ("https%3A%2F%2Fevil.example%2Fdashboard", "/dashboard"),
    ] {
        let sent = format!("token=operators-only&return_to={return_to}");
        let back = form(gateway, "/dashboard/login", &[origin], &sent).await;
        assert_eq!(back.field("location").as_deref(), Some(location));
    }
    let held = cookie.split(';').next().unwrap().to_owned();
    let cookie = ("Cookie", held.as_str());
    let page = gateway
        .admin_bytes("GET", "/dashboard/external", &[cookie], "")
        .await;
    assert_eq!(page.status(), 200);
    // The cookie is for pages; programs have the token.
    let api = gateway
        .admin_bytes("GET", "/admin/api/issuers", &[cookie], "")
        .await;
    assert_eq!(api.status(), 401);

    let body = format!("csrf={}", csrf(&page));
    let out = form(gateway, "/dashboard/logout", &[origin, cookie], &body).await;
    assert_eq!(out.status(), 303);
    let after = gateway
        .admin_bytes("GET", "/dashboard/external", &[cookie], "")
        .await;
    let login = "/dashboard/login?return_to=%2Fdashboard%2Fexternal";
    assert_eq!(after.field("location").as_deref(), Some(login));
}

/// A browser may come to another process with each request: behind a Service with several replicas,
/// or after a restart.
#[tokio::test]
async fn a_login_is_known_to_every_process_on_the_store() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "the-token-of-operators\n").unwrap();
    let mut site = TestGateway::with(|config| {
        config["admin"] = json!({"token": format!("file:{}", file.display())});
    })
    .await;
    let own = format!("http://{}", site.gateway.admin);
    let origin = ("Origin", own.as_str());
    let login = async |site: &TestGateway| {
        let sent = "token=the-token-of-operators";
        let answer = form(&site.gateway, "/dashboard/login", &[origin], sent).await;
        assert_eq!(answer.status(), 303);
        let cookie = answer.field("set-cookie").unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let page = async |site: &TestGateway, cookie: &str| {
        let cookie = ("Cookie", cookie);
        let path = "/dashboard/external";
        site.gateway.admin_bytes("GET", path, &[cookie], "").await
    };
    let (kept, left) = (login(&site).await, login(&site).await);
    let shown = page(&site, &left).await;
    let body = format!("csrf={}", csrf(&shown));
    let cookie = ("Cookie", left.as_str());
    let out = form(&site.gateway, "/dashboard/logout", &[origin, cookie], &body).await;
    assert_eq!(out.status(), 303);

    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    site.gateway = site.gateway.restart().await;
    assert_eq!(page(&site, &kept).await.status(), 200);
    assert_eq!(page(&site, &left).await.status(), 303, "it was logged out");
    let altered = kept.replacen(".admin", ".admiN", 1);
    assert_eq!(page(&site, &altered).await.status(), 303);

    // Another token behind the same name is another operator.
    std::fs::write(&file, "another-token-of-operators\n").unwrap();
    site.gateway.sigterm();
    assert!(site.gateway.ended().await.success());
    site.gateway = site.gateway.restart().await;
    assert_eq!(page(&site, &kept).await.status(), 303);
}

#[tokio::test]
async fn what_tokens_say_is_shown_as_text() {
    let site = TestGateway::start().await;
    let markup = "<script>alert(1)</script>";
    site.passes(&site.acme.token().sub(markup).sign()).await;
    let users = site.gateway.admin("/dashboard/users").await;
    assert!(
        users.contains("&#60;script&#62;") || users.contains("&lt;script&gt;"),
        "{}",
        users.text()
    );
    assert!(!users.contains(markup));
}

/// What a program reads in JSON, people read in a page; the status and the policy are there,
/// too.
#[tokio::test]
async fn a_fault_is_a_page() {
    let site = TestGateway::start().await;
    let pages = Pages::of(&site.gateway);
    let unknown = pages.get("/dashboard/external/issuer/nobody").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        unknown.field("content-type").as_deref(),
        Some("text/html; charset=utf-8")
    );
    assert!(unknown.field("content-security-policy").is_some());
    assert!(unknown.contains("There is no such issuer."));
    let path = "/dashboard/external/issuer/acme/refresh";
    let stale = pages.send(path, &[("csrf", "of yesterday")]).await;
    assert_eq!(stale.status(), 403);
    assert!(stale.contains("This form has expired"), "{}", stale.text());
    let api = site.gateway.admin("/admin/api/issuers/nobody").await;
    assert_eq!(
        api.field("content-type").as_deref(),
        Some("application/json")
    );
}

pub(crate) fn csrf(page: &Message) -> String {
    let text = page.text();
    let value = text.split("name=\"csrf\" value=\"").nth(1).expect("a form");
    value.split('"').next().unwrap().to_owned()
}

pub(crate) async fn form(
    gateway: &Gateway,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Message {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    gateway
        .admin_bytes("POST", path, &[&kind, fields].concat(), body)
        .await
}
