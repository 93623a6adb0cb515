//! The admin listener.

use super::*;

#[tokio::test]
async fn operators_connections_are_bounded_as_the_publics_are() {
    let site = TestGateway::with(|config| {
        config["admin"] = json!({"connections_per_client": 4});
        config["limits"] = json!({"header_timeout": "500ms"});
    })
    .await;
    let mut half_sent = Vec::new();
    for _ in 0..4 {
        let mut wire = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
        wire.write("GET /ready HTTP/1.1\r\nHost").await;
        half_sent.push(wire);
    }
    // Each of these is one too many, until the others have had their time.
    let mut refused = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
    assert_eq!(refused.read_to_end().await, b"");
    for wire in &mut half_sent {
        let said = wire.read_to_end().await;
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 408"));
    }
    // Another address never had to wait.
    let mut other = Wire::new(from("127.0.0.2", site.gateway.admin).await);
    other
        .write(format!(
            "GET /live HTTP/1.1\r\nHost: {}\r\n\r\n",
            site.gateway.admin
        ))
        .await;
    let answer = other.read_response("GET").await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let name = "vestibule_connections_cut_total";
    let half_sent = [("cause", "admin_header_timeout")];
    site.gateway.metric_becomes(name, &half_sent, 4.0).await;
    let too_many = [("cause", "admin_client_connection_limit")];
    assert!(site.gateway.metrics().await.sum(name, &too_many) >= 1.0);
}

#[tokio::test]
async fn operators_are_served_over_tls_where_that_is_asked_for() {
    let authority = Authority::new();
    let mut site = TestGateway::start().await;
    site.gateway.kill9().await;
    let certificate = authority.server("admin", &["admin.test"], 2030);
    let tls = json!({"certificates": [certificate]});
    let dir = site.gateway.dir();
    let ready = ["ready", "--config", "config.yaml"];
    let mut gateway = serving(&site, &tls);
    eventually("the command does not reach the listener", async || {
        run(dir, &ready, "").await.0 == 0
    })
    .await;
    let mut plain = Wire::new(TcpStream::connect(site.gateway.admin).await.unwrap());
    plain.write("GET /live HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = plain.read_to_end().await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // Another certificate is not the gateway's.
    let other = authority.server("other", &["admin.test"], 2030);
    site.gateway
        .configure(|config| config["admin"]["tls"] = json!({"certificates": [other]}));
    let (code, _, errors) = run(dir, &ready, "").await;
    assert_ne!(code, 0, "{errors}");
    gateway.kill().await.unwrap();

    let mut tls = tls;
    tls["client_auth"] = json!({"authorities": authority.file(), "mode": "required"});
    let _gateway = serving(&site, &tls);
    let own = authority.client_file("ops");
    let shown = [&ready[..], &["--client-certificate", own.to_str().unwrap()]].concat();
    eventually("the command does not show its certificate", async || {
        run(dir, &shown, "").await.0 == 0
    })
    .await;
    let (code, _, errors) = run(dir, &ready, "").await;
    assert_ne!(code, 0, "{errors}");
}

/// A gateway outside of the harness, which speaks no TLS to operators. Killed when it is dropped.
fn serving(site: &TestGateway, tls: &Value) -> tokio::process::Child {
    site.gateway
        .configure(|config| config["admin"]["tls"] = tls.clone());
    binary()
        .args(["serve", "--config", "config.yaml"])
        .current_dir(site.gateway.dir())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
