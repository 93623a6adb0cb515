//! Session tokens by assertions: the identity assertion grant (ID-JAG) and the JWT bearer grant.

use serde_json::{Value, json};

use crate::api::oauth::{exchange, granted};
use crate::support::token::{TokenBuilder, now};
use crate::support::{Key, TestGateway, decode};

mod gateway;

use gateway::{AssertionGateway, OTHER_SECRET, SECRET};

#[tokio::test]
async fn an_identity_assertion_gives_a_token_for_its_resource() {
    let site = AssertionGateway::start(|_| {}).await;
    let act = json!({ "sub": "agent-7", "act": { "sub": "agent-1" } });
    let assertion = site
        .assertion()
        .claim("act", act.clone())
        .claim("scope", "tools:read root");
    let answer = site.present(&assertion.sign()).await;
    assert!(answer.json().get("issued_token_type").is_none());
    let body = granted(&answer);
    assert_eq!(body["scope"], "tools:read");
    assert!((1..=3600).contains(&body["expires_in"].as_u64().unwrap()));
    let token = body["access_token"].as_str().unwrap();
    let claims = decode(token).claims;
    assert_eq!(claims["aud"], site.resource());
    assert_eq!(claims["client_id"], "agent");
    assert_eq!(claims["act"], act);
    assert_eq!(claims["scope"], "tools:read");
    let bearer = format!("Bearer {token}");
    let by = [("Authorization", &*bearer)];
    let passed = site.gateway.gateway.get("/mcp", &by).await;
    assert_eq!(passed.status(), 200, "{}", passed.text());
    let seen = site.gateway.session().claims;
    for claim in ["sub", "sid", "aud", "client_id", "act", "scope"] {
        assert_eq!(seen[claim], claims[claim], "{claim}");
    }
    // What needs another scope, another resource, or nothing but a login.
    let narrow = site.gateway.gateway.get("/mcp/write", &by).await;
    assert_eq!(narrow.status(), 401, "{}", narrow.text());
    assert_eq!(site.gateway.gateway.get("/", &by).await.status(), 401);
    // The user is the one of the issuer's logins.
    let login = site.gateway.passes(&site.gateway.acme.token().sign()).await;
    assert_eq!(login.claims["sub"], claims["sub"]);
    assert_ne!(login.claims["sid"], claims["sid"]);
    // Who acts is not lost when the token is narrowed.
    let token = site
        .token(
            &site
                .assertion()
                .without("resource")
                .claim("act", act.clone()),
        )
        .await;
    let narrowed = granted(&exchange(&site.gateway, &token, &[("scope", "tools:read")]).await);
    let narrowed = decode(narrowed["access_token"].as_str().unwrap()).claims;
    assert_eq!(
        (&narrowed["act"], &narrowed["client_id"]),
        (&act, &json!("agent"))
    );
}

/// What an access list adds to a session, an assertion can name like any other scope.
#[tokio::test]
async fn an_assertion_gives_the_scope_of_an_access_list() {
    let environment = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
    let site = AssertionGateway::start(|config| config["environment_id"] = json!(environment));
    let site = site.await;
    let send = async |method: &str, path: &str, body: &Value| {
        let gateway = &site.gateway.gateway;
        let answer = gateway.admin_send(method, path, &[], body).await;
        assert!(answer.status() < 300, "{}", answer.text());
        answer.json()
    };
    let lists = format!("/api/v0/environments/{environment}/allowlists");
    let list = json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" });
    let list = send("POST", &lists, &list).await;
    let list = format!("/api/v0/allowlists/{}", list["id"].as_str().unwrap());
    let entry = json!({ "externalUserId": "ada", "issuer": "acme" });
    send("POST", &format!("{list}/entries"), &entry).await;
    send("PUT", &format!("{list}/enable"), &Value::Null).await;
    let of = |sub: &str, scope: &str| site.assertion().sub(sub).claim("scope", scope);
    let body = granted(&site.present(&of("ada", "beta:use root").sign()).await);
    assert_eq!(body["scope"], "beta:use");
    let of_bob = of("bob", "beta:use").sign();
    for assertion in [&of_bob, &of("ada", "root").sign()] {
        let refused = site.present(assertion).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        assert_eq!(refused.json()["error"], "invalid_scope");
    }
    // What brought nothing is not used up.
    let entry = json!({ "externalUserId": "bob", "issuer": "acme" });
    send("POST", &format!("{list}/entries"), &entry).await;
    let body = granted(&site.present(&of_bob).await);
    assert_eq!(body["scope"], "beta:use");
    let again = site.present(&of_bob).await;
    site.refuses(&again, "invalid_grant", "assertion_replayed")
        .await;
}

#[tokio::test]
async fn every_claim_of_an_identity_assertion_counts() {
    let site = AssertionGateway::start(|_| {}).await;
    let elsewhere = "https://elsewhere.test";
    let iss = site.iss();
    for (change, reason) in [
        (
            &(|it: TokenBuilder| it) as &dyn Fn(TokenBuilder) -> TokenBuilder,
            None,
        ),
        (&|it| it.claim("aud", json!([iss])), None),
        (&|it| it.header("typ", "application/OAuth-ID-JAG+jwt"), None),
        (
            &|it| it.claim("aud", json!([iss, elsewhere])),
            Some("aud_mismatch"),
        ),
        (&|it| it.claim("aud", elsewhere), Some("aud_mismatch")),
        (&|it| it.without("aud"), Some("aud_missing")),
        (&|it| it.without("jti"), Some("jti_missing")),
        (&|it| it.without("iat"), Some("iat_missing")),
        (&|it| it.without("exp"), Some("exp_missing")),
        (&|it| it.expires_in(-60), Some("expired")),
        (&|it| it.expires_in(3600), Some("assertion_too_long")),
        (
            &|it| it.without("client_id"),
            Some("assertion_of_another_client"),
        ),
        (
            &|it| it.claim("client_id", "other"),
            Some("assertion_of_another_client"),
        ),
        (
            &|it| it.claim("cnf", json!({ "jkt": "x" })),
            Some("cnf_present"),
        ),
        (
            &|it| it.claim("act", "agent"),
            Some("assertion_actor_invalid"),
        ),
        (
            &|it| it.claim("act", json!({ "sub": "x".repeat(2000) })),
            Some("assertion_actor_invalid"),
        ),
        (
            &|it| it.forged_by(&Key::p256("x")),
            Some("signature_invalid"),
        ),
    ] {
        let id = format!("{reason:?}{}", now());
        let assertion = change(site.assertion().claim("marker", id)).sign();
        let answer = site.present(&assertion).await;
        match reason {
            None => drop(granted(&answer)),
            Some(reason) => site.refuses(&answer, "invalid_grant", reason).await,
        }
    }
    // Of an issuer that is not named.
    let other = site.gateway.globex.token();
    let other = site.made_of(other).sign();
    let answer = site.present(&other).await;
    site.refuses(&answer, "invalid_grant", "assertion_issuer_not_accepted")
        .await;
    for (claim, value, error) in [
        (
            "resource",
            json!("https://elsewhere.test"),
            "invalid_target",
        ),
        ("resource", json!(7), "invalid_target"),
        ("scope", json!("root"), "invalid_scope"),
        ("scope", json!(["tools:read"]), "invalid_scope"),
    ] {
        let assertion = site.assertion().claim(claim, value).sign();
        let answer = site.present(&assertion).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]),
            (400, &json!(error)),
            "{claim}"
        );
        // It brought nothing, so it was not used up; and it is no login.
        site.gateway.refuses(&assertion, "type_not_accepted").await;
    }
}

#[tokio::test]
async fn an_assertion_is_good_once_and_for_its_client() {
    let site = AssertionGateway::start(|_| {}).await;
    let assertion = site.assertion().sign();
    for (secret, status) in [(None, 401), (Some("wrong"), 401), (Some(SECRET), 200)] {
        let answer = site.present_by(&assertion, "agent", secret, &[]).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
        match status {
            200 => drop(granted(&answer)),
            _ => assert_eq!(answer.json()["error"], "invalid_client"),
        }
    }
    let again = site.present(&assertion).await;
    site.refuses(&again, "invalid_grant", "assertion_replayed")
        .await;
    let other = site.assertion().claim("client_id", "billing").sign();
    let answer = site.present(&other).await;
    site.refuses(&answer, "invalid_grant", "assertion_of_another_client")
        .await;
    let answer = site
        .present_by(&other, "billing", Some(OTHER_SECRET), &[])
        .await;
    granted(&answer);
}

#[tokio::test]
async fn a_request_asks_for_a_part_of_what_the_assertion_gives() {
    let site = AssertionGateway::start(|config| {
        let root = json!({
            "path": "/root", "upstream": "app", "resource": { "name": "https://root.test" },
        });
        config["routes"].as_array_mut().unwrap().push(root);
    })
    .await;
    let resource = site.resource();
    let both = json!([resource, "https://write.test/write"]);
    for (claim, asked, expected) in [
        (
            json!(resource),
            &[("resource", &*resource)][..],
            Ok((&*resource, "tools:read tools:write")),
        ),
        (
            json!(resource),
            &[("scope", "tools:write")],
            Ok((&resource, "tools:write")),
        ),
        (
            json!(resource),
            &[("resource", "https://write.test/write")],
            Err("invalid_target"),
        ),
        (
            json!(resource),
            &[("scope", "user:basic")],
            Err("invalid_scope"),
        ),
        (both.clone(), &[], Err("invalid_target")),
        (
            both,
            &[("resource", "https://write.test/write")],
            Ok(("https://write.test/write", "tools:read tools:write")),
        ),
        (
            Value::Null,
            &[("resource", &*resource)],
            Ok((&resource, "tools:read tools:write")),
        ),
        (
            Value::Null,
            &[("resource", "https://elsewhere.test")],
            Err("invalid_target"),
        ),
        // URL libraries write the path that is the root.
        (
            json!("https://root.test/"),
            &[],
            Ok(("https://root.test", "tools:read tools:write")),
        ),
        (
            json!("https://root.test"),
            &[("resource", "https://root.test/")],
            Ok(("https://root.test", "tools:read tools:write")),
        ),
        (
            json!(["https://root.test/", "https://root.test"]),
            &[],
            Ok(("https://root.test", "tools:read tools:write")),
        ),
        (
            json!("https://write.test/write/"),
            &[],
            Err("invalid_target"),
        ),
    ] {
        let assertion = site.assertion().claim("resource", claim).sign();
        let answer = site
            .present_by(&assertion, "agent", Some(SECRET), asked)
            .await;
        match expected {
            Ok((audience, scope)) => {
                let token = granted(&answer);
                let claims = decode(token["access_token"].as_str().unwrap()).claims;
                assert_eq!(
                    (&claims["aud"], &claims["scope"]),
                    (&json!(audience), &json!(scope))
                );
            }
            Err(error) => {
                assert_eq!(answer.status(), 400, "{asked:?}: {}", answer.text());
                assert_eq!(answer.json()["error"], error, "{asked:?}");
            }
        }
    }
}

#[tokio::test]
async fn the_plain_grant_is_there_where_it_is_configured() {
    let site = AssertionGateway::start(|config| {
        config["grants"]["jwt_bearer"] = json!({ "issuers": ["acme"] });
    })
    .await;
    let plain = || {
        let token = site.gateway.acme.token().claim("aud", site.iss());
        token
            .claim("iat", now())
            .claim("jti", format!("p{}", uuid::Uuid::new_v4()))
            .expires_in(300)
    };
    let assertion = plain().sign();
    let answer = site.present_by(&assertion, "", None, &[]).await;
    let token = granted(&answer)["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(decode(&token).claims.get("client_id").is_none());
    site.gateway.passes(&token).await;
    let again = site.present_by(&assertion, "", None, &[]).await;
    site.refuses(&again, "invalid_grant", "assertion_replayed")
        .await;
    for (assertion, reason) in [
        (plain().claim("aud", "app").sign(), "aud_mismatch"),
        (plain().header("typ", "at+jwt").sign(), "type_not_accepted"),
        (plain().without("jti").sign(), "jti_missing"),
    ] {
        let answer = site.present_by(&assertion, "", None, &[]).await;
        site.refuses(&answer, "invalid_grant", reason).await;
    }
    let without = AssertionGateway::start(|_| {}).await;
    let token = without
        .gateway
        .acme
        .token()
        .claim("aud", without.iss())
        .sign();
    let answer = without.present_by(&token, "", None, &[]).await;
    assert_eq!(answer.json()["error"], "unsupported_grant_type");
}

#[tokio::test]
async fn metadata_name_the_grants() {
    let path = "/.well-known/oauth-authorization-server/_vestibule";
    let site = AssertionGateway::start(|_| {}).await;
    let metadata = site.gateway.gateway.get(path, &[]).await.json();
    let bearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    assert_eq!(metadata["grant_types_supported"], json!([exchange, bearer]));
    let profile = "urn:ietf:params:oauth:grant-profile:id-jag";
    assert_eq!(
        metadata["authorization_grant_profiles_supported"],
        json!([profile])
    );
    let endpoint = metadata["authorization_endpoint"].as_str().unwrap();
    let (_, path_of_it) = endpoint.split_once("/_vestibule").unwrap();
    let answer = site
        .gateway
        .gateway
        .get(&format!("/_vestibule{path_of_it}"), &[])
        .await;
    assert_eq!(answer.json()["error"], "unsupported_response_type");
    let without = TestGateway::start().await;
    let metadata = without.gateway.get(path, &[]).await.json();
    assert_eq!(metadata["grant_types_supported"], json!([exchange]));
    for member in [
        "authorization_grant_profiles_supported",
        "authorization_endpoint",
    ] {
        assert!(metadata.get(member).is_none(), "{member}");
    }
}
