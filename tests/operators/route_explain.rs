//! `vestibule route explain`, the operation behind it and its page: what they say of a request is what
//! becomes of it.

use serde_json::{Value, json};

use crate::support::{Pages, TestGateway, run};

fn configure(config: &mut Value) {
    config["server"] = json!({"health_path": "/up"});
    config["routes"].as_array_mut().unwrap().extend([
        json!({"path": "/agents", "upstream": "app", "resource": {"any_audience": true}}),
        json!({"path": "/staff", "upstream": "app", "require": {"role": "staff"}}),
        json!({"path": "/form", "upstream": "app", "auth": "none", "methods": ["POST"]}),
        json!({"path": "/old", "upstream": "app", "auth": "none", "replace_prefix": "/new",
               "exact": true, "rate_per_client": "100/1m"}),
    ]);
}

/// Routes that do not look for tokens in `Authorization`, where upstreams have something of their own.
fn configure_unread(config: &mut Value) {
    config["forward"] = json!({"header": "X-Session"});
    config["routes"].as_array_mut().unwrap().extend([
        json!({"path": "/basic", "upstream": "app", "authorization": "ignore"}),
        json!({"path": "/maybe", "upstream": "app", "auth": "optional", "authorization": "ignore"}),
    ]);
}

async fn site() -> TestGateway {
    TestGateway::with(configure).await
}

async fn explained(site: &TestGateway, method: &str, url: &str, token: Option<&str>) -> Value {
    let question = json!({"method": method, "url": url, "token": token}).to_string();
    let json = [("Content-Type", "application/json")];
    let path = "/admin/api/routes/explain";
    let answer = site
        .gateway
        .admin_bytes("POST", path, &json, &question)
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// The code of the check that fails; the route that was found.
fn said(answer: &Value) -> (Value, Value) {
    let steps = answer["steps"].as_array().unwrap();
    let failed = steps.iter().find(|step| step["verdict"] == "fail");
    let code = failed.map_or(Value::Null, |step| step["code"].clone());
    (answer["route"].clone(), code)
}

#[tokio::test]
async fn what_is_said_of_a_request_is_what_becomes_of_it() {
    let site = TestGateway::with(|config| {
        configure(config);
        configure_unread(config);
    })
    .await;
    let user = site.acme.token().sub("ada").sign();
    let staff = site.acme.token().sub("bob").claim("role", "staff").sign();
    let late = site.acme.token().expires_in(-900).sign();
    let token = |token| Some(token);
    let with_token = format!("/open?t={user}");
    for (method, path, token, route, code) in [
        ("GET", "/", None, json!("/"), json!("token_missing")),
        ("GET", "/a?b=c", token(&user), json!("/"), Value::Null),
        ("GET", "/", token(&late), json!("/"), json!("expired")),
        ("GET", "/open/x", None, json!("/open"), Value::Null),
        ("GET", "/optional", None, json!("/optional"), Value::Null),
        (
            "GET",
            "/staff",
            token(&user),
            json!("/staff"),
            json!("claim_absent"),
        ),
        (
            "GET",
            "/staff/x",
            token(&staff),
            json!("/staff"),
            Value::Null,
        ),
        ("POST", "/form", None, json!("/form"), Value::Null),
        (
            "GET",
            "/form",
            None,
            Value::Null,
            json!("method_not_served"),
        ),
        (
            "GET",
            "/a/../b",
            token(&user),
            Value::Null,
            json!("path_dot_segment"),
        ),
        ("GET", "/up", None, Value::Null, Value::Null),
        ("POST", "/up", None, json!("/"), json!("token_missing")),
        (
            "GET",
            "/basic",
            token(&user),
            json!("/basic"),
            json!("token_missing"),
        ),
        ("GET", "/maybe", token(&user), json!("/maybe"), Value::Null),
        (
            "GET",
            &*with_token,
            None,
            json!("/open"),
            json!("token_in_query"),
        ),
        (
            "GET",
            "/.well-known/oauth-protected-resource/agents",
            None,
            Value::Null,
            Value::Null,
        ),
        (
            "GET",
            "/_vestibule//.well-known/jwks.json",
            None,
            Value::Null,
            json!("path_empty_segment"),
        ),
        (
            "GET",
            "/_vestibule/.well-known%2Fjwks.json",
            None,
            Value::Null,
            json!("path_escaped_slash"),
        ),
        (
            "BREW",
            "/open",
            None,
            Value::Null,
            json!("method_not_served"),
        ),
    ] {
        let answer = explained(&site, method, path, token.map(String::as_str)).await;
        assert_eq!(said(&answer), (route, code), "{method} {path}: {answer}");
        let bearer = token.map(|token| format!("Bearer {token}"));
        let fields: Vec<_> = bearer
            .iter()
            .map(|it| ("Authorization", it.as_str()))
            .collect();
        let status = site.gateway.request(method, path, &fields).await.status();
        assert_eq!(
            answer["passes"] == true,
            status == 200,
            "{method} {path}: {status}"
        );
    }
    let rewritten = explained(&site, "GET", "/old", None).await;
    assert_eq!(rewritten["upstream_path"], "/new");
    assert!(
        rewritten["in_addition"][0]
            .as_str()
            .unwrap()
            .contains("rates")
    );
    let own = explained(&site, "GET", "/_vestibule/jwks.json", None).await;
    assert_eq!(
        (&own["passes"], &own["route"]),
        (&json!(true), &Value::Null)
    );
}

#[tokio::test]
async fn a_route_is_looked_for_where_the_request_would_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("inside.sock").display());
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"name": "outside"}, {"name": "inside", "address": socket}]);
        config["routes"].as_array_mut().unwrap().extend([
            json!({"path": "/inner", "upstream": "app", "auth": "none", "listeners": ["inside"]}),
        ]);
    })
    .await;
    let ask = async |listener: Value| {
        let question = json!({"method": "GET", "url": "/inner", "listener": listener}).to_string();
        let json = [("Content-Type", "application/json")];
        let path = "/admin/api/routes/explain";
        let gateway = &site.gateway;
        gateway.admin_bytes("POST", path, &json, &question).await
    };
    let outside = ask(json!("outside")).await.json();
    assert_eq!(said(&outside), (Value::Null, json!("other_listener")));
    assert_eq!(site.gateway.get("/inner", &[]).await.status(), 404);
    let inside = ask(json!("inside")).await.json();
    assert_eq!(said(&inside), (json!("/inner"), Value::Null));
    let any = ask(Value::Null).await.json();
    assert_eq!(
        (&any["passes"], &any["listener"]),
        (&json!(true), &json!("inside"))
    );
    let only = any["in_addition"].to_string();
    assert!(
        only.contains("`inside`: at `outside` it is refused"),
        "{any}"
    );
    let missing = ask(json!("elsewhere")).await;
    assert_eq!(missing.status(), 400, "{}", missing.text());
}

/// Routes go by header fields, so questions have them.
#[tokio::test]
async fn a_question_has_the_fields_that_routes_go_by() {
    let site = TestGateway::with(|config| {
        config["routes"].as_array_mut().unwrap().extend([
            json!({"path": "/v", "upstream": "app", "auth": "none"}),
            json!({"path": "/v", "name": "v2", "upstream": "app", "auth": "none",
                   "match": {"headers": {"X-Version": "2"}}}),
        ]);
    })
    .await;
    let ask = async |headers: Value| {
        let question = json!({"method": "GET", "url": "/v", "headers": headers});
        let path = "/admin/api/routes/explain";
        site.gateway.admin_send("POST", path, &[], &question).await
    };
    for (headers, route) in [
        (json!([]), "/v"),
        (json!(["x-version: 2"]), "v2"),
        (json!(["X-Version: 3"]), "/v"),
        (json!(["X-Version: 2", "X-Version: 2"]), "/v"),
    ] {
        let answer = ask(headers.clone()).await.json();
        assert_eq!(said(&answer), (json!(route), Value::Null), "{headers}");
    }
    let looped = ask(json!([format!(
        "CDN-Loop: {}",
        ["vestibule"; 64].join(", ")
    )]))
    .await;
    assert_eq!(said(&looped.json()), (Value::Null, json!("request_loop")));
    for (headers, said) in [
        (json!(["X-Version"]), "Name: value"),
        (json!(["Host: a"]), "address"),
        (json!(["Authorization: Bearer a"]), "token"),
        (json!(vec!["a: b"; 65]), "64"),
    ] {
        let refused = ask(headers).await;
        assert_eq!(refused.status(), 400);
        assert!(refused.contains(said), "{}", refused.text());
    }

    let dir = site.gateway.dir();
    let question = ["route", "explain", "GET", "/v", "--header", "X-Version: 2"];
    let (code, output, errors) = run(dir, &question, "").await;
    assert_eq!(code, 0, "{errors}");
    assert!(output.contains("route v2 to"), "{output}");
    let pages = Pages::of(&site.gateway);
    let asked = [
        ("method", "GET"),
        ("url", "/v"),
        ("headers", "\r\nX-Version: 2\r\n"),
    ];
    let page = pages
        .submit("/dashboard/routes", "/dashboard/routes/explain", &asked)
        .await;
    assert!(page.contains("<code>v2</code>"), "{}", page.text());
}

#[tokio::test]
async fn a_question_opens_no_session_and_knows_those_that_ended() {
    let site = site().await;
    let token = site.acme.token().sub("ada").sign();
    let answer = explained(&site, "GET", "/", Some(&token)).await;
    assert_eq!(answer["passes"], true, "{answer}");
    let users = site.gateway.admin("/admin/api/users").await.json();
    assert_eq!(users["users"], json!([]));
    let session = site.passes(&token).await;
    let sid = session.claims["sid"].as_str().unwrap();
    let pages = Pages::of(&site.gateway);
    let revoke = format!("/dashboard/sessions/{sid}/revoke");
    pages.submit("/dashboard/sessions", &revoke, &[]).await;
    let answer = explained(&site, "GET", "/", Some(&token)).await;
    assert_eq!(said(&answer).1, "session_ended", "{answer}");
    assert_eq!(site.present(&token).await.status(), 401);
}

#[tokio::test]
async fn the_command_and_the_page_say_the_same() {
    let site = site().await;
    let token = site.acme.token().sub("ada").sign();
    let dir = site.gateway.dir();
    let ask = ["route", "explain", "get", "/staff", "--token", "-"];
    let (code, output, errors) = run(dir, &ask, &token).await;
    assert_eq!(code, 1, "{errors}");
    for part in [
        "route /staff to the upstream app",
        "FAIL claim_absent",
        "`role` is staff",
        "refused",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let staff = site.acme.token().claim("role", "staff").sign();
    let (code, output, errors) = run(dir, &ask, &staff).await;
    assert_eq!(
        (code, output.lines().last()),
        (0, Some("passes")),
        "{errors}"
    );
    let (code, _, errors) = run(dir, &["route", "explain", "GET", "staff"], "").await;
    assert_eq!(code, 1);
    assert!(errors.contains("has to start with"), "{errors}");

    let pages = Pages::of(&site.gateway);
    let asked = [
        ("method", "GET"),
        ("url", "/staff"),
        ("token", token.as_str()),
    ];
    let on = "/dashboard/routes";
    let page = pages.submit(on, "/dashboard/routes/explain", &asked).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    for part in [
        "claim_absent",
        ">refused<",
        "<code>role</code> is staff",
        "100/1m per client",
    ] {
        assert!(page.contains(part), "{part}: {}", page.text());
    }
}

#[tokio::test]
async fn a_route_for_bound_sessions_says_so() {
    for (session, said) in [
        (json!({"cookie": true, "device_bound": "required"}), true),
        (json!({"cookie": true}), false),
    ] {
        let site = TestGateway::with(|config| config["session"] = session).await;
        let token = site.acme.token().sub("ada").sign();
        let answer = explained(&site, "GET", "/", Some(&token)).await;
        let more = answer["in_addition"].to_string();
        assert_eq!(more.contains("bound to its device"), said, "{answer}");
    }
}
