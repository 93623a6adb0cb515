//! Servers that fail: what the client gets, what operators learn, and what is tried again.

use std::net::SocketAddr;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::port::free_port;
use crate::support::{RawUpstream, Reply, TestGateway, refusal_id, upstream};

/// A site whose upstream `app` has these settings more, on open paths.
async fn site(settings: serde_json::Value) -> TestGateway {
    TestGateway::with(|config| {
        for (key, value) in settings.as_object().unwrap() {
            config["upstreams"]["app"][key] = value.clone();
        }
    })
    .await
}

/// A listener whose backlog is full: it neither takes a connection nor refuses it.
async fn full() -> (TcpListener, Vec<tokio::net::TcpStream>, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    loop {
        let connect = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(std::time::Duration::from_millis(300), connect).await {
            Ok(Ok(stream)) => waiting.push(stream),
            _ => return (listener, waiting, address),
        }
    }
}

#[tokio::test]
async fn each_failure_has_its_status_its_reason_and_its_count() {
    let (_listener, _waiting, full) = full().await;
    let gone = free_port();
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["read_timeout"] = json!("200ms");
        let brief = |server: SocketAddr| json!({ "servers": [server], "connect_timeout": "300ms" });
        config["upstreams"]["gone"] = brief(gone);
        config["upstreams"]["full"] = brief(full);
        for name in ["gone", "full"] {
            let route = json!({ "path": format!("/{name}"), "auth": "none", "upstream": name });
            config["routes"].as_array_mut().unwrap().push(route);
        }
    })
    .await;
    let (_never, gate) = watch::channel(false);
    let silence = Reply::Gated(gate, Vec::new());
    let nonsense = Reply::Bytes(b"220 mail.test ESMTP\r\n\r\n".to_vec());
    for (path, reply, status, code, reason, upstream, kind) in [
        (
            "/gone",
            Reply::Close,
            502,
            "upstream_failed",
            "upstream_connect_failed",
            "gone",
            "connect",
        ),
        (
            "/full",
            Reply::Close,
            504,
            "upstream_timeout",
            "upstream_connect_timeout",
            "full",
            "connect_timeout",
        ),
        (
            "/open",
            silence,
            504,
            "upstream_timeout",
            "upstream_timeout",
            "app",
            "timeout",
        ),
        (
            "/open",
            Reply::Close,
            502,
            "upstream_failed",
            "upstream_protocol_error",
            "app",
            "protocol",
        ),
        (
            "/open",
            nonsense,
            502,
            "upstream_failed",
            "upstream_protocol_error",
            "app",
            "protocol",
        ),
    ] {
        site.upstream.reply(reply);
        let labels = [("upstream", upstream), ("kind", kind)];
        let name = "vestibule_upstream_failures_total";
        let before = site.gateway.metrics().await.sum(name, &labels);
        let answer = site.gateway.get(path, &[]).await;
        assert_eq!(answer.status(), status, "{reason}: {}", answer.text());
        let said = match reason {
            "upstream_connect_failed" => "The upstream could not be reached.",
            "upstream_protocol_error" => "The upstream did not answer properly.",
            _ => "The upstream did not respond in time.",
        };
        assert_eq!(answer.json()["detail"], said, "{reason}");
        let id = refusal_id(&answer, code);
        site.gateway.logged(&[&id, &format!("\"{reason}\"")]).await;
        let after = site.gateway.metrics().await.sum(name, &labels);
        assert_eq!(after, before + 1.0, "{reason}");
    }
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    site.upstream.reply(Reply::BytesAndClose(half.to_vec()));
    let answer = site
        .gateway
        .try_send(site.gateway.bytes("GET", "/open", &[]))
        .await;
    assert!(
        answer.is_none(),
        "a half answer must not look like a whole one"
    );
    let labels = [("upstream", "app"), ("kind", "cut_off")];
    site.gateway
        .metric_becomes("vestibule_upstream_failures_total", &labels, 1.0)
        .await;
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf";
    site.upstream.reply(Reply::BytesAndClose(whole.to_vec()));
    assert_eq!(site.gateway.get("/open", &[]).await.text(), "half");
    let duration = [("upstream", "app")];
    let metrics = site.gateway.metrics().await;
    assert_eq!(
        metrics.sum("vestibule_upstream_duration_seconds_count", &duration),
        2.0
    );
}

/// A server may close a kept connection at any time; only a request that changes nothing when it
/// is carried out twice may then be sent twice.
#[tokio::test]
async fn only_a_safe_request_is_sent_anew() {
    for (method, retries, status) in [
        ("GET", 2, 200),
        ("PUT", 2, 200),
        ("POST", 2, 502),
        ("PATCH", 2, 502),
        ("GET", 0, 502),
    ] {
        let mut tries = 0;
        let (site, answer) = loop {
            let site = site(json!({ "retries": retries })).await;
            assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
            site.upstream.reply(Reply::CloseOnce(upstream::ok("again")));
            let body = [("Content-Length", "0")];
            let answer = site.gateway.request(method, "/open", &body).await;
            // A connection is free again a moment after its answer. A request that comes sooner
            // has a new one, and on that nothing is sent again.
            tries += 1;
            if answer.status() == status || tries == 20 {
                break (site, answer);
            }
        };
        assert_eq!(answer.status(), status, "{method}: {}", answer.text());
        let sent = if status == 200 { 3 } else { 2 };
        assert_eq!(
            site.upstream.count(),
            sent,
            "{method} with {retries} retries"
        );
        let retried = site.gateway.metrics().await;
        let retried = retried.sum("vestibule_upstream_retries_total", &[("upstream", "app")]);
        assert_eq!(retried, if status == 200 { 1.0 } else { 0.0 }, "{method}");
    }
}

/// An answer is not waited for twice: what a slow server may be carrying out is not sent again.
#[tokio::test]
async fn a_request_that_was_sent_and_not_answered_is_not_sent_anew() {
    let site = site(json!({ "read_timeout": "200ms" })).await;
    let (_never, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, Vec::new()));
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 504);
    assert_eq!(site.upstream.count(), 1);
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_costs_no_request() {
    let dead = [free_port(), free_port(), free_port()];
    for (retries, most_failures) in [(3, 0), (0, 4)] {
        let site = TestGateway::with(|config| {
            let alive = config["upstreams"]["app"]["servers"][0].clone();
            config["upstreams"]["app"] = json!({
                "servers": [dead[0], dead[1], dead[2], alive],
                "retries": retries,
                "ejection": { "failures": 0 },
            });
        })
        .await;
        let mut failures = 0;
        for _ in 0..4 {
            // Nothing was sent, so the method does not matter.
            let answer = site
                .gateway
                .request("POST", "/open", &[("Content-Length", "0")])
                .await;
            failures += usize::from(answer.status() == 502);
        }
        assert!(
            failures <= most_failures,
            "{failures} with {retries} retries"
        );
        assert_eq!(
            failures == 0,
            retries > 0,
            "{failures} with {retries} retries"
        );
    }
}

#[tokio::test]
async fn a_server_that_answers_with_a_chosen_status_is_left_out_and_comes_back() {
    let second = RawUpstream::start().await;
    let address = second.address;
    let site = TestGateway::with(|config| {
        let first = config["upstreams"]["app"]["servers"][0].clone();
        config["upstreams"]["app"] = json!({
            "servers": [first, address],
            "ejection": { "failures": 2, "statuses": [503], "duration": "300ms" },
        });
    })
    .await;
    let bad = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    second.reply(Reply::Bytes(
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ));
    for _ in 0..8 {
        site.gateway.get("/open", &[]).await;
    }
    let healthy = [("upstream", "app"), ("server", &*address.to_string())];
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &healthy, 1.0)
        .await;

    second.reply(Reply::Bytes(bad.to_vec()));
    let statuses = |count: usize| {
        let gateway = &site.gateway;
        async move {
            let mut statuses = Vec::new();
            for _ in 0..count {
                statuses.push(gateway.get("/open", &[]).await.status());
            }
            statuses
        }
    };
    let seen = statuses(8).await;
    assert_eq!(
        seen.iter().filter(|status| **status == 503).count(),
        2,
        "{seen:?}"
    );
    site.gateway
        .logged(&["keeps failing", &address.to_string()])
        .await;

    second.reply(Reply::ok("back"));
    site.gateway
        .metric_becomes("vestibule_upstream_healthy", &healthy, 1.0)
        .await;
    let before = second.count();
    assert!(statuses(4).await.iter().all(|status| *status == 200));
    assert!(second.count() > before);
    site.gateway
        .logged(&["healthy again", &address.to_string()])
        .await;
}

/// A connection that the upstream lets idle is closed by the gateway, not kept for ever.
#[tokio::test]
async fn an_idle_connection_to_an_upstream_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let site = site(json!({ "servers": [address], "idle_timeout": "200ms" })).await;
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut wire = crate::support::Wire::accepted(stream);
        wire.read_request().await.expect("a request");
        wire.write(upstream::ok("hello")).await;
        wire.read_request().await.is_none()
    });
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    let closed = tokio::time::timeout(crate::support::PATIENCE, served).await;
    assert!(closed.expect("the connection is kept").unwrap());
}

/// What an upstream sends before it was asked is not the answer to the next request.
#[tokio::test]
async fn bytes_after_an_answer_are_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let site = site(json!({ "servers": [address] })).await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut wire = crate::support::Wire::accepted(stream);
                while wire.read_request().await.is_some() {
                    wire.write([upstream::ok("mine"), upstream::ok("smuggled")].concat())
                        .await;
                }
            });
        }
    });
    for _ in 0..5 {
        let answer = site.gateway.get("/open", &[]).await;
        assert_eq!((answer.status(), &*answer.text()), (200, "mine"));
    }
}

/// What changes nothing is asked of another server, and the client learns nothing of the first.
#[tokio::test]
async fn another_server_is_asked_after_a_status_that_says_so() {
    let broken = RawUpstream::start().await;
    let reply = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
    broken.reply(Reply::Bytes(reply.to_vec()));
    let site = TestGateway::with(|config| {
        let app = &mut config["upstreams"]["app"];
        app["servers"]
            .as_array_mut()
            .unwrap()
            .push(json!(broken.address));
        app["retry_statuses"] = json!([503]);
        app["retry_budget"] = json!(0);
        app["ejection"] = json!({"failures": 0});
    })
    .await;
    for _ in 0..4 {
        assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    }
    assert!(broken.count() > 0);
    // A request that may change something is not repeated: one of two in turn gets the answer.
    let mut statuses = Vec::new();
    for _ in 0..2 {
        let posted = site
            .gateway
            .request("POST", "/open", &[("Content-Length", "0")])
            .await;
        statuses.push(posted.status());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
    // Nothing is added to this budget: once its ten are used up, answers are passed on.
    let mut passed_on = 0;
    for _ in 0..40 {
        let answer = site.gateway.get("/open", &[]).await;
        passed_on += usize::from(answer.status() == 503);
    }
    assert!(passed_on > 0);
}
