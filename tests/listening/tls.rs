//! TLS listeners: which certificate, which protocols, and what happens when files change.

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::support::authority::Authority;
use crate::support::{PATIENCE, TestGateway, Wire, eventually};

/// A site with one TLS listener.
async fn site(tls: Value) -> TestGateway {
    TestGateway::with(|config| config["listeners"] = json!([{"name": "public", "tls": tls}])).await
}

/// What the server's certificate is for.
fn serial(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn tokens_pass_over_tls_and_upstreams_learn_the_scheme() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    let site = site(json!({"certificates": certificates})).await;
    let client = authority.connector(&["http/1.1"]);
    let stream = client
        .connect(site.gateway.public, "localhost")
        .await
        .unwrap();
    let mut wire = Wire::over(stream);
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for (fields, status) in [(vec![("Authorization", &*bearer)], 200), (vec![], 401)] {
        wire.write(site.gateway.bytes("GET", "/", &fields)).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), status);
        let line = site.access_line(&answer).await;
        let tls = line["tls"].as_str().unwrap();
        assert!(tls.starts_with("TLSv1.3 TLS13_"), "{tls}");
    }
    let request = site.upstream.last();
    assert_eq!(request.field("x-forwarded-proto").as_deref(), Some("https"));
    site.session();
    // Plain HTTP is not spoken there.
    let plain = site.gateway.bytes("GET", "/open", &[]);
    assert!(site.gateway.try_send(plain).await.is_none());
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn the_name_decides_which_certificate_is_shown() {
    let authority = Authority::new();
    let site = site(json!({"certificates": [
        authority.server("default", &["default.test"], 2030),
        authority.server("exact", &["a.wild.test"], 2031),
        authority.server("wildcard", &["*.wild.test"], 2032),
    ]}))
    .await;
    let client = authority.connector(&[]);
    let mut shown = Vec::new();
    for name in ["default.test", "a.wild.test", "B.wild.test"] {
        let stream = client.connect(site.gateway.public, name).await;
        shown.push(serial(
            &stream.unwrap_or_else(|error| panic!("{name}: {error}")),
        ));
    }
    shown.dedup();
    assert_eq!(shown.len(), 3, "each name has its own certificate");
    // Nobody has these names, so the default is shown, and the client does not like it.
    for name in ["other.test", "a.b.wild.test", "wild.test"] {
        let error = client.connect(site.gateway.public, name).await.unwrap_err();
        assert!(error.to_string().contains("not valid for name"), "{error}");
    }
}

#[tokio::test]
async fn http2_is_offered_unless_turned_off() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    for (http2, chosen) in [(true, "h2"), (false, "http/1.1")] {
        let site = site(json!({"certificates": certificates, "http2": http2})).await;
        let client = authority.connector(&["h2", "http/1.1"]);
        let stream = client
            .connect(site.gateway.public, "localhost")
            .await
            .unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.alpn_protocol(), Some(chosen.as_bytes()));
        if !http2 {
            continue;
        }
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let request = http::Request::get(format!("https://{}/open", site.gateway.public));
        let (response, _) = client
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        let response = tokio::time::timeout(PATIENCE, response).await.unwrap();
        assert_eq!(response.unwrap().status(), 200);
        driver.abort();
    }
}

/// A connection carries requests for the hosts of the certificate that its client was shown, and
/// for hosts that no certificate is for; those of another certificate are sent elsewhere.
#[tokio::test]
async fn a_connection_carries_hosts_of_its_own_certificate() {
    let authority = Authority::new();
    let site = site(json!({"certificates": [
        authority.server("first", &["a.test", "b.test", "127.0.0.1"], 2030),
        authority.server("second", &["c.test"], 2031),
    ]}))
    .await;
    let client = authority.connector(&["h2"]);
    for (asked, host, status) in [
        ("a.test", "a.test", 200),
        // HTTP/2 clients use one connection for all hosts of a certificate.
        ("a.test", "B.test", 200),
        ("a.test", "c.test", 421),
        ("c.test", "c.test", 200),
        ("c.test", "a.test", 421),
        ("c.test", "localhost", 200),
        // By an address nothing is asked for (RFC 6066 section 3).
        ("127.0.0.1", "a.test", 200),
        ("127.0.0.1", "c.test", 200),
    ] {
        let stream = client.connect(site.gateway.public, asked).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let before = site.upstream.count();
        // The second request shows that the connection stays good.
        for (host, status) in [(host, status), (asked, 200)] {
            let port = site.gateway.public.port();
            let request = http::Request::get(format!("https://{host}:{port}/open"));
            let request = request.body(()).unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            let response = tokio::time::timeout(PATIENCE, response).await.unwrap();
            assert_eq!(response.unwrap().status(), status, "{asked} then {host}");
        }
        let passed = 1 + usize::from(status == 200);
        assert_eq!(
            site.upstream.count(),
            before + passed,
            "{asked} then {host}"
        );
        driver.abort();
    }
    site.gateway.logged(&["host_of_another_certificate"]).await;
}

/// What a trusted proxy asks for is its own business.
#[tokio::test]
async fn a_trusted_proxy_asks_for_any_name() {
    let authority = Authority::new();
    let certificates = [
        authority.server("first", &["gateway.test"], 2030),
        authority.server("second", &["app.test"], 2031),
    ];
    for (trusted, status) in [(json!(["127.0.0.1/32"]), 200), (json!([]), 421)] {
        let site = TestGateway::with(|config| {
            config["listeners"] = json!([{"tls": {"certificates": certificates}}]);
            config["trusted_proxies"] = trusted;
        })
        .await;
        let client = authority.connector(&["http/1.1"]);
        let stream = client.connect(site.gateway.public, "gateway.test").await;
        let mut wire = Wire::over(stream.unwrap());
        wire.write("GET /open HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), status);
    }
}

#[tokio::test]
async fn old_versions_are_refused_when_told_so() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    let old = authority.connector_with(&[], None, &[&rustls::version::TLS12]);
    for (min_version, spoken) in [("1.2", true), ("1.3", false)] {
        let site = site(json!({"certificates": certificates, "min_version": min_version})).await;
        let stream = old.connect(site.gateway.public, "localhost").await;
        assert_eq!(stream.is_ok(), spoken, "{min_version}: {:?}", stream.err());
    }
}

/// Connections go on, new ones are shown the new certificate; what is no certificate changes
/// nothing.
#[tokio::test]
async fn certificates_are_replaced_when_their_files_change() {
    let authority = Authority::new();
    let certificate = authority.server("app", &["localhost"], 2030);
    let site = site(json!({"certificates": [certificate], "check_interval": "50ms"})).await;
    let client = authority.connector(&[]);
    let connect = || client.connect(site.gateway.public, "localhost");
    let expires = [("listener", "public"), ("certificate", "app")];
    let expiry = async || {
        let metrics = site.gateway.metrics().await;
        metrics.sum("vestibule_certificate_expiry_timestamp_seconds", &expires)
    };
    let old = connect().await.unwrap();
    let shown = serial(&old);
    assert_eq!(expiry().await, 1_893_456_000.0, "2030-01-01");
    let metrics = site.gateway.metrics().await;
    let notice = metrics.sum("vestibule_certificate_notice_timestamp_seconds", &expires);
    assert_eq!(notice, 1_892_851_200.0, "a week earlier");

    // A key that is not the certificate's.
    let key = std::path::PathBuf::from(certificate["key"].as_str().unwrap());
    let good = std::fs::read(&key).unwrap();
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    site.gateway
        .logged(&[
            "the last valid ones stay in use",
            "does not match the certificate",
        ])
        .await;
    assert_eq!(serial(&connect().await.unwrap()), shown);
    std::fs::write(&key, good).unwrap();
    site.gateway.logged(&["certificates replaced"]).await;

    authority.server("app", &["localhost"], 2040);
    eventually("not replaced", async || {
        serial(&connect().await.unwrap()) != shown
    })
    .await;
    assert_eq!(expiry().await, 2_208_988_800.0, "2040-01-01");
    let mut old = Wire::over(old);
    old.write(site.gateway.bytes("GET", "/open", &[])).await;
    assert_eq!(
        old.read_response("GET").await.expect("an answer").status(),
        200
    );
}

/// The files are looked at seldom, and at once when somebody asks for a reload, by whichever way.
#[tokio::test]
async fn a_reload_that_is_asked_for_replaces_certificates() {
    let authority = Authority::new();
    let certificate = authority.server("app", &["localhost"], 2030);
    let site = site(json!({"certificates": [certificate], "check_interval": "1h"})).await;
    let client = authority.connector(&[]);
    let shown = async || {
        serial(
            &client
                .connect(site.gateway.public, "localhost")
                .await
                .unwrap(),
        )
    };
    let mut before = shown().await;
    for by_signal in [true, false] {
        authority.server("app", &["localhost"], 2040);
        assert_eq!(shown().await, before);
        match by_signal {
            true => site.gateway.signal("HUP"),
            false => {
                let path = "/admin/api/config/reload";
                let gateway = &site.gateway;
                let answer = gateway.admin_send("POST", path, &[], &Value::Null).await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
            }
        }
        eventually("not replaced", async || shown().await != before).await;
        before = shown().await;
    }
}

/// At the start, and when it takes the place of another one.
#[tokio::test]
async fn a_certificate_that_is_not_valid_is_in_the_log() {
    let authority = Authority::new();
    let certificate = authority.server("app", &["localhost"], 2020);
    let tls = json!({"certificates": [certificate], "check_interval": "50ms"});
    let old = site(tls.clone()).await;
    let path = "listeners[0].tls.certificates[0].cert: the certificate expired at 2020-01-01";
    old.gateway.logged(&["WARN", path]).await;
    drop(old);

    authority.server("app", &["localhost"], 2040);
    let site = site(tls).await;
    authority.server("app", &["localhost"], 2021);
    let expired = "the certificate expired at 2021-01-01";
    let line = site.gateway.logged(&["WARN", expired]).await;
    assert!(line.contains("public") && line.contains("app"), "{line}");
    assert!(!site.gateway.log().contains("expired at 2040"));
}

#[tokio::test]
async fn a_handshake_has_the_headers_deadline() {
    let authority = Authority::new();
    let certificates = [authority.server("app", &["localhost"], 2030)];
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"tls": {"certificates": certificates}}]);
        config["limits"] = json!({"header_timeout": "300ms"});
    })
    .await;
    // Nothing at all, and after the handshake nothing of HTTP/2.
    let mut silent = site.gateway.connect().await;
    assert_eq!(silent.read_to_end().await, b"");
    let client = authority.connector(&["h2"]);
    let mut cut = 1.0;
    // On a busy machine the deadline may come before the end of a handshake, and cuts that.
    let stream = loop {
        match client.connect(site.gateway.public, "localhost").await {
            Ok(stream) => break stream,
            Err(_) => cut += 1.0,
        }
    };
    Wire::over(stream).read_to_end().await;
    cut += 1.0;
    let cause = [("cause", "header_timeout")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &cause, cut).await;
}

#[tokio::test]
async fn check_reads_the_certificates() {
    let authority = Authority::new();
    let good = authority.server("app", &["localhost"], 2030);
    let other = authority.server("other", &["localhost"], 2030);
    let folder = tempfile::tempdir().unwrap();
    let mut missing = good.clone();
    missing["cert"] = json!("/nowhere.pem");
    let mut mixed = good.clone();
    mixed["key"] = other["key"].clone();
    for (certificate, says) in [
        (good, ": valid"),
        (missing, "`/nowhere.pem` cannot be read"),
        (mixed, "does not match the certificate"),
    ] {
        let config = json!({"listeners": [
            {"address": "127.0.0.1:8443", "tls": {"certificates": [certificate]}},
        ]});
        std::fs::write(folder.path().join("c.yaml"), config.to_string()).unwrap();
        let (code, out, err) =
            crate::support::run(folder.path(), &["check", "--config", "c.yaml"], "").await;
        assert!((out + &err).contains(says), "{err}");
        assert_eq!(code, if says == ": valid" { 0 } else { 64 });
    }
}
