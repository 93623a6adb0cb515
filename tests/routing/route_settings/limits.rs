//! Sizes, times and rates of a route.

use super::*;

#[tokio::test]
async fn a_route_has_its_own_bound_on_bodies() {
    let site = with_routes(
        json!([
            {"path": "/open", "auth": "none", "upstream": "app"},
            {"path": "/upload", "auth": "none", "upstream": "app", "body_size": "20B"},
        ]),
        |config| config["limits"] = json!({"body_size": "10B"}),
    )
    .await;
    let chunked = "Transfer-Encoding: chunked";
    for (path, length, status) in [
        ("/open", 10, 200),
        ("/open", 11, 413),
        ("/upload", 20, 200),
        ("/upload", 21, 413),
    ] {
        let body = "x".repeat(length);
        let announced = format!("Content-Length: {length}");
        for (framing, content) in [
            (&*announced, body.clone()),
            (chunked, format!("{length:x}\r\n{body}\r\n0\r\n\r\n")),
        ] {
            let host = site.gateway.public;
            let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n");
            let answer = site.gateway.send(head + &content).await;
            assert_eq!(answer.status(), status, "{path} {length} {framing}");
        }
    }
}

#[tokio::test]
async fn a_route_has_its_own_timeouts() {
    let site = with_routes(
        json!([
            {"path": "/", "auth": "none", "upstream": "app"},
            {"path": "/quick", "auth": "none", "upstream": "app", "read_timeout": "200ms"},
        ]),
        |_| {},
    )
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let slow = site.gateway.get("/slow", &[]);
    let quick = async {
        site.upstream.reached(1).await;
        let answer = site.gateway.get("/quick", &[]).await;
        open.send(true).unwrap();
        answer
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!(quick.status(), 504);
    refusal_id(&quick, "upstream_timeout");
    assert_eq!(slow.status(), 200, "the upstream's own bound is longer");
}

/// One timer serves all requests of a connection.
#[tokio::test]
async fn each_request_of_a_connection_is_bounded_by_its_own_route() {
    let site = with_routes(
        json!([
            {"path": "/", "auth": "none", "upstream": "app"},
            {"path": "/quick", "auth": "none", "upstream": "app", "read_timeout": "200ms"},
        ]),
        |_| {},
    )
    .await;
    let get = |path| site.gateway.bytes("GET", path, &[]);
    let mut client = site.gateway.connect().await;
    client.write(get("/quick")).await;
    assert_eq!(client.read_response("GET").await.unwrap().status(), 200);

    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    client.write(get("/slow")).await;
    site.upstream.reached(2).await;
    // What began after the first request is over by its time, so that would be, too.
    let other = site.gateway.get("/quick", &[]).await;
    assert_eq!(other.status(), 504);
    open.send(true).unwrap();
    let slow = client.read_response("GET").await.unwrap();
    assert_eq!(slow.status(), 200, "the time of the first is not its own");

    let (_closed, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    client.write(get("/quick")).await;
    let quick = client.read_response("GET").await.unwrap();
    assert_eq!(quick.status(), 504, "the time of the one before is longer");
    refusal_id(&quick, "upstream_timeout");
}

/// The route `/brief` bounds whole requests, `/` does not.
async fn brief(timeout: &str) -> TestGateway {
    let routes = json!([
        {"path": "/", "auth": "none", "upstream": "app"},
        {"path": "/brief", "auth": "none", "upstream": "app", "timeout": timeout},
    ]);
    with_routes(routes, |_| {}).await
}

/// A server need not take the offer to switch protocols.
#[tokio::test]
async fn what_asks_for_a_websocket_has_the_time_of_a_request_until_it_is_one() {
    let site = brief("300ms").await;
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let asks = site.gateway.bytes("GET", "/brief", &upgrade);
    let (_never, gate) = watch::channel(false);
    let silent = Reply::Gated(gate.clone(), upstream::ok("late"));
    site.upstream.reply(silent.clone());
    let late = site.gateway.send(&asks).await;
    assert_eq!(late.status(), 504);
    refusal_id(&late, "upstream_timeout");

    let begins = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
    site.upstream
        .reply(Reply::Halves(gate, begins.to_vec(), b"llo".to_vec()));
    let mut client = site.gateway.connect().await;
    client.write(&asks).await;
    let head = client.read_head().await.unwrap();
    assert!(head.starts_with(b"HTTP/1.1 200"));
    assert_eq!(client.read_to_end().await, b"he", "the rest is cut");

    site.upstream.reply(Reply::Echo);
    let mut client = site.gateway.connect().await;
    client.write(&asks).await;
    let head = client.read_head().await.unwrap();
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    // What began after it is over by that time.
    site.upstream.reply(silent);
    assert_eq!(site.gateway.get("/brief", &[]).await.status(), 504);
    client.write(b"still").await;
    assert_eq!(client.read_exactly(5).await, b"still");
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_is_504() {
    let site = brief("300ms").await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let body = "Content-Length: 4\r\n\r\nbody";
    for request in ["GET /brief HTTP/1.1\r\n", "POST /brief HTTP/1.1\r\n"] {
        let host = site.gateway.public;
        let end = if request.starts_with('P') {
            body
        } else {
            "\r\n"
        };
        let answer = site
            .gateway
            .send(format!("{request}Host: {host}\r\n{end}"))
            .await;
        assert_eq!(answer.status(), 504, "{request}");
        let id = refusal_id(&answer, "upstream_timeout");
        site.gateway.logged(&[&id, "\"upstream_timeout\""]).await;
    }
    let unbounded = site.gateway.get("/other", &[]);
    let opened = async {
        site.upstream.reached(3).await;
        open.send(true).unwrap();
    };
    let (answer, ()) = tokio::join!(unbounded, opened);
    assert_eq!(answer.status(), 200);
    let failures = [("upstream", "app"), ("kind", "timeout")];
    let metrics = site.gateway.metrics().await;
    assert_eq!(
        metrics.sum("vestibule_upstream_failures_total", &failures),
        2.0
    );
}

/// It pauses, or never pauses for long: the whole has to arrive in time.
#[tokio::test]
async fn a_request_that_does_not_arrive_in_time_is_408() {
    let site = brief("400ms").await;
    let host = site.gateway.public;
    let head =
        |path| format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 400\r\n\r\n");
    for drips in [false, true] {
        let stream = tokio::net::TcpStream::connect(host).await.unwrap();
        let (reading, mut writing) = stream.into_split();
        let mut wire = Wire::over(tokio::io::join(reading, tokio::io::sink()));
        writing.write_all(head("/brief").as_bytes()).await.unwrap();
        writing.write_all(b"begun").await.unwrap();
        let drip = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                // Refused once the gateway has closed.
                if drips && writing.write_all(b".").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let answer = tokio::select! {
            answer = wire.read_response("POST") => answer.expect("an answer"),
            () = drip => unreachable!("it drips until the answer comes"),
        };
        assert_eq!(answer.status(), 408, "drips: {drips}");
        let id = refusal_id(&answer, "timeout");
        site.gateway.logged(&[&id, "request_", "timeout\""]).await;
    }
    // In time, and where nothing is bounded.
    let body = ".".repeat(400);
    assert_eq!(
        site.gateway.send(head("/brief") + &body).await.status(),
        200
    );
    let mut slow = site.gateway.connect().await;
    slow.write(head("/other")).await;
    let refused = site.gateway.send(head("/brief")).await;
    assert_eq!(
        refused.status(),
        408,
        "as long as this took, the other waits"
    );
    slow.write(body).await;
    let answer = slow.read_response("POST").await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let failures = site.gateway.metrics().await;
    let failures = failures.sum("vestibule_upstream_failures_total", &[("upstream", "app")]);
    assert_eq!(failures, 0.0, "none of this was the server's fault");
}

#[tokio::test]
async fn an_answer_that_does_not_end_in_time_is_cut_and_a_websocket_is_not() {
    let site = brief("300ms").await;
    site.upstream.reply(Reply::Echo);
    let upgrade = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut websocket = site.gateway.connect().await;
    websocket
        .write(site.gateway.bytes("GET", "/brief", &upgrade))
        .await;
    let switched = websocket.read_response("GET").await.expect("an answer");
    assert_eq!(switched.status(), 101);

    let (open, gate) = watch::channel(false);
    let whole = upstream::ok("a whole answer");
    let (first, second) = whole.split_at(whole.len() - 5);
    let halves = Reply::Halves(gate, first.to_vec(), second.to_vec());
    site.upstream.reply(halves);
    let bytes = |path| site.gateway.bytes("GET", path, &[]);
    let mut slow = site.gateway.connect().await;
    slow.write(bytes("/other")).await;
    site.upstream.reached(2).await;
    assert!(site.gateway.try_send(bytes("/brief")).await.is_none());
    let cut = [("cause", "request_timeout")];
    site.gateway
        .metric_becomes("vestibule_connections_cut_total", &cut, 1.0)
        .await;
    open.send(true).unwrap();
    let answer = slow.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "a whole answer");
    // Older than the request that was cut for its age.
    websocket.write(b"x").await;
    assert_eq!(websocket.read_exactly(1).await, b"x");
}

#[tokio::test]
async fn a_route_bounds_how_often_a_client_and_a_user_may_ask() {
    let site = with_routes(
        json!([
            {"path": "/", "upstream": "app"},
            {"path": "/client", "auth": "optional", "upstream": "app", "rate_per_client": "2/1h"},
            {"path": "/user", "upstream": "app", "rate_per_user": "2/1h"},
        ]),
        |config| config["trusted_proxies"] = json!(["127.0.0.0/8"]),
    )
    .await;
    let bearer = |sub: &str| format!("Bearer {}", site.acme.token().sub(sub).sign());
    let ask = async |path: &str, address: &str, bearer: &str| {
        let fields = [("X-Forwarded-For", address), ("Authorization", bearer)];
        site.gateway.get(path, &fields).await
    };
    let (ada, bob) = (bearer("ada"), bearer("bob"));
    for (path, address, who, status) in [
        ("/client", "192.0.2.1", &ada, 200),
        ("/client", "192.0.2.1", &bob, 200),
        ("/client", "192.0.2.1", &ada, 429),
        ("/client", "192.0.2.2", &ada, 200),
        // What a client says before the proxy that is trusted makes it no other client.
        ("/client", "192.0.2.9, 192.0.2.1", &ada, 429),
        ("/user", "192.0.2.1", &ada, 200),
        ("/user", "192.0.2.2", &ada, 200),
        ("/user", "192.0.2.3", &ada, 429),
        ("/user", "192.0.2.3", &bob, 200),
        ("/", "192.0.2.1", &ada, 200),
    ] {
        let answer = ask(path, address, who).await;
        assert_eq!(answer.status(), status, "{path} {address}");
        if status == 429 {
            refusal_id(&answer, "too_many_requests");
            let wait = answer.field("retry-after").expect("when to come back");
            assert!((1..=1800).contains(&wait.parse::<u32>().unwrap()), "{wait}");
        }
    }
}
