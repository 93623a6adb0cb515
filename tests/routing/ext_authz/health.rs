//! Whether the service that answers questions is there, which anybody may ask.

use super::*;
use crate::support::eventually;

#[tokio::test]
async fn health_is_asked_for_by_its_protocol() {
    let (_site, at) = start(&["192.0.2.1/32"]).await;
    const SERVING: &[u8] = &[8, 1];
    let ours = [&[10, 35][..], b"envoy.service.auth.v3.Authorization"].concat();
    for message in [&[][..], &ours] {
        let answer = call(at, HEALTH, message).await;
        assert_eq!((answer.status, &*answer.message), (Some(0), SERVING));
    }
    assert_eq!(call(at, HEALTH, &[10, 1, b'x']).await.status, Some(5));
    let watch = "/grpc.health.v1.Health/Watch";
    assert_eq!(call(at, watch, &[]).await.status, Some(12));
}

/// Whoever asks holds a request until its message has come.
#[tokio::test]
async fn questions_about_health_count_as_requests() {
    let at = free_port();
    let _site = TestGateway::with(|config| {
        config["limits"] = json!({"requests": 1});
        config["trusted_proxies"] = json!(["192.0.2.1/32"]);
        config["listeners"] = json!([{}, {"name": "ext_authz", "address": at, "grpc": true}]);
    })
    .await;
    let (client, held) = connect(TcpStream::connect(at).await.unwrap())
        .await
        .unwrap();
    let held = tokio::spawn(held);
    let mut client = client.ready().await.unwrap();
    let (response, mut sending) = client.send_request(request(at, HEALTH), false).unwrap();
    eventually("the one that is held is all", async || {
        call(at, HEALTH, &[]).await.status == Some(8)
    })
    .await;
    sending.send_data(framed(&[]), true).unwrap();
    assert_eq!(read(response).await.unwrap().status, Some(0));
    eventually("there is room for another", async || {
        call(at, HEALTH, &[]).await.status == Some(0)
    })
    .await;
    held.abort();
}

const HEALTH: &str = "/grpc.health.v1.Health/Check";
