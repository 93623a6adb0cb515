//! Any bytes as `Cookie` fields, one a line: what is taken out is gone, and the rest is as it was.

use std::sync::LazyLock;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use vestibule::config::Config;
use vestibule::credential::cookie::{self, Remaining};
use vestibule::credential::{self, TokenSources};

static SOURCES: LazyLock<TokenSources> = LazyLock::new(|| {
    let issuer = |name: &str, format: &str| {
        json!({
            "name": name, "iss": name, "keys": [], "cookie_name": name, "cookie_format": format,
        })
    };
    let config: Config = serde_json::from_value(json!({
        "public_url": "https://app.example",
        "listeners": [{ "address": "127.0.0.1:8080" }],
        "issuers": [issuer("tok", "token"), issuer("sb", "supabase_ssr"), issuer("ck", "clerk")],
    }))
    .expect("the configuration is well-formed");
    TokenSources::new(&config.token_sources())
});

pub fn check(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    let _ = credential::find(&headers, &SOURCES);
    let is_taken = |name: &[u8], value: &[u8]| name == b"tok" || value == b"copy";
    let kept: Vec<(Vec<u8>, Vec<u8>)> = cookie::named(&headers)
        .filter(|(name, value)| !is_taken(name, value))
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    let mut left = HeaderMap::new();
    match cookie::without(&headers, is_taken) {
        Remaining::Unchanged => left = headers,
        Remaining::Joined(value) => {
            left.insert(COOKIE, value);
        }
        Remaining::Nothing => {}
    }
    let found = cookie::named(&left).map(|(name, value)| (name.to_vec(), value.to_vec()));
    assert_eq!(found.collect::<Vec<_>>(), kept);
    assert_eq!(cookie::values(&left, b"tok").count(), 0);
}
