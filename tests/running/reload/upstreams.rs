//! What upstreams and routes keep through a reload.

use super::*;

/// Authorities and certificates are files of their own, which are replaced under their names.
#[tokio::test]
async fn files_that_an_upstream_names_are_read_again() {
    let dir = tempfile::TempDir::new().unwrap();
    let (before, after) = (Authority::new(), Authority::new());
    let (old, new) = (before.identity(&["gateway"]), before.identity(&["gateway"]));
    let plain = RawUpstream::start().await;
    let behind = plain.address;
    let server = after.identity(&["app.test"]);
    let front = Front::start(&server, Some(&before), &[], move |_| behind).await;
    let ca = before.file_in(dir.path(), "ca.pem");
    let (certificate, key) = old.files(dir.path(), "client");
    let site = TestGateway::with(|config| {
        config["server"]["reload_on_change"] = json!(false);
        config["upstreams"]["tls"] = json!({
            "servers": [front.address],
            "tls": {
                "ca": ca, "server_name": "app.test",
                "client_certificate": certificate, "client_key": key,
            },
        });
        let route = json!({"path": "/tls", "auth": "none", "upstream": "tls"});
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let status = async || site.gateway.get("/tls", &[]).await.status();
    assert_eq!(status().await, 502);
    after.file_in(dir.path(), "ca.pem");
    assert_eq!(status().await, 502, "files are read by a reload alone");
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(status().await, 200);
    let shown = || front.handshakes().last().unwrap().client.clone();
    assert_eq!(shown(), Some(old.certificate.clone()));

    new.files(dir.path(), "client");
    let handshakes = front.handshakes().len();
    assert_eq!(status().await, 200);
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(status().await, 200);
    assert_eq!(shown(), Some(new.certificate.clone()));
    // A reload that finds the same files keeps the connections.
    let handshakes = handshakes.max(front.handshakes().len());
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(status().await, 200);
    assert_eq!(front.handshakes().len(), handshakes);

    // What is no certificate changes nothing.
    std::fs::write(&ca, "").unwrap();
    let answer = reload(&site.gateway).await;
    assert_eq!(answer.status(), 422, "{}", answer.text());
    assert!(
        answer.text().contains("contains no certificate"),
        "{}",
        answer.text()
    );
    assert_eq!(status().await, 200);
}

/// How often clients asked stays known while the rule is the same; another rule starts at zero.
#[tokio::test]
async fn rates_count_on_where_the_rule_is_the_same() {
    let rates = |other: &str| {
        json!([
            {"path": "/same", "auth": "none", "upstream": "app", "rate_per_client": "2/1h"},
            {"path": "/other", "auth": "none", "upstream": "app", "rate_per_client": other},
        ])
    };
    let site = TestGateway::with(|config| {
        config["server"]["reload_on_change"] = json!(false);
        config["routes"] = rates("2/1h");
    })
    .await;
    let statuses = async || {
        let same = site.gateway.get("/same", &[]).await.status();
        (same, site.gateway.get("/other", &[]).await.status())
    };
    for expected in [(200, 200), (200, 200), (429, 429)] {
        assert_eq!(statuses().await, expected);
    }
    change(&site.gateway, |config| {
        config["routes"] = rates("1/1h");
        // Neither does it matter what else a route says.
        config["routes"][0]["allow_encoded_slash"] = json!(true);
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(statuses().await, (429, 200));
    assert_eq!(statuses().await, (429, 429));
}

#[tokio::test]
async fn a_server_that_is_left_out_stays_so_while_its_upstream_is_the_same() {
    let second = RawUpstream::start().await;
    let address = second.address.to_string();
    let site = TestGateway::with(|config| {
        config["server"]["reload_on_change"] = json!(false);
        let first = config["upstreams"]["app"]["servers"][0].clone();
        config["upstreams"]["app"] = json!({
            "servers": [first, address],
            "ejection": { "failures": 2, "statuses": [503], "duration": "1h" },
        });
    })
    .await;
    second.reply(Reply::Bytes(
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ));
    let healthy = [("upstream", "app"), ("server", &*address)];
    let bad = async |requests: usize| {
        let mut bad = 0;
        for _ in 0..requests {
            bad += usize::from(site.gateway.get("/open", &[]).await.status() == 503);
        }
        bad
    };
    assert_eq!(bad(8).await, 2);
    let gauge = "vestibule_upstream_healthy";
    site.gateway.metric_becomes(gauge, &healthy, 0.0).await;
    change(&site.gateway, |config| {
        config["routes"][2]["path"] = json!("/elsewhere");
        let route = json!({"path": "/open", "auth": "none", "upstream": "app"});
        config["routes"].as_array_mut().unwrap().push(route);
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(bad(8).await, 0, "it is asked again");
    site.gateway.metric_becomes(gauge, &healthy, 0.0).await;
    change(&site.gateway, |config| {
        config["upstreams"]["app"]["ejection"]["failures"] = json!(3);
    });
    assert_eq!(reload(&site.gateway).await.status(), 200);
    assert_eq!(
        bad(8).await,
        3,
        "an upstream with other settings is another one"
    );
}
