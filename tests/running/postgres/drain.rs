//! A server that one gateway is asked to drain, while both have requests at it.

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Pair, tunnel};
use crate::support::upstream::ok;
use crate::support::{Gateway, RawUpstream, Reply, eventually};

#[tokio::test]
async fn a_drained_server_gets_nothing_new_from_either_and_loses_nothing() {
    let leaving = RawUpstream::start().await;
    let server = leaving.address.to_string();
    let pair = Pair::with(|config| {
        let servers = config["upstreams"]["app"]["servers"].as_array_mut();
        servers.unwrap().push(json!(server));
    })
    .await;
    let staying = &pair.upstream;

    // One WebSocket at each server, and four requests at each, from both gateways.
    staying.reply(Reply::Echo);
    leaving.reply(Reply::Echo);
    let token = pair.token("alice", "1");
    let mut tunnels = [
        tunnel(&pair.two, &token).await,
        tunnel(&pair.two, &token).await,
    ];
    assert_eq!((staying.count(), leaving.count()), (1, 1));
    let (open, gate) = watch::channel(false);
    for upstream in [staying, &leaving] {
        upstream.reply(Reply::Gated(gate.clone(), ok("late")));
    }
    let mut in_flight = Vec::new();
    for gateway in [&pair.one, &pair.two] {
        for _ in 0..4 {
            let mut wire = gateway.connect().await;
            wire.write(gateway.bytes("GET", "/open", &[])).await;
            in_flight.push(wire);
        }
    }
    staying.reached(5).await;
    leaving.reached(5).await;

    change(&pair.one, "drain", json!({"server": server})).await;
    eventually("the other gateway never heard of the drain", async || {
        is_drained(&pair.two, &server).await
    })
    .await;
    assert!(is_drained(&pair.one, &server).await);
    staying.reply(Reply::ok("prompt"));
    leaving.reply(Reply::ok("prompt"));
    for gateway in [&pair.one, &pair.two] {
        for _ in 0..6 {
            assert_eq!(gateway.get("/open", &[]).await.status(), 200);
        }
    }
    assert_eq!((staying.count(), leaving.count()), (17, 5));

    // What was there before is whole.
    open.send_replace(true);
    for mut wire in in_flight {
        let answer = wire.read_response("GET").await.expect("an answer");
        assert_eq!((answer.status(), answer.text()), (200, "late".to_owned()));
    }
    for wire in &mut tunnels {
        wire.write("x").await;
        assert_eq!(wire.read_exactly(1).await, b"x");
    }

    // The other gateway may end it; a drain of a second ends by itself, at both.
    change(&pair.two, "undrain", json!({"server": server})).await;
    comes_back(&pair.one, &leaving).await;
    change(&pair.one, "drain", json!({"server": server, "seconds": 1})).await;
    for gateway in [&pair.one, &pair.two] {
        comes_back(gateway, &leaving).await;
    }
}

/// A weight that one gateway takes holds at the other, too, and ends with its row.
#[tokio::test]
async fn a_weight_holds_at_both() {
    let pair = Pair::start().await;
    let server = pair.upstream.address.to_string();
    let weight = async |gateway: &Gateway| row(gateway, &server).await["weight"].take();
    let body = json!({"server": server, "weight": 7});
    change(&pair.one, "weight", body).await;
    assert_eq!(weight(&pair.one).await, 7);
    eventually("the other gateway never heard of the weight", async || {
        weight(&pair.two).await == 7
    })
    .await;
    change(
        &pair.two,
        "weight",
        json!({"server": server, "weight": null}),
    )
    .await;
    eventually("the weight never came back", async || {
        weight(&pair.one).await == 1
    })
    .await;
}

pub(super) async fn change(gateway: &Gateway, change: &str, body: Value) {
    let path = format!("/admin/api/upstreams/app/{change}");
    let answer = gateway.admin_send("POST", &path, &[], &body).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
}

pub(super) async fn is_drained(gateway: &Gateway, server: &str) -> bool {
    !row(gateway, server).await["drained"].is_null()
}

/// What a gateway says of a server.
async fn row(gateway: &Gateway, server: &str) -> Value {
    let listed = gateway.admin("/admin/api/upstreams").await.json();
    let mut rows = listed["upstreams"][0]["servers"].as_array().unwrap().iter();
    rows.find(|row| row["server"] == server).unwrap().clone()
}

async fn comes_back(gateway: &Gateway, server: &RawUpstream) {
    let before = server.count();
    eventually("the server never got a request again", async || {
        assert_eq!(gateway.get("/open", &[]).await.status(), 200);
        server.count() > before
    })
    .await;
}
