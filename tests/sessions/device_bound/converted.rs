//! What was copied from a browser is not turned into something that lasts longer.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::AFTER_A_COOKIE;
use super::device::{Device, bind_sessions};
use crate::api::sdk::{Sdk, bearer, seen};
use crate::support::{Clock, TestGateway, decode};

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";

/// SDKs get a session token, which is no cookie and needs no proof. One for a bound session is renewed by its
/// cookie, and not by itself.
#[tokio::test]
async fn a_token_for_copied_cookies_lasts_no_longer_than_they_do() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        bind_sessions(config);
        config["environment_id"] = json!(ENVIRONMENT);
    })
    .await;
    let sdk = Sdk {
        site,
        environment: ENVIRONMENT.to_owned(),
    };
    let gateway = &sdk.site.gateway;
    let origin = format!("http://{}", gateway.public);
    let page = [
        ("Origin", origin.as_str()),
        ("Content-Type", "application/json"),
    ];
    let mut device = Device::signed_in(&sdk.site).await;
    device.register(gateway).await;
    clock.step(&sdk.site, AFTER_A_COOKIE).await;
    let copied = format!("{}; {}", device.external, device.refresh(gateway).await);
    let fields = [page[0], page[1], ("Cookie", &copied)];
    let answer = sdk.ask("POST", "externalAuth/signin", &fields, "{}").await;
    let signed_in = seen(&answer);
    let end = |answer: &Value| {
        let token = answer["minifiedJwt"].as_str().unwrap();
        decode(token).claims["exp"].as_u64().unwrap()
    };
    // By the cookie alone there is no token, as for a session that is not bound.
    let (_, bound) = copied.split_once("; ").unwrap();
    let fields = [page[0], page[1], ("Cookie", bound)];
    let refused = sdk.ask("POST", "refresh", &fields, "").await;
    assert_eq!(refused.status(), 401, "{}", refused.text());

    let stolen = bearer(&signed_in);
    let by_itself = [page[0], page[1], ("Authorization", &stolen)];
    let renewed = seen(&sdk.ask("POST", "refresh", &by_itself, "").await);
    assert_eq!(end(&renewed), end(&signed_in));
    // The owner's page has the next cookie as well.
    clock.step(&sdk.site, AFTER_A_COOKIE + 300).await;
    let cookie = device.refresh(gateway).await;
    let with_cookie = [
        by_itself[0],
        by_itself[1],
        by_itself[2],
        ("Cookie", &cookie),
    ];
    let owner = seen(&sdk.ask("POST", "refresh", &with_cookie, "").await);
    assert!(end(&owner) >= end(&signed_in) + 200, "{owner}");

    clock.step(&sdk.site, AFTER_A_COOKIE + 720).await;
    for (token, status) in [(&signed_in, 401), (&renewed, 401), (&owner, 200)] {
        let bearer = bearer(token);
        let user = sdk.get("users", &[("Authorization", &bearer)]).await;
        assert_eq!(user.status(), status, "{}", user.text());
    }
}
