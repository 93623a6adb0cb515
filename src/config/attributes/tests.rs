use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::secret::Secret;

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is looked at")]
struct Gateway {
    #[schemars(extend("x-restart" = true))]
    address: String,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    servers: Vec<Server>,
    #[serde(default)]
    by_name: BTreeMap<String, Server>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is looked at")]
#[serde(default)]
struct Limits {
    #[schemars(extend("x-restart" = true))]
    connections: usize,
    body: usize,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only the schema is looked at")]
struct Server {
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "anyone can read what is sent"))]
    insecure: bool,
    #[serde(default)]
    #[schemars(extend("x-deprecated" = "use `name`"))]
    label: Option<String>,
    #[serde(default)]
    token: Option<Secret>,
}

fn attributes() -> Attributes {
    Attributes::of::<Gateway>(schemars::schema_for!(Gateway).to_value())
}

fn document(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn keys_that_need_a_restart_are_found_at_any_depth() {
    let attributes = attributes();
    let restart: Vec<_> = attributes.restart().collect();
    assert_eq!(restart, ["address", "limits.connections"]);
    let top: Vec<_> = attributes.top().collect();
    assert_eq!(top, ["address", "limits", "servers", "by_name"]);
}

#[test]
fn what_is_unsafe_or_deprecated_is_a_warning_where_it_is_set() {
    let warnings = |text: &str| {
        let found = attributes().warnings(&document(text));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("servers: [{insecure: true}, {label: x}]\nby_name: {a: {insecure: true}}"),
        [
            "warning: servers[0].insecure: anyone can read what is sent",
            "warning: servers[1].label: deprecated; use `name`",
            "warning: by_name.a.insecure: anyone can read what is sent",
        ]
    );
    assert_eq!(warnings("servers: [{insecure: false}, {}]"), [""; 0]);
    let attributes = attributes();
    assert_eq!(
        attributes.cost("servers[].insecure"),
        Some("anyone can read what is sent")
    );
    assert_eq!(attributes.cost("servers[].token"), None);
    assert!(attributes.is_secret("servers[].token") && !attributes.is_secret("address"));
}

#[test]
fn secrets_are_known_by_their_type() {
    let found = attributes().secrets(&document("servers: [{}, {token: env:TOKEN, label: env:X}]"));
    let reference = ("servers[1].token".to_owned(), "env:TOKEN".to_owned());
    assert_eq!(found, [reference]);
}

#[test]
fn the_configuration_has_some_of_each() {
    let restart: Vec<_> = CONFIG.restart().collect();
    for key in [
        "listeners",
        "session.token_ttl",
        "limits.connections",
        "log.level",
    ] {
        assert!(restart.contains(&key), "{key}");
    }
    for key in ["routes", "session.max_age", "limits.body_size"] {
        assert!(!restart.contains(&key), "{key}");
    }
    assert!(CONFIG.cost("issuers[].insecure_http").is_some());
    let text = "issuers: [{insecure_http: true, hs256_secret: env:KEY}]\n\
                upstreams: {app: {tls: {insecure_skip_verification: true}}}\n\
                admin: {token: env:TOKEN, tokens: [{name: ops, token: env:OPS}]}";
    let document = document(text);
    let paths: Vec<_> = CONFIG
        .warnings(&document)
        .into_iter()
        .map(|found| found.path)
        .collect();
    assert_eq!(
        paths,
        [
            "issuers[0].insecure_http",
            "upstreams.app.tls.insecure_skip_verification"
        ]
    );
    let secrets: Vec<_> = CONFIG
        .secrets(&document)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        secrets,
        [
            "issuers[0].hs256_secret",
            "admin.token",
            "admin.tokens[0].token"
        ]
    );
}
