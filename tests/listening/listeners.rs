//! Listeners: redirects, HSTS, Unix sockets, the PROXY protocol, certificates of clients.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::support::authority::Authority;
use crate::support::certificate::Connector;
use crate::support::{Message, TestGateway, Wire};

/// A GET of `path` over an open connection.
async fn get(site: &TestGateway, wire: &mut Wire, path: &str, fields: &[(&str, &str)]) -> Message {
    wire.write(site.gateway.bytes("GET", path, fields)).await;
    wire.read_response("GET").await.expect("an answer")
}

/// A connection by TLS; `None` when the server ended it.
async fn tls(site: &TestGateway, client: &Connector) -> Option<Wire> {
    let stream = client.connect(site.gateway.public, "localhost").await;
    Some(Wire::over(stream.ok()?))
}

/// A plaintext listener says `https` of what came by `https`, and of nothing else.
#[tokio::test]
async fn upstreams_are_told_how_a_request_came() {
    let site = async |listener: Value, proxies: Value| {
        TestGateway::with(|config| {
            config["public_url"] = json!("https://app.example.com");
            config["listeners"] = json!([listener]);
            config["trusted_proxies"] = proxies;
        })
        .await
    };
    let by_proxy = [("X-Forwarded-Proto", "https")];
    let terminated = json!({"tls_terminated": true});
    for (listener, proxies, fields, scheme) in [
        (json!({}), json!([]), &[][..], "http"),
        (json!({}), json!([]), &by_proxy[..], "http"),
        (terminated.clone(), json!([]), &[], "https"),
        (json!({}), json!(["127.0.0.0/8"]), &[], "http"),
        (json!({}), json!(["127.0.0.0/8"]), &by_proxy, "https"),
    ] {
        let site = site(listener, proxies).await;
        assert_eq!(site.gateway.get("/open", fields).await.status(), 200);
        let seen = site.upstream.last();
        assert_eq!(seen.field("x-forwarded-proto").as_deref(), Some(scheme));
        let forwarded = seen.field("forwarded");
        if let Some(forwarded) = forwarded.filter(|_| fields.is_empty()) {
            assert!(
                forwarded.contains(&format!("proto={scheme}")),
                "{forwarded}"
            );
        }
    }
}

/// TLS ends before the gateway, and only it does not know: the page is no foreign one.
#[tokio::test]
async fn a_page_whose_scheme_alone_differs_is_named_as_such() {
    let by_proxy = ("X-Forwarded-Proto", "https");
    let terminated = json!({"tls_terminated": true});
    let proxy = json!(["127.0.0.0/8"]);
    for (listener, proxies, refused) in [
        (json!({}), json!([]), true),
        (terminated, json!([]), false),
        (json!({}), proxy, false),
    ] {
        let site = TestGateway::with(|config| {
            config["public_url"] = json!("https://app.example.com");
            config["listeners"] = json!([listener]);
            config["trusted_proxies"] = proxies;
        })
        .await;
        let here = format!("https://{}", site.gateway.public);
        let post = async |origin: &str| {
            // A login each: the one before may be logged out.
            let token = site.acme.token().claim("jti", origin).sign();
            let cookie = format!("acme_token={token}");
            let fields = [
                ("Cookie", &*cookie),
                ("Origin", origin),
                ("Content-Length", "0"),
                by_proxy,
            ];
            let routed = site.gateway.request("POST", "/", &fields).await;
            let own = site.gateway.request("POST", "/_vestibule/logout", &fields);
            (routed, own.await)
        };
        let (routed, own) = post(&here).await;
        for answer in [&routed, &own] {
            assert_eq!(answer.status() == 403, refused, "{}", answer.text());
        }
        if refused {
            for answer in [&routed, &own] {
                let line = site.access_line(answer).await;
                assert_eq!(line["reason"], "origin_scheme", "{line}");
                let hint = line["hint"].as_str().unwrap();
                let names = |setting| hint.contains(setting);
                assert!(
                    names("`tls_terminated`") && names("`trusted_proxies`"),
                    "{line}"
                );
            }
        }
        for answer in <[_; 2]>::from(post("https://evil.test").await) {
            assert_eq!(answer.status(), 403);
            let line = site.access_line(&answer).await;
            assert_eq!(line["reason"], "origin_foreign", "{line}");
        }
    }
}

#[tokio::test]
async fn a_redirecting_listener_sends_everybody_to_https() {
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("https://app.example.com:8443");
        config["listeners"] = json!([{"redirect_to_https": true}]);
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for method in ["GET", "HEAD", "POST"] {
        let request = format!(
            "{method} /a%20b?c=d HTTP/1.1\r\nHost: app.example.com:80\r\n\
             Authorization: {bearer}\r\nContent-Length: 0\r\n\r\n"
        );
        let answer = site.gateway.send(request).await;
        assert_eq!(answer.status(), 308);
        let location = answer.field("location");
        assert_eq!(
            location.as_deref(),
            Some("https://app.example.com:8443/a%20b?c=d")
        );
    }
    // What has more than one reading is no address.
    let answer = site
        .gateway
        .send("GET //evil.test/ HTTP/1.1\r\nHost: a b\r\n\r\n")
        .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(site.upstream.count(), 0);

    // Nor is a host that nobody serves, to which a cache would then send others.
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("https://app.example.com");
        config["listeners"] = json!([{"redirect_to_https": true}]);
        for route in config["routes"].as_array_mut().unwrap() {
            route["host"] = json!("*.shop.test");
        }
    })
    .await;
    for (host, status) in [
        ("app.example.com", 308),
        ("a.shop.test", 308),
        ("evil.test", 421),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(site.gateway.send(request).await.status(), status, "{host}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_https() {
    let authority = Authority::new();
    let certificates = json!([authority.server("app", &["localhost"], 2030)]);
    for hsts in [
        json!({"include_subdomains": true, "max_age": "1day"}),
        Value::Null,
    ] {
        let site = TestGateway::with(|config| {
            let tls = json!({"certificates": certificates});
            config["listeners"] = json!([{"tls": tls, "hsts": hsts}]);
        })
        .await;
        let mut wire = tls(&site, &authority.connector(&[])).await.unwrap();
        // Of an upstream, a refusal, an endpoint of our own.
        for path in ["/open", "/", "/_vestibule/jwks.json"] {
            let answer = get(&site, &mut wire, path, &[]).await;
            let expected = hsts
                .is_object()
                .then_some("max-age=86400; includeSubDomains");
            let field = answer.field("strict-transport-security");
            assert_eq!(field.as_deref(), expected, "{path}");
        }
    }
}

#[tokio::test]
async fn a_unix_socket_is_listened_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("public.sock");
    let address = format!("unix:{}", path.display());
    let mut site = TestGateway::with(|config| {
        config["listeners"] = json!([{}, {"address": address, "mode": "0600"}]);
    })
    .await;
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let bearer = format!("Bearer {}", site.acme.token().sign());
    let mut wire = Wire::over(UnixStream::connect(&path).await.unwrap());
    assert_eq!(
        get(&site, &mut wire, "/", &[("Authorization", &bearer)])
            .await
            .status(),
        200
    );
    assert_eq!(get(&site, &mut wire, "/", &[]).await.status(), 401);
    // The file that a killed gateway leaves is in nobody's way.
    site.gateway.kill9().await;
    assert!(path.exists());
    site.gateway = site.gateway.restart().await;
    let mut wire = Wire::over(UnixStream::connect(&path).await.unwrap());
    assert_eq!(get(&site, &mut wire, "/open", &[]).await.status(), 200);
}

/// The address that the upstream received.
fn forwarded_for(site: &TestGateway) -> Option<String> {
    site.upstream.last().field("x-forwarded-for")
}

#[tokio::test]
async fn a_trusted_proxy_names_the_client() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"proxy_protocol": true}]);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await;
    let v1 = b"PROXY TCP4 192.0.2.7 192.0.2.2 56324 443\r\n".to_vec();
    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    v2.extend([0x21, 0x11, 0, 12, 192, 0, 2, 8, 192, 0, 2, 2, 0, 80, 1, 187]);
    for (header, client) in [(v1, "192.0.2.7"), (v2, "192.0.2.8")] {
        let mut wire = site.gateway.connect().await;
        wire.write(header).await;
        // Nobody's word but the proxy's is taken, on any request of the connection.
        for _ in 0..2 {
            let lie = [("X-Forwarded-For", "203.0.113.1")];
            assert_eq!(get(&site, &mut wire, "/open", &lie).await.status(), 200);
            assert_eq!(forwarded_for(&site).as_deref(), Some(client));
        }
        site.gateway
            .logged(&[&format!("\"client\":\"{client}\"")])
            .await;
    }
    // A proxy that says nothing, or nonsense, is not served.
    let seen = site.upstream.count();
    for start in ["", "PROXY TCP4 nonsense\r\n"] {
        let request = site.gateway.bytes("GET", "/open", &[]);
        let request = [start.as_bytes(), &request].concat();
        assert!(site.gateway.try_send(request).await.is_none(), "{start}");
    }
    assert_eq!(site.upstream.count(), seen);
}

/// What such a client says of itself is no word of the proxy, which has said that it knows nothing.
#[tokio::test]
async fn a_client_that_the_proxy_does_not_name_is_nobody() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"proxy_protocol": true}]);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/office", "auth": "none", "upstream": "app",
            "client_networks": {"allow": ["127.0.0.1", "10.0.0.0/8"]},
        }));
    })
    .await;
    let v2 = |command, family, addresses: &[u8]| {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        let fixed = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length];
        [&fixed.concat(), addresses].concat()
    };
    let (proxy, local, unspecified, unix) = (0x21, 0x20, 0x00, 0x31);
    for (header, is_proxy) in [
        (b"PROXY UNKNOWN\r\n".to_vec(), false),
        (
            b"PROXY UNKNOWN 10.9.9.9 192.0.2.2 1 443\r\n".to_vec(),
            false,
        ),
        (v2(proxy, unspecified, &[]), false),
        (v2(proxy, unix, &[b'x'; 216]), false),
        (v2(local, unspecified, &[]), true),
        (v2(local, unix, &[b'x'; 216]), true),
    ] {
        let mut wire = site.gateway.connect().await;
        wire.write(&header).await;
        let lie = [("X-Forwarded-For", "10.9.9.9")];
        assert_eq!(get(&site, &mut wire, "/open", &lie).await.status(), 200);
        let (told, status) = match is_proxy {
            true => ("10.9.9.9, 127.0.0.1", 200),
            false => ("127.0.0.1", 403),
        };
        assert_eq!(forwarded_for(&site).as_deref(), Some(told), "{header:?}");
        for fields in [&lie[..], &[]] {
            let answer = get(&site, &mut wire, "/office", fields).await;
            assert_eq!(answer.status(), status, "{header:?} {fields:?}");
        }
    }
}

#[tokio::test]
async fn nobody_else_names_a_client() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"proxy_protocol": true}]);
        config["trusted_proxies"] = json!(["192.0.2.0/24"]);
    })
    .await;
    let request = site.gateway.bytes("GET", "/open", &[]);
    assert_eq!(site.gateway.send(&request).await.status(), 200);
    assert_eq!(forwarded_for(&site).as_deref(), Some("127.0.0.1"));
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.2 56324 443\r\n";
    let answer = site
        .gateway
        .try_send([header.as_slice(), &request].concat())
        .await;
    assert!(answer.is_none_or(|answer| answer.status() == 400));
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn the_proxy_protocol_comes_before_tls() {
    use tokio::io::AsyncWriteExt;
    let authority = Authority::new();
    let certificates = json!([authority.server("app", &["localhost"], 2030)]);
    let site = TestGateway::with(|config| {
        let tls = json!({"certificates": certificates});
        config["listeners"] = json!([{"tls": tls, "proxy_protocol": true}]);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await;
    let mut socket = tokio::net::TcpStream::connect(site.gateway.public)
        .await
        .unwrap();
    let header = b"PROXY TCP6 2001:db8::7 2001:db8::2 56324 443\r\n";
    socket.write_all(header).await.unwrap();
    let stream = authority
        .connector(&[])
        .over(socket, "localhost")
        .await
        .unwrap();
    let mut wire = Wire::over(stream);
    assert_eq!(get(&site, &mut wire, "/open", &[]).await.status(), 200);
    assert_eq!(forwarded_for(&site).as_deref(), Some("2001:db8::7"));
}

#[tokio::test]
async fn clients_prove_who_they_are_by_certificate() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let certificates = json!([authority.server("app", &["localhost"], 2030)]);
    for (mode, without) in [("required", false), ("optional", true)] {
        let site = TestGateway::with(|config| {
            let auth = json!({"authorities": authority.file(), "mode": mode});
            let tls = json!({"certificates": certificates, "client_auth": auth});
            config["listeners"] = json!([{"tls": tls}]);
        })
        .await;
        let client = |own| authority.connector_with(&[], own, rustls::ALL_VERSIONS);
        let spoofed = [
            ("X-Client-Cert", ":AAAA:"),
            ("X_Client_Cert_Subject", "CN=root"),
            ("Client-Cert", ":AAAA:"),
        ];
        let mut wire = tls(&site, &client(Some(authority.client("Zoë %1"))))
            .await
            .unwrap();
        assert_eq!(get(&site, &mut wire, "/open", &spoofed).await.status(), 200);
        let request = site.upstream.last();
        let subject = request.field("x-client-cert-subject");
        assert_eq!(subject.as_deref(), Some("CN=Zo%C3%AB %251"));
        assert_eq!(request.field("x-client-cert-sha256").unwrap().len(), 64);
        let certificate = request.field("x-client-cert").unwrap();
        assert!(certificate.starts_with(":MII"), "{certificate}");
        assert_eq!(request.field("x_client_cert_subject"), None);
        assert_eq!(request.field("client-cert"), None);

        // TLS 1.3 tells a client only after its handshake that its certificate is not good.
        let mut seen = site.upstream.count();
        for (own, served) in [(None, without), (Some(stranger.client("Mallory")), false)] {
            let answer = match tls(&site, &client(own)).await {
                Some(mut wire) => {
                    wire.write(site.gateway.bytes("GET", "/open", &spoofed))
                        .await;
                    wire.read_response("GET").await
                }
                None => None,
            };
            assert_eq!(answer.is_some(), served, "{mode}");
            seen += usize::from(served);
            assert_eq!(site.upstream.count(), seen);
            if served {
                let fields = site.upstream.last().fields();
                let leaked = fields
                    .iter()
                    .find(|(name, _)| name.to_lowercase().contains("client"));
                assert_eq!(leaked, None);
            }
        }
    }
}
