//! Users of the gateway who are operators, by `admin.sign_in`.

use serde_json::json;

use super::{csrf, form};
use crate::support::{Message, TestGateway};

/// A site with rules for the users of `acme`, and with a token that the tests have, too.
async fn site() -> (TestGateway, tempfile::TempDir) {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("ops");
    std::fs::write(&file, OPS).unwrap();
    let site = TestGateway::with(|config| {
        config["session"] = json!({"cookie": true});
        config["admin"] = json!({
            "tokens": [{"name": "ops", "role": "admin", "token": format!("file:{}", file.display())}],
            "sign_in": [
                {"issuer": "acme", "require": {"groups": {"any_of": ["staff"]}}},
                {"issuer": "acme", "role": "admin", "max_age": "8h",
                 "require": {"groups": {"any_of": ["gateway-admins"]}}},
            ],
        });
    })
    .await;
    (site, dir)
}

#[tokio::test]
async fn a_session_and_a_rule_make_a_viewer_or_an_admin() {
    let (site, _secrets) = site().await;
    let now = crate::support::token::now();
    let viewer = site
        .acme
        .token()
        .sub("vera")
        .claim("groups", json!(["staff"]));
    let admin = site.acme.token().sub("ada").claim("email", "ada@acme.test");
    let admin = admin.claim("email_verified", true).claim("auth_time", now);
    let admin = admin.claim("groups", json!(["gateway-admins"])).sign();
    let viewer = viewer.sign();

    // By a token that is pasted.
    let page = site.gateway.admin("/dashboard/login").await;
    assert!(page.contains("Admin token or JWT"), "{}", page.text());
    let ada = sign_in(&site, &format!("token={admin}"), &[]).await;
    let cookie = ada.field("set-cookie").unwrap();
    assert!(
        cookie.contains("HttpOnly") && !cookie.contains("Secure"),
        "{cookie}"
    );
    let ada = held(&ada);
    let shown = page_of(&site, "/dashboard/external/issuer/acme", &ada).await;
    assert!(shown.contains("(admin)"), "{}", shown.text());
    let vera = held(&sign_in(&site, &format!("token={viewer}"), &[]).await);
    let page = page_of(&site, "/dashboard/external/issuer/acme", &vera).await;
    assert!(page.contains("(viewer)"), "{}", page.text());

    // An admin changes something, and the audit says who it was.
    let path = "/dashboard/external/issuer/globex/enabled";
    let off = |page: &Message| format!("csrf={}&enabled=false&confirmed=true", csrf(page));
    let origin = origin(&site);
    let fields = [("Origin", origin.as_str()), ("Cookie", vera.as_str())];
    let refused = form(&site.gateway, path, &fields, &off(&page)).await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    let fields = [("Origin", origin.as_str()), ("Cookie", ada.as_str())];
    let forged = form(&site.gateway, path, &fields, &off(&page)).await;
    assert_eq!(forged.status(), 403, "another session's form");
    let changed = form(&site.gateway, path, &fields, &off(&shown)).await;
    assert_eq!(changed.status(), 303, "{}", changed.text());
    let audit = api(&site, "GET", "/admin/api/audit?action=issuer.", OPS, "").await;
    let record = audit.json()["records"][0].clone();
    assert_eq!(record["actor"], "ada@acme.test", "{record}");
    assert_eq!(record["detail"]["actor_issuer"], "acme");
    assert!(record["detail"]["actor_user"].is_string() && record["detail"]["from"].is_string());

    // The same decision for the admin API.
    for (token, method, path, body, status) in [
        (&viewer, "GET", "/admin/api/users", "", 200),
        (&viewer, "POST", "/admin/api/keys/rotate", "{}", 403),
        (&admin, "POST", "/admin/api/keys/rotate", "{}", 200),
    ] {
        let answer = api(&site, method, path, token, body).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
    }

    // Logging out ends the dashboard's session, and not the user's.
    let body = format!(
        "csrf={}",
        csrf(&page_of(&site, "/dashboard/users", &vera).await)
    );
    let fields = [("Origin", origin.as_str()), ("Cookie", vera.as_str())];
    let out = form(&site.gateway, "/dashboard/logout", &fields, &body).await;
    assert_eq!(out.status(), 303);
    assert_eq!(
        page_of(&site, "/dashboard/users", &vera).await.status(),
        303
    );
    site.passes(&viewer).await;
}

#[tokio::test]
async fn a_browser_continues_with_its_session_until_that_ends() {
    let (site, _secrets) = site().await;
    let token = site.acme.token().claim("groups", json!(["staff"])).sign();
    let external = format!("acme_token={token}");
    let answer = site.gateway.get("/", &[("Cookie", &external)]).await;
    let own = answer.field("set-cookie").unwrap();
    let own = own.split(';').next().unwrap().to_owned();

    // Neither a page of another origin nor a link signs anybody in.
    let page = page_of(&site, "/dashboard/login", &own).await;
    assert!(page.contains("Continue with my session"), "{}", page.text());
    let path = "/dashboard/login/session";
    for fields in [
        vec![("Cookie", own.as_str()), ("Origin", "https://evil.example")],
        vec![("Cookie", own.as_str())],
    ] {
        let forged = form(&site.gateway, path, &fields, "").await;
        assert_eq!((forged.status(), forged.field("set-cookie")), (403, None));
    }
    let nobody = continued(&site, "other=1").await;
    assert_eq!((nobody.status(), nobody.field("set-cookie")), (401, None));

    for cookie in [&own, &external] {
        let vera = held(&continued(&site, cookie).await);
        assert_eq!(
            page_of(&site, "/dashboard/users", &vera).await.status(),
            200
        );
    }
    let (vera, left) = (
        held(&continued(&site, &own).await),
        held(&continued(&site, &external).await),
    );
    let sessions = api(&site, "GET", "/admin/api/sessions", OPS, "")
        .await
        .json();
    let sid = sessions["sessions"][0]["sid"].as_str().unwrap().to_owned();
    let revoke = format!("/admin/api/sessions/{sid}/revoke");
    assert!(api(&site, "POST", &revoke, OPS, "{}").await.status() < 300);
    for cookie in [&vera, &left] {
        let page = page_of(&site, "/dashboard/users", cookie).await;
        let login = "/dashboard/login?return_to=%2Fdashboard%2Fusers";
        assert_eq!(page.field("location").as_deref(), Some(login));
    }
    assert_eq!(continued(&site, &own).await.status(), 401);
}

#[tokio::test]
async fn nobody_else_is_an_operator_and_nobody_stays_one() {
    let (site, _secrets) = site().await;
    let staff = |site: &TestGateway| {
        site.acme
            .token()
            .sub("vera")
            .claim("groups", json!(["staff"]))
    };
    let vera = staff(&site).sign();
    let seen = site.passes(&vera).await;
    let ours = site.upstream.last().bearer().unwrap();
    let guest = site
        .acme
        .token()
        .sub("gus")
        .claim("groups", json!(["guests"]))
        .sign();
    let of_another = site.globex.token().claim("groups", json!(["staff"])).sign();
    let expired = staff(&site).expires_in(-3600).sign();
    let now = crate::support::token::now();
    let stale = site.acme.token().claim("auth_time", now - 9 * 3600);
    let stale = stale
        .sub("old")
        .claim("groups", json!(["gateway-admins"]))
        .sign();
    for (token, status) in [
        (&vera, 303),
        (&guest, 403),
        (&of_another, 403),
        (&stale, 403),
        (&expired, 401),
        // What upstream servers get makes nobody an operator.
        (&ours, 401),
    ] {
        let answer = sign_in(&site, &format!("token={token}"), &[]).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(answer.field("set-cookie").is_some(), status == 303);
    }
    let audit = api(
        &site,
        "GET",
        "/admin/api/audit?action=admin.refused",
        OPS,
        "",
    )
    .await;
    let record = audit.json()["records"][0].clone();
    assert_eq!(record["detail"]["reason"], "not_an_operator", "{record}");
    assert_eq!(record["detail"]["cause"], "claim_mismatch", "{record}");

    // The newest token of the login says something else.
    let cookie = held(&sign_in(&site, &format!("token={vera}"), &[]).await);
    let sid = "the-login-of-vera";
    let first = staff(&site).claim("sid", sid).sign();
    let login = held(&sign_in(&site, &format!("token={first}"), &[]).await);
    assert_eq!(
        page_of(&site, "/dashboard/users", &login).await.status(),
        200
    );
    let left = site.acme.token().sub("vera").claim("sid", sid);
    site.passes(
        &left
            .claim("groups", json!(["guests"]))
            .claim("iat", now + 1)
            .sign(),
    )
    .await;
    assert_eq!(
        page_of(&site, "/dashboard/users", &login).await.status(),
        303
    );
    assert_eq!(
        page_of(&site, "/dashboard/users", &cookie).await.status(),
        200
    );

    // The configuration does.
    site.gateway.configure(|config| {
        config["admin"]["sign_in"][0]["require"] = json!({"groups": {"any_of": ["others"]}});
    });
    let reloaded = api(&site, "POST", "/admin/api/config/reload", OPS, "{}").await;
    assert_eq!(reloaded.status(), 200, "{}", reloaded.text());
    assert_eq!(
        page_of(&site, "/dashboard/users", &cookie).await.status(),
        303
    );
    site.gateway.configure(|config| {
        config["admin"]["sign_in"][0]["require"] = json!({"groups": {"any_of": ["staff"]}});
    });
    api(&site, "POST", "/admin/api/config/reload", OPS, "{}").await;
    let cookie = held(&sign_in(&site, &format!("token={vera}"), &[]).await);

    // The user is blocked.
    let user = seen.claims["sub"].as_str().unwrap();
    let block = format!("/admin/api/users/{user}/blocked");
    let blocked = api(&site, "PUT", &block, OPS, r#"{"blocked": true}"#).await;
    assert!(blocked.status() < 300, "{}", blocked.text());
    assert_eq!(
        page_of(&site, "/dashboard/users", &cookie).await.status(),
        303
    );
}

/// The dashboard behind the gateway: whoever passes the route is known there, by a token that only
/// this route gives.
#[tokio::test]
async fn a_route_leads_to_the_dashboard() {
    let (site, _secrets) = site().await;
    let admin = site.gateway.admin;
    site.gateway.configure(|config| {
        config["upstreams"]["admin"] = json!({"servers": [admin.to_string()]});
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(
            json!({"path": "/dashboard", "upstream": "admin", "audience": "vestibule-admin"}),
        );
    });
    let reloaded = api(&site, "POST", "/admin/api/config/reload", OPS, "{}").await;
    assert_eq!(reloaded.status(), 200, "{}", reloaded.text());
    let staff = site.acme.token().claim("groups", json!(["staff"])).sign();
    let guest = site
        .acme
        .token()
        .sub("gus")
        .claim("groups", json!(["guests"]))
        .sign();
    let get = async |token: &str| {
        let field = format!("Bearer {token}");
        site.gateway
            .get("/dashboard/users", &[("Authorization", &field)])
            .await
    };
    let page = get(&staff).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    assert!(
        page.contains("(viewer)") && !page.contains("Log out"),
        "{}",
        page.text()
    );
    assert_eq!(get(&guest).await.status(), 403);

    // What an application got of this user does not lead there, even by this route.
    site.passes(&staff).await;
    let ours = site.upstream.last().bearer().unwrap();
    crate::support::token::remember_session_token(&ours);
    assert_eq!(get(&ours).await.status(), 401);

    // An operator's cookie passes on this route, and on no other.
    let ops = held(&sign_in(&site, &format!("token={OPS}"), &[]).await);
    let field = format!("Bearer {staff}");
    let fields = [("Authorization", field.as_str()), ("Cookie", ops.as_str())];
    let page = site.gateway.get("/dashboard/users", &fields).await;
    assert!(page.contains("(admin)"), "{}", page.text());
    site.gateway.get("/", &fields).await;
    assert_eq!(site.upstream.last().field("cookie"), None);
}

async fn sign_in(site: &TestGateway, body: &str, fields: &[(&str, &str)]) -> Message {
    let own = origin(site);
    let fields = [&[("Origin", own.as_str())], fields].concat();
    form(&site.gateway, "/dashboard/login", &fields, body).await
}

pub(super) async fn continued(site: &TestGateway, cookie: &str) -> Message {
    let own = origin(site);
    let fields = [("Origin", own.as_str()), ("Cookie", cookie)];
    form(&site.gateway, "/dashboard/login/session", &fields, "").await
}

pub(super) async fn page_of(site: &TestGateway, path: &str, cookie: &str) -> Message {
    let fields = [("Cookie", cookie)];
    site.gateway.admin_bytes("GET", path, &fields, "").await
}

async fn api(site: &TestGateway, method: &str, path: &str, token: &str, body: &str) -> Message {
    let bearer = format!("Bearer {token}");
    let fields = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    site.gateway.admin_bytes(method, path, &fields, body).await
}

fn origin(site: &TestGateway) -> String {
    format!("http://{}", site.gateway.admin)
}

/// What a browser sends back.
pub(super) fn held(answer: &Message) -> String {
    let cookie = answer.field("set-cookie");
    let cookie = cookie.unwrap_or_else(|| panic!("{} {}", answer.status(), answer.text()));
    cookie.split(';').next().unwrap().to_owned()
}

const OPS: &str = "the-token-of-the-operators";
