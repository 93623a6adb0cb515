//! Users and sessions by the admin API and the command line.

use serde_json::{Value, json};

use crate::support::{ACME, Message, TestGateway, run};

#[tokio::test]
async fn a_user_is_found_with_credentials_and_sessions() {
    let site = TestGateway::start().await;
    let ada = site.acme.token().sub("ada");
    let ada = ada
        .claim("email", "ada@example.com")
        .claim("email_verified", true);
    let session = site.passes(&ada.sign()).await.claims;
    site.passes(&site.acme.token().sub("bob").sign()).await;
    let id = session["sub"].as_str().unwrap();

    for query in ["ada@example.com", "ADA@example.com", "ada", id] {
        let found = get(&site, &format!("/admin/api/users?q={query}")).await;
        let users = found["users"].as_array().unwrap();
        assert_eq!(users.len(), 1, "{query}: {found}");
        assert_eq!(users[0]["id"], id, "{query}");
    }
    assert_eq!(
        get(&site, "/admin/api/users?q=nobody").await["users"],
        json!([])
    );

    let one = get(&site, &format!("/admin/api/users/{id}")).await;
    assert_eq!(one["user"]["credentials"][0]["public_identifier"], "ada");
    assert_eq!(one["user"]["credentials"][1]["email"], "ada@example.com");
    assert_eq!(one["sessions"][0]["sid"], session["sid"]);
    assert_eq!(one["sessions"][0]["state"], "open");
    let nobody = format!("/admin/api/users/{}", session["sid"].as_str().unwrap());
    assert_eq!(site.gateway.admin(&nobody).await.status(), 404);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let site = TestGateway::start().await;
    for sub in ["a", "b", "c"] {
        site.passes(&site.acme.token().sub(sub).sign()).await;
    }
    for (path, name) in [
        ("/admin/api/users", "users"),
        ("/admin/api/sessions", "sessions"),
    ] {
        let first = get(&site, &format!("{path}?limit=2")).await;
        assert_eq!(first[name].as_array().unwrap().len(), 2, "{first}");
        let next = first["next"].as_str().unwrap();
        let second = get(&site, &format!("{path}?limit=2&after={next}")).await;
        assert_eq!(second[name].as_array().unwrap().len(), 1, "{second}");
        assert_eq!(second["next"], Value::Null);
        let wrong = site.gateway.admin(&format!("{path}?after=!")).await;
        assert_eq!(wrong.status(), 400, "{}", wrong.text());
    }
}

#[tokio::test]
async fn a_revoked_session_is_refused_on_the_next_request() {
    let site = TestGateway::start().await;
    let (token, other) = (
        site.acme.token().sub("a").sign(),
        site.acme.token().sub("b").sign(),
    );
    let sid = site.passes(&token).await.claims["sid"]
        .as_str()
        .unwrap()
        .to_owned();
    site.passes(&other).await;
    let answer = post(&site, &format!("/admin/api/sessions/{sid}/revoke")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["state"], "ended");
    assert_eq!(answer.json()["ended"]["cause"], "operator");
    assert_eq!(site.present(&token).await.status(), 401);
    site.passes(&other).await;
    let unknown = post(
        &site,
        "/admin/api/sessions/00000000-0000-4000-8000-000000000000/revoke",
    );
    assert_eq!(unknown.await.status(), 404);

    // The platform's own form.
    let sid = site.session().claims["sid"].as_str().unwrap().to_owned();
    let path = format!("/api/v0/sessions/{sid}/revoke");
    let answer = site
        .gateway
        .admin_send("PUT", &path, &[], &Value::Null)
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(site.present(&other).await.status(), 401);
}

#[tokio::test]
async fn a_blocked_user_is_refused_until_unblocked() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sub("ada").claim("sid", "one").sign();
    let id = site.passes(&token).await.claims["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/admin/api/users/{id}/blocked");
    let block = async |blocked: bool| {
        let body = json!({"blocked": blocked});
        let answer = site.gateway.admin_send("PUT", &path, &[], &body).await;
        assert_eq!(answer.json()["blocked"], blocked, "{}", answer.text());
    };
    block(true).await;
    assert_ne!(site.present(&token).await.status(), 200);
    let fresh = site.acme.token().sub("ada").claim("sid", "two").sign();
    assert_ne!(site.present(&fresh).await.status(), 200);
    block(false).await;
    let later = site
        .acme
        .token()
        .sub("ada")
        .claim("sid", "three")
        .claim("iat", crate::support::now() + 1);
    assert_eq!(site.passes(&later.sign()).await.claims["sub"], id);
}

#[tokio::test]
async fn a_user_is_made_and_deleted_by_an_operator() {
    let site = TestGateway::start().await;
    let wanted = json!({"issuer": "acme", "external_id": "ada", "email": "ada@example.com"});
    let create = async |body: &Value| {
        site.gateway
            .admin_send("POST", "/admin/api/users", &[], body)
            .await
    };
    let made = create(&wanted).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(create(&wanted).await.status(), 409);
    let by_iss = json!({"issuer": ACME, "external_id": "bob"});
    assert_eq!(create(&by_iss).await.status(), 201);
    let unknown = json!({"issuer": "initech", "external_id": "ada"});
    assert_eq!(create(&unknown).await.status(), 422);
    for (external_id, email, field) in [
        (" ", Value::Null, "external_id"),
        (&*"x".repeat(513), Value::Null, "external_id"),
        ("eve", json!(""), "email"),
        ("eve", json!("not an address"), "email"),
        ("eve", json!(format!("{}@x.io", "x".repeat(3000))), "email"),
    ] {
        let fields = json!({"issuer": "acme", "external_id": external_id, "email": email});
        let refused = create(&fields).await;
        assert_eq!(refused.status(), 422, "{}", refused.text());
        assert_eq!(refused.json()["problems"][0]["field"], field);
    }
    // Without an address, and without the space around the name.
    for name in [" eve ", "fay"] {
        let spaced = json!({"issuer": "acme", "external_id": name, "email": null});
        let made = create(&spaced).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        let credentials = made.json()["credentials"].clone();
        assert_eq!(credentials.as_array().unwrap().len(), 1, "{credentials}");
        assert_eq!(credentials[0]["public_identifier"], name.trim());
    }

    let token = site.acme.token().sub("ada").sign();
    assert_eq!(site.passes(&token).await.claims["sub"], id.as_str());
    let path = format!("/admin/api/users/{id}");
    let gone = site
        .gateway
        .admin_send("DELETE", &path, &[], &Value::Null)
        .await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    assert_ne!(site.present(&token).await.status(), 200);
    assert_eq!(site.gateway.admin(&path).await.status(), 404);
}

#[tokio::test]
async fn what_operators_did_is_in_the_audit() {
    let site = TestGateway::start().await;
    let session = site.passes(&site.acme.token().sign()).await.claims;
    let (sid, user) = (
        session["sid"].as_str().unwrap(),
        session["sub"].as_str().unwrap(),
    );
    post(&site, &format!("/admin/api/sessions/{sid}/revoke")).await;
    post(&site, &format!("/admin/api/users/{user}/sign-out")).await;
    let audit = get(&site, "/admin/api/audit").await;
    let records = audit["records"].as_array().unwrap();
    assert_eq!(records[0]["action"], "user.sign_out");
    assert_eq!(records[0]["target"], user);
    assert_eq!(records[1]["action"], "session.revoke");
    assert_eq!(records[1]["target"], sid);
    assert_eq!(records[1]["detail"]["user"], user);
}

#[tokio::test]
async fn signing_keys_are_listed_without_their_private_halves() {
    let site = TestGateway::start().await;
    let answer = site.gateway.admin("/admin/api/keys").await;
    assert_eq!(answer.json()["keys"][0]["state"], "current");
    assert_eq!(answer.json()["keys"][0]["algorithm"], "ES256");
    assert_eq!(answer.json()["keys"][0]["signs"], true);
    assert!(!answer.contains("private"));
}

#[tokio::test]
async fn signing_keys_are_rotated_and_revoked() {
    let site = TestGateway::start().await;
    let token = site.acme.token().claim("sid", "one").sign();
    let first = site.passes(&token).await.header["kid"].clone();
    let rotate = async |body: Value| {
        let path = "/admin/api/keys/rotate";
        site.gateway.admin_send("POST", path, &[], &body).await
    };
    let prepared = rotate(json!({})).await;
    assert_eq!(prepared.status(), 200, "{}", prepared.text());
    assert_eq!(states(&prepared), ["current", "next"]);
    let rotated = rotate(json!({"at_once": true})).await;
    assert_eq!(states(&rotated), ["current", "retired"]);
    let next = site.acme.token().claim("sid", "two").sign();
    assert_ne!(site.passes(&next).await.header["kid"], first);
    site.passes(&token).await;

    let path = format!("/admin/api/keys/{}/revoke", first.as_str().unwrap());
    let revoked = post(&site, &path).await;
    assert_eq!(states(&revoked), ["current"], "{}", revoked.text());
    assert_eq!(site.present(&token).await.status(), 401);
    assert_eq!(post(&site, &path).await.status(), 404);
    let audit = get(&site, "/admin/api/audit").await;
    assert_eq!(audit["records"][0]["action"], "key.revoke");
    assert_eq!(audit["records"][1]["detail"]["at_once"], true);

    let arguments = ["keys", "rotate", "--at-once"];
    let (code, output, errors) = run(site.gateway.dir(), &arguments, "").await;
    assert_eq!(code, 0, "{errors}");
    assert!(
        output.contains("retired") && output.contains("current"),
        "{output}"
    );
}

#[tokio::test]
async fn the_command_line_finds_users_and_ends_sessions() {
    let site = TestGateway::start().await;
    let token = site.acme.token().sub("ada").sign();
    let session = site.passes(&token).await.claims;
    let (sid, user) = (
        session["sid"].as_str().unwrap(),
        session["sub"].as_str().unwrap(),
    );
    let command = async |arguments: &[&str]| run(site.gateway.dir(), arguments, "").await;
    let said = async |arguments: &[&str], parts: &[&str]| {
        let (code, output, errors) = command(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        for part in parts {
            assert!(
                output.contains(part),
                "{arguments:?} does not say {part:?}:\n{output}"
            );
        }
    };
    said(&["users", "list", "ada"], &[user, "ada"]).await;
    said(&["users", "show", user], &["externalUser", "open", sid]).await;
    said(
        &["sessions", "list", "--user", user],
        &[sid, "open", "acme"],
    )
    .await;
    said(&["keys", "list"], &["ES256", "current"]).await;
    said(&["sessions", "revoke", sid], &["ended"]).await;
    assert_eq!(site.present(&token).await.status(), 401);
    said(&["users", "block", user], &["blocked"]).await;
    said(&["users", "unblock", user], &[user]).await;
    said(
        &[
            "users",
            "create",
            "--issuer",
            "acme",
            "--external-id",
            "bob",
        ],
        &["bob"],
    )
    .await;
    said(&["users", "sign-out", user], &[]).await;
    said(&["users", "delete", user], &[]).await;
    let (code, _, errors) = command(&["users", "show", user]).await;
    assert_eq!(code, 1);
    assert!(errors.contains("not_found"), "{errors}");
}

async fn get(site: &TestGateway, path: &str) -> Value {
    let answer = site.gateway.admin(path).await;
    assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

async fn post(site: &TestGateway, path: &str) -> Message {
    site.gateway
        .admin_send("POST", path, &[], &Value::Null)
        .await
}

/// Sorted, because keys made in one second have no order of their own.
fn states(answer: &Message) -> Vec<String> {
    let body = answer.json();
    let keys = body["keys"].as_array().unwrap().iter();
    let mut states: Vec<_> = keys
        .map(|key| key["state"].as_str().unwrap().to_owned())
        .collect();
    states.sort();
    states
}
