//! The configuration file while somebody writes it, and what a change takes away.

use std::fs::File;
use std::io::Write;

use serde_json::{Value, json};

use crate::support::{TestGateway, eventually};

/// A site that watches its file.
async fn site() -> TestGateway {
    TestGateway::with(|config| config["server"]["reload_quiet_time"] = json!("500ms")).await
}

/// Its configuration with the first route alone, which is a configuration, too.
fn half(site: &TestGateway) -> Value {
    let text = std::fs::read_to_string(site.gateway.dir().join("config.yaml")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["routes"].as_array_mut().unwrap().truncate(2);
    config
}

async fn open_route(site: &TestGateway) -> u16 {
    site.gateway.get("/open", &[]).await.status()
}

/// Two gateways find half a file. What differs is that one writer has not closed it.
#[tokio::test]
async fn a_file_that_is_being_written_is_waited_for() {
    let (written, closed) = (site().await, site().await);
    let whole = half(&written);
    let path = written.gateway.dir().join("config.yaml");
    let mut writer = File::create(&path).unwrap();
    writer.write_all(whole.to_string().as_bytes()).unwrap();
    let text = half(&closed).to_string();
    std::fs::write(closed.gateway.dir().join("config.yaml"), text).unwrap();
    // `/open` is on the route of `/` then, which asks for a session.
    eventually("the closed file is not taken up", async || {
        open_route(&closed).await == 401
    })
    .await;
    assert_eq!(open_route(&written).await, 200, "half a file is in force");
    drop(writer);
    eventually("the closed file is not taken up", async || {
        open_route(&written).await == 401
    })
    .await;
}

/// Who asks for it says that the file is whole.
#[tokio::test]
async fn an_explicit_reload_waits_for_nobody() {
    let site = site().await;
    let text = half(&site).to_string();
    let mut writer = File::create(site.gateway.dir().join("config.yaml")).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    let answer = reload(&site).await;
    assert_eq!(answer["succeeded"], true);
    assert_eq!(open_route(&site).await, 401);
}

#[tokio::test]
async fn lowered_protection_is_named_in_log_and_audit() {
    let site = TestGateway::with(|config| {
        config["server"]["reload_on_change"] = json!(false);
    })
    .await;
    let audited = async || {
        let audit = site.gateway.admin("/admin/api/audit").await.json();
        let records = audit["records"].as_array().unwrap().clone();
        let is_lowered = |record: &&Value| record["action"] == "routes.lowered";
        records.iter().filter(is_lowered).count()
    };
    // More than before: nothing to name.
    site.gateway
        .configure(|config| config["routes"][1]["auth"] = json!("required"));
    assert_eq!(reload(&site).await["lowered"], json!([]));
    assert_eq!(audited().await, 0);

    site.gateway
        .configure(|config| config["routes"][1]["auth"] = json!("optional"));
    let lowered = reload(&site).await["lowered"].clone();
    let reported = "the route `/optional` asks for less than before";
    assert_eq!(lowered, json!([reported]));
    site.gateway.logged(&["WARN", reported]).await;
    assert_eq!(audited().await, 1);

    // A new route opens what another one protects.
    site.gateway.configure(|config| {
        let open = json!({"path": "/api/open", "auth": "none", "upstream": "app"});
        config["routes"].as_array_mut().unwrap().push(open);
    });
    let lowered = reload(&site).await["lowered"].clone();
    let reported = "requests of the route `/` are now on `/api/open`, which asks for less";
    assert_eq!(lowered, json!([reported]));

    site.gateway.configure(|config| {
        config["routes"].as_array_mut().unwrap().remove(0);
    });
    let lowered = reload(&site).await["lowered"].clone();
    assert!(
        lowered.to_string().contains("the route `/` is gone"),
        "{lowered}"
    );
    assert_eq!(audited().await, 3);
}

async fn reload(site: &TestGateway) -> Value {
    let path = "/admin/api/config/reload";
    let answer = site.gateway.admin_send("POST", path, &[], &json!({})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}
