//! What every request costs in addition to its token: its path, its route, its header.

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

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::Method;
use pingora::http::RequestHeader;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vestibule::canonical::{CanonicalPath, Host};
use vestibule::config;
use vestibule::proxy::Snapshot;
use vestibule::server::state::State;

fn paths(criterion: &mut Criterion) {
    let long = format!("/{}", ["segment"; 40].join("/"));
    for (name, path) in [
        ("root", "/"),
        ("usual", "/api/v1/users/0191d2a4/orders"),
        ("escaped", "/api/caf%C3%A9/a%20b/%7Euser"),
        ("long", &*long),
        ("refused", "/api/v1/%2e%2e/admin"),
    ] {
        criterion.bench_function(&format!("path/{name}"), |bencher| {
            bencher.iter(|| CanonicalPath::parse(black_box(path)).is_ok());
        });
    }
}

fn routes(criterion: &mut Criterion) {
    let routes: Vec<_> = (0..500)
        .map(|n| json!({"host": format!("host-{n}.test"), "path": "/api", "upstream": "app"}))
        .collect();
    let snapshot = snapshot(json!(routes));
    let host = Host::parse("host-321.test:8080").unwrap();
    let path = CanonicalPath::parse("/api/v1/users").unwrap();
    criterion.bench_function("route/500_hosts", |bencher| {
        bencher.iter(|| {
            snapshot
                .proxy
                .routes
                .find(black_box(&host), black_box(&path), &Method::GET)
                .is_ok()
        });
    });
}

fn headers(criterion: &mut Criterion) {
    let snapshot = snapshot(json!([{"path": "/", "upstream": "app"}]));
    let mut request = RequestHeader::build("GET", b"/api/v1/users", None).unwrap();
    for (name, value) in [
        ("Host", "app.test"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        (
            "Accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        (
            "Cookie",
            "theme=dark; bench_token=eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln; lang=en",
        ),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Cache-Control", "max-age=0"),
    ] {
        request.append_header(name, value).unwrap();
    }
    let session = http::HeaderValue::from_str(&format!("Bearer {}", "x".repeat(600))).unwrap();
    criterion.bench_function("headers/rewrite", |bencher| {
        let rewrite = |mut request: RequestHeader| {
            snapshot
                .proxy
                .rewrite
                .strip(&mut request, true, |_| false, |_| false, |_| false);
            snapshot.proxy.rewrite.inject(&mut request, session.clone());
            request
        };
        bencher.iter_batched(|| request.clone(), rewrite, BatchSize::SmallInput);
    });
}

fn snapshot(routes: serde_json::Value) -> Arc<Snapshot> {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("keys.json"), r#"{"keys": []}"#).unwrap();
    let file = dir.path().join("config.yaml");
    let text = json!({
        "listeners": [{"address": "127.0.0.1:8080"}],
        "issuers": [{
            "name": "bench",
            "iss": "https://bench.test",
            "jwks_file": dir.path().join("keys.json"),
            "cookie_name": "bench_token",
        }],
        "upstreams": {"app": {"servers": ["127.0.0.1:3000"]}},
        "routes": routes,
        "store": {"path": dir.path().join("vestibule.redb")},
    });
    std::fs::write(&file, text.to_string()).unwrap();
    let config = config::load(&file).unwrap();
    let runtime = Runtime::new().unwrap();
    let state = runtime.block_on(State::build(&config)).unwrap();
    state.snapshot.load_full()
}

criterion_group!(benches, paths, routes, headers);
criterion_main!(benches);
