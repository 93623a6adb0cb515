//! A valid file that only fits what the next start has.

use super::*;
use crate::support::Pages;

/// It is not called invalid, and whoever asks learns what to do.
#[tokio::test]
async fn a_file_that_waits_for_a_restart_says_so() {
    let site = by_hand().await;
    let gateway = &site.gateway;
    let name = |config: &mut Value, route: &str| {
        config["listeners"][0]["name"] = json!("public");
        config["routes"][2]["listeners"] = json!([route]);
    };
    change(gateway, |config| name(config, "public"));
    let answer = reload(gateway).await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    let attempt = answer.json();
    assert_eq!(attempt["code"], "config_needs_restart");
    assert_eq!(attempt["needs_restart"], json!(["listeners"]));
    assert_eq!(attempt["problems"], json!([]));
    let error = attempt["error"].as_str().unwrap();
    for part in [
        "(listeners)",
        "no listener is named `public`",
        "restart or upgrade",
    ] {
        assert!(error.contains(part), "{error}");
    }
    gateway
        .logged(&["ERROR", "restart or upgrade to apply it"])
        .await;
    let pages = Pages::of(gateway);
    let overview = pages.get("/dashboard").await;
    let said = "conflicts with what only changes with a restart";
    assert!(overview.contains(said), "{}", overview.text());
    assert!(!overview.contains("is invalid"), "{}", overview.text());
    let routes = pages.get("/dashboard/routes").await;
    assert!(
        routes.contains("not applied before a restart"),
        "{}",
        routes.text()
    );

    // A file that no start would take is another matter.
    change(gateway, |config| name(config, "nobody"));
    let answer = reload(gateway).await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.json()["code"], "config_invalid");
    // By the name that the listener has now, all else is put in force.
    let own = gateway.public.to_string();
    change(gateway, |config| name(config, &own));
    change(gateway, |config| {
        config["listeners"][0]
            .as_object_mut()
            .unwrap()
            .remove("name");
    });
    let answer = reload(gateway).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}
