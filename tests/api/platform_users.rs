//! Users and origins by the platform's own admin API.

use serde_json::{Value, json};

use super::cross_origin::preflight;
use super::sdk::{Sdk, bearer, is_error};
use crate::support::Message;
use crate::support::token::now;

const ENVIRONMENT: &str = "/api/v0/environments/6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";

#[tokio::test]
async fn a_user_is_created_shown_changed_and_deleted() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let new = json!({
        "externalUserId": "ada", "firstName": "Ada", "metadata": { "plan": "gold" },
    });
    let made = call(&sdk, "POST", "/users", &new).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let user = made.json()["user"].clone();
    assert_eq!(user["verifiedCredentials"][0]["public_identifier"], "ada");
    assert_eq!(
        [&user["firstName"], &user["metadata"]["plan"]],
        ["Ada", "gold"]
    );
    let twice = call(&sdk, "POST", "/users", &new).await;
    assert_eq!(twice.status(), 409, "{}", twice.text());

    let signed_in = sdk
        .signed_in(&sdk.site.acme.token().sub("ada").sign())
        .await;
    assert_eq!(signed_in["user"]["id"], user["id"]);
    assert_eq!(signed_in["user"]["firstName"], "Ada");
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    let shown = call(&sdk, "GET", &path, &Value::Null).await.json();
    let sid = &signed_in["user"]["sessionId"];
    assert_eq!(shown["user"]["sessions"][0]["id"], *sid);
    let changed = json!({ "firstName": null, "lastName": "Lovelace" });
    let changed = call(&sdk, "PUT", &path, &changed).await.json();
    assert_eq!(changed["user"]["lastName"], "Lovelace");
    assert!(changed["user"].get("firstName").is_none(), "{changed}");
    assert_eq!(changed["user"]["metadata"], json!({ "plan": "gold" }));
    let audit = "/admin/api/audit?action=user.update";
    let audit = sdk.site.gateway.admin(audit).await.json();
    let mut fields = audit["records"][0]["detail"]["fields"].clone();
    fields.as_array_mut().unwrap().sort_by_key(Value::to_string);
    assert_eq!(fields, json!(["firstName", "lastName"]));
    for (fields, field) in [
        (json!({ "email": "a@acme.test" }), "email"),
        (json!({ "wallets": [{}] }), "wallets"),
        (json!({ "team": 7 }), "team"),
        (json!({ "metadata": 7 }), "metadata"),
    ] {
        let answer = call(&sdk, "PUT", &path, &fields).await;
        assert_eq!(answer.status(), 422, "{}", answer.text());
        assert_eq!(answer.json()["problems"][0]["field"], field);
    }
    let emptied = json!({ "metadata": null });
    let emptied = call(&sdk, "PUT", &path, &emptied).await.json();
    assert_eq!(emptied["user"]["metadata"], json!({}));
    assert_eq!(
        call(&sdk, "DELETE", &path, &Value::Null).await.status(),
        204
    );
    assert_eq!(call(&sdk, "GET", &path, &Value::Null).await.status(), 404);
    let bearer = bearer(&signed_in);
    let answer = sdk.get("session", &[("Authorization", &bearer)]).await;
    assert_eq!(answer.status(), 401, "{}", answer.text());
}

/// As the platform's client creates users, who are known by their address until they come.
#[tokio::test]
async fn a_user_who_was_created_by_address_is_the_first_who_verifies_it() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let new = json!({ "email": "Ada@acme.test" });
    let made = call(&sdk, "POST", "/users", &new).await.json();
    let token = |sub: &str| {
        let token = sdk.site.acme.token().sub(sub);
        token.claim("email", "ada@acme.test")
    };
    let unverified = sdk.signed_in(&token("eve").sign()).await;
    assert_ne!(unverified["user"]["id"], made["user"]["id"]);
    let verified = token("ada").claim("emailVerified", true).sign();
    let signed_in = sdk.signed_in(&verified).await;
    assert_eq!(signed_in["user"]["id"], made["user"]["id"]);
    // Another person with the same address later is another user.
    let later = token("bob").claim("emailVerified", true).sign();
    let later = sdk.signed_in(&later).await;
    assert_ne!(later["user"]["id"], made["user"]["id"]);
}

/// An address that an operator vouches for counts as verified, so it has to be one. Null is none; what was
/// pasted with a space is meant without it.
#[tokio::test]
async fn what_is_no_address_and_what_is_blank_name_nobody() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let long = format!("{}@acme.test", "x".repeat(3000));
    for (fields, field) in [
        (json!({ "email": " " }), "email"),
        (json!({ "email": null }), "email"),
        (json!({ "email": "not an address" }), "email"),
        (json!({ "email": "ada@acme.test@acme.test" }), "email"),
        (json!({ "email": long }), "email"),
        (json!({ "externalUserId": "bob", "email": "" }), "email"),
        (json!({ "externalUserId": "bob", "email": "bob" }), "email"),
        (json!({ "externalUserId": "" }), "externalUserId"),
        (
            json!({ "externalUserId": " ", "email": "ada@acme.test" }),
            "externalUserId",
        ),
        (
            json!({ "externalUserId": "x".repeat(513) }),
            "externalUserId",
        ),
    ] {
        let refused = call(&sdk, "POST", "/users", &fields).await;
        assert_eq!(refused.status(), 422, "{fields}: {}", refused.text());
        assert_eq!(refused.json()["problems"][0]["field"], field, "{fields}");
    }
    for (fields, names) in [
        (json!({ "externalUserId": "bob", "email": null }), 1),
        (json!({ "externalUserId": "x".repeat(512) }), 1),
        (json!({ "email": " ada@acme.test" }), 1),
        (
            json!({ "externalUserId": "dan", "email": "dan@acme.test" }),
            2,
        ),
    ] {
        let made = call(&sdk, "POST", "/users", &fields).await;
        assert_eq!(made.status(), 201, "{fields}: {}", made.text());
        let held = made.json()["user"]["verifiedCredentials"].clone();
        let held = held.as_array().map_or(0, Vec::len);
        assert_eq!(held, names, "{fields}");
    }
    // The address is hers.
    let token = sdk
        .site
        .acme
        .token()
        .sub("ada")
        .claim("email", "ada@acme.test");
    let signed_in = sdk
        .signed_in(&token.claim("emailVerified", true).sign())
        .await;
    let listed = call(&sdk, "GET", "/users", &Value::Null).await.json();
    let users = listed["users"].as_array().unwrap();
    assert_eq!(users.len(), 4, "{listed}");
    assert!(
        users
            .iter()
            .any(|user| user["id"] == signed_in["user"]["id"])
    );
}

#[tokio::test]
async fn users_are_listed_with_filters_and_cursors() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let new: Vec<_> = (0..5)
        .map(|number| json!({ "externalUserId": format!("user-{number}") }))
        .collect();
    let answer = call(&sdk, "POST", "/users/bulk", &json!(new)).await;
    assert_eq!(answer.status(), 201, "{}", answer.text());
    assert_eq!(answer.json()["created"].as_array().unwrap().len(), 5);

    let list = async |query: &str| {
        let answer = call(&sdk, "GET", &format!("/users?{query}"), &Value::Null).await;
        assert_eq!(answer.status(), 200, "{query}: {}", answer.text());
        let names = |user: &Value| user["verifiedCredentials"][0]["public_identifier"].clone();
        let body = answer.json();
        let users: Vec<_> = body["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(names)
            .collect();
        assert_eq!(body["count"], users.len());
        (users, body["nextCursor"].clone())
    };
    let (first, cursor) = list("limit=2").await;
    assert_eq!(first, ["user-4", "user-3"]);
    let (second, _) = list(&format!("limit=2&cursor={}", cursor.as_str().unwrap())).await;
    assert_eq!(second, ["user-2", "user-1"]);
    assert_eq!(list("limit=2&offset=3").await.0, ["user-1", "user-0"]);
    assert!(list("offset=9").await.0.is_empty());
    let filter = "filter%5BfilterColumn%5D=accountId&filter%5BfilterValue%5D=user-3";
    assert_eq!(list(filter).await.0, ["user-3"]);
    for refused in [
        "filter%5BfilterColumn%5D=jobTitle",
        "orderBy=email",
        "offset=10001",
    ] {
        let answer = call(&sdk, "GET", &format!("/users?{refused}"), &Value::Null).await;
        assert_eq!(answer.status(), 422, "{refused}: {}", answer.text());
    }

    let more = json!([
        { "externalUserId": "user-1", "team": "Engine" }, { "team": "x" }, { "externalUserId": "new" },
    ]);
    let answer = call(&sdk, "POST", "/users/bulk?upsert=true", &more)
        .await
        .json();
    assert_eq!(answer["updated"][0]["team"], "Engine");
    assert_eq!(answer["created"].as_array().unwrap().len(), 1);
    assert_eq!(
        [&answer["failed"][0]["index"], &answer["total"]],
        [&json!(1), &json!(3)]
    );
    let again = call(&sdk, "POST", "/users/bulk", &more).await.json();
    assert_eq!(again["failed"].as_array().unwrap().len(), 3, "{again}");
}

/// Who another issuer knows by the address is somebody else.
#[tokio::test]
async fn an_upsert_by_address_is_of_a_user_of_its_issuer() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let ada = json!([{ "email": "ada@acme.test", "team": "Engine" }]);
    let put = async |users: &Value| {
        let answer = call(&sdk, "POST", "/users/bulk?upsert=true", users).await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        answer.json()
    };
    let created = put(&ada).await["created"][0].clone();
    let of_globex = json!([{ "email": "Ada@acme.test", "team": "x", "issuer": "globex" }]);
    let answer = put(&of_globex).await;
    assert_eq!(answer["failed"][0]["code"], "conflict", "{answer}");
    assert_eq!(answer["updated"], json!([]));
    let path = format!("/users/{}", created["id"].as_str().unwrap());
    let shown = call(&sdk, "GET", &path, &Value::Null).await.json();
    assert_eq!(shown["user"]["team"], "Engine");
    let of_acme = json!([{ "email": "Ada@acme.test", "team": "Loom", "issuer": "acme" }]);
    let answer = put(&of_acme).await;
    assert_eq!(answer["updated"][0]["id"], created["id"], "{answer}");
    assert_eq!(answer["updated"][0]["team"], "Loom");
}

#[tokio::test]
async fn all_sessions_of_the_environment_are_revoked() {
    let sdk = Sdk::start(with_sdk_issuer).await;
    let old = sdk
        .site
        .acme
        .token()
        .sub("bob")
        .claim("iat", now() - 60)
        .sign();
    let acme = sdk
        .signed_in(&sdk.site.acme.token().claim("iat", now() - 60).sign())
        .await;
    let globex = sdk
        .signed_in(&sdk.site.globex.token().claim("iat", now() - 60).sign())
        .await;
    let answer = call(&sdk, "POST", "/users/sessions/revoke", &Value::Null).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.json()["message"].is_string());
    for signed_in in [&acme, &globex] {
        let bearer = bearer(signed_in);
        let answer = sdk.get("session", &[("Authorization", &bearer)]).await;
        is_error(&answer, 401, "login_required");
    }
    // Nor does a token of before open another.
    let answer = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": old }))
        .await;
    is_error(&answer, 422, "invalid_external_auth");
    sdk.site.gateway.logged(&["signed_out"]).await;
}

#[tokio::test]
async fn an_origin_is_allowed_and_taken_back() {
    let mut sdk = Sdk::start(|_| {}).await;
    let page = "https://new.example.com";
    let allowed = async |sdk: &Sdk, page: &str| {
        let answer = preflight(sdk, "settings", page, "GET", "content-type").await;
        answer.field("access-control-allow-origin").is_some()
    };
    assert!(!allowed(&sdk, page).await);
    let made = call(&sdk, "POST", "/origins", &json!({ "origin": page })).await;
    assert_eq!(made.status(), 201, "{}", made.text());
    let id = made.json()["origin"]["id"].as_str().unwrap().to_owned();
    assert!(allowed(&sdk, page).await);
    assert!(!allowed(&sdk, "https://other.example.com").await);
    let wild = json!({ "origin": "https://*.preview.example.com" });
    assert_eq!(call(&sdk, "POST", "/origins", &wild).await.status(), 201);
    assert!(allowed(&sdk, "https://pr-7.preview.example.com").await);
    for bad in [
        "https://*.com",
        "example.com",
        "https://example.com/path",
        "null",
    ] {
        let answer = call(&sdk, "POST", "/origins", &json!({ "origin": bad })).await;
        assert_eq!(answer.status(), 422, "{bad}: {}", answer.text());
    }
    // It outlasts the process, and a reload of the file.
    sdk.site.gateway = sdk.site.gateway.restart().await;
    assert!(allowed(&sdk, page).await);
    let listed = call(&sdk, "GET", "/origins", &Value::Null).await.json();
    assert_eq!(listed["origins"].as_array().unwrap().len(), 2);
    let path = format!("/api/v0/origins/{id}");
    let gateway = &sdk.site.gateway;
    let gone = gateway.admin_send("DELETE", &path, &[], &Value::Null).await;
    assert_eq!(gone.status(), 204, "{}", gone.text());
    assert!(!allowed(&sdk, page).await);
    let gone = gateway.admin_send("DELETE", &path, &[], &Value::Null).await;
    assert_eq!(gone.status(), 404);
    let audit = gateway
        .admin("/admin/api/audit?action=origin.")
        .await
        .json();
    let records = audit["records"].as_array().unwrap();
    let records: Vec<_> = records
        .iter()
        .map(|record| [&record["action"], &record["detail"]["origin"]])
        .collect();
    let wild = "https://*.preview.example.com";
    assert_eq!(
        records,
        [
            ["origin.disallow", page],
            ["origin.allow", wild],
            ["origin.allow", page],
        ]
    );
}

fn with_sdk_issuer(config: &mut Value) {
    config["sdk"] = json!({ "issuer": "acme" });
}

async fn call(sdk: &Sdk, method: &str, path: &str, body: &Value) -> Message {
    let path = format!("{ENVIRONMENT}{path}");
    sdk.site.gateway.admin_send(method, &path, &[], body).await
}
