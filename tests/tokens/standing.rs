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

/// The file may have a change that is not in force yet: a test of it must not pass for one of the change.
#[tokio::test]
async fn the_command_says_whose_settings_decided() {
    let site =
        TestGateway::with(|config| config["server"]["reload_on_change"] = json!(false)).await;
    let token = site.acme.token().claim("aud", "api").sign();
    let online = ["token", "test", "--config", "config.yaml", "-"];
    let offline = ["token", "test", "--offline", "--config", "config.yaml", "-"];
    let (code, output, errors) = run(site.gateway.dir(), &online, &token).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert!(errors.contains("asked the gateway at http://"), "{errors}");
    assert!(errors.contains("`--offline` tests config.yaml"), "{errors}");
    assert!(!errors.contains("ATTENTION"), "{errors}");

    site.gateway
        .configure(|config| config["issuers"][0]["aud"] = json!("another"));
    let (code, output, errors) = run(site.gateway.dir(), &online, &token).await;
    assert_eq!(code, 0, "the gateway's settings: {output}{errors}");
    for part in ["ATTENTION", "(acme)", "`vestibule reload`"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    let (code, output, errors) = run(site.gateway.dir(), &offline, &token).await;
    assert_eq!(code, 1, "the file's settings: {output}{errors}");
    assert!(output.contains("aud_mismatch"), "{output}");
    assert!(!errors.contains("asked"), "{errors}");
}

#[tokio::test]
async fn without_a_gateway_the_command_says_why_it_asked_none() {
    let mut site = TestGateway::start().await;
    let token = site.acme.token().sign();
    site.gateway.sigterm();
    site.gateway.ended().await;
    let arguments = ["token", "test", "--config", "config.yaml", "-"];
    let (code, output, errors) = run(site.gateway.dir(), &arguments, &token).await;
    assert_eq!(code, 0, "{output}{errors}");
    assert!(output.ends_with("\naccepted\n"), "{output}");
    for part in ["no gateway was asked", "does not respond"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert!(!errors.contains("asked the gateway"), "{errors}");
}
