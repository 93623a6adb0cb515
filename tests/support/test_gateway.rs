//! The usual set-up: two issuers, one upstream, the gateway between, and what is said of nearly
//! every request.

use std::sync::Arc;

use serde_json::{Value, json};

use super::gateway::Gateway;
use super::issuer::TestIssuer;
use super::key::Key;
use super::token::{self, Decoded, decode};
use super::upstream::RawUpstream;
use super::wire::Message;

/// A gateway with routes `/` (required), `/optional` and `/open` (none) to one upstream.
///
/// The issuer `acme` is under test; `globex` is the neighbour whose keys, cookies and names must
/// never stand for those of `acme`.
pub struct TestGateway {
    pub gateway: Gateway,
    pub acme: TestIssuer,
    pub globex: TestIssuer,
    pub upstream: RawUpstream,
}

impl TestGateway {
    /// Both issuers sign with P-256 keys, the cheapest to make.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With a changed configuration.
    pub async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let key = Key::p256("acme-1");
        let jwks = [key.jwk()];
        Self::publishing(key, &jwks, change).await
    }

    /// With a gateway that another program becomes, such as `env NAME=VALUE`.
    pub async fn by(launcher: &[String], change: impl FnOnce(&mut Value)) -> Self {
        let key = Key::p256("acme-1");
        let jwks = [key.jwk()];
        Self::build(launcher, key, &jwks, change).await
    }

    /// With this key at `acme`, this key set, and a changed configuration.
    pub async fn publishing(
        key: Arc<Key>,
        jwks: &[Value],
        change: impl FnOnce(&mut Value),
    ) -> Self {
        Self::build(&[], key, jwks, change).await
    }

    async fn build(
        launcher: &[String],
        key: Arc<Key>,
        jwks: &[Value],
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let acme = TestIssuer::start(ACME, key).await;
        acme.publish(jwks);
        let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
        let upstream = RawUpstream::start().await;
        let mut config = config(&acme, &globex, &upstream);
        change(&mut config);
        let gateway = Gateway::start_by(launcher, config).await;
        gateway.wait_until_whole().await;
        Self {
            gateway,
            acme,
            globex,
            upstream,
        }
    }

    /// A GET of `/` with this bearer token.
    pub async fn present(&self, token: &str) -> Message {
        self.gateway
            .get("/", &[("Authorization", &format!("Bearer {token}"))])
            .await
    }

    /// The bearer token passes; what the upstream then knows of the session.
    pub async fn passes(&self, token: &str) -> Decoded {
        let before = self.upstream.count();
        let answer = self.present(token).await;
        assert_eq!(
            answer.status(),
            200,
            "{token}\n{}\n{}",
            answer.text(),
            self.why(&answer)
        );
        assert_eq!(self.upstream.count(), before + 1);
        self.session()
    }

    /// The session token of the newest request at the upstream.
    pub fn session(&self) -> Decoded {
        let request = self.upstream.last();
        let session = request.bearer().unwrap_or_else(|| {
            panic!(
                "no session token in:\n{}",
                String::from_utf8_lossy(&request.head)
            )
        });
        token::remember_session_token(&session);
        decode(&session)
    }

    /// The bearer token is refused with 401 for this reason, and nobody learns why.
    pub async fn refuses(&self, token: &str, reason: &str) {
        let refused = self.upstream.count();
        let answer = self.present(token).await;
        self.is_refusal(&answer, 401, "token_invalid", reason).await;
        assert_eq!(
            self.upstream.count(),
            refused,
            "a refused request reached the upstream"
        );
    }

    /// The answer is a refusal: its status and code, a body that says nothing more, and the
    /// precise reason in the log under the same request id.
    pub async fn is_refusal(&self, answer: &Message, status: u16, code: &str, reason: &str) {
        assert_eq!(
            answer.status(),
            status,
            "{}\n{}",
            answer.text(),
            self.why(answer)
        );
        let id = refusal_id(answer, code);
        self.gateway.logged(&[&id, &format!("\"{reason}\"")]).await;
    }

    /// What the access log says of an answer's request.
    pub async fn access_line(&self, answer: &Message) -> Value {
        let id = answer.field("x-request-id").expect("a request id");
        let line = self.gateway.logged(&[&id, "\"duration_us\""]).await;
        serde_json::from_str(&line).expect("a JSON line")
    }

    /// The log lines of an answer's request, for messages of failed assertions.
    fn why(&self, answer: &Message) -> String {
        let id = answer
            .field("x-request-id")
            .unwrap_or_else(|| "no request id".to_owned());
        let log = self.gateway.log();
        log.lines()
            .filter(|line| line.contains(&id))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Checks the body of a refusal (RFC 9457) and returns the request id in it.
pub fn refusal_id(answer: &Message, code: &str) -> String {
    assert_eq!(
        answer.field("content-type").as_deref(),
        Some("application/problem+json")
    );
    let body = answer.json();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], answer.status(), "{body}");
    let members = body.as_object().unwrap();
    let known = ["type", "title", "status", "detail", "code", "request_id"];
    for member in members.keys() {
        assert!(
            known.contains(&member.as_str()),
            "`{member}` has no place in {body}"
        );
    }
    let id = body["request_id"]
        .as_str()
        .expect("a request id")
        .to_owned();
    assert_eq!(answer.field("x-request-id").as_deref(), Some(id.as_str()));
    id
}

/// The configuration of a [`TestGateway`].
pub fn config(acme: &TestIssuer, globex: &TestIssuer, upstream: &RawUpstream) -> Value {
    json!({
        "issuers": [
            {
                "name": "acme",
                "iss": acme.iss,
                "jwks_url": acme.jwks_url(),
                "cookie_name": "acme_token",
                "header": "X-Acme-Token",
            },
            {
                "name": "globex",
                "iss": globex.iss,
                "jwks_url": globex.jwks_url(),
                "cookie_name": "globex_token",
                "header": "X-Globex-Token",
            },
        ],
        "upstreams": { "app": { "servers": [upstream.address] } },
        "routes": [
            { "path": "/", "upstream": "app" },
            { "path": "/optional", "auth": "optional", "upstream": "app" },
            { "path": "/open", "auth": "none", "upstream": "app" },
        ],
        "server": { "threads": 2 },
    })
}

/// The `iss` of the issuer under test.
pub const ACME: &str = "https://acme.test";

/// The `iss` of the other one.
pub const GLOBEX: &str = "https://globex.test";
