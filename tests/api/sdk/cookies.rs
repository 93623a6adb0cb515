//! Tokens in cookies, and of which pages.

use super::*;

#[tokio::test]
async fn the_issuers_cookie_signs_in_from_a_listed_page_only() {
    let sdk = Sdk::start(|config| config["sdk"] = json!({ "issuer": "acme" })).await;
    let settings = sdk.get("settings", &[]).await.json();
    let reported = &settings["security"]["externalAuth"];
    assert_eq!(
        *reported,
        json!({ "enabled": true, "cookieName": "acme_token" })
    );

    let cookie = format!("acme_token={}", sdk.site.acme.token().sign());
    let path = sdk.path("externalAuth/signin");
    let ask = |fields: &[(&str, &str)]| {
        let fields = [
            &[("Cookie", cookie.as_str()), ("Content-Length", "2")],
            fields,
        ]
        .concat();
        let mut bytes = sdk.site.gateway.bytes("POST", &path, &fields);
        bytes.extend(b"{}");
        bytes
    };
    let json = ("Content-Type", "application/json");
    for (fields, status) in [
        (&[("Origin", PAGE), json][..], 200),
        (&[("Origin", "https://evil.test"), json], 403),
        (&[("Origin", "null"), json], 403),
        (&[json], 403),
        (&[("Origin", PAGE), ("Content-Type", "text/plain")], 415),
        (&[("Origin", PAGE)], 415),
    ] {
        let answer = sdk.site.gateway.send(ask(fields)).await;
        assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
        if status == 200 {
            seen(&answer);
        }
    }
}

/// Where the answer sets a cookie, another site's page could sign a browser in as somebody else.
#[tokio::test]
async fn a_token_in_the_content_sets_a_cookie_for_a_listed_page_only() {
    for (cookie, refused) in [(true, 403), (false, 200)] {
        let sdk = Sdk::start(|config| config["sdk"] = json!({ "cookie": cookie })).await;
        let content = json!({ "jwt": sdk.site.acme.token().sign() }).to_string();
        let length = content.len().to_string();
        let json = ("Content-Type", "application/json");
        for (fields, status) in [
            (&[("Origin", PAGE), json][..], 200),
            (&[json], refused),
            (&[("Sec-Fetch-Site", "cross-site"), json], refused),
        ] {
            let fields = [&[("Content-Length", &*length)], fields].concat();
            let path = sdk.path("externalAuth/signin");
            let mut bytes = sdk.site.gateway.bytes("POST", &path, &fields);
            bytes.extend(content.as_bytes());
            let answer = sdk.site.gateway.send(bytes).await;
            assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
            let is_set = answer.field("set-cookie").is_some();
            assert_eq!(is_set, cookie && status == 200, "{fields:?}");
            if let Some(field) = answer.field("set-cookie") {
                remember_session_token(field.split_once(';').unwrap().0);
            }
            if status == 200 {
                seen(&answer);
            }
        }
    }
}

#[tokio::test]
async fn a_cookie_environment_hands_no_token_to_the_page() {
    let sdk = Sdk::start(|config| config["sdk"] = json!({ "cookie": true })).await;
    let settings = sdk.get("settings", &[]).await.json();
    assert_eq!(settings["security"]["auth"]["storage"], json!(["cookie"]));
    // What clients begin with: nobody is signed in.
    is_error(
        &sdk.post("refresh", &[], &Value::Null).await,
        401,
        "token_missing",
    );

    let jwt = sdk.site.acme.token().sign();
    let answer = sdk
        .post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
        .await;
    let body = seen(&answer);
    assert!(body.get("minifiedJwt").is_none() && body.get("jwt").is_none());
    let field = answer.field("set-cookie").unwrap();
    let (cookie, attributes) = field.split_once("; ").unwrap();
    remember_session_token(cookie);
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Expires="] {
        assert!(
            attributes.contains(attribute),
            "{attribute} not in {attributes}"
        );
    }
    let fields = [("Cookie", cookie)];
    assert_eq!(
        sdk.get("users", &fields).await.json()["id"],
        body["user"]["id"]
    );
    let refreshed = sdk.post("refresh", &fields, &Value::Null).await;
    assert_eq!(seen(&refreshed)["expiresAt"], body["expiresAt"]);
    assert!(refreshed.field("set-cookie").is_some());

    // A credential like any other for the proxy, which takes it out.
    let answer = sdk.site.gateway.get("/", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(sdk.site.session().claims["sub"], body["user"]["id"]);
    assert_eq!(sdk.site.upstream.last().field("cookie"), None);

    let answer = sdk.post("revoke", &fields, &Value::Null).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    assert!(
        answer
            .field("set-cookie")
            .unwrap()
            .starts_with("DYNAMIC_JWT_TOKEN=;")
    );
    is_error(
        &sdk.post("refresh", &fields, &Value::Null).await,
        401,
        "login_required",
    );
}
