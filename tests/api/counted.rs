//! Calls of the API are counted and logged as requests are that the proxy forwards.

use serde_json::{Value, json};

use super::sdk::{Sdk, bearer, is_error, seen};
use crate::support::{Key, Message};

const DECISIONS: &str = "vestibule_decisions_total";
const REQUESTS: &str = "vestibule_requests_total";

#[tokio::test]
async fn a_sign_in_is_logged_with_whose_it_is() {
    let sdk = Sdk::start(|_| {}).await;
    let content = json!({ "jwt": sdk.site.acme.token().sign() });
    let answer = sdk.post("externalAuth/signin", &[], &content).await;
    let signed_in = seen(&answer);
    let line = sdk.site.access_line(&answer).await;
    assert_eq!(line["route"], "api");
    assert_eq!(line["issuer"], "acme");
    assert_eq!(line["user"], signed_in["user"]["id"]);
    assert_eq!(line["sid"], signed_in["user"]["sessionId"]);
    assert_eq!(line["source"], "body");
    assert_eq!(line["received_bytes"], content.to_string().len());
    assert!(line.get("reason").is_none(), "{line}");

    let bearer = bearer(&signed_in);
    let own = [("Authorization", &*bearer)];
    for (method, endpoint) in [
        ("POST", "refresh"),
        ("GET", "users"),
        ("GET", "session"),
        ("POST", "revoke"),
    ] {
        let answer = sdk.ask(method, endpoint, &own, "").await;
        if endpoint == "refresh" {
            seen(&answer);
        }
        let line = sdk.site.access_line(&answer).await;
        assert_eq!(line["user"], signed_in["user"]["id"], "{endpoint}");
        assert_eq!(line["sid"], signed_in["user"]["sessionId"], "{endpoint}");
        assert_eq!(line["source"], "bearer", "{endpoint}");
    }
    let metrics = sdk.site.gateway.metrics().await;
    let allowed = |issuer, source| {
        let labels = [
            ("issuer", issuer),
            ("source", source),
            ("outcome", "allowed"),
        ];
        metrics.sum(DECISIONS, &labels)
    };
    assert_eq!(allowed("acme", "body"), 1.0);
    assert_eq!(allowed("vestibule", "bearer"), 4.0);
    // Those are counted once they are answered.
    let posted = [("route", "api"), ("method", "POST"), ("code_class", "2xx")];
    let gateway = &sdk.site.gateway;
    gateway.metric_becomes(REQUESTS, &posted, 3.0).await;
}

#[tokio::test]
async fn refusals_are_counted_by_reason() {
    let sdk = Sdk::start(|config| {
        config["step_up"] = json!({ "scopes": ["user:delete"] });
    })
    .await;
    let site = &sdk.site;
    let token = || site.acme.token();
    let signed_in = sdk.signed_in(&token().sign()).await;
    let bearer = bearer(&signed_in);
    let own = [("Authorization", &*bearer)];
    let forged = token().forged_by(&Key::p256("acme-1")).sign();

    let answer = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": forged }))
        .await;
    is_error(&answer, 422, "invalid_external_auth");
    let line = site.access_line(&answer).await;
    assert_eq!(line["issuer"], "acme", "{line}");
    assert_eq!(line["reason"], "signature_invalid", "{line}");
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={forged}\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
    );
    let answer = post_form(&sdk, "/_vestibule/oauth/token", &form).await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let logout = format!("logout_token={forged}");
    let answer = post_form(&sdk, "/_vestibule/backchannel-logout", &logout).await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    // A refresh by nobody, and by a token that no key of ours signed.
    is_error(
        &sdk.post("refresh", &[], &Value::Null).await,
        401,
        "token_missing",
    );
    let foreign = format!("Bearer {forged}");
    let foreign = [("Authorization", &*foreign)];
    is_error(
        &sdk.post("refresh", &foreign, &Value::Null).await,
        401,
        "token_invalid",
    );
    let assertion = json!({ "jwt": token().claim("scope", "user:delete").sign() });
    let answer = sdk.post("externalAuth/verify", &own, &assertion).await;
    is_error(&answer, 422, "invalid_external_auth");
    let line = site.access_line(&answer).await;
    assert_eq!(line["user"], signed_in["user"]["id"], "{line}");

    let metrics = site.gateway.metrics().await;
    let refused = |issuer, source, reason| {
        let labels = [
            ("issuer", issuer),
            ("source", source),
            ("reason", reason),
            ("outcome", "refused"),
        ];
        metrics.sum(DECISIONS, &labels)
    };
    assert_eq!(refused("other", "none", "token_missing"), 1.0);
    assert_eq!(refused("acme", "bearer", "signature_invalid"), 1.0);
    assert_eq!(
        refused("acme", "body", line["reason"].as_str().unwrap()),
        1.0
    );
    let forgeries = [
        ("issuer", "acme"),
        ("source", "body"),
        ("outcome", "refused"),
    ];
    // Sign-in, token exchange, logout and step-up.
    assert_eq!(metrics.sum(DECISIONS, &forgeries), 4.0);
}

/// What has no endpoint or no form is no decision about a credential, and a preflight is none.
#[tokio::test]
async fn what_is_about_no_credential_is_no_refusal() {
    let sdk = Sdk::start(|_| {}).await;
    let asks = [
        ("Origin", super::sdk::PAGE),
        ("Access-Control-Request-Method", "POST"),
    ];
    let before = decisions(&sdk).await;
    assert_eq!(sdk.get("unheard", &[]).await.status(), 404);
    assert_eq!(sdk.get("refresh", &[]).await.status(), 405);
    assert_eq!(sdk.get("settings", &[]).await.status(), 200);
    let answer = sdk.post("externalAuth/signin", &[], &json!(7)).await;
    assert_eq!(answer.status(), 400);
    let preflight = sdk.ask("OPTIONS", "refresh", &asks, "").await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(decisions(&sdk).await, before);
    // Those that an upstream answers pass, and are no refusal on the overview either.
    let passed = sdk.site.gateway.request("OPTIONS", "/", &asks).await;
    assert_eq!(passed.status(), 200);
    let overview = sdk.site.gateway.admin("/admin/api/overview").await.json();
    assert_eq!(overview["refusals"], json!([]));
    assert_eq!(sdk.site.gateway.get("/", &[]).await.status(), 401);
    let overview = sdk.site.gateway.admin("/admin/api/overview").await.json();
    let missing = json!([{ "reason": "token_missing", "count": 1 }]);
    assert_eq!(overview["refusals"], missing);
}

/// A route may have any name; what is counted of it is its own.
#[tokio::test]
async fn a_route_named_as_the_api_is_counted_apart() {
    let sdk = Sdk::start(|config| {
        config["routes"][0]["name"] = json!("api");
    })
    .await;
    let gateway = &sdk.site.gateway;
    sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let own = [("route", "vestibule api"), ("method", "POST")];
    gateway.metric_becomes(REQUESTS, &own, 1.0).await;
    assert_eq!(gateway.get("/", &[]).await.status(), 401);
    let routed = [("route", "api"), ("code_class", "4xx")];
    gateway.metric_becomes(REQUESTS, &routed, 1.0).await;
    let metrics = gateway.metrics().await;
    assert_eq!(metrics.sum(REQUESTS, &[("route", "api")]), 1.0);
}

async fn decisions(sdk: &Sdk) -> f64 {
    sdk.site.gateway.metrics().await.sum(DECISIONS, &[])
}

async fn post_form(sdk: &Sdk, path: &str, form: &str) -> Message {
    let length = form.len().to_string();
    let fields = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &*length),
    ];
    let mut bytes = sdk.site.gateway.bytes("POST", path, &fields);
    bytes.extend(form.as_bytes());
    sdk.site.gateway.send(bytes).await
}
