//! The gateway's state without its listeners, for benchmarks.

use std::sync::Arc;

use futures::FutureExt;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vestibule::config;
use vestibule::credential;
use vestibule::server::state::State;

use crate::key::Key;

/// The gateway's state without its listeners.
pub struct TestGateway {
    runtime: Runtime,
    pub state: State,
    _dir: TempDir,
}

impl TestGateway {
    pub fn new(keys: &[Arc<Key>]) -> Self {
        let dir = TempDir::new().unwrap();
        let jwks = dir.path().join("keys.json");
        let published: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        std::fs::write(&jwks, json!({ "keys": published }).to_string()).unwrap();
        let file = dir.path().join("config.yaml");
        let text = json!({
            "listeners": [{"address": "127.0.0.1:8080"}],
            "issuers": [{
                "name": "bench", "iss": ISS, "jwks_file": jwks, "cookie_name": "bench_token",
            }],
            "upstreams": {"app": {"servers": ["127.0.0.1:3000"]}},
            "routes": [{"path": "/", "upstream": "app"}],
            "log": {"access": false},
            "store": {"path": dir.path().join("vestibule.redb")},
        });
        std::fs::write(&file, text.to_string()).unwrap();
        let config = config::load(&file).unwrap();
        let runtime = Runtime::new().unwrap();
        let state = runtime.block_on(State::build(&config)).unwrap();
        runtime.block_on(async {
            for issuer in state.exchange().issuers().iter() {
                issuer.keys().first_fetch().await;
            }
        });
        Self {
            runtime,
            state,
            _dir: dir,
        }
    }

    pub fn exchange(&self, headers: &HeaderMap) {
        let snapshot = self.state.snapshot.load();
        let credential = credential::find(headers, &snapshot.proxy.token_sources)
            .unwrap()
            .unwrap();
        self.runtime
            .block_on(snapshot.exchange.session(&credential))
            .unwrap();
    }

    /// A hit awaits nothing, so one poll is all of it.
    pub fn exchange_remembered(&self, headers: &HeaderMap) {
        let snapshot = self.state.snapshot.load();
        let credential = credential::find(headers, &snapshot.proxy.token_sources)
            .unwrap()
            .unwrap();
        snapshot
            .exchange
            .session(&credential)
            .now_or_never()
            .unwrap()
            .unwrap();
    }
}

/// A header with this token in `Authorization`.
pub fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

/// The issuer of all tokens.
pub const ISS: &str = "https://bench.test";
