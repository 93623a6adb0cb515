//! A gateway with clients that describe themselves.

use std::sync::Arc;

use serde_json::{Value, json};

use super::agents::Agents;
use crate::api::oauth::post;
use crate::support::token::{TokenBuilder, now};
use crate::support::{Key, Message, TestGateway};

/// A gateway, a host of documents, and a client with the document `/agent.json` there.
pub struct Site {
    pub gateway: TestGateway,
    pub agents: Agents,
    pub key: Arc<Key>,
}

impl Site {
    pub async fn start(change: impl FnOnce(&mut Value)) -> Self {
        Self::with(|config, _| change(config)).await
    }

    pub async fn with(change: impl FnOnce(&mut Value, &Agents)) -> Self {
        Self::by(&[], change).await
    }

    pub async fn by(launcher: &[String], change: impl FnOnce(&mut Value, &Agents)) -> Self {
        let agents = Agents::start().await;
        let gateway = TestGateway::by(launcher, |config| {
            config["grants"] = json!({ "identity_assertion": { "issuers": ["acme"] } });
            config["client_metadata"] = json!({
                "hosts": [agents.host()],
                "allow_private_networks": true,
                "ca": agents.authority(),
            });
            change(config, &agents);
        })
        .await;
        let site = Self {
            gateway,
            agents,
            key: Key::p256("agent-1"),
        };
        let document = site.document("/agent.json");
        site.agents.publish("/agent.json", &document);
        site
    }

    pub fn iss(&self) -> String {
        format!("http://{}/_vestibule", self.gateway.gateway.public)
    }

    /// The document at a path, which is accepted.
    pub fn document(&self, path: &str) -> Value {
        json!({
            "client_id": self.agents.url(path),
            "client_name": "Agent",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": [self.key.jwk()] },
        })
    }

    /// The grant for the client with the document at a path, which signs what is changed.
    pub async fn ask(
        &self,
        path: &str,
        change: impl FnOnce(TokenBuilder) -> TokenBuilder,
    ) -> Message {
        let id = self.agents.url(path);
        let own = change(self.own(&id)).sign();
        self.present(&self.about(&id), Some(&id), Some(&own)).await
    }

    /// What a client signs to authenticate.
    pub fn own(&self, id: &str) -> TokenBuilder {
        TokenBuilder::new(id, &self.key)
            .sub(id)
            .claim("aud", self.iss())
            .claim("jti", uuid::Uuid::new_v4().to_string())
            .expires_in(120)
    }

    /// An identity assertion for a client.
    pub fn assertion(&self, id: &str) -> TokenBuilder {
        let token = self.gateway.acme.token();
        token
            .header("typ", "oauth-id-jag+jwt")
            .claim("aud", self.iss())
            .claim("client_id", id)
            .claim("iat", now())
            .claim("jti", uuid::Uuid::new_v4().to_string())
            .expires_in(300)
    }

    pub fn about(&self, id: &str) -> String {
        self.assertion(id).sign()
    }

    pub async fn present(&self, assertion: &str, id: Option<&str>, own: Option<&str>) -> Message {
        self.present_with(assertion, id, own, &[]).await
    }

    pub async fn present_with(
        &self,
        assertion: &str,
        id: Option<&str>,
        own: Option<&str>,
        more: &[(&str, &str)],
    ) -> Message {
        let form = [
            ("grant_type", GRANT),
            ("assertion", assertion),
            ("client_id", id.unwrap_or_default()),
            ("client_assertion", own.unwrap_or_default()),
            ("client_assertion_type", own.map_or("", |_| KIND)),
        ];
        let form = [&form[..], more].concat();
        post(&self.gateway, "oauth/token", &form, &[]).await
    }

    pub async fn refuses(&self, answer: &Message, reason: &str) {
        assert_eq!(answer.status(), 401, "{reason}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_client", "{reason}");
        let id = answer.field("x-request-id").unwrap();
        let reason = format!("\"{reason}\"");
        self.gateway.gateway.logged(&[&id, &reason]).await;
    }
}

pub const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
pub const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
