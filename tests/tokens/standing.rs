//! A token that holds, of a user or a login that does not: what a test of it says.

use serde_json::{Value, json};

use crate::support::{TestGateway, run};

async fn test(site: &TestGateway, token: &str) -> Value {
    let body = json!({ "token": token });
    let answer = site
        .gateway
        .admin_send("POST", "/admin/api/token/test", &[], &body)
        .await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

fn step<'a>(tested: &'a Value, name: &str) -> &'a Value {
    let mut steps = tested["steps"].as_array().unwrap().iter();
    let step = steps.find(|step| step["name"] == name);
    step.unwrap_or_else(|| panic!("no step {name} in {tested}"))
}

#[tokio::test]
async fn a_test_asks_about_user_and_session() {
    let site = TestGateway::start().await;
    let token = site.acme.token().claim("sid", "1").sign();
    let tested = test(&site, &token).await;
    assert_eq!(tested["valid"], true, "{tested}");
    assert_eq!(step(&tested, "user")["verdict"], "pass");
    assert_eq!(tested["content"]["claims"]["sid"], "1");
    assert_eq!(tested["content"]["header"]["alg"], "ES256");
    assert!(tested["content"]["expires_at"].is_string());
    // Nothing came of it.
    let users = site.gateway.admin("/admin/api/users").await.json();
    assert!(!users.to_string().contains("acme.test"), "{users}");

    site.passes(&token).await;
    let user = site.session().claims["sub"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", &*bearer), ("Content-Length", "0")];
    let out = site
        .gateway
        .request("POST", "/_vestibule/logout", &fields)
        .await;
    assert_eq!(out.status(), 204);
    let tested = test(&site, &token).await;
    assert_eq!(tested["valid"], false);
    assert_eq!(step(&tested, "user")["verdict"], "pass");
    assert_eq!(step(&tested, "session")["code"], "session_ended");
    let next = site.acme.token().claim("sid", "2").sign();
    assert_eq!(test(&site, &next).await["valid"], true);

    let block = json!({ "blocked": true });
    let path = format!("/admin/api/users/{user}/blocked");
    let blocked = site.gateway.admin_send("PUT", &path, &[], &block).await;
    assert_eq!(blocked.status(), 200);
    let tested = test(&site, &next).await;
    assert_eq!(tested["valid"], false);
    assert_eq!(step(&tested, "user")["code"], "user_blocked");

    // The command asks the same gateway, and says so when there is none.
    let arguments = ["token", "test", "--config", "config.yaml", "-"];
    let (code, output, errors) = run(site.gateway.dir(), &arguments, &next).await;
    assert_eq!(code, 1, "{output}{errors}");
    assert!(
        output.contains("user_blocked") && output.ends_with("\nrefused\n"),
        "{output}"
    );
    let arguments = ["token", "test", "--offline", "--config", "config.yaml", "-"];
    let (code, output, errors) = run(site.gateway.dir(), &arguments, &next).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert!(output.contains("claims: "), "{output}");
    assert!(output.ends_with("\naccepted\n"), "{output}");
}
