//! Issuers that operators created under a version with other rules: an upgrade ends none of their sessions.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::support::{Key, TestGateway, TestIssuer, remember_session_token, run};

#[tokio::test]
async fn an_issuer_that_newer_rules_refuse_stays_in_force() {
    for settings in [
        json!({"azp": [], "logout_audience": []}),
        json!({"jwks": {"unknown_kid_wait": "1ms", "refresh_interval": "15m", "max_stale": "10m"}}),
        json!({"required_claims": {"permissions": ["/orders/*"]}}),
    ] {
        let site = Site::start().await.upgrade(&settings).await;
        let log = site.gateway.gateway.log();
        assert!(!log.contains("set aside"), "{settings}: {log}");
        let doubted = log.contains("settings that are an error in a new one");
        assert_eq!(doubted, settings.get("jwks").is_some(), "{settings}: {log}");
        assert!(site.is_open().await, "{settings}");
        site.gateway.passes(&site.token).await;
        let list = site
            .gateway
            .gateway
            .admin("/admin/api/issuers")
            .await
            .json();
        assert_eq!(list["set_aside"], json!([]), "{settings}");

        // It can be turned off and on as it is, and its sessions end with it.
        site.switch(false).await;
        site.switch(true).await;
        assert!(!site.is_open().await, "{settings}");
        site.gateway.passes(&site.token).await;
        assert!(site.has_stored_end().await, "{settings}");
    }
}

#[tokio::test]
async fn an_issuer_whose_settings_cannot_be_used_waits_and_so_do_its_sessions() {
    let mut site = Site::start().await.upgrade(&json!({"aud": []})).await;
    assert!(!site.is_open().await);
    let list = site
        .gateway
        .gateway
        .admin("/admin/api/issuers")
        .await
        .json();
    let reason = list["set_aside"][0]["reason"].as_str().unwrap();
    for part in ["aud: an empty list says neither", "issuers replace"] {
        assert!(reason.contains(part), "{reason}");
    }
    let log = site.gateway.gateway.log();
    assert!(!log.contains("conflicts with the configuration"), "{log}");
    assert!(!log.contains("its sessions end"), "{log}");
    // A second start remembers it, too.
    site.gateway.gateway = site.gateway.gateway.restart().await;
    assert!(!site.is_open().await);

    site.replace().await;
    assert!(site.is_open().await);
    assert!(!site.has_stored_end().await);
}

#[tokio::test]
async fn an_issuer_that_is_removed_ends_whether_or_not_it_was_in_force() {
    for aside in [false, true] {
        let mut site = Site::start().await;
        if aside {
            site = site.upgrade(&json!({"aud": []})).await;
        }
        let path = "/admin/api/issuers/initech";
        let gateway = &site.gateway.gateway;
        let gone = gateway.admin_send("DELETE", path, &[], &Value::Null).await;
        assert_eq!(gone.status(), 204, "{}", gone.text());
        let settings = Value::Object(site.settings.clone());
        let path = "/admin/api/issuers";
        let made = gateway.admin_send("POST", path, &[], &settings).await;
        assert_eq!(made.status(), 201, "{}", made.text());
        assert!(!site.is_open().await, "{aside}");
        assert!(site.has_stored_end().await, "{aside}");
    }
}

/// A gateway with an issuer in its store, and somebody who is signed in by it.
struct Site {
    gateway: TestGateway,
    _initech: TestIssuer,
    settings: Map<String, Value>,
    token: String,
    session: String,
}

impl Site {
    async fn start() -> Self {
        let gateway = TestGateway::start().await;
        let initech = TestIssuer::start(INITECH, Key::p256("initech-1")).await;
        let settings = json!({
            "name": "initech", "iss": INITECH, "jwks_url": initech.jwks_url(),
            "jwks": {"unknown_kid_wait": "1ms"},
        });
        let path = "/admin/api/issuers";
        let made = gateway.gateway.admin_send("POST", path, &[], &settings);
        assert_eq!(made.await.status(), 201);
        let token = initech.token().claim("permissions", "/orders/*").sign();
        gateway.passes(&token).await;
        let session = gateway.upstream.last().bearer().unwrap();
        remember_session_token(&session);
        gateway.passes(&session).await;
        Self {
            gateway,
            _initech: initech,
            settings: settings.as_object().cloned().unwrap(),
            token,
            session,
        }
    }

    /// Stops the gateway, and starts it on a store in which the issuer has more settings, as an earlier
    /// version took them.
    async fn upgrade(mut self, more: &Value) -> Self {
        let dir = self.stop().await;
        let (code, lines, errors) = run(&dir, &["store", "export", "--private-keys"], "").await;
        assert_eq!(code, 0, "{errors}");
        let mut settings = self.settings.clone();
        settings.extend(more.as_object().cloned().unwrap());
        let lines: Vec<String> = lines
            .lines()
            .map(|line| {
                let mut record: Value = serde_json::from_str(line).unwrap();
                if record["setting"][0] == "issuer/initech" {
                    record["setting"][1] = json!(json!(settings).to_string());
                }
                record.to_string()
            })
            .collect();
        std::fs::remove_file(dir.join("vestibule.redb")).unwrap();
        let import = ["store", "import", "--config", "config.yaml"];
        let (code, _, errors) = run(&dir, &import, &format!("{}\n", lines.join("\n"))).await;
        assert_eq!(code, 0, "{errors}");
        self.gateway.gateway = self.gateway.gateway.restart().await;
        self
    }

    async fn stop(&mut self) -> PathBuf {
        let gateway = &mut self.gateway.gateway;
        gateway.sigterm();
        assert!(gateway.ended().await.success());
        gateway.dir().to_owned()
    }

    /// Whether the session token is accepted.
    async fn is_open(&self) -> bool {
        match self.gateway.present(&self.session).await.status() {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    /// Whether the end of the issuer's sessions is stored.
    async fn has_stored_end(mut self) -> bool {
        let dir = self.stop().await;
        let (code, lines, errors) = run(&dir, &["store", "export"], "").await;
        assert_eq!(code, 0, "{errors}");
        let mut records = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.any(|record| {
            let mark = record["end_mark"].to_string();
            mark.contains("issuer_disabled") && mark.contains(INITECH)
        })
    }

    async fn switch(&self, enabled: bool) {
        let path = "/admin/api/issuers/initech/enabled";
        let body = json!({ "enabled": enabled });
        let gateway = &self.gateway.gateway;
        let answer = gateway.admin_send("PUT", path, &[], &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }

    /// An operator writes the settings that it had first.
    async fn replace(&self) {
        let path = "/admin/api/issuers/initech";
        let settings = Value::Object(self.settings.clone());
        let gateway = &self.gateway.gateway;
        let answer = gateway.admin_send("PUT", path, &[], &settings).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}

const INITECH: &str = "https://initech.test";
