//! Routes and document are one.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::api::sdk::nonce::Nonces;
use crate::config::Config;
use crate::exchange::fixture::TestExchange;
use crate::proxy::forward_auth;

#[tokio::test]
async fn each_route_stands_in_the_document_and_the_other_way_round() {
    let config = json!({
        "public_url": "https://app.example",
        "listeners": [{"address": "127.0.0.1:8080"}],
    });
    let config: Config = serde_json::from_value(config).unwrap();
    let gateway = TestExchange::new();
    let state = ApiState {
        exchange: Arc::clone(&gateway.here),
        settings: Arc::new(config.api()),
        metadata_clients: None,
        limits: Arc::new(ApiLimits::new(&config.limits.rates, None)),
        nonces: Arc::new(Nonces::new(&[1; 32])),
    };
    let router = router("/_vestibule", state, forward_auth::openapi());
    let routed = paths_of(&router);
    let document = ask(router, "/_vestibule/openapi.json").await;
    let documented: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();

    let only_documented: Vec<_> = documented.difference(&routed).collect();
    let of_the_proxy = ["/_vestibule/check", "/_vestibule/check/{path}"];
    assert_eq!(only_documented, of_the_proxy);
    // What refuses whatever has no endpoint.
    let only_routed: Vec<_> = routed.difference(&documented).collect();
    let without_endpoint = [
        "/_vestibule/api/v0/sdk/{environment}/{*unknown}",
        "/_vestibule/api/v0/{*unknown}",
    ];
    assert_eq!(only_routed, without_endpoint);
}

async fn ask(router: Router, path: &str) -> Value {
    use tower::ServiceExt as _;
    let request = http::Request::get(path).body(axum::body::Body::empty());
    let answer = router.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
    serde_json::from_slice(&text.unwrap()).unwrap()
}

/// The framework lists its routes nowhere but in what it prints for debugging.
fn paths_of(router: &Router) -> BTreeSet<String> {
    let printed = format!("{router:?}");
    let quoted = printed.split('"').skip(1).step_by(2);
    // Not the framework's own, by which it falls back.
    let paths = quoted.filter(|text| text.starts_with("/_vestibule") || text.starts_with("/.well"));
    paths.map(str::to_owned).collect()
}
