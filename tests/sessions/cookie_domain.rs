//! Cookies of the gateway for all hosts of a domain.

use serde_json::{Value, json};

use crate::api::sdk::Sdk;
use crate::support::{Message, TestGateway, remember_session_token};

#[tokio::test]
async fn a_session_cookie_is_for_all_hosts_of_its_domain() {
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("https://app.example.com");
        config["session"] = json!({ "cookie": { "domain": "example.com" } });
    })
    .await;
    let token = format!("acme_token={}", site.acme.token().sign());
    let first = site.gateway.get("/", &[("Cookie", &token)]).await;
    let cookie = cookie(&first);
    assert!(cookie.starts_with("__Secure-vestibule="), "{cookie}");
    has(
        &first,
        &["Domain=example.com", "Secure", "HttpOnly", "SameSite=Lax"],
    );
    assert_eq!(
        site.gateway.get("/", &[("Cookie", &cookie)]).await.status(),
        200
    );
    assert!(
        !site.upstream.last().contains(&cookie),
        "it goes no further"
    );
    // What the host's own cookie was called counts no longer, and goes no further either.
    let (_, value) = cookie.split_once('=').unwrap();
    let host_only = format!("__Host-vestibule={value}");
    assert_eq!(
        site.gateway
            .get("/", &[("Cookie", &host_only)])
            .await
            .status(),
        401
    );
    let fields = [("Cookie", &*cookie), ("Origin", "https://app.example.com")];
    let out = site
        .gateway
        .request("POST", "/_vestibule/logout", &fields)
        .await;
    assert_eq!(out.status(), 204, "{}", out.text());
    let gone = out.all("set-cookie");
    let of_domain = gone
        .iter()
        .filter(|field| field.contains("; Domain=example.com"));
    assert_eq!(of_domain.count(), 1, "{gone:?}");
    // And wherever an earlier configuration set it.
    assert!(
        gone.iter().any(|field| !field.contains("Domain")),
        "{gone:?}"
    );
}

/// Some clients take that of a host and that of a domain of its name for one.
#[tokio::test]
async fn a_new_session_cookie_comes_after_those_that_are_deleted() {
    for domain in ["example.com", "app.example.com"] {
        let site = TestGateway::with(|config| {
            config["public_url"] = json!("https://app.example.com");
            config["session"] = json!({ "cookie": { "domain": domain } });
        })
        .await;
        let token = site.acme.token().sign();
        let cookies = format!("acme_token={token}; __Secure-vestibule={}", "A".repeat(43));
        let answer = site.gateway.get("/", &[("Cookie", &cookies)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let fields = answer.all("set-cookie");
        let (set, gone) = fields.split_last().expect("a cookie");
        assert!(set.contains(&format!("; Domain={domain}")) && !set.contains("Max-Age=0"));
        assert!(!gone.is_empty() && gone.iter().all(|field| field.contains("Max-Age=0")));
        // Another deployment's may be at a domain above.
        assert!(
            !gone
                .iter()
                .any(|field| field.contains("; Domain=example.com"))
        );
    }
}

#[tokio::test]
async fn the_sdks_cookie_is_for_all_hosts_of_its_domain() {
    let sdk = Sdk::start(|config| {
        config["public_url"] = json!("https://auth.example.com");
        config["sdk"] = json!({ "cookie": { "domain": "example.com" } });
    })
    .await;
    let settings = sdk.get("settings", &[]).await.json();
    assert_eq!(settings["security"]["auth"]["storage"], json!(["cookie"]));
    let jwt = sdk.site.acme.token().sign();
    let signed_in = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
        .await;
    assert_eq!(signed_in.status(), 200, "{}", signed_in.text());
    let cookie = cookie(&signed_in);
    has(&signed_in, &["Domain=example.com", "Secure", "HttpOnly"]);
    let out = sdk
        .post("revoke", &[("Cookie", &cookie)], &Value::Null)
        .await;
    assert_eq!(out.status(), 204, "{}", out.text());
    let gone = out.all("set-cookie");
    let of_domain = gone
        .iter()
        .filter(|field| field.contains("; Domain=example.com"));
    assert_eq!(of_domain.count(), 1, "{gone:?}");
    assert!(
        gone.iter().all(|field| field.contains("; Max-Age=0")),
        "{gone:?}"
    );
}

fn cookie(answer: &Message) -> String {
    let field = answer.field("set-cookie").expect("a cookie");
    let cookie = field.split_once(';').unwrap().0.to_owned();
    remember_session_token(&cookie);
    remember_session_token(cookie.split_once('=').unwrap().1);
    cookie
}

fn has(answer: &Message, attributes: &[&str]) {
    let field = answer.field("set-cookie").expect("a cookie");
    for attribute in attributes {
        assert!(field.contains(&format!("; {attribute}")), "{field}");
    }
}
