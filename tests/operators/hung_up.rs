//! Operators' programs that hang up before they have the answer to a change.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{TestGateway, Wire, eventually};

#[tokio::test]
async fn a_change_is_in_the_audit_although_its_client_hung_up() {
    let site = TestGateway::start().await;
    let mut sessions = Vec::new();
    for login in 0..5 {
        let token = site.acme.token().claim("sid", login.to_string()).sign();
        let sid = site.passes(&token).await.claims["sid"].clone();
        sessions.push(sid.as_str().unwrap().to_owned());
    }
    for sid in &sessions {
        let session = format!("/admin/api/sessions/{sid}");
        eventually("the session is not revoked", async || {
            send_and_hang_up(&site, &format!("{session}/revoke")).await;
            site.gateway.admin(&session).await.json()["state"] == "ended"
        })
        .await;
    }
    eventually("an end is not in the audit", async || {
        let audited = listed(&site, "audit?action=session.revoke&limit=1000", "records").await;
        let is_audited = |sid: &String| audited.iter().any(|record| record["target"] == **sid);
        sessions.iter().all(is_audited)
    })
    .await;
}

#[tokio::test]
async fn a_reload_is_told_although_its_client_hung_up() {
    let site = TestGateway::start().await;
    site.gateway
        .configure(|config| config["routes"][0]["auth"] = json!("none"));
    eventually("the reload is not in force", async || {
        send_and_hang_up(&site, "/admin/api/config/reload").await;
        site.gateway.get("/", &[]).await.status() == 200
    })
    .await;
    eventually("the reload is not told", async || {
        let audited = listed(&site, "audit?limit=100", "records").await;
        let has = |action: &str| audited.iter().any(|record| record["action"] == action);
        let config = site.gateway.admin("/admin/api/config").await.json();
        has("routes.lowered") && has("config.reload") && config["last_reload"]["succeeded"] == true
    })
    .await;
}

/// Asks for a change and closes the connection at once, perhaps before anybody has read it.
async fn send_and_hang_up(site: &TestGateway, path: &str) {
    let host = site.gateway.admin;
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
    let mut wire = Wire::new(TcpStream::connect(host).await.unwrap());
    wire.write(format!("{head}Content-Length: 0\r\n\r\n")).await;
}

async fn listed(site: &TestGateway, query: &str, name: &str) -> Vec<Value> {
    let answer = site.gateway.admin(&format!("/admin/api/{query}")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()[name].as_array().unwrap().clone()
}
