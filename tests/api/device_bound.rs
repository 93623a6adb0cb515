//! Device-bound sessions of the SDK's cookie mode.

use serde_json::json;
use tempfile::TempDir;

use super::oauth::{exchange, granted};
use super::sdk::{Sdk, seen};
use crate::sessions::device_bound::device::{Device, bind_sessions, cookie_of};
use crate::support::{Clock, TestGateway, remember_session_token};

#[tokio::test]
async fn the_sdks_cookie_gives_way_to_a_bound_one() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let environment = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
    let page = "https://page.example";
    let site = TestGateway::by(&clock.launcher(), |config| {
        bind_sessions(config);
        config["environment_id"] = json!(environment);
        config["allowed_origins"] = json!([page]);
        config["sdk"] = json!({"cookie": true});
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
    let jwt = json!({"jwt": site.acme.token().sign()}).to_string();
    let signed_in = sdk.ask("POST", "externalAuth/signin", &own, &jwt).await;
    let user = seen(&signed_in)["user"]["id"].clone();
    let set = signed_in.all("set-cookie");
    let pair = |name: &str| {
        let field = set.iter().find(|field| field.starts_with(name)).unwrap();
        field.split(';').next().unwrap().to_owned()
    };
    let token = pair("DYNAMIC_JWT_TOKEN=");
    remember_session_token(&token);
    let plain = pair("vestibule=");
    let mut device = Device::with_cookie(String::new(), plain, &signed_in);

    // Until it is bound, all is as it was.
    let both = format!("{}; {token}", device.plain);
    let fields = [own[0], own[1], ("Cookie", &both)];
    let refreshed = sdk.ask("POST", "refresh", &fields, "").await;
    assert!(refreshed.field("set-cookie").is_some());
    seen(&refreshed);

    let registered = device.try_register(&site.gateway, &device.offered, &both);
    let registered = registered.await;
    assert_eq!(registered.status(), 200, "{}", registered.text());
    let set = registered.all("set-cookie");
    assert!(
        set.iter()
            .any(|field| field.starts_with("DYNAMIC_JWT_TOKEN=;"))
    );
    device.instructions = registered.json();
    let stolen = token.split_once('=').unwrap().1;
    // While it counts, it brings no other one that counts for longer.
    let traded = granted(&exchange(site, stolen, &[]).await);
    let traded = format!("Bearer {}", traded["access_token"].as_str().unwrap());
    let answer = sdk.get("users", &[("Authorization", &traded)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    clock.step(site, 660).await;
    let bearer = format!("Bearer {stolen}");
    for fields in [
        ("Cookie", token.as_str()),
        ("Authorization", bearer.as_str()),
        ("Authorization", traded.as_str()),
    ] {
        let answer = sdk.get("users", &[fields]).await;
        assert_eq!(answer.status(), 401, "{}", fields.0);
    }
    // The issuer's token does not sign in to the bound session by itself.
    let thief = sdk.ask("POST", "externalAuth/signin", &own, &jwt).await;
    assert!([401, 422].contains(&thief.status()), "{}", thief.text());

    let cookie = device.refresh(&site.gateway).await;
    let fields = [own[0], own[1], ("Cookie", &cookie)];
    assert_eq!(sdk.get("users", &fields).await.json()["id"], user);
    for (endpoint, content) in [("refresh", ""), ("externalAuth/signin", jwt.as_str())] {
        let answer = sdk.ask("POST", endpoint, &fields, content).await;
        let signed_in = seen(&answer);
        assert_eq!(signed_in["user"]["id"], user, "{endpoint}");
        assert_eq!(answer.field("set-cookie"), None, "it has its cookie");
    }
    assert_ne!(cookie, cookie_of(&registered));
}
