//! Any head of a request as a question of another proxy: what it is about is a request like any
//! other, with one host and a path of its own.

use std::sync::LazyLock;

use pingora::http::RequestHeader;
use serde_json::json;
use vestibule::config::Config;
use vestibule::metrics::Metrics;
use vestibule::proxy::{ProxySettings, forward_auth};

static SETTINGS: LazyLock<ProxySettings> = LazyLock::new(|| {
    let config: Config = serde_json::from_value(json!({
        "public_url": "https://app.example",
        "listeners": [{ "address": "127.0.0.1:8080" }],
        "upstreams": { "app": { "servers": ["127.0.0.1:1"] } },
        "routes": [{ "path": "/", "upstream": "app" }],
    }))
    .expect("the configuration is well-formed");
    let metrics = Metrics::new().expect("metrics of nobody else");
    ProxySettings::succeeding(&config.proxy(), &[0; 32], &metrics, None, None)
        .expect("the configuration can be served")
});

/// The first line is method and target, each further one a field.
pub fn check(text: &str) {
    let mut lines = text.lines();
    let (method, target) = lines
        .next()
        .and_then(|line| line.split_once(' '))
        .unwrap_or(("GET", "/_vestibule/check"));
    let Ok(mut asked) = RequestHeader::build(method, target.as_bytes(), None) else {
        return;
    };
    for line in lines.take(32) {
        if let Some((name, value)) = line.split_once(':') {
            let _ = asked.append_header(name.to_owned(), value.trim());
        }
    }
    let Ok(about) = forward_auth::asked_about(&asked, &SETTINGS) else {
        return;
    };
    assert_eq!(about.headers.get_all("host").iter().count(), 1);
    assert!(about.raw_path().starts_with(b"/"));
    for field in [
        "x-original-uri",
        "x-forwarded-uri",
        "x-original-method",
        "content-length",
    ] {
        assert!(!about.headers.contains_key(field), "{field}");
    }
}
