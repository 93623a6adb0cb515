//! What a token costs: remembered, at first sight by algorithm, and with a user to create.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark ends by panicking"
)]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "nothing depends on this crate"
)]

use std::cell::Cell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use vestibule::config;
use vestibule::credential;
use vestibule::server::state::State;

#[path = "../tests/support/key.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod key;
#[path = "../tests/support/token.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod token;

use key::Key;
use token::TokenBuilder;

fn exchange(criterion: &mut Criterion) {
    let keys = [Key::rsa("rsa"), Key::p256("p256"), Key::ed25519("ed")];
    let desk = Desk::new(&keys);

    let known = bearer(&TokenBuilder::new(ISS, &keys[1]).sign());
    desk.exchange(&known);
    criterion.bench_function("exchange/hit", |bencher| {
        bencher.iter(|| desk.exchange_remembered(black_box(&known)));
    });

    let serial = Cell::new(0_u64);
    let next = || {
        serial.set(serial.get() + 1);
        serial.get()
    };
    for key in &keys {
        let fresh = || bearer(&TokenBuilder::new(ISS, key).claim("jti", next()).sign());
        criterion.bench_function(&format!("exchange/miss/{}", key.alg), |bencher| {
            let exchange = |headers: HeaderMap| desk.exchange(&headers);
            bencher.iter_batched(fresh, exchange, BatchSize::SmallInput);
        });
    }

    let stranger = || {
        let sub = format!("user-{}", next());
        bearer(&TokenBuilder::new(ISS, &keys[1]).sub(&sub).sign())
    };
    criterion.bench_function("exchange/new_user/ES256", |bencher| {
        let exchange = |headers: HeaderMap| desk.exchange(&headers);
        bencher.iter_batched(stranger, exchange, BatchSize::SmallInput);
    });
}

/// The gateway's state without its listeners.
struct Desk {
    runtime: Runtime,
    state: State,
    _dir: TempDir,
    _stop: watch::Sender<bool>,
}

impl Desk {
    fn new(keys: &[std::sync::Arc<Key>]) -> Self {
        let dir = TempDir::new().unwrap();
        let jwks = dir.path().join("keys.json");
        let published: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        std::fs::write(&jwks, json!({ "keys": published }).to_string()).unwrap();
        let file = dir.path().join("config.yaml");
        let text = json!({
            "listeners": [{"address": "127.0.0.1:8080"}],
            "issuers": [{"name": "bench", "iss": ISS, "jwks_file": jwks}],
            "store": {"path": dir.path().join("vestibule.redb")},
        });
        std::fs::write(&file, text.to_string()).unwrap();
        let config = config::load(&file).unwrap();
        let runtime = Runtime::new().unwrap();
        let (stop, stopped) = watch::channel(false);
        let (state, jwks) = runtime.block_on(State::build(&config)).unwrap();
        runtime.spawn(jwks.run(stopped));
        runtime.block_on(state.first_keys());
        Self {
            runtime,
            state,
            _dir: dir,
            _stop: stop,
        }
    }

    fn exchange(&self, headers: &HeaderMap) {
        let site = self.state.site.load();
        let presented = credential::find(headers, &site.places).unwrap().unwrap();
        self.runtime
            .block_on(self.state.exchange.session(&presented))
            .unwrap();
    }

    /// A hit awaits nothing, so one poll is all of it.
    fn exchange_remembered(&self, headers: &HeaderMap) {
        let site = self.state.site.load();
        let presented = credential::find(headers, &site.places).unwrap().unwrap();
        self.state
            .exchange
            .session(&presented)
            .now_or_never()
            .unwrap()
            .unwrap();
    }
}

fn bearer(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(AUTHORIZATION, value)])
}

const ISS: &str = "https://bench.test";

criterion_group!(benches, exchange);
criterion_main!(benches);
