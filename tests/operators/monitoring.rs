//! Metrics, alerts and the board, checked by the real `promtool` and scraped by the real
//! Prometheus (Debian's `prometheus`).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};

use crate::support::port::free_port;
use crate::support::{Key, PATIENCE, TestGateway, Wire, run};

#[tokio::test]
async fn metrics_pass_promtool() {
    let site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    site.refuses(&forged, "signature_invalid").await;
    let text = site.gateway.admin("/metrics").await.text();
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool, of Debian's package prometheus");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_gateway() {
    let site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    let dir = tempfile::TempDir::new().unwrap();
    let config = json!({
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
        "rule_files": [packaging("prometheus").join("vestibule.rules.yaml")],
        "scrape_configs": [{
            "job_name": "vestibule",
            "static_configs": [{"targets": [site.gateway.admin.to_string()]}],
        }],
    });
    let file = dir.path().join("prometheus.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    let address = free_port();
    let _prometheus = tokio::process::Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            dir.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("prometheus, of Debian's package of that name");

    let query = "/api/v1/query?query=vestibule_sessions_created_total%7Bissuer%3D%22acme%22%7D";
    let request = format!("GET {query} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "nothing was scraped");
        if let Ok(stream) = TcpStream::connect(address).await {
            let mut wire = Wire::new(stream);
            wire.write(&request).await;
            let answer = wire.read_response("GET").await;
            let answer = answer.filter(|answer| answer.status() == 200);
            if answer.is_some_and(|answer| answer.json()["data"]["result"][0]["value"][1] == "1") {
                return;
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn alerts_fire_when_they_should() {
    promtool_test(&packaging("prometheus").join("vestibule.rules.test.yaml"));
}

/// Has promtool run the tests in a file.
pub fn promtool_test(file: &Path) {
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(file)
        .output()
        .expect("promtool, of Debian's package prometheus");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// A metric that was renamed leaves no alert and no panel empty, and none of the runbook's wrong.
#[tokio::test]
async fn alerts_board_and_runbook_name_metrics_that_exist() {
    let dir = tempfile::TempDir::new().unwrap();
    let (_, table, _) = run(dir.path(), &["generate", "metrics"], "").await;
    let listed = names(&table);
    let rules = packaging("prometheus").join("vestibule.rules.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let board = std::fs::read_to_string(packaging("grafana").join("vestibule.json")).unwrap();
    let runbook = include_str!("../../docs/runbook.md");
    for name in [rules.as_str(), &board, runbook]
        .into_iter()
        .flat_map(names)
    {
        let of_histogram = ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|part| name.strip_suffix(part));
        let is_listed = listed.contains(of_histogram.unwrap_or(&name)) || listed.contains(&name);
        assert!(is_listed, "there is no metric {name}");
    }
    let board: Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 20);
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["description"].is_string(), "{}", panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            assert!(query.contains("$instance"), "of which gateway? {query}");
        }
    }
}

/// Prometheus' own parser reads every panel's query as it does a rule's.
#[test]
fn the_boards_queries_are_good() {
    let board = std::fs::read_to_string(packaging("grafana").join("vestibule.json")).unwrap();
    let board: Value = serde_json::from_str(&board).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let panels = panels.filter(|panel| panel["type"] != "row");
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    let rules: Vec<_> = queries
        .enumerate()
        .map(|(at, query)| {
            let query = query.replace("$__rate_interval", "5m");
            json!({"record": format!("panel:{at}"), "expr": query})
        })
        .collect();
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("board.yaml");
    let groups = json!({"groups": [{"name": "board", "rules": rules}]});
    std::fs::write(&file, groups.to_string()).unwrap();
    let output = Command::new("promtool")
        .args(["check", "rules"])
        .arg(&file)
        .output()
        .expect("promtool, of Debian's package prometheus");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
}

#[test]
fn every_alert_has_a_section_in_the_runbook() {
    let rules = packaging("prometheus").join("vestibule.rules.yaml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let runbook = include_str!("../../docs/runbook.md");
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(
            runbook.contains(&format!("\n## {alert}\n")),
            "no section {alert}"
        );
        let link = format!("docs/runbook.md#{}", alert.to_lowercase());
        assert!(rules.contains(&link), "no link {link}");
        let url = format!("{{{{ end }}}}/runbook.md#{}", alert.to_lowercase());
        assert!(rules.contains(&url), "no absolute link {url}");
    }
}

fn packaging(part: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(part)
}

fn names(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.starts_with("vestibule_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}
