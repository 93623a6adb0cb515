//! The OpenAPI document of the public API compared with what the gateway answers. That each answer which
//! any test sees stands in it is checked by [`crate::support`].

use serde_json::{Value, json};

use crate::api::sdk::{PAGE, Sdk};
use crate::support::{Contract, Message};

#[tokio::test]
async fn a_path_has_the_methods_that_the_document_says() {
    let sdk = Sdk::start(|config| {
        config["session"] = json!({"cookie": true, "device_bound": true});
    })
    .await;
    let contract = Contract::parse(&document(&sdk).await.to_string());
    let environment = sdk.path("");
    let environment = environment
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap();
    for (template, methods) in contract.paths() {
        let path = template.replace("{environment}", environment);
        let path = path.replace("{path}", "some/path");
        let path = path.replace("{sid}", environment);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = sdk.site.gateway.request(method, &path, &[]).await;
            let is_served = answer.status() != 405 && answer.status() != 404;
            let is_documented = methods.iter().any(|documented| documented == method);
            assert_eq!(
                is_served,
                is_documented,
                "{method} {path}: {}",
                answer.text()
            );
            if !is_served {
                let mut allowed: Vec<_> = methods.iter().map(String::as_str).collect();
                allowed.retain(|method| *method != "OPTIONS");
                if allowed.contains(&"GET") {
                    allowed.push("HEAD");
                }
                let reported = answer.field("allow").expect("what is allowed");
                let mut reported: Vec<_> = reported.split(',').map(str::trim).collect();
                reported.sort_unstable();
                allowed.sort_unstable();
                assert_eq!(reported, allowed, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_answer_that_has_content_shows_an_example() {
    let sdk = Sdk::start(|_| {}).await;
    let document = document(&sdk).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(
        document["servers"][0]["url"],
        format!("http://{}", sdk.site.gateway.public)
    );
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let responses = operation["responses"].as_object().unwrap();
            // Which is there for clients that demand its address.
            let only_refuses = method == "get" && path.ends_with("/oauth/authorize");
            let succeeds = responses.contains_key("200") || responses.contains_key("204");
            assert_eq!(succeeds, !only_refuses, "{method} {path}");
            for (status, response) in responses {
                assert!(status.parse::<u16>().is_ok(), "{method} {path}: {status}");
                let contents = response["content"].as_object();
                let json = contents.into_iter().flatten();
                for (media_type, content) in json.filter(|(name, _)| name.ends_with("json")) {
                    let shown = !content["example"].is_null() || !content["examples"].is_null();
                    assert!(shown, "{method} {path} {status}: {media_type}");
                }
            }
        }
    }
    assert!(operations > 30, "{operations}");
}

#[tokio::test]
async fn the_page_names_each_endpoint_and_each_code() {
    let sdk = Sdk::start(|_| {}).await;
    let page = include_str!("../../docs/api.md");
    let document = document(&sdk).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let named = path.replace("/_vestibule/api/v0/sdk/{environment}", "{sdk}");
        assert!(page.contains(&format!("{named}`")), "{named}");
        let operations = item.as_object().unwrap().values();
        let responses =
            operations.flat_map(|operation| operation["responses"].as_object().unwrap());
        for (status, response) in responses.filter(|(status, _)| status.as_str() >= "400") {
            let contents = response["content"].as_object().into_iter().flatten();
            let examples = contents.filter_map(|(_, content)| content["examples"].as_object());
            for code in examples.flat_map(|examples| examples.keys()) {
                assert!(page.contains(&format!("`{code}`")), "{status} {code}");
            }
        }
    }
}

#[tokio::test]
async fn the_gateways_own_refusals_are_for_the_page_to_read() {
    let sdk = Sdk::start(|config| {
        config["limits"] = json!({ "rates": { "sign_in_per_client": "1/1h" } });
    })
    .await;
    let json = ("Content-Type", "application/json");
    let large = json!({ "jwt": "x".repeat(64 << 10) }).to_string();
    let sign_in = "externalAuth/signin";
    let body = json!({ "jwt": sdk.site.acme.token().sign() });
    crate::api::sdk::seen(&sdk.post(sign_in, &[], &body).await);
    let page = ("Origin", PAGE);
    let stranger = sdk.path("settings").replace("6f1d2c3b", "00000000");
    let answers = [
        (
            sdk.ask("POST", sign_in, &[page, json], &large).await,
            413,
            "too_large",
        ),
        (
            sdk.post(sign_in, &[], &body).await,
            429,
            "too_many_requests",
        ),
        (sdk.get("revoke", &[page]).await, 405, "invalid_request"),
        (sdk.get("no/such", &[page]).await, 404, "not_found"),
        (
            sdk.site.gateway.get("/_vestibule/api/v0/x", &[page]).await,
            404,
            "not_found",
        ),
        (
            sdk.site.gateway.get(&stranger, &[page]).await,
            404,
            "not_found",
        ),
    ];
    for (answer, status, code) in answers {
        crate::api::sdk::is_error(&answer, status, code);
        let allowed = answer.field("access-control-allow-origin");
        assert_eq!(allowed.as_deref(), Some(PAGE), "{status}");
        assert_eq!(answer.field("vary").as_deref(), Some("Origin"), "{status}");
        assert_eq!(answer.field("allow").is_some(), status == 405);
    }
    let foreign = [("Origin", "https://evil.test"), json];
    let answer = sdk.ask("POST", sign_in, &foreign, &large).await;
    crate::api::sdk::is_error(&answer, 413, "too_large");
    assert_eq!(answer.field("access-control-allow-origin"), None);
    assert_eq!(answer.field("vary").as_deref(), Some("Origin"));
}

#[tokio::test]
async fn content_of_64_kib_is_taken_and_one_byte_more_is_not() {
    let sdk = Sdk::start(|_| {}).await;
    let token = sdk.site.acme.token().sign();
    let body = json!({ "jwt": token, "unheard": "" }).to_string();
    let padded = |length: usize| {
        let padding = "x".repeat(length - body.len());
        body.replace(r#""unheard":"""#, &format!(r#""unheard":"{padding}""#))
    };
    let fields = [("Origin", PAGE), ("Content-Type", "application/json")];
    let most = padded(64 << 10);
    assert_eq!(most.len(), 64 << 10);
    let answer = sdk.ask("POST", "externalAuth/signin", &fields, &most).await;
    crate::api::sdk::seen(&answer);
    let more = padded((64 << 10) + 1);
    let answer = sdk.ask("POST", "externalAuth/signin", &fields, &more).await;
    crate::api::sdk::is_error(&answer, 413, "too_large");
    // In each protocol's words.
    let form = "x".repeat((64 << 10) + 1);
    for (path, code) in [("oauth/token", "error"), ("logout", "code")] {
        let path = format!("/_vestibule/{path}");
        let length = form.len().to_string();
        let fields = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", &*length),
        ];
        let mut bytes = sdk.site.gateway.bytes("POST", &path, &fields);
        bytes.extend(form.as_bytes());
        let answer = sdk.site.gateway.send(bytes).await;
        assert_eq!(answer.status(), 413, "{path}");
        assert_eq!(answer.json()[code], "too_large", "{path}");
    }
}

/// What is refused before an endpoint sees it, too.
#[tokio::test]
async fn a_path_refuses_in_the_words_of_its_protocol() {
    let sdk = Sdk::start(|_| {}).await;
    let gateway = &sdk.site.gateway;
    let long = "x".repeat(8 << 10);
    let page = [("Origin", PAGE), ("Accept", "text/html")];
    let refused = |answer: &Message, status: u16, code: [&str; 2], media_type: &str| {
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(answer.field("content-type").as_deref(), Some(media_type));
        let body = answer.json();
        assert_eq!(body[code[0]], code[1], "{body}");
        body
    };
    let json = "application/json";
    let users = sdk.path("users");
    let target = format!("{users}?{long}");
    let answer = gateway.get(&target, &page).await;
    let body = refused(&answer, 414, ["code", "too_large"], json);
    assert!(body["error"].is_string(), "{body}");
    let allowed = answer.field("access-control-allow-origin");
    assert_eq!(allowed.as_deref(), Some(PAGE));
    let userinfo = format!("/_vestibule/userinfo?{long}");
    let answer = gateway.get(&userinfo, &page).await;
    let body = refused(&answer, 414, ["error", "too_large"], json);
    assert!(body["error_description"].is_string(), "{body}");
    let other = format!("/_vestibule/openapi.json?{long}");
    let answer = gateway.get(&other, &[]).await;
    refused(
        &answer,
        414,
        ["code", "too_large"],
        "application/problem+json",
    );
    // Where there is no header to look at, either.
    for (path, code, media_type) in [
        (&*users, "code", json),
        ("/_vestibule/oauth/token", "error", json),
        ("/_vestibule/logout", "code", "application/problem+json"),
    ] {
        let length = "Content-Length: 1\r\nContent-Length: 2";
        let host = gateway.public;
        let request = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{length}\r\n\r\nab");
        let answer = gateway.send(request).await;
        refused(&answer, 400, [code, "invalid_request"], media_type);
    }
}

async fn document(sdk: &Sdk) -> Value {
    let answer = sdk.site.gateway.get("/_vestibule/openapi.json", &[]).await;
    assert_eq!(answer.status(), 200);
    answer.json()
}
