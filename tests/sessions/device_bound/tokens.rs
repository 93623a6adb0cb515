//! Session tokens that a client gets of a bound session.

use serde_json::json;
use tempfile::TempDir;

use super::AFTER_A_COOKIE;
use super::device::{Device, bind_sessions};
use crate::api::sdk::{Sdk, bearer, seen};
use crate::support::{Clock, Message, TestGateway, remember_session_token};

/// Whoever copied all that a browser holds can have it exchanged, and what that brings ends like the copies.
#[tokio::test]
async fn a_token_that_stolen_cookies_get_ends_with_their_minutes() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let environment = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
    let site = TestGateway::by(&clock.launcher(), |config| {
        bind_sessions(config);
        config["environment_id"] = json!(environment);
    })
    .await;
    let sdk = Sdk {
        site,
        environment: environment.to_owned(),
    };
    let site = &sdk.site;
    let own = format!("http://{}", site.gateway.public);
    let own = [
        ("Origin", own.as_str()),
        ("Content-Type", "application/json"),
    ];
    let mut owner = Device::signed_in(site).await;
    let bound = owner.register(&site.gateway).await;

    // No session cookie is worth a token, whether its session is bound or not.
    let other = Device::signed_in_as(site, "grace").await;
    for cookie in [&bound, &other.plain] {
        let fields = [own[0], own[1], ("Cookie", cookie.as_str())];
        let refused = sdk.ask("POST", "refresh", &fields, "").await;
        assert_eq!(refused.status(), 401, "{}", refused.text());
        let answer = site.gateway.get("/", &[("Cookie", cookie)]).await;
        assert_eq!(answer.status(), 200, "it counts: {}", answer.text());
    }

    let token_of = |device: &Device| device.external.split_once('=').unwrap().1.to_owned();
    let sign_in = async |device: &Device, cookie: &str| {
        let cookies = format!("{}; {cookie}", device.external);
        let fields = [own[0], own[1], ("Cookie", &*cookies)];
        let content = json!({ "jwt": token_of(device) }).to_string();
        let answer = sdk.ask("POST", "externalAuth/signin", &fields, &content);
        seen(&answer.await)
    };
    let refresh = async |bearer: &str| {
        let fields = [own[0], own[1], ("Authorization", bearer)];
        seen(&sdk.ask("POST", "refresh", &fields, "").await)
    };
    let stolen = sign_in(&owner, &bound).await;
    let renewed = refresh(&bearer(&stolen)).await;
    assert_eq!(renewed["expiresAt"], stolen["expiresAt"], "without a proof");
    let unbound = refresh(&bearer(&sign_in(&other, &other.plain).await)).await;
    let mut exchanged = Vec::new();
    for (device, is_short) in [(&owner, true), (&other, false)] {
        let answer = exchange(site, &token_of(device)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let granted = answer.json();
        let token = granted["access_token"].as_str().unwrap().to_owned();
        remember_session_token(&token);
        exchanged.push(format!("Bearer {token}"));
        let seconds = granted["expires_in"].as_u64().unwrap();
        assert_eq!(seconds <= 600, is_short, "{seconds}");
    }

    clock.step(site, AFTER_A_COOKIE).await;
    for (bearer, status) in [
        (&bearer(&stolen), 401),
        (&bearer(&renewed), 401),
        (&exchanged[0], 401),
        (&exchanged[1], 200),
        (&bearer(&unbound), 200),
    ] {
        let answer = site.gateway.get("/", &[("Authorization", bearer)]).await;
        assert_eq!(answer.status(), status, "{}", answer.text());
    }
    // The owner proves the key, and gets tokens as before.
    let proven = owner.refresh(&site.gateway).await;
    let signed_in = sign_in(&owner, &proven).await;
    site.passes(signed_in["minifiedJwt"].as_str().unwrap())
        .await;
}

async fn exchange(site: &TestGateway, token: &str) -> Message {
    let form = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
    );
    let length = form.len().to_string();
    let fields = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &*length),
    ];
    let path = "/_vestibule/oauth/token";
    let mut bytes = site.gateway.bytes("POST", path, &fields);
    bytes.extend(form.as_bytes());
    site.gateway.send(bytes).await
}
