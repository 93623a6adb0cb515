//! Lists of who may sign in, and with which scopes.

use serde_json::{Value, json};

use super::oauth::{exchange, granted};
use super::sdk::{Sdk, is_error};
use crate::support::{Message, decode};

mod issuers;
mod known;
mod left_behind;

const ENVIRONMENT: &str = "/api/v0/environments/6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";

#[tokio::test]
async fn who_is_blocked_does_not_sign_in() {
    let sdk = Sdk::start(|_| {}).await;
    let list = create(&sdk, json!({ "name": "barred", "outcome": "block" })).await;
    let entries = [
        json!({ "email": "Eve@acme.test" }),
        json!({ "emailDomain": "evil.test" }),
        json!({ "externalUserId": "mallory" }),
        json!({ "claim": { "name": "org.roles", "value": "guest" } }),
    ];
    for entry in &entries {
        add(&sdk, &list, entry).await;
    }
    let token = || sdk.site.acme.token();
    let barred = [
        token().sub("a").claim("email", "eve@ACME.test").sign(),
        token()
            .sub("b")
            .claim("email", "b@evil.test")
            .claim("emailVerified", true)
            .sign(),
        token().sub("mallory").sign(),
        token()
            .sub("c")
            .claim("org", json!({ "roles": ["guest", "x"] }))
            .sign(),
    ];
    let allowed = [
        token()
            .sub("d")
            .claim("email", "eve@acme.test.example")
            .sign(),
        token().sub("e").claim("email", "e@sub.evil.test").sign(),
        token().sub("mallory2").sign(),
        token()
            .sub("f")
            .claim("org", json!({ "roles": ["guests"] }))
            .sign(),
    ];
    // It applies once it is enabled.
    sdk.signed_in(&barred[2]).await;
    turn(&sdk, &list, "enable").await;
    for jwt in &barred {
        let answer = sign_in(&sdk, jwt).await;
        is_error(&answer, 403, "no_access");
        let line = sdk.site.access_line(&answer).await;
        assert_eq!(line["reason"], "access_blocked", "{line}");
    }
    for jwt in &allowed {
        sdk.signed_in(jwt).await;
    }
    // At the proxy it is the same decision.
    let fresh = token().sub("mallory").claim("jti", "another").sign();
    let bearer = format!("Bearer {fresh}");
    let answer = sdk
        .site
        .gateway
        .get("/", &[("Authorization", &bearer)])
        .await;
    assert_eq!(answer.status(), 403, "{}", answer.text());
    turn(&sdk, &list, "disable").await;
    sdk.signed_in(&barred[0]).await;
}

#[tokio::test]
async fn only_who_is_listed_signs_in() {
    let mut sdk = Sdk::start(|_| {}).await;
    let list = create(&sdk, json!({ "name": "staff" })).await;
    assert_eq!(list["outcome"], "siteAccess");
    let staff = json!({ "emailDomain": "acme.test", "issuer": "acme" });
    let entry = add(&sdk, &list, &staff).await;
    turn(&sdk, &list, "enable").await;
    // It outlasts the process.
    sdk.site.gateway = sdk.site.gateway.restart().await;
    let token = |sub: &str, email: &str| {
        let token = sdk.site.acme.token().sub(sub);
        token.claim("email", email)
    };
    let verified = token("a", "a@acme.test")
        .claim("emailVerified", true)
        .sign();
    sdk.signed_in(&verified).await;
    // The address is known, though an access token does not say it.
    let access_token = sdk.site.acme.token().sub("a").sign();
    sdk.signed_in(&access_token).await;
    for jwt in [
        // Nobody has verified that.
        token("b", "b@acme.test").sign(),
        sdk.site.acme.token().sub("d").sign(),
        token("c", "c@other.test")
            .claim("emailVerified", true)
            .sign(),
    ] {
        is_error(&sign_in(&sdk, &jwt).await, 403, "no_access");
    }
    let path = format!("/api/v0/allowlistEntries/{}", entry["id"].as_str().unwrap());
    assert_eq!(
        admin(&sdk, "DELETE", &path, &Value::Null).await.status(),
        204
    );
    let again = token("a", "a@acme.test")
        .claim("emailVerified", true)
        .claim("jti", "2")
        .sign();
    is_error(&sign_in(&sdk, &again).await, 403, "no_access");
    let path = format!("/api/v0/allowlists/{}", list["id"].as_str().unwrap());
    assert_eq!(
        admin(&sdk, "DELETE", &path, &Value::Null).await.status(),
        204
    );
    sdk.signed_in(&token("c", "c@other.test").claim("jti", "3").sign())
        .await;
}

/// In every token of the session, and for routes that ask for it.
#[tokio::test]
async fn who_is_listed_gets_the_scope() {
    let sdk = Sdk::start(|config| {
        config["session"] = json!({ "scopes": ["reports:read"] });
    })
    .await;
    let list = create(
        &sdk,
        json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" }),
    )
    .await;
    let ada = json!({ "externalUserId": "ada", "issuer": "acme" });
    add(&sdk, &list, &ada).await;
    turn(&sdk, &list, "enable").await;
    let jwt = sdk.site.acme.token().sub("ada").sign();
    let signed_in = sdk.signed_in(&jwt).await;
    let all = "user:basic reports:read beta:use";
    assert_eq!(signed_in["user"]["scope"], all);
    let token = signed_in["minifiedJwt"].as_str().unwrap();
    assert_eq!(decode(token).claims["scope"], all);
    // By our own token, by the external one, and after a refresh.
    assert_eq!(sdk.site.passes(token).await.claims["scope"], all);
    assert_eq!(sdk.site.passes(&jwt).await.claims["scope"], all);
    let bearer = super::sdk::bearer(&signed_in);
    let refreshed = sdk
        .post("refresh", &[("Authorization", &bearer)], &Value::Null)
        .await;
    assert_eq!(super::sdk::seen(&refreshed)["user"]["scope"], all);
    let user = sdk.get("users", &[("Authorization", &bearer)]).await;
    assert_eq!(user.json()["scope"], all);
    let other = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    assert_eq!(other["user"]["scope"], "user:basic reports:read");
}

/// The token endpoint narrows to what the session has, wherever it has it from.
#[tokio::test]
async fn the_scope_of_a_list_can_be_asked_for_alone() {
    let sdk = Sdk::start(|_| {}).await;
    let list = create(
        &sdk,
        json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" }),
    )
    .await;
    let entry = json!({ "externalUserId": "ada", "issuer": "acme" });
    add(&sdk, &list, &entry).await;
    let [ada, bob] = ["ada", "bob"].map(|sub| sdk.site.acme.token().sub(sub).sign());
    let asked = [("scope", "beta:use")];
    let refused = async |subject: &str, scope: &str| {
        let answer = exchange(&sdk.site, subject, &[("scope", scope)]).await;
        assert_eq!(answer.status(), 400, "{scope}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_scope", "{scope}");
    };
    // Nobody gets it yet, so the session is still to be opened.
    refused(&ada, "beta:use").await;
    turn(&sdk, &list, "enable").await;
    let narrow = granted(&exchange(&sdk.site, &ada, &asked).await);
    assert_eq!(narrow["scope"], "beta:use");
    let whole = granted(&exchange(&sdk.site, &ada, &[]).await);
    assert_eq!(whole["scope"], "user:basic beta:use");
    let own = whole["access_token"].as_str().unwrap();
    let again = granted(&exchange(&sdk.site, own, &asked).await);
    assert_eq!(again["scope"], "beta:use");
    refused(&bob, "beta:use").await;
    refused(&bob, "root").await;
    refused(&ada, "beta:use root").await;
}

/// A token that says it is stated again for whoever reads it.
#[tokio::test]
async fn a_scope_that_is_withdrawn_is_in_no_forwarded_token() {
    let sdk = Sdk::start(|_| {}).await;
    let list = create(
        &sdk,
        json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" }),
    )
    .await;
    let entry = json!({ "externalUserId": "ada", "issuer": "acme" });
    add(&sdk, &list, &entry).await;
    turn(&sdk, &list, "enable").await;
    let token = |jti: &str| {
        let token = sdk.site.acme.token().sub("ada").claim("sid", "one");
        token.claim("jti", jti).sign()
    };
    let signed_in = sdk.signed_in(&token("first")).await;
    let own = signed_in["minifiedJwt"].as_str().unwrap();
    let passed = sdk.site.passes(own).await;
    assert_eq!(passed.claims["scope"], "user:basic beta:use");
    turn(&sdk, &list, "disable").await;
    sdk.signed_in(&token("second")).await;
    let passed = sdk.site.passes(own).await;
    assert_eq!(passed.claims["scope"], "user:basic");
    assert_eq!(passed.claims["sub"], signed_in["user"]["id"]);
}

#[tokio::test]
async fn what_makes_no_list_is_refused_by_name() {
    let sdk = Sdk::start(|_| {}).await;
    let path = format!("{ENVIRONMENT}/allowlists");
    for (list, field) in [
        (json!({ "name": "", "outcome": "block" }), "name"),
        (json!({ "name": "x", "outcome": "scope" }), "scope"),
        (
            json!({ "name": "x", "outcome": "scope", "scope": "two words" }),
            "scope",
        ),
        (
            json!({ "name": "x", "outcome": "scope", "scope": "user:basic" }),
            "scope",
        ),
        (
            json!({ "name": "x", "outcome": "block", "scope": "beta" }),
            "scope",
        ),
    ] {
        let answer = admin(&sdk, "POST", &path, &list).await;
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert_eq!(answer.json()["problems"][0]["field"], field, "{list}");
    }
    let list = create(&sdk, json!({ "name": "x", "outcome": "block" })).await;
    let path = format!(
        "/api/v0/allowlists/{}/entries",
        list["id"].as_str().unwrap()
    );
    for (entry, field) in [
        (json!({}), ""),
        (json!({ "walletPublicKey": "0x" }), "walletPublicKey"),
        (
            json!({ "email": "a@b.test", "externalUserId": "a" }),
            "externalUserId",
        ),
        (json!({ "email": 7 }), "email"),
        (json!({ "claim": { "name": "x" } }), "claim"),
        (json!({ "claim": { "name": " ", "value": 1 } }), "claim"),
        (json!({ "emailDomain": " @ " }), "emailDomain"),
        (json!({ "email": "a@b.test", "issuer": "none" }), "issuer"),
        (json!({ "email": "a@b.test", "issuer": 7 }), "issuer"),
        (json!({ "issuer": "acme" }), ""),
    ] {
        let answer = admin(&sdk, "POST", &path, &entry).await;
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert_eq!(answer.json()["problems"][0]["field"], field, "{entry}");
    }
    for (entry, kept) in [
        (
            json!({ "claim": { "name": " x", "value": 1 } }),
            json!({ "claim": { "name": "x", "value": 1 } }),
        ),
        (
            json!({ "emailDomain": " @acme.test " }),
            json!({ "emailDomain": "acme.test" }),
        ),
        (
            json!({ "email": "a@b.test", "issuer": "acme" }),
            json!({ "email": "a@b.test", "issuer": "acme", "note": null }),
        ),
        (
            json!({ "email": "a@b.test", "issuer": null }),
            json!({ "email": "a@b.test", "issuer": null }),
        ),
    ] {
        let added = add(&sdk, &list, &entry).await;
        for (member, value) in kept.as_object().unwrap() {
            assert_eq!(added[member], *value, "{added}");
        }
    }
    let nobody = "/api/v0/allowlists/00000000-0000-4000-8000-000000000000";
    assert_eq!(admin(&sdk, "GET", nobody, &Value::Null).await.status(), 404);
}

/// The platform's clients send only what they change.
#[tokio::test]
async fn what_an_update_does_not_send_stays() {
    let sdk = Sdk::start(|_| {}).await;
    let list = create(&sdk, json!({ "name": "barred", "outcome": "block" })).await;
    add(&sdk, &list, &json!({ "externalUserId": "mallory" })).await;
    turn(&sdk, &list, "enable").await;
    let path = format!("/api/v0/allowlists/{}", list["id"].as_str().unwrap());
    for (change, name, outcome, scope) in [
        (json!({ "name": "people" }), "people", "block", json!(null)),
        (json!({}), "people", "block", json!(null)),
        (json!({ "scope": null }), "people", "block", json!(null)),
        (
            json!({ "outcome": "scope", "scope": "beta" }),
            "people",
            "scope",
            json!("beta"),
        ),
        (json!({ "name": "beta" }), "beta", "scope", json!("beta")),
        (
            json!({ "scope": "beta:use" }),
            "beta",
            "scope",
            json!("beta:use"),
        ),
        // With it goes what only the former outcome has.
        (json!({ "outcome": "block" }), "beta", "block", json!(null)),
    ] {
        let changed = admin(&sdk, "PUT", &path, &change).await;
        assert_eq!(changed.status(), 200, "{change}: {}", changed.text());
        let changed = changed.json();
        let seen = [&changed["name"], &changed["outcome"], &changed["scope"]];
        assert_eq!(seen, [&json!(name), &json!(outcome), &scope], "{change}");
        assert!(changed["enabledAt"].is_string(), "{changed}");
    }
    for (change, field) in [
        (json!({ "outcome": "scope" }), "scope"),
        (json!({ "scope": "beta" }), "scope"),
        (json!({ "name": "" }), "name"),
    ] {
        let refused = admin(&sdk, "PUT", &path, &change).await;
        assert_eq!(refused.status(), 422, "{change}: {}", refused.text());
        assert_eq!(refused.json()["problems"][0]["field"], field, "{change}");
    }
    for change in [json!({ "name": null }), json!({ "outcome": null })] {
        let refused = admin(&sdk, "PUT", &path, &change).await;
        assert_eq!(refused.status(), 422, "{change}: {}", refused.text());
    }
    // Whoever was kept out still is, and nobody else.
    let token = |sub: &str| sdk.site.acme.token().sub(sub).sign();
    is_error(&sign_in(&sdk, &token("mallory")).await, 403, "no_access");
    sdk.signed_in(&token("ada")).await;
}

#[tokio::test]
async fn the_audit_log_says_what_a_list_was_and_what_it_is() {
    let sdk = Sdk::start(|_| {}).await;
    let with = |mut detail: Value, member: &str, value: Value| {
        detail[member] = value;
        detail
    };
    let beta = json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" });
    let list = create(&sdk, beta.clone()).await;
    let path = format!("/api/v0/allowlists/{}", list["id"].as_str().unwrap());
    let barred = json!({ "name": "barred", "outcome": "block" });
    let changed = admin(&sdk, "PUT", &path, &barred).await;
    assert_eq!(changed.status(), 200, "{}", changed.text());
    let eve = json!({ "email": "eve@acme.test" });
    add(&sdk, &list, &with(eve.clone(), "issuer", json!("acme"))).await;
    assert_eq!(
        admin(&sdk, "DELETE", &path, &Value::Null).await.status(),
        204
    );
    let audit = "/admin/api/audit?action=access_list.";
    let audit = sdk.site.gateway.admin(audit).await.json();
    let records = audit["records"].as_array().unwrap();
    let details: Vec<_> = records.iter().map(|record| &record["detail"]).collect();
    let now = |member, value| with(barred.clone(), member, value);
    let expected = [
        now("entries", json!(1)),
        with(now("entry", eve), "issuer", json!("acme")),
        now("before", beta.clone()),
        beta,
    ];
    let expected = expected.map(|detail| with(detail, "from", json!("127.0.0.1")));
    assert_eq!(details, expected.iter().collect::<Vec<_>>());
}

async fn create(sdk: &Sdk, list: Value) -> Value {
    let path = format!("{ENVIRONMENT}/allowlists");
    let answer = admin(sdk, "POST", &path, &list).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

async fn add(sdk: &Sdk, list: &Value, entry: &Value) -> Value {
    let path = format!(
        "/api/v0/allowlists/{}/entries",
        list["id"].as_str().unwrap()
    );
    let answer = admin(sdk, "POST", &path, entry).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    answer.json()
}

async fn turn(sdk: &Sdk, list: &Value, to: &str) {
    let path = format!("/api/v0/allowlists/{}/{to}", list["id"].as_str().unwrap());
    let answer = admin(sdk, "PUT", &path, &Value::Null).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["enabledAt"].is_string(), to == "enable");
}

async fn sign_in(sdk: &Sdk, jwt: &str) -> Message {
    sdk.post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
        .await
}

async fn admin(sdk: &Sdk, method: &str, path: &str, body: &Value) -> Message {
    sdk.site.gateway.admin_send(method, path, &[], body).await
}
