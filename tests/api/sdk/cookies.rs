//! Tokens in cookies, and of which pages.

use super::*;
use crate::support::{Message, TokenBuilder};

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

/// Where the answer sets a cookie, another site's page could sign a browser in as somebody else. What is no
/// page gets the token itself.
#[tokio::test]
async fn a_token_in_the_content_sets_a_cookie_for_a_listed_page_only() {
    for (cookie, refused) in [(true, 403), (false, 200)] {
        let sdk = Sdk::start(|config| config["sdk"] = json!({ "cookie": cookie })).await;
        let content = json!({ "jwt": sdk.site.acme.token().sign() }).to_string();
        let length = content.len().to_string();
        let json = ("Content-Type", "application/json");
        for (fields, is_page, status) in [
            (&[("Origin", PAGE), json][..], true, 200),
            (&[("Sec-Fetch-Site", "cross-site"), json], true, refused),
            (&[("Cookie", "acme_token=x"), json], true, refused),
            (&[json], false, 200),
            (&[("Cookie", "theme=dark"), json], false, 200),
            // As Node sends it.
            (&[("Sec-Fetch-Mode", "cors"), json], false, 200),
            (&[], false, 200),
        ] {
            let fields = [&[("Content-Length", &*length)], fields].concat();
            let path = sdk.path("externalAuth/signin");
            let mut bytes = sdk.site.gateway.bytes("POST", &path, &fields);
            bytes.extend(content.as_bytes());
            let answer = sdk.site.gateway.send(bytes).await;
            assert_eq!(answer.status(), status, "{fields:?}: {}", answer.text());
            let is_set = answer.field("set-cookie").is_some();
            assert_eq!(is_set, cookie && is_page && status == 200, "{fields:?}");
            if let Some(field) = answer.field("set-cookie") {
                remember_session_token(field.split_once(';').unwrap().0);
            }
            if status == 200 {
                let handed_out = seen(&answer).get("minifiedJwt").is_some();
                assert_eq!(handed_out, !is_set, "{fields:?}");
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

/// An app or a program next to the pages keeps its token itself, by a header field for all that follows.
#[tokio::test]
async fn where_pages_have_a_cookie_other_clients_have_the_token() {
    let sdk = Sdk::start(|config| config["sdk"] = json!({ "cookie": true })).await;
    let content = json!({ "jwt": sdk.site.acme.token().sign() }).to_string();
    let signed_in = seen(&sdk.ask("POST", "externalAuth/signin", &[], &content).await);
    let bearer = bearer(&signed_in);
    let by_bearer = [("Authorization", &*bearer)];
    let refreshed = sdk.ask("POST", "refresh", &by_bearer, "").await;
    assert_eq!(refreshed.field("set-cookie"), None);
    assert!(seen(&refreshed)["minifiedJwt"].is_string());
    let json = ("Content-Type", "application/json");
    let length = ("Content-Length", "16");
    let fields = [by_bearer[0], json, length];
    let changed = sdk
        .ask("PUT", "users", &fields, "{\"alias\": \"ada\"}")
        .await;
    assert_eq!(changed.field("set-cookie"), None);
    assert!(seen(&changed)["minifiedJwt"].is_string());
    // A page's script that has the token is under the rule of pages nevertheless.
    for page in [
        ("Origin", "https://evil.test"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Cookie", "DYNAMIC_JWT_TOKEN=x"),
    ] {
        let refused = sdk.ask("POST", "refresh", &[by_bearer[0], page], "").await;
        assert_eq!(refused.status(), 403, "{page:?}: {}", refused.text());
    }
    let own = [by_bearer[0], ("Origin", PAGE), json];
    let of_page = sdk.ask("POST", "refresh", &own, "").await;
    assert!(seen(&of_page).get("minifiedJwt").is_none());
    let field = of_page.field("set-cookie").unwrap();
    remember_session_token(field.split_once(';').unwrap().0);
    let ended = sdk.ask("POST", "revoke", &by_bearer, "").await;
    assert_eq!(ended.status(), 204, "{}", ended.text());
}

#[tokio::test]
async fn a_cookie_that_counts_no_more_keeps_no_live_one_from_signing_in() {
    let sdk = Sdk::start(|_| {}).await;
    let site = &sdk.site;
    let live = format!("globex_token={}", site.globex.token().sub("bob").sign());
    let bob = seen(&by_cookies(&sdk, &live, &[]).await)["user"]["id"].clone();
    let alice = format!("acme_token={}", site.acme.token().sub("alice").sign());
    let first = seen(&by_cookies(&sdk, &format!("{alice}; {live}"), &[]).await);
    assert_ne!(first["user"]["id"], bob, "a live one decides alone");

    let of = |token: TokenBuilder| format!("globex_token={}", token.sign());
    let late = of(site.globex.token().expires_in(-3600));
    let forged = site.globex.token().sub("eve");
    let forged = format!(
        "globex_token={}",
        forged.forged_by(&Key::p256("globex-1")).sign()
    );
    let twins = format!("{live}; {}", of(site.globex.token().sub("eve")));
    for (reason, over) in over(&sdk).await {
        let answer = by_cookies(&sdk, &format!("{over}; {live}"), &[]).await;
        assert_eq!(seen(&answer)["user"]["id"], bob, "{reason}");
        let line = site.access_line(&answer).await;
        assert_eq!(
            (&line["source"], &line["issuer"]),
            (&json!("cookie"), &json!("globex"))
        );
        // Where none is live, the first says what is wrong.
        for other in ["", &late, &forged, &twins] {
            let refused = by_cookies(&sdk, &format!("{over}; {other}"), &[]).await;
            is_error(&refused, 422, "invalid_external_auth");
            let line = site.access_line(&refused).await;
            assert_eq!(
                (&line["reason"], &line["issuer"]),
                (&json!(reason), &json!("acme")),
                "{other}"
            );
        }
    }
}

/// What is made up is not past, whatever is behind it.
#[tokio::test]
async fn a_made_up_cookie_does_not_give_way_at_a_sign_in() {
    let sdk = Sdk::start(|_| {}).await;
    let live = format!("globex_token={}", sdk.site.globex.token().sign());
    let forged = sdk.site.acme.token().forged_by(&Key::p256("acme-1")).sign();
    let refused = by_cookies(&sdk, &format!("acme_token={forged}; {live}"), &[]).await;
    is_error(&refused, 422, "invalid_external_auth");
    let line = sdk.site.access_line(&refused).await;
    assert_eq!(line["reason"], "signature_invalid");

    // Nor does a token in the content, whatever cookies come with it.
    let expired = json!({ "jwt": sdk.site.acme.token().expires_in(-3600).sign() });
    let fields = [("Cookie", &*live)];
    let refused = sdk.post("externalAuth/signin", &fields, &expired).await;
    is_error(&refused, 422, "invalid_external_auth");
    seen(&by_cookies(&sdk, &live, &[]).await);
}

/// A device's nonce is used up by the cookie that decides, and spent it is what is wrong.
#[tokio::test]
async fn a_cookie_that_counts_no_more_uses_no_nonce_up() {
    let sdk = Sdk::start(|_| {}).await;
    let live = format!("globex_token={}", sdk.site.globex.token().sign());
    let device = Key::p256("device");
    let jwk = device.jwk();
    let [x, y] = ["x", "y"].map(|name| from_base64url(jwk[name].as_str().unwrap()));
    let key = hex(&[&[2 + (y[31] & 1)][..], &x].concat());
    for (reason, over) in over(&sdk).await {
        let nonce = sdk.get("nonce", &[]).await.json()["nonce"].clone();
        let nonce = nonce.as_str().unwrap();
        let signature = hex(&device.sign("ES256", nonce.as_bytes()));
        let fields = [
            ("x-dynamic-device-nonce", nonce),
            ("x-dynamic-device-publickey", &*key),
            ("x-dynamic-device-signed-nonce", &*signature),
        ];
        for (cookies, status) in [
            (over.clone(), 422),
            (format!("{over}; {live}"), 200),
            (format!("{over}; {live}"), 401),
        ] {
            let answer = by_cookies(&sdk, &cookies, &fields).await;
            assert_eq!(answer.status(), status, "{reason}: {}", answer.text());
            if status == 200 {
                seen(&answer);
            }
        }
    }
}

/// Cookies of `acme` that count no more, and why.
async fn over(sdk: &Sdk) -> [(&'static str, String); 3] {
    let token = || sdk.site.acme.token().sub("alice");
    let ended = token().claim("sid", "ended").sign();
    let signed_in = sdk.signed_in(&ended).await;
    let fields = [("Authorization", &*bearer(&signed_in))];
    let revoked = sdk.post("revoke", &fields, &Value::Null).await;
    assert_eq!(revoked.status(), 204, "{}", revoked.text());
    let expired = token().expires_in(-3600);
    let unverifiable = token().expires_in(-3600).forged_by(&Key::p256("acme-1"));
    [
        ("session_ended", ended),
        ("expired", expired.sign()),
        ("signature_invalid", unverifiable.sign()),
    ]
    .map(|(reason, token)| (reason, format!("acme_token={token}")))
}

async fn by_cookies(sdk: &Sdk, cookies: &str, fields: &[(&str, &str)]) -> Message {
    let fields = [&[("Cookie", cookies)], fields].concat();
    sdk.post("externalAuth/signin", &fields, &json!({})).await
}
