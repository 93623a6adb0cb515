//! Two gateways on one store, for tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::rates::Rates;
use super::{Exchange, Forward, Recipient, Session, Settings};
use crate::canonical::AllowedOrigin;
use crate::claims::ClaimPaths;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::credential::{self, TokenSources};
use crate::identity::{AccessLists, Client, Policy};
use crate::jwt::Issuers;
use crate::jwt::fixture::{ISS, Signer, issuers, settings, with};
use crate::limit;
use crate::metrics::Metrics;
use crate::rejection::{Code, Rejection};
use crate::session::claims::CopiedClaims;
use crate::session::settings::{ClaimSet, DeviceBound};
use crate::session::{Minter, Scopes, SidKey, SigningKeys};
use crate::store::{Embedded, Gated, SigningAlgorithm, Store, TestStore};

/// Two gateways on one store.
pub(crate) struct TestExchange {
    pub(crate) here: Arc<Exchange>,
    pub(crate) there: Arc<Exchange>,
    pub(crate) store: Arc<dyn Store>,
    /// The same store, where it can be held.
    pub(crate) gates: Arc<Gated>,
    /// The engine of it, whose writes can be held.
    pub(crate) engine: Arc<Embedded>,
    token_sources: TokenSources,
    key: Signer,
    _test_store: TestStore,
}

impl TestExchange {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a changed policy.
    pub(crate) fn with(change: impl Fn(&mut Policy)) -> Self {
        Self::configured(change, json!({}))
    }

    /// With an issuer that has more settings.
    pub(crate) fn with_issuer(more: Value) -> Self {
        Self::configured(|_| {}, more)
    }

    fn configured(change: impl Fn(&mut Policy), issuer: Value) -> Self {
        let mut policy = Policy {
            max_age: Duration::from_secs(3600),
            idle_timeout: None,
            max_sessions: None,
            link_by_email: Vec::new(),
            access: AccessLists::default(),
            claims: ClaimPaths::new(["role"]),
            claims_size: 1000,
            durable_sessions: false,
        };
        change(&mut policy);
        let test_store = TestStore::new();
        let gates = test_store.gated();
        let store: Arc<dyn Store> = gates.clone();
        let key = Signer::new("ES256");
        let issuers = Arc::new(issuers(settings(issuer), &[key.jwk("k")]));
        let config: Config = serde_json::from_value(json!({
            "public_url": "https://app.example",
            "listeners": [{"address": "127.0.0.1:8080"}],
        }))
        .unwrap();
        Self {
            here: exchange(&issuers, &store, &policy),
            there: exchange(&issuers, &store, &policy),
            store,
            gates,
            engine: Arc::clone(&test_store.engine),
            token_sources: TokenSources::new(&config.token_sources()),
            key,
            _test_store: test_store,
        }
    }

    pub(crate) fn token(&self, sub: &str, login: &str) -> String {
        self.token_issued(sub, login, UnixTime::now())
    }

    pub(crate) fn token_issued(&self, sub: &str, login: &str, iat: UnixTime) -> String {
        self.token_saying(sub, login, iat, json!({}))
    }

    pub(crate) fn token_saying(
        &self,
        sub: &str,
        login: &str,
        iat: UnixTime,
        more: Value,
    ) -> String {
        let claims = json!({
            "iss": ISS, "sub": sub, "sid": login, "iat": iat.0, "exp": iat.0 + 600,
        });
        let header = json!({"alg": "ES256", "kid": "k", "typ": "JWT"});
        self.key.sign(&header, &with(claims, &more))
    }

    /// A logout token of the issuer that names these.
    pub(crate) fn logout_token(&self, named: &Value) -> String {
        let now = UnixTime::now();
        let claims = json!({
            "iss": ISS, "aud": "gateway", "iat": now.0, "exp": now.0 + 60,
            "jti": Uuid::now_v7(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let header = json!({"alg": "ES256", "kid": "k", "typ": "logout+jwt"});
        self.key.sign(&header, &with(claims, named))
    }

    pub(crate) async fn present(&self, token: &str) -> Result<Arc<Session>, Rejection> {
        self.present_at(&self.here, token).await
    }

    pub(crate) async fn present_at(
        &self,
        gateway: &Exchange,
        token: &str,
    ) -> Result<Arc<Session>, Rejection> {
        self.present_to(gateway, Recipient::Gateway, token).await
    }

    pub(crate) async fn present_for(
        &self,
        recipient: Recipient<'_>,
        token: &str,
    ) -> Result<Arc<Session>, Rejection> {
        self.present_to(&self.here, recipient, token).await
    }

    async fn present_to(
        &self,
        gateway: &Exchange,
        recipient: Recipient<'_>,
        token: &str,
    ) -> Result<Arc<Session>, Rejection> {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let credential = credential::find(&headers, &self.token_sources)
            .unwrap()
            .unwrap();
        let client = || Client {
            address: Some([192, 0, 2, 1].into()),
            user_agent: Some("Browser/1".to_owned()),
        };
        gateway.session_of(&credential, recipient, client).await
    }

    pub(crate) async fn is_over(&self, token: &str) {
        let rejection = self.present(token).await.unwrap_err();
        assert_eq!(rejection.code, Code::LoginRequired);
        assert_eq!(rejection.reason, "session_ended");
    }
}

fn exchange(issuers: &Arc<Issuers>, store: &Arc<dyn Store>, policy: &Policy) -> Arc<Exchange> {
    let minter = Minter {
        keys: Arc::new(SigningKeys::ephemeral(SigningAlgorithm::ES256).unwrap()),
        iss: "https://app.example/_vestibule".to_owned(),
        audience: "https://app.example".to_owned(),
        scopes: Arc::new(Scopes::all([])),
        environment_id: Uuid::nil(),
        token_ttl: Duration::from_secs(60),
        claims: ClaimSet::Compact,
        copied: CopiedClaims::new(&[("role".to_owned(), "role".to_owned())].into(), 1000),
    };
    let settings = Settings {
        policy: policy.clone(),
        session_cookie: false,
        sdk_cookie: false,
        device_bound: DeviceBound::Off,
        device_bound_ttl: Duration::from_secs(600),
        step_up_scopes: Vec::new(),
        outlive_issuer: false,
        shares_store: false,
        max_staleness: None,
        forward: Forward::default(),
        keep_email: false,
        keep_issuer: false,
        pages: vec![AllowedOrigin::parse("https://page").unwrap()],
        resources: Vec::new(),
        cached_sessions: 100,
        cached_bytes: 1 << 20,
        cached_refusals: 100,
    };
    let exchange = Exchange::new(
        Arc::clone(issuers),
        Arc::clone(store),
        minter,
        SidKey::new(&[7; 32]),
        settings,
        Rates::new(&limit::settings::Rates::default(), None),
        Arc::new(Metrics::new().unwrap()),
    );
    exchange.sessions().trust(UnixTime::now());
    Arc::new(exchange)
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
