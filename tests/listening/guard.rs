//! The guard before the proxy: how many connections, and how long a header may take.

use serde_json::json;

use crate::support::{Reply, TestGateway, eventually, now, refusal_id, upstream};

#[tokio::test]
async fn connections_over_the_cap_are_not_served_until_one_ends() {
    let site = TestGateway::with(|config| config["limits"] = json!({"connections": 3})).await;
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        assert_eq!(
            wire.read_response("GET").await.expect("an answer").status(),
            200
        );
        open.push(wire);
    }
    let over = site.gateway.send(&request).await;
    assert_eq!(over.status(), 503, "a fourth connection was served");
    assert_eq!(over.field("retry-after").as_deref(), Some("1"));
    assert_eq!(site.upstream.count(), 3);

    open.pop();
    eventually("the place is not given back", async || {
        let answer = site.gateway.try_send(&request).await;
        answer.is_some_and(|answer| answer.status() == 200)
    })
    .await;
}

#[tokio::test]
async fn a_header_that_drips_is_cut() {
    let site =
        TestGateway::with(|config| config["limits"] = json!({"header_timeout": "300ms"})).await;
    let mut wire = site.gateway.connect().await;
    wire.write("GET /open HTTP/1.1\r\nHost: x\r\n").await;
    // A byte now and then: each read makes progress, the whole must end all the same.
    let mut dripping = site.gateway.connect().await;
    dripping.write("GET /open HTTP/1.1\r\nX: ").await;
    let drip = async {
        loop {
            dripping.write("x").await;
            if site
                .gateway
                .metrics()
                .await
                .sum("vestibule_connections_cut_total", &[])
                >= 2.0
            {
                return;
            }
        }
    };
    let closed = tokio::time::timeout(crate::support::PATIENCE, async {
        let (bytes, ()) = tokio::join!(wire.read_to_end(), drip);
        bytes
    })
    .await
    .expect("cut in time");
    let text = String::from_utf8_lossy(&closed);
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 408"),
        "{text}"
    );
    assert_eq!(site.upstream.count(), 0);
}

#[tokio::test]
async fn the_deadline_is_for_the_header_not_for_the_body() {
    let site =
        TestGateway::with(|config| config["limits"] = json!({"header_timeout": "300ms"})).await;
    let mut wire = site.gateway.connect().await;
    wire.write(
        site.gateway
            .bytes("POST", "/open", &[("Content-Length", "5")]),
    )
    .await;
    wire.write("hel").await;
    time_of_a_header(&site).await;
    wire.write("lo").await;
    assert_eq!(
        wire.read_response("POST")
            .await
            .expect("an answer")
            .status(),
        200
    );
    assert_eq!(site.upstream.last().text(), "hello");
    // And a connection may rest longer than that between requests.
    time_of_a_header(&site).await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    assert_eq!(
        wire.read_response("GET").await.expect("an answer").status(),
        200
    );
}

/// Lets the time pass that a header may take: another connection, which never ends its own, is cut.
async fn time_of_a_header(site: &TestGateway) {
    let mut witness = site.gateway.connect().await;
    witness.write("GET /open HTTP/1.1\r\nHost: x\r\n").await;
    witness.read_to_end().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_the_keepalive_timeout() {
    let site =
        TestGateway::with(|config| config["limits"] = json!({"keepalive_timeout": "1s"})).await;
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/", &[])).await;
    let answer = wire.read_response("GET").await.expect("an answer");
    refusal_id(&answer, "token_missing");
    assert_eq!(wire.read_to_end().await, b"", "closed without a word");
}

#[tokio::test]
async fn slow_connections_do_not_keep_others_waiting() {
    let site = TestGateway::start().await;
    let mut slow = Vec::new();
    for _ in 0..400 {
        let mut wire = site.gateway.connect().await;
        wire.write("GET / HTTP/1.1\r\nHost").await;
        slow.push(wire);
    }
    site.passes(&site.acme.token().sign()).await;
}

/// Filters never run on an idle tunnel, so only the guard can end it.
#[tokio::test]
async fn an_idle_websocket_ends_with_its_session() {
    let site = TestGateway::with(|config| config["issuers"][0]["leeway"] = json!("0s")).await;
    site.upstream.reply(Reply::Echo);
    let exp = now() + 3;
    let mut tunnels = Vec::new();
    for token in [site.acme.token().claim("exp", exp), site.acme.token()] {
        let bearer = format!("Bearer {}", token.sign());
        let upgrade = [
            ("Authorization", &*bearer),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut wire = site.gateway.connect().await;
        wire.write(site.gateway.bytes("GET", "/", &upgrade)).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 101);
        tunnels.push(wire);
    }
    let [short, long] = &mut tunnels[..] else {
        panic!("two tunnels")
    };
    assert_eq!(short.read_to_end().await, b"", "closed by the gateway");
    assert!(now() >= exp, "closed too early");
    long.write("ping").await;
    assert_eq!(
        long.read_exactly(4).await,
        b"ping",
        "the other session goes on"
    );
    let ended = [("cause", "session_ended")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &ended, 1.0).await;
}

#[tokio::test]
async fn a_client_has_so_many_connections_and_others_have_theirs() {
    let site = TestGateway::with(|config| {
        config["limits"] = json!({"connections_per_client": 2});
        config["listeners"] = json!([{}, {"address": "127.0.0.1:0", "proxy_protocol": true}]);
        config["trusted_proxies"] = json!(["192.0.2.0/24"]);
    })
    .await;
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        assert_eq!(
            wire.read_response("GET").await.expect("an answer").status(),
            200
        );
        open.push(wire);
    }
    assert_eq!(site.gateway.send(&request).await.status(), 429);
    // Another loopback address is another client.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let stream = socket.connect(site.gateway.public).await.unwrap();
    let mut other = crate::support::Wire::new(stream);
    other.write(&request).await;
    assert_eq!(
        other
            .read_response("GET")
            .await
            .expect("an answer")
            .status(),
        200
    );
    let cause = [("cause", "client_connection_limit")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &cause, 1.0).await;
}

/// Idle connections, headers that do not end and WebSockets: valid requests are served meanwhile.
#[tokio::test]
async fn a_crowd_keeps_nobody_waiting() {
    let crowd: usize = std::env::var("VESTIBULE_CROWD").map_or(1, |times| times.parse().unwrap());
    // One crowd is some 4,000 descriptors of the gateway, which keeps some of its own.
    let most = crate::support::open_files(65_536) / 6000;
    let crowd = crowd.min(usize::try_from(most).unwrap()).max(1);
    let site = TestGateway::with(|config| {
        config["limits"] = json!({"connections_per_client": 0, "connections": 40_000});
    })
    .await;
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut open = Vec::new();
    for _ in 0..1000 * crowd {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        assert_eq!(
            wire.read_response("GET").await.expect("an answer").status(),
            200
        );
        open.push(wire);
    }
    for _ in 0..400 * crowd {
        let mut wire = site.gateway.connect().await;
        wire.write("GET /open HTTP/1.1\r\nHost: slow").await;
        open.push(wire);
    }
    site.upstream.reply(Reply::Echo);
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let upgrade = site.gateway.bytes("GET", "/open", &upgrade);
    for _ in 0..200 * crowd {
        let mut wire = site.gateway.connect().await;
        wire.write(&upgrade).await;
        assert_eq!(
            wire.read_response("GET").await.expect("an answer").status(),
            101
        );
        open.push(wire);
    }
    site.passes(&site.acme.token().sign()).await;
    let tunnel = open.last_mut().unwrap();
    tunnel.write("ping").await;
    assert_eq!(tunnel.read_exactly(4).await, b"ping");
}

/// CVE-2023-44487: a client that opens streams and gives them up loses its connection, others go
/// on.
#[tokio::test]
async fn a_flood_of_resets_ends_the_connection() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({"h2_resets": 20, "h2_resets_per_second": 1});
    })
    .await;
    let (_never, gate) = tokio::sync::watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, vec![]));
    let stream = tokio::net::TcpStream::connect(site.gateway.public)
        .await
        .unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    let mut driver = tokio::spawn(connection);
    // Each stream is at work when it is given up: those that nobody looked at yet are counted by the
    // protocol's library.
    for given_up in 1.. {
        assert!(given_up < 1000, "nothing ended the flood");
        let Ok(mut ready) = client.ready().await else {
            break;
        };
        let uri = format!("http://{}/open", site.gateway.public);
        let request = http::Request::get(uri).body(()).unwrap();
        let Ok((response, mut stream)) = ready.send_request(request, true) else {
            break;
        };
        tokio::select! {
            () = site.upstream.reached(given_up) => {}
            _ = &mut driver => break,
        }
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        client = ready;
    }
    // The client may see the end before it is counted.
    eventually("the end of the flood is not counted", async || {
        let metrics = site.gateway.metrics().await;
        let resets = [("cause", "h2_resets")];
        metrics.sum("vestibule_connections_cut_total", &resets) >= 1.0
    })
    .await;
    site.upstream.reply(Reply::ok("hello"));
    let answered = crate::listening::h2c::get(&site, "/open", &[]).await;
    assert_eq!(answered, 200);
}

/// What was in flight when its client had given up too many others is answered, and the client
/// knows which were not looked at.
#[tokio::test]
async fn a_client_that_gives_up_too_much_is_told_to_go_away_first() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({"h2_resets": 20, "h2_resets_per_second": 0});
    })
    .await;
    let (open, gate) = tokio::sync::watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("in flight")));
    let stream = tokio::net::TcpStream::connect(site.gateway.public)
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driver = tokio::spawn(connection);
    let uri = format!("http://{}/open", site.gateway.public);
    let request = || http::Request::get(&uri).body(()).unwrap();
    let mut client = client.ready().await.unwrap();
    let (in_flight, _) = client.send_request(request(), true).unwrap();
    site.upstream.reached(1).await;
    for given_up in 1..=21 {
        client = client.ready().await.unwrap();
        let (response, mut stream) = client.send_request(request(), true).unwrap();
        site.upstream.reached(1 + given_up).await;
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
    }
    let resets = [("cause", "h2_resets")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &resets, 1.0).await;
    open.send(true).unwrap();
    let answer = in_flight.await.expect("it was in flight");
    assert_eq!(answer.status(), 200);
    drop(client);
    // GOAWAY without an error, and the end.
    driver.await.unwrap().expect("a polite end");
}
