//! The platform's SDK, as far as the gateway sees it.

use serde_json::{Value, json};

use crate::support::{Message, TestGateway, remember_session_token};

/// A site, and a page that may call its API.
pub struct Sdk {
    pub site: TestGateway,
    pub environment: String,
}

impl Sdk {
    pub async fn start(change: impl FnOnce(&mut Value)) -> Self {
        Self::by(&[], change).await
    }

    /// Started by another command.
    pub async fn by(launcher: &[String], change: impl FnOnce(&mut Value)) -> Self {
        let environment = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
        let site = TestGateway::by(launcher, |config| {
            config["environment_id"] = json!(environment);
            config["allowed_origins"] = json!([PAGE]);
            change(config);
        })
        .await;
        Self {
            site,
            environment: environment.to_owned(),
        }
    }

    pub fn path(&self, endpoint: &str) -> String {
        format!("/_vestibule/api/v0/sdk/{}/{endpoint}", self.environment)
    }

    pub async fn ask(
        &self,
        method: &str,
        endpoint: &str,
        fields: &[(&str, &str)],
        content: &str,
    ) -> Message {
        let length = content.len().to_string();
        let mut fields = fields.to_vec();
        if method == "POST" {
            fields.push(("Content-Length", &length));
        }
        let gateway = &self.site.gateway;
        let mut bytes = gateway.bytes(method, &self.path(endpoint), &fields);
        bytes.extend(content.as_bytes());
        gateway.send(bytes).await
    }

    pub async fn get(&self, endpoint: &str, fields: &[(&str, &str)]) -> Message {
        self.ask("GET", endpoint, fields, "").await
    }

    /// As the page sends it; `null` is no content.
    pub async fn post(&self, endpoint: &str, fields: &[(&str, &str)], content: &Value) -> Message {
        let content = match content {
            Value::Null => String::new(),
            content => content.to_string(),
        };
        let own = [("Origin", PAGE), ("Content-Type", "application/json")];
        self.ask("POST", endpoint, &[&own[..], fields].concat(), &content)
            .await
    }

    pub async fn signed_in(&self, jwt: &str) -> Value {
        seen(
            &self
                .post("externalAuth/signin", &[], &json!({ "jwt": jwt }))
                .await,
        )
    }
}

/// The content of a granted sign-in or refresh, whose tokens must be in no log.
pub fn seen(answer: &Message) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.field("cache-control").as_deref(), Some("no-store"));
    let body = answer.json();
    for name in ["minifiedJwt", "jwt"] {
        if let Some(token) = body[name].as_str() {
            remember_session_token(token);
        }
    }
    body
}

pub fn bearer(signed_in: &Value) -> String {
    format!("Bearer {}", signed_in["minifiedJwt"].as_str().unwrap())
}

/// Refused in the shape that SDKs read.
pub fn is_error(answer: &Message, status: u16, code: &str) {
    assert_eq!(answer.status(), status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["code"], code, "{body}");
    assert!(body["error"].is_string(), "{body}");
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub const PAGE: &str = "https://page.test";
