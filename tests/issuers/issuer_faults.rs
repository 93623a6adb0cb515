//! The table of `docs/issuer-faults.md`, row by row, through the whole gateway: what clients see,
//! what the issuer is asked, and which metric moves.

use serde_json::{Value, json};

use crate::support::{Gateway, Key, RawUpstream, TokenBuilder, refusal_id};

#[path = "../../src/jwks/tests/faulty.rs"]
#[allow(dead_code, reason = "shared with the tests of key sets")]
pub mod faulty;

use faulty::{Mode, Server};

#[tokio::test]
async fn with_good_keys_no_fault_is_seen_by_clients() {
    let scene = Scene::start(|_, _| Mode::Good).await;
    for row in &scene.rows {
        assert_eq!(scene.present(row).await.status(), 200, "{}", row.fault);
    }
    for row in &scene.rows {
        // Refusing is closing here; the unit tests of the same table refuse for real.
        row.server.set(Mode::of(&row.fault, &scene.elsewhere));
        let asked = row.server.requests().len();
        let counted = scene.failures(row).await;
        let path = format!("/admin/api/issuers/{}/refresh", row.name);
        let refreshed = scene
            .gateway
            .admin_send("POST", &path, &[], &json!({}))
            .await;
        let refreshed = refreshed.json();
        assert_eq!(refreshed["refreshed"], false, "{}", row.fault);
        assert!(refreshed["keys"]["last_error"].is_string(), "{}", row.fault);
        assert!(row.server.requests().len() > asked, "{}", row.fault);
        // Retries may have come already, all under the same word.
        assert!(scene.failures(row).await > counted, "{}", row.fault);
        scene.no_other_word(row).await;
        let newcomer = row.token().sub("newcomer").sign();
        let answer = scene.present_as(&newcomer).await;
        assert_eq!(answer.status(), 200, "{}: {}", row.fault, answer.text());
    }
    let ready = scene.gateway.admin("/ready").await;
    assert_eq!(ready.status(), 200);
    for row in &scene.rows {
        let degraded = format!("the keys of issuer {} cannot be fetched", row.name);
        assert!(ready.text().contains(&degraded), "{}", ready.text());
    }
    assert!(
        scene.elsewhere.requests().is_empty(),
        "a redirect was followed"
    );
}

#[tokio::test]
async fn without_keys_tokens_are_answered_503_and_no_others() {
    let scene = Scene::start(Mode::of).await;
    for row in &scene.rows {
        let answer = scene.present(row).await;
        assert_eq!(answer.status(), 503, "{}: {}", row.fault, answer.text());
        refusal_id(&answer, "unavailable");
        assert!(answer.field("retry-after").is_some(), "{}", row.fault);
        assert!(scene.failures(row).await >= 1.0, "{}", row.fault);
        scene.no_other_word(row).await;
    }
    for row in &scene.rows {
        row.server.set(Mode::Good);
        let path = format!("/admin/api/issuers/{}/refresh", row.name);
        let refreshed = scene
            .gateway
            .admin_send("POST", &path, &[], &json!({}))
            .await;
        assert_eq!(refreshed.json()["refreshed"], true, "{}", row.fault);
        assert_eq!(scene.present(row).await.status(), 200, "{}", row.fault);
    }
    assert!(
        scene.elsewhere.requests().is_empty(),
        "a redirect was followed"
    );
}

/// A gateway with an issuer for each row of the table.
struct Scene {
    gateway: Gateway,
    rows: Vec<Row>,
    elsewhere: Server,
    _upstream: RawUpstream,
}

struct Row {
    fault: String,
    result: String,
    name: String,
    key: std::sync::Arc<Key>,
    server: Server,
}

impl Row {
    fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&format!("https://{}.test", self.name), &self.key)
    }
}

impl Scene {
    async fn start(mode: impl Fn(&str, &Server) -> Mode) -> Self {
        let elsewhere = Server::start(Mode::Good, "", "{}").await;
        let mut rows = Vec::new();
        for (number, (fault, result)) in table().into_iter().enumerate() {
            let key = Key::p256("k");
            let keys = json!({ "keys": [key.jwk()] }).to_string();
            rows.push(Row {
                server: Server::start(mode(&fault, &elsewhere), "", &keys).await,
                name: format!("issuer-{number}"),
                fault,
                result,
                key,
            });
        }
        let upstream = RawUpstream::start().await;
        let issuers = rows.iter().map(|row| {
            // Only a fault that is a silence may run into the bound.
            let timeout = if row.result == "timeout" {
                "500ms"
            } else {
                "20s"
            };
            json!({
                "name": row.name,
                "iss": format!("https://{}.test", row.name),
                "jwks_url": row.server.url("/keys"),
                "jwks": { "timeout": timeout, "unknown_kid_wait": "1ms" },
            })
        });
        let gateway = Gateway::start(json!({
            "public_url": "http://app.test",
            "issuers": issuers.collect::<Vec<Value>>(),
            "upstreams": { "app": { "servers": [upstream.address] } },
            "routes": [{ "path": "/", "upstream": "app" }],
        }))
        .await;
        Self {
            gateway,
            rows,
            elsewhere,
            _upstream: upstream,
        }
    }

    async fn present(&self, row: &Row) -> crate::support::Message {
        self.present_as(&row.token().sign()).await
    }

    async fn present_as(&self, token: &str) -> crate::support::Message {
        let bearer = format!("Bearer {token}");
        self.gateway.get("/", &[("Authorization", &bearer)]).await
    }

    /// How many fetches failed under the word of the table.
    async fn failures(&self, row: &Row) -> f64 {
        let labels = [("issuer", &*row.name), ("result", &*row.result)];
        let metrics = self.gateway.metrics().await;
        metrics.sum("vestibule_jwks_fetches_total", &labels)
    }

    async fn no_other_word(&self, row: &Row) {
        let metrics = self.gateway.metrics().await;
        let count = |labels: &[(&str, &str)]| metrics.sum("vestibule_jwks_fetches_total", labels);
        let of = |result| count(&[("issuer", &*row.name), ("result", result)]);
        let known = of(&row.result) + of("changed") + of("unchanged");
        assert_eq!(count(&[("issuer", &*row.name)]), known, "{}", row.fault);
    }
}

/// The faults of the documentation, and the words under which fetches count.
fn table() -> Vec<(String, String)> {
    let page = include_str!("../../docs/issuer-faults.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = |row: &str| {
        let mut cells = row
            .split(" | ")
            .map(|cell| cell.trim_matches('`').to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    };
    let rows: Vec<_> = rows
        .map(cells)
        .filter(|(fault, _)| fault != "Fault" && fault != "---")
        .collect();
    assert!(rows.len() >= 15, "{rows:?}");
    rows
}
