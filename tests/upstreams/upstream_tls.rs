//! TLS and HTTP/2 to upstreams: who is spoken to, as whom, and by which connection.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::authority::Authority;
use crate::support::front::Front;
use crate::support::h2_upstream::H2Upstream;
use crate::support::{RawUpstream, TestGateway, refusal_id};

/// A site with these upstreams more, each on the open path of its name.
async fn site(upstreams: Value) -> TestGateway {
    TestGateway::with(|config| {
        for (name, settings) in upstreams.as_object().unwrap() {
            config["upstreams"][name] = settings.clone();
            let route = json!({ "path": format!("/{name}"), "auth": "none", "upstream": name });
            config["routes"].as_array_mut().unwrap().push(route);
        }
    })
    .await
}

#[tokio::test]
async fn a_server_proves_who_it_is() {
    let dir = TempDir::new().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let plain = RawUpstream::start().await;
    let behind = plain.address;
    let named = Front::start(&ours.identity(&["app.test"]), None, &[], move |_| behind).await;
    let numbered = Front::start(&ours.identity(&["127.0.0.1"]), None, &[], move |_| behind).await;
    let (ca, other_ca) = (
        ours.file_in(dir.path(), "ca.pem"),
        other.file_in(dir.path(), "other.pem"),
    );
    let to = |front: &Front, tls: Value| json!({ "servers": [front.address], "tls": tls });
    let site = site(json!({
        "named": to(&named, json!({ "ca": ca, "server_name": "app.test" })),
        "numbered": to(&numbered, json!({ "ca": ca })),
        "unverified": to(&named, json!({ "insecure_skip_verification": true })),
        "misnamed": to(&named, json!({ "ca": ca, "server_name": "other.test" })),
        "unnamed": to(&named, json!({ "ca": ca })),
        "distrusted": to(&named, json!({ "ca": other_ca, "server_name": "app.test" })),
        "unknown": to(&named, json!({ "server_name": "app.test" })),
    }))
    .await;
    for name in ["named", "numbered", "unverified"] {
        let answer = site.gateway.get(&format!("/{name}"), &[]).await;
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    }
    assert_eq!(
        named.handshakes()[0].server_name.as_deref(),
        Some("app.test")
    );
    // An address is no name that could be asked for (RFC 6066 section 3).
    assert_eq!(numbered.handshakes()[0].server_name, None);
    let passed = plain.count();
    for name in ["misnamed", "unnamed", "distrusted", "unknown"] {
        let answer = site.gateway.get(&format!("/{name}"), &[]).await;
        assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        let id = refusal_id(&answer, "upstream_failed");
        site.gateway.logged(&[&id, "\"upstream_tls_failed\""]).await;
        let labels = [("upstream", name), ("kind", "tls")];
        let metrics = site.gateway.metrics().await;
        assert_eq!(
            metrics.sum("vestibule_upstream_failures_total", &labels),
            1.0,
            "{name}"
        );
    }
    assert_eq!(plain.count(), passed);
}

/// Two upstreams at one address that differ in what they show or trust: a connection that was made
/// for one carries no request of the other, although the framework would reuse it.
#[tokio::test]
async fn a_connection_serves_one_upstream_and_one_identity() {
    let dir = TempDir::new().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let (first, second) = (
        ours.identity(&["first.test"]),
        ours.identity(&["second.test"]),
    );
    let (for_first, for_second) = (RawUpstream::start().await, RawUpstream::start().await);
    let (to_first, to_second) = (for_first.address, for_second.address);
    let known = first.certificate.clone();
    let front = Front::start(
        &ours.identity(&["app.test"]),
        Some(&ours),
        &[],
        move |handshake| match handshake.client.as_ref() == Some(&known) {
            true => to_first,
            false => to_second,
        },
    )
    .await;
    let ca = ours.file_in(dir.path(), "ca.pem");
    let as_client = |identity: Option<(std::path::PathBuf, std::path::PathBuf)>, ca| {
        let (certificate, key) = identity.unzip();
        let tls = json!({
            "ca": ca, "server_name": "app.test",
            "client_certificate": certificate, "client_key": key,
        });
        json!({ "servers": [front.address], "tls": tls })
    };
    let site = site(json!({
        "first": as_client(Some(first.files(dir.path(), "first")), &ca),
        "second": as_client(Some(second.files(dir.path(), "second")), &ca),
        "nobody": as_client(None, &ca),
        "distrusted": as_client(
            Some(first.files(dir.path(), "again")), &other.file_in(dir.path(), "other.pem")),
    }))
    .await;
    const ROUNDS: usize = 10;
    for round in 1..=ROUNDS {
        for (name, seen) in [("first", &for_first), ("second", &for_second)] {
            let path = format!("/{name}/{round}");
            let answer = site.gateway.get(&path, &[]).await;
            assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
            assert_eq!(seen.last().start_line(), format!("GET {path} HTTP/1.1"));
            assert_eq!(seen.count(), round);
        }
        // Good connections of the others are at hand, and are not taken.
        for name in ["nobody", "distrusted"] {
            let answer = site.gateway.get(&format!("/{name}"), &[]).await;
            assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        }
    }
    let shown: Vec<_> = front
        .handshakes()
        .into_iter()
        .filter_map(|one| one.client)
        .collect();
    // Each upstream reuses its own connections. A connection that is just on its way back into the
    // pool when the next request looks for one is passed over, so not each request finds one.
    for identity in [&first.certificate, &second.certificate] {
        let connections = shown.iter().filter(|one| *one == identity).count();
        assert!((1..ROUNDS).contains(&connections), "{connections}");
    }
}

#[tokio::test]
async fn http2_is_spoken_by_choice() {
    let dir = TempDir::new().unwrap();
    let authority = Authority::new();
    let (h2, h1) = (H2Upstream::start().await, RawUpstream::start().await);
    let (to_h2, to_h1) = (h2.address, h1.address);
    let identity = authority.identity(&["127.0.0.1"]);
    let both = Front::start(
        &identity,
        None,
        &["h2", "http/1.1"],
        move |handshake| match handshake.protocol.as_deref() {
            Some(b"h2") => to_h2,
            _ => to_h1,
        },
    )
    .await;
    let old = Front::start(&identity, None, &["http/1.1"], move |_| to_h1).await;
    let tls = json!({ "ca": authority.file_in(dir.path(), "ca.pem") });
    let to = |front: &Front, protocol| json!({ "servers": [front.address], "protocol": protocol, "tls": tls });
    let site = site(json!({
        "prior": { "servers": [h2.address], "protocol": "http2" },
        "only": to(&both, "http2"),
        "best": to(&both, "negotiated"),
        "fallback": to(&old, "negotiated"),
        "plain": to(&both, "http1"),
    }))
    .await;
    for name in ["prior", "only", "best"] {
        let path = format!("/{name}/x?y=z");
        let cookies = [("Cookie", "a=1"), ("Cookie", "b=2")];
        let answer = site.gateway.get(&path, &cookies).await;
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
        assert_eq!(answer.text(), format!("/{name}/x"));
        let seen = h2.last();
        assert_eq!(
            seen.uri().authority().unwrap().as_str(),
            site.gateway.public.to_string()
        );
        assert_eq!(
            seen.uri().scheme_str(),
            Some(if name == "prior" { "http" } else { "https" })
        );
        assert_eq!(seen.uri().query(), Some("y=z"));
        assert!(seen.headers().get("host").is_none());
        assert_eq!(seen.headers().get_all("cookie").iter().count(), 1);
    }
    let before = h2.connections();
    for name in ["fallback", "plain"] {
        let answer = site.gateway.get(&format!("/{name}"), &[]).await;
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
        assert_eq!(answer.text(), "hello", "{name}");
    }
    assert_eq!(h2.connections(), before);
}

#[tokio::test]
async fn probes_take_the_same_kind_of_connection() {
    let dir = TempDir::new().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let (plain, h2) = (RawUpstream::start().await, H2Upstream::start().await);
    let (behind, behind_h2) = (plain.address, h2.address);
    let identity = ours.identity(&["127.0.0.1"]);
    let front = Front::start(&identity, Some(&ours), &[], move |_| behind).await;
    let front_h2 = Front::start(&identity, None, &["h2"], move |_| behind_h2).await;
    let client = ours.identity(&["gateway.test"]).files(dir.path(), "client");
    let trusting = |ca: &Authority| {
        let (certificate, key) = client.clone();
        json!({
            "ca": ca.file_in(dir.path(), &format!("{:p}.pem", ca)),
            "client_certificate": certificate, "client_key": key,
        })
    };
    let (good, bad) = (trusting(&ours), trusting(&other));
    let check = json!({ "path": "/up", "interval": "50ms", "unhealthy_after": 1 });
    let site = site(json!({
        "good": { "servers": [front.address], "tls": good, "health_check": check },
        "bad": { "servers": [front.address], "tls": bad, "health_check": check },
        "h2": { "servers": [front_h2.address], "tls": good, "protocol": "http2", "health_check": check },
        "prior": { "servers": [h2.address], "protocol": "http2", "health_check": check },
        "wrong": { "servers": [plain.address], "protocol": "http2", "health_check": check },
    }))
    .await;
    plain.reached(3).await;
    for (name, healthy) in [
        ("bad", 0.0),
        ("wrong", 0.0),
        ("good", 1.0),
        ("h2", 1.0),
        ("prior", 1.0),
    ] {
        site.gateway
            .metric_becomes("vestibule_upstream_healthy", &[("upstream", name)], healthy)
            .await;
    }
    let answer = site.gateway.get("/bad", &[]).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    refusal_id(&answer, "unavailable");
    assert_eq!(site.gateway.get("/good", &[]).await.status(), 200);
    assert_eq!(site.gateway.get("/h2", &[]).await.status(), 200);
    assert!(h2.last().uri().path() == "/h2" || h2.last().uri().path() == "/up");
}

#[tokio::test]
async fn a_unix_socket_is_a_server() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let plain = RawUpstream::start().await;
    let behind = plain.address;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut plain = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
            });
        }
    });
    let check = json!({ "interval": "50ms", "unhealthy_after": 1 });
    let missing = dir.path().join("missing.sock");
    let site = site(json!({
        "socket": { "servers": [format!("unix:{}", path.display())], "health_check": check },
        "missing": { "servers": [format!("unix:{}", missing.display())] },
    }))
    .await;
    for _ in 0..3 {
        let answer = site.gateway.get("/socket", &[]).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    assert_eq!(plain.last().start_line(), "GET /socket HTTP/1.1");
    let answer = site.gateway.get("/missing", &[]).await;
    assert_eq!(answer.status(), 502, "{}", answer.text());
}

/// What `openssl req -x509` makes: a certificate that nobody but itself vouches for.
#[tokio::test]
async fn a_self_signed_certificate_is_pinned() {
    let dir = TempDir::new().unwrap();
    let plain = RawUpstream::start().await;
    let behind = plain.address;
    let (own, other) = (
        Authority::self_signed(&["127.0.0.1"]),
        Authority::self_signed(&["127.0.0.1"]),
    );
    let front = Front::start(&own, None, &[], move |_| behind).await;
    let imposter = Front::start(&other, None, &[], move |_| behind).await;
    let (file, _) = own.files(dir.path(), "own");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &own.certificate);
    let digits: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let probed = json!({ "path": "/", "interval": "50ms", "timeout": "1s" });
    let to = |front: &Front, tls: Value| json!({ "servers": [front.address], "tls": tls });
    let mut watched = to(&front, json!({ "pinned_certificate": file }));
    watched["health_check"] = probed;
    let site = site(json!({
        "file": to(&front, json!({ "pinned_certificate": file })),
        "digest": to(&front, json!({ "pinned_certificate": format!("sha256:{digits}") })),
        "imposter": to(&imposter, json!({ "pinned_certificate": file })),
        "authority": to(&front, json!({ "ca": file })),
        "watched": watched,
    }))
    .await;
    for name in ["file", "digest", "watched"] {
        let answer = site.gateway.get(&format!("/{name}"), &[]).await;
        assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
    }
    let passed = plain.count();
    for name in ["imposter", "authority"] {
        let answer = site.gateway.get(&format!("/{name}"), &[]).await;
        assert_eq!(answer.status(), 502, "{name}: {}", answer.text());
        let id = refusal_id(&answer, "upstream_failed");
        site.gateway.logged(&[&id, "\"upstream_tls_failed\""]).await;
    }
    assert!(plain.count() >= passed);
    // Nothing of a request reached the imposter's server: only probes have no route there.
    site.gateway
        .logged(&["certificate that is pinned", "imposter"])
        .await;
    site.gateway
        .logged(&["basicConstraints=CA:FALSE", "authority"])
        .await;
}

/// The framework passes on no interim answer of such a server.
#[tokio::test]
async fn the_gateway_asks_for_the_body_in_place_of_a_server_of_http2() {
    let h2 = H2Upstream::start().await;
    let site = site(json!({ "prior": { "servers": [h2.address], "protocol": "http2" } })).await;
    let mut wire = site.gateway.connect().await;
    let fields = [("Content-Length", "5"), ("Expect", "100-continue")];
    wire.write(site.gateway.bytes("POST", "/prior/x", &fields))
        .await;
    let interim = wire.read_head().await.expect("an interim answer");
    assert!(interim.starts_with(b"HTTP/1.1 100"), "{interim:?}");
    wire.write("hello").await;
    // The server has it by now, whatever it says of a body that it does not read.
    wire.read_head().await.expect("the answer");
    assert!(h2.last().headers().get("expect").is_none());
}
