//! What the panels of the board count, by Prometheus' own reading of their queries.

use serde_json::{Value, json};

use super::monitoring::promtool_test;

#[test]
fn the_share_of_refused_credentials_is_one_of_credentials() {
    let series = |outcome: &str, reason: &str, values: &str| {
        let labels =
            format!(r#"instance="one",issuer="acme",outcome="{outcome}",reason="{reason}""#);
        json!({"series": format!("vestibule_decisions_total{{{labels}}}"), "values": values})
    };
    let (allowed, refused) = (
        series("allowed", "ok", "0+3x10"),
        series("refused", "expired", "0+1x10"),
    );
    let without = [
        series("anonymous", "ok", "0+60x10"),
        series("refused", "token_missing", "0+60x10"),
    ];
    let credentials = [allowed, refused];
    for others in [&[][..], &without] {
        let all = [&credentials[..], others].concat();
        reads("Refused credentials", &all, "{}", 0.25);
    }
}

/// Each gateway counts for itself, and the drains of operators count at all.
#[test]
fn servers_in_service_are_those_of_the_gateway_with_the_fewest() {
    let series = |name: &str, instance: &str, server: &str, value: u8| {
        let labels = format!(r#"instance="{instance}",upstream="app",server="{server}""#);
        json!({"series": format!("{name}{{{labels}}}"), "values": format!("{value}x10")})
    };
    let (healthy, drained) = ("vestibule_upstream_healthy", "vestibule_upstream_drained");
    // Both of two, but for the gateway that finds one failing, and the server that is drained.
    for (second_b, is_drained, count) in [(1, 0, 2.0), (0, 0, 1.0), (1, 1, 1.0), (0, 1, 0.0)] {
        let all = [
            series(healthy, "one", "a", 1),
            series(healthy, "one", "b", 1),
            series(healthy, "two", "a", 1),
            series(healthy, "two", "b", second_b),
            series(drained, "one", "a", is_drained),
            series(drained, "one", "b", 0),
            series(drained, "two", "a", is_drained),
            series(drained, "two", "b", 0),
        ];
        reads("Servers in service", &all, r#"{upstream="app"}"#, count);
    }
}

/// The panel shows this value for these series.
fn reads(title: &str, series: &[Value], labels: &str, value: f64) {
    let test = json!({
        "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": series,
            "promql_expr_test": [{
                "expr": query(title),
                "eval_time": "10m",
                "exp_samples": [{"labels": labels, "value": value}],
            }],
        }],
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), test.to_string()).unwrap();
    promtool_test(file.path());
}

/// The first query of a panel, for all gateways and all that they have.
fn query(title: &str) -> String {
    let board = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/packaging/grafana/vestibule.json"
    );
    let board: Value = serde_json::from_str(&std::fs::read_to_string(board).unwrap()).unwrap();
    let mut panels = board["panels"].as_array().unwrap().iter();
    let panel = panels.find(|panel| panel["title"] == title).unwrap();
    let query = panel["targets"][0]["expr"].as_str().unwrap();
    ["$instance", "$issuer", "$upstream"]
        .iter()
        .fold(query.to_owned(), |query, name| query.replace(name, ".*"))
        .replace("$__rate_interval", "5m")
}
