//! The way to the end: first nobody is sent here any more, then nobody is let in.

use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::support::{Reply, TestGateway, eventually, upstream};

/// Balancers hear of the stop before connections are refused, and clients that keep theirs are notified
/// with their next answer.
#[tokio::test]
async fn service_continues_while_ready_says_no() {
    let mut site = TestGateway::with(|config| {
        config["server"]["shutdown_delay"] = json!("10m");
    })
    .await;
    let mut kept = site.gateway.connect().await;
    kept.write(site.gateway.bytes("GET", "/open", &[])).await;
    let before = kept.read_response("GET").await.unwrap();
    assert_eq!(before.field("connection").as_deref(), Some("keep-alive"));

    site.gateway.sigterm();
    eventually("still ready after SIGTERM", async || {
        site.gateway.admin("/ready").await.status() == 503
    })
    .await;
    let mut newcomer = site.gateway.connect().await;
    for wire in [&mut kept, &mut newcomer] {
        wire.write(site.gateway.bytes("GET", "/open", &[])).await;
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.field("connection").as_deref(), Some("close"));
        assert!(wire.read_to_end().await.is_empty());
    }
    // The delay can be cut short.
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// A request that is in flight when the stop begins is answered with the notice.
#[tokio::test]
async fn an_answer_in_flight_says_that_it_is_the_last() {
    let mut site = TestGateway::with(|config| {
        config["server"]["shutdown_delay"] = json!("10m");
    })
    .await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    site.gateway.sigterm();
    eventually("still ready after SIGTERM", async || {
        site.gateway.admin("/ready").await.status() == 503
    })
    .await;
    open.send(true).unwrap();
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "late");
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    site.gateway.signal("INT");
    assert!(site.gateway.ended().await.success());
}

/// Who comes during the drain is refused at once, and can go elsewhere.
#[tokio::test]
async fn connections_are_refused_during_the_drain() {
    let mut site = TestGateway::start().await;
    let (open, gate) = watch::channel(false);
    site.upstream
        .reply(Reply::Gated(gate, upstream::ok("late")));
    let mut wire = site.gateway.connect().await;
    wire.write(site.gateway.bytes("GET", "/open", &[])).await;
    site.upstream.reached(1).await;
    assert!(TcpStream::connect(site.gateway.public).await.is_ok());
    site.gateway.sigterm();
    eventually("connections still wait in the queue", async || {
        TcpStream::connect(site.gateway.public).await.is_err()
    })
    .await;
    open.send(true).unwrap();
    let answer = wire.read_response("GET").await.expect("an answer");
    assert_eq!(answer.text(), "late");
    assert!(site.gateway.ended().await.success());
}
