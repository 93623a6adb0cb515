//! How proxies ask whether a request may pass.

use serde_json::{Value, json};

use crate::support::{Message, TestGateway};

/// How a proxy says what it asks about.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Envoy,
    Nginx,
    Traefik,
}

pub const WAYS: [Way; 3] = [Way::Envoy, Way::Nginx, Way::Traefik];

pub async fn start(change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
        config["allowed_origins"] = json!(["https://page.test"]);
        change(config);
    })
    .await
}

pub async fn ask(
    site: &TestGateway,
    way: Way,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> Message {
    ask_as(
        site,
        way,
        method,
        target,
        &[&[("Host", "app.test")], fields].concat(),
    )
    .await
}

pub async fn ask_as(
    site: &TestGateway,
    way: Way,
    method: &str,
    target: &str,
    fields: &[(&str, &str)],
) -> Message {
    let mut fields = fields.to_vec();
    let (asked_method, path) = match way {
        Way::Envoy => (method, format!("/_vestibule/check{target}")),
        Way::Nginx => {
            fields.extend([("X-Original-Method", method), ("X-Original-URI", target)]);
            ("GET", "/_vestibule/check".to_owned())
        }
        Way::Traefik => {
            let (_, host) = fields.remove(0);
            fields.extend([
                ("Host", "gateway.test"),
                ("X-Forwarded-Method", method),
                ("X-Forwarded-Host", host),
                ("X-Forwarded-Uri", target),
            ]);
            ("GET", "/_vestibule/check".to_owned())
        }
    };
    if asked_method == "POST" {
        fields.push(("Content-Length", "0"));
    }
    let mut request = format!("{asked_method} {path} HTTP/1.1\r\n");
    for (name, value) in fields {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("Connection: close\r\n\r\n");
    site.gateway.send(request).await
}
