//! The gateway that assertions are presented to.

use std::io::Write;

use serde_json::{Value, json};

use crate::api::oauth::{granted, post};
use crate::support::token::{TokenBuilder, now};
use crate::support::{Message, TestGateway};

/// A gateway with two resources and two clients.
pub struct AssertionGateway {
    pub gateway: TestGateway,
    _secrets: [tempfile::NamedTempFile; 2],
}

impl AssertionGateway {
    pub async fn start(change: impl FnOnce(&mut Value)) -> Self {
        let secrets = [SECRET, OTHER_SECRET].map(|secret| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            write!(file, "{secret}").unwrap();
            file
        });
        let [agent, billing] =
            [0, 1].map(|at: usize| format!("file:{}", secrets[at].path().display()));
        let gateway = TestGateway::with(|config| {
            config["session"] = json!({ "scopes": ["tools:read", "tools:write"] });
            config["clients"] = json!([
                { "id": "agent", "secret": agent },
                { "id": "billing", "secret": billing },
            ]);
            config["grants"] = json!({ "identity_assertion": { "issuers": ["acme"] } });
            config["routes"].as_array_mut().unwrap().extend([
                json!({ "path": "/mcp", "upstream": "app", "resource": {} }),
                json!({
                    "path": "/mcp/write", "upstream": "app", "scopes": ["tools:write"],
                    "resource": { "name": "https://write.test/write" },
                }),
            ]);
            change(config);
        })
        .await;
        Self {
            gateway,
            _secrets: secrets,
        }
    }

    pub fn iss(&self) -> String {
        format!("http://{}/_vestibule", self.gateway.gateway.public)
    }

    pub fn resource(&self) -> String {
        format!("http://{}/mcp", self.gateway.gateway.public)
    }

    /// An assertion that is accepted.
    pub fn assertion(&self) -> TokenBuilder {
        self.made_of(self.gateway.acme.token())
    }

    pub fn made_of(&self, token: TokenBuilder) -> TokenBuilder {
        token
            .header("typ", "oauth-id-jag+jwt")
            .claim("aud", self.iss())
            .claim("client_id", "agent")
            .claim("resource", self.resource())
            .claim("scope", "tools:read tools:write")
            .claim("iat", now())
            .claim("jti", uuid::Uuid::new_v4().to_string())
            .expires_in(300)
    }

    pub async fn token(&self, assertion: &TokenBuilder) -> String {
        let granted = granted(&self.present(&assertion.sign()).await);
        granted["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn present(&self, assertion: &str) -> Message {
        self.present_by(assertion, "agent", Some(SECRET), &[]).await
    }

    pub async fn present_by(
        &self,
        assertion: &str,
        client: &str,
        secret: Option<&str>,
        more: &[(&str, &str)],
    ) -> Message {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
            ("client_id", client),
            ("client_secret", secret.unwrap_or_default()),
        ];
        post(
            &self.gateway,
            "oauth/token",
            &[&form[..], more].concat(),
            &[],
        )
        .await
    }

    pub async fn refuses(&self, answer: &Message, error: &str, reason: &str) {
        assert_eq!(answer.status(), 400, "{reason}: {}", answer.text());
        assert_eq!(answer.json()["error"], error, "{reason}");
        let id = answer.field("x-request-id").unwrap();
        self.gateway
            .gateway
            .logged(&[&id, &format!("\"{reason}\"")])
            .await;
    }
}

pub const SECRET: &str = "correct horse battery staple";
pub const OTHER_SECRET: &str = "tangible mongoose stapler crate";
