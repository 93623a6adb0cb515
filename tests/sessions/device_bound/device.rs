//! A browser as far as bound sessions go: a key, cookies, and the instructions that it received.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::{Gateway, Key, Message, TestGateway, base64url};

/// A site whose sessions are bound where the browser can.
pub async fn device_site() -> TestGateway {
    TestGateway::with(bind_sessions).await
}

/// The configuration of such a site.
pub fn bind_sessions(config: &mut Value) {
    config["session"] = json!({"cookie": true, "device_bound": true, "device_bound_ttl": "10m"});
}

#[derive(Clone)]
pub struct Device {
    pub key: Arc<Key>,
    /// The issuer's cookie.
    pub external: String,
    /// The gateway's cookie from before the binding.
    pub plain: String,
    /// The challenge of the offer.
    pub offered: String,
    /// What it received about its bound session.
    pub instructions: Value,
}

impl Device {
    /// One that signed in with the issuer's cookie and was offered to bind its session.
    pub async fn signed_in(site: &TestGateway) -> Self {
        Self::signed_in_as(site, "ada").await
    }

    pub async fn signed_in_as(site: &TestGateway, sub: &str) -> Self {
        let external = format!("acme_token={}", site.acme.token().sub(sub).sign());
        let answer = site.gateway.get("/", &[("Cookie", &external)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        Self::offered(external, &answer)
    }

    pub fn offered(external: String, answer: &Message) -> Self {
        Self::with_cookie(external, cookie_of(answer), answer)
    }

    pub fn with_cookie(external: String, plain: String, answer: &Message) -> Self {
        let offer = offer_of(answer).expect("an offer");
        assert!(offer.starts_with("(ES256 RS256);path=\"/_vestibule/device-bound/register\";"));
        Self {
            key: Key::p256("device"),
            external,
            plain,
            offered: parameter(&offer, "challenge"),
            instructions: Value::Null,
        }
    }

    /// Binds the session; the first cookie of the bound one.
    pub async fn register(&mut self, at: &Gateway) -> String {
        let cookies = format!("{}; {}", self.external, self.plain);
        let answer = self.try_register(at, &self.offered, &cookies).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        self.instructions = answer.json();
        cookie_of(&answer)
    }

    pub async fn try_register(&self, at: &Gateway, challenge: &str, cookies: &str) -> Message {
        let proof = self.proof(challenge, true);
        let fields = [("Cookie", cookies), ("Secure-Session-Response", &proof)];
        let path = "/_vestibule/device-bound/register";
        at.request("POST", path, &fields).await
    }

    /// Renews the cookie as a browser does: asks, signs, asks.
    pub async fn refresh(&self, at: &Gateway) -> String {
        let challenge = self.challenge(at).await;
        let answer = self.prove(at, &challenge).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        cookie_of(&answer)
    }

    pub async fn challenge(&self, at: &Gateway) -> String {
        let id = self.instructions["session_identifier"].to_string();
        let fields = [("Sec-Secure-Session-Id", id.as_str())];
        let answer = at.request("POST", &self.refresh_path(), &fields).await;
        assert_eq!(answer.status(), 403, "{}", answer.text());
        let challenge = challenge_of(&answer).expect("a challenge");
        assert!(parameter(&challenge, "id").starts_with("http"));
        challenge.split('"').nth(1).unwrap().to_owned()
    }

    pub async fn prove(&self, at: &Gateway, challenge: &str) -> Message {
        let proof = self.proof(challenge, false);
        let fields = [("Secure-Session-Response", proof.as_str())];
        at.request("POST", &self.refresh_path(), &fields).await
    }

    /// A proof, with the key for a registration.
    pub fn proof(&self, challenge: &str, introduces: bool) -> String {
        let mut header = json!({"alg": self.key.alg, "typ": "dbsc+jwt"});
        if introduces {
            header["jwk"] = self.key.jwk();
        }
        let part = |value: &Value| base64url(value.to_string());
        let payload = json!({"jti": challenge});
        let signed = format!("{}.{}", part(&header), part(&payload));
        let signature = self.key.sign(self.key.alg, signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// RFC 7638.
    pub fn thumbprint(&self) -> String {
        let jwk = self.key.jwk();
        let members = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            jwk["x"], jwk["y"]
        );
        base64url(digest(&SHA256, members.as_bytes()))
    }

    fn refresh_path(&self) -> String {
        self.instructions["refresh_url"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl TestGateway {
    /// The id of the session that a cookie stands for.
    pub async fn session_of(&self, cookie: &str) -> String {
        let answer = self.gateway.get("/", &[("Cookie", cookie)]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        self.session().claims["sid"].as_str().unwrap().to_owned()
    }
}

pub fn offer_of(answer: &Message) -> Option<String> {
    answer.field("secure-session-registration")
}

pub fn is_offered(answer: &Message) -> bool {
    offer_of(answer).is_some()
}

pub fn challenge_of(answer: &Message) -> Option<String> {
    answer.field("secure-session-challenge")
}

/// `name=value` of the cookie that an answer sets.
pub fn cookie_of(answer: &Message) -> String {
    let set = answer.all("set-cookie");
    let is_its = |field: &&String| field.contains("vestibule=");
    let field = set.iter().find(is_its).expect("a cookie is set");
    let pair = field.split(';').next().unwrap();
    assert!(pair.len() > 50, "{pair}");
    pair.to_owned()
}

/// A parameter that is a string (RFC 9651 section 3.1.2).
fn parameter(field: &str, name: &str) -> String {
    let begin = format!(";{name}=\"");
    let (_, rest) = field.split_once(&begin).expect("the parameter");
    rest.split('"').next().unwrap().to_owned()
}
