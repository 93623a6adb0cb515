//! What upstreams can take, and make the gateway hold.

use super::*;

#[tokio::test]
async fn an_upstream_has_so_many_requests_and_some_wait() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["max_requests"] = json!(1);
        config["upstreams"]["app"]["max_waiting"] = json!(1);
        config["upstreams"]["app"]["queue_timeout"] = json!("1h");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let request = site.gateway.bytes("GET", "/open", &[]);
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut wire = site.gateway.connect().await;
        wire.write(&request).await;
        both.push(wire);
    }
    site.upstream.reached(1).await;
    let waiting = "vestibule_upstream_waiting_requests";
    site.gateway
        .metric_becomes(waiting, &[("upstream", "app")], 1.0)
        .await;
    let refused = site.gateway.get("/open", &[]).await;
    site.is_refusal(&refused, 503, "unavailable", "upstream_busy")
        .await;
    assert_eq!(site.upstream.count(), 1);
    open.send_replace(true);
    for wire in &mut both {
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.text(), "late");
    }
}

#[tokio::test]
async fn nobody_waits_for_an_upstream_for_ever() {
    let site = TestGateway::with(|config| {
        config["upstreams"]["app"]["max_requests"] = json!(1);
        config["upstreams"]["app"]["queue_timeout"] = json!("100ms");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream.reply(Reply::Gated(gate, ok("late")));
    let mut first = site.gateway.connect().await;
    first.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    let refused = site.gateway.get("/open", &[]).await;
    let reason = "upstream_queue_timeout";
    site.is_refusal(&refused, 503, "unavailable", reason).await;
    open.send_replace(true);
    assert!(first.read_response("GET").await.is_some());
    drop(first);
    site.gateway.idles().await;
    assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
}

#[tokio::test]
async fn endless_answers_before_the_answer_end() {
    let site = TestGateway::start().await;
    for (count, status) in [(10, 200), (200, 502)] {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(count);
        let bytes = [interim.into_bytes(), ok("hello")].concat();
        site.upstream.reply(Reply::BytesAndClose(bytes));
        assert_eq!(site.gateway.get("/open", &[]).await.status(), status);
    }
}
