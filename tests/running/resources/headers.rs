//! Headers that are long in coming.

use super::*;

/// Each costs what a request does, so each is one of its client's.
#[tokio::test]
async fn headers_that_do_not_end_are_counted() {
    for (length, is_counted) in [(8 << 10, true), (1 << 10, false)] {
        let site =
            TestGateway::with(|config| config["limits"] = json!({"requests_per_client": 2})).await;
        let whole = site
            .gateway
            .bytes("GET", "/open", &[("X-Long", &"a".repeat(length))]);
        let (begin, end) = whole.split_at(whole.len() - "\r\n".len());
        let mut begun = Vec::new();
        for _ in 0..2 {
            let mut wire = site.gateway.connect().await;
            wire.write(begin).await;
            begun.push(wire);
        }
        if is_counted {
            holds_at_least(&site, 2 * (20 + 96)).await;
            let refused = site.gateway.get("/open", &[]).await;
            site.is_refusal(&refused, 429, "too_many_requests", "client_request_limit")
                .await;
            let mut third = site.gateway.connect().await;
            third.write(begin).await;
            let refused = third.read_response("GET").await.expect("an answer");
            site.is_refusal(&refused, 429, "too_many_requests", "client_request_limit")
                .await;
        } else {
            assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
        }
        for wire in &mut begun {
            wire.write(end).await;
            let answer = wire.read_response("GET").await.expect("an answer");
            assert_eq!(answer.status(), 200);
        }
        assert_eq!(site.gateway.get("/open", &[]).await.status(), 200);
    }
}

#[tokio::test]
async fn headers_of_http2_that_do_not_end_are_counted() {
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{"h2c": true}]);
        config["limits"] = json!({"requests_per_client": 2});
    })
    .await;
    let mut begun = Vec::new();
    for _ in 0..2 {
        let mut connection = RawH2::connect(site.gateway.public).await;
        connection.begin_header(1, "/open").await;
        begun.push(connection);
    }
    holds_at_least(&site, 2 * (48 + 96)).await;
    let mut third = RawH2::connect(site.gateway.public).await;
    third.begin_header(1, "/open").await;
    third.ended().await;
    let cut = [("cause", "client_request_limit")];
    let name = "vestibule_connections_cut_total";
    site.gateway.metric_becomes(name, &cut, 1.0).await;
    for connection in &mut begun {
        connection.end_header(1).await;
        connection.find(b"hello").await;
    }
    let mut fourth = RawH2::connect(site.gateway.public).await;
    fourth.begin_header(1, "/open").await;
    fourth.end_header(1).await;
    fourth.find(b"hello").await;
}

/// Waits until so many KiB of the budget are spent.
async fn holds_at_least(site: &TestGateway, kibibytes: u32) {
    eventually("the headers are not counted", async || {
        let metrics = site.gateway.metrics().await;
        metrics.sum("vestibule_memory_spent_bytes", &[]) >= f64::from(kibibytes << 10)
    })
    .await;
}
