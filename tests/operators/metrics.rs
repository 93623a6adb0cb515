//! The metrics: what the gateway counts, and that the documentation lists just that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::authority::Authority;
use crate::support::{Key, Reply, TestGateway, WebhookReceiver, Wire, run};

/// What is written of one metric: type, labels, help.
type Described = (String, BTreeSet<String>, String);

#[tokio::test]
async fn the_page_lists_what_the_program_lists() {
    let table = table().await;
    let page = include_str!("../../docs/metrics.md");
    assert!(
        page.contains(&table),
        "docs/metrics.md needs the output of `vestibule generate metrics`:\n{table}"
    );
}

/// Nothing is exported that is not documented, nor documented and never exported.
#[tokio::test]
async fn a_busy_gateway_exports_what_the_page_lists() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    let mut receiver = WebhookReceiver::start(|_| true).await;
    let site = TestGateway::with(|config| {
        config["webhooks"] = json!([receiver.settings()]);
        config["listeners"] = json!([{}, {
            "name": "tls",
            "address": "127.0.0.1:0",
            "tls": {"certificates": certificates},
        }]);
        config["limits"] = json!({"token_cache": 2, "header_timeout": "300ms"});
    })
    .await;
    for user in 0..8 {
        let token = site.acme.token().sub(&format!("user-{user}"));
        site.passes(&token.sign()).await;
    }
    let unknown = site.acme.token().key(&Key::p256("unknown")).sign();
    assert_eq!(site.present(&unknown).await.status(), 401);
    let bearer = format!("Bearer {}", site.acme.token().sub("leaves").sign());
    let logout = [("Authorization", &*bearer)];
    let logout = site.gateway.request("POST", "/_vestibule/logout", &logout);
    assert_eq!(logout.await.status(), 204);
    site.acme.tell_time(0);
    let refresh = "/admin/api/issuers/acme/refresh";
    let refresh = site.gateway.admin_send("POST", refresh, &[], &Value::Null);
    assert_eq!(refresh.await.status(), 200);
    let reload = "/admin/api/config/reload";
    let reload = site.gateway.admin_send("POST", reload, &[], &Value::Null);
    assert_eq!(reload.await.status(), 200);
    // A header that never ends.
    assert!(site.gateway.try_send("GET / HTTP/1.1\r\n").await.is_none());
    assert_eq!(receiver.names(1).await[0], "user.created");

    let listed = listed(&table().await);
    let text = site.gateway.admin("/metrics").await.text();
    let exported = exported(&text);
    for (name, reported) in &exported {
        assert_eq!(Some(reported), listed.get(name), "{name}");
    }
    let missing: Vec<_> = listed
        .keys()
        .filter(|name| !exported.contains_key(*name))
        .collect();
    assert_eq!(missing, RARE);

    let metrics = site.gateway.metrics().await;
    let ends = [("scope", "session"), ("cause", "logout")];
    assert_eq!(metrics.sum("vestibule_session_ends_total", &ends), 1.0);
    let evictions = metrics.sum("vestibule_token_cache_evictions_total", &[]);
    assert!(evictions >= 1.0, "{evictions}");
    let cached = metrics.sum("vestibule_token_cache_entries", &[]);
    assert!((1.0..=8.0).contains(&cached), "{cached}");
    let users = metrics.sum("vestibule_users_live", &[]);
    assert!((1.0..=9.0).contains(&users), "{users}");
    let sign_ins = [("engine", "embedded"), ("operation", "sign_in")];
    let count = "vestibule_store_operation_duration_seconds_count";
    assert!(metrics.sum(count, &sign_ins) >= 9.0);
    assert_eq!(metrics.sum("vestibule_store_errors_total", &[]), 0.0);
    let current = [("state", "current")];
    let age = metrics.sum("vestibule_signing_key_age_seconds", &current);
    assert!((0.0..3600.0).contains(&age), "{age}");
    let rotation = metrics.sum("vestibule_signing_key_rotation_seconds", &[]);
    assert_eq!(rotation, 30.0 * 86400.0);
    let proxy = [("runtime", "proxy")];
    assert!(metrics.sum("vestibule_runtime_workers", &proxy) >= 1.0);
    let background = [("runtime", "background")];
    assert_eq!(metrics.sum("vestibule_runtime_workers", &background), 2.0);
    assert!(metrics.sum("process_resident_memory_bytes", &[]) > 1e6);
    assert!(metrics.sum("process_open_fds", &[]) >= 4.0);
}

/// An alert about it would ask for something that nobody wants.
#[tokio::test]
async fn an_issuer_that_is_off_has_no_keys_to_look_after() {
    let site = TestGateway::start().await;
    let measured = async || {
        let metrics = site.gateway.admin("/metrics").await.text();
        [
            "vestibule_jwks_keys",
            "vestibule_jwks_age_seconds",
            "vestibule_jwks_overdue_seconds",
            "vestibule_jwks_available",
        ]
        .map(|name| metrics.contains(&format!("{name}{{issuer=\"globex\"}}")))
    };
    assert_eq!(measured().await, [true; 4]);
    let switch = "/admin/api/issuers/globex/enabled";
    for (enabled, is_measured) in [(false, false), (true, true)] {
        let body = json!({"enabled": enabled});
        let done = site.gateway.admin_send("PUT", switch, &[], &body).await;
        assert_eq!(done.status(), 200, "{}", done.text());
        assert_eq!(measured().await, [is_measured; 4]);
    }
}

#[tokio::test]
async fn a_websocket_is_counted_while_it_is_open() {
    let site = TestGateway::start().await;
    site.upstream.reply(Reply::Echo);
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let upgrade = [
        ("Authorization", &*bearer),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let open = site.gateway.bytes("GET", "/", &upgrade);
    let mut tunnels: Vec<Wire> = Vec::new();
    for count in [1.0, 2.0] {
        let mut wire = site.gateway.connect().await;
        wire.write(&open).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 101);
        tunnels.push(wire);
        let metrics = site.gateway.metrics().await;
        assert_eq!(metrics.sum("vestibule_websockets", &[]), count);
    }
    // An answer that is none of another protocol is none.
    site.upstream.reply(Reply::ok("plain"));
    assert_eq!(site.gateway.get("/", &upgrade).await.status(), 200);
    drop(tunnels.pop());
    site.gateway
        .metric_becomes("vestibule_websockets", &[], 1.0)
        .await;
}

/// The table that the program writes.
async fn table() -> String {
    let dir = TempDir::new().unwrap();
    let (code, output, errors) = run(dir.path(), &["generate", "metrics"], "").await;
    assert_eq!((code, &*errors), (0, ""));
    output
}

fn listed(table: &str) -> BTreeMap<String, Described> {
    let row = |line: &str| {
        let cells: Vec<_> = line.split(" | ").collect();
        let [name, kind, labels, help] = cells[..] else {
            panic!("not a row: {line}")
        };
        let name = name.trim_start_matches("| `").trim_end_matches('`');
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned());
        let help = help.trim_end_matches(" |").to_owned();
        (name.to_owned(), (kind.to_owned(), labels.collect(), help))
    };
    table.lines().skip(2).map(row).collect()
}

fn exported(text: &str) -> BTreeMap<String, Described> {
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            family = name.to_owned();
            found.entry(family.clone()).or_default().2 = help.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            found.get_mut(name).unwrap().0 = kind.to_owned();
        } else if let Some((_, rest)) = line.split_once('{') {
            let (labels, _) = rest.rsplit_once('}').unwrap();
            let names = labels.split("\",").filter_map(|pair| pair.split_once('='));
            let names = names.map(|(name, _)| name.to_owned());
            let labels = &mut found.get_mut(&family).unwrap().1;
            labels.extend(names.filter(|name| name != "le"));
        }
    }
    found
}

/// What a busy gateway has no cause to count: changed certificates, an address that two users have,
/// a published key that is none, spans for a collector.
const RARE: [&str; 8] = [
    "vestibule_acme_failures",
    "vestibule_acme_orders_total",
    "vestibule_certificate_reloads_total",
    "vestibule_device_proofs_total",
    "vestibule_emails_taken_total",
    "vestibule_jwks_entries_skipped_total",
    "vestibule_rate_exchanges_total",
    "vestibule_spans_exported_total",
];
