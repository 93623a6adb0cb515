//! What is remembered of tokens is bounded: a stream of new ones, good or bad, does not fill the
//! memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::support::{Key, TestGateway, TokenBuilder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_users_fit() {
    let site = site().await;
    let issuer = site.acme.token();
    let user = move |number: usize| issuer.clone().sub(&format!("user-{number}"));
    let grown = grown_by(&site, 6000, user, 200).await;
    assert!(grown <= 48 << 20, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_bad_tokens_leave_nothing() {
    let site = site().await;
    let forger = Key::p256("acme-1");
    let token = site.acme.token();
    let forged = token.clone().forged_by(&forger);
    let names = token.clone();
    let floods: [(&str, usize, Make); 3] = [
        (
            "forged",
            6000,
            Box::new(move |n| forged.clone().claim("jti", n)),
        ),
        (
            "keys",
            4000,
            Box::new(move |n| names.clone().header("kid", format!("kid-{n}"))),
        ),
        (
            "issuers",
            4000,
            Box::new(move |n| {
                token
                    .clone()
                    .claim("iss", format!("https://issuer-{n}.test"))
            }),
        ),
    ];
    for (name, count, make) in floods {
        let fetches = site.acme.fetches();
        let grown = grown_by(&site, count, make, 401).await;
        assert!(grown <= 32 << 20, "{name}: {grown} bytes");
        // One fetch in ten seconds at most for all of them.
        let fetched = site.acme.fetches() - fetches;
        assert!(fetched <= 12, "{name}: {fetched} fetches");
    }
    // None of it is a label either.
    let metrics = site.gateway.admin("/metrics").await.text();
    for named in ["issuer-1", "kid-1"] {
        assert!(!metrics.contains(named), "{named} is in the metrics");
    }
    assert_eq!(site.upstream.count(), 0);
}

/// With huge pages, two buffers of 64 KiB that a WebSocket hardly uses are resident.
#[tokio::test]
async fn huge_pages_are_refused() {
    let enabled = site().await.gateway.process_status("THP_enabled:");
    assert!(
        matches!(enabled.as_deref(), Some("0") | None),
        "{enabled:?}"
    );
}

type Make = Box<dyn Fn(usize) -> TokenBuilder + Send + Sync>;

/// A site that counts no failures, and waits for no key.
async fn site() -> TestGateway {
    TestGateway::with(|config| {
        config["limits"] = json!({"rates": {"failed_per_client": "off"}});
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
        config["log"] = json!({"level": "error", "access": false});
    })
    .await
}

/// How much memory the gateway holds more after so many tokens, each presented once.
async fn grown_by(
    site: &TestGateway,
    count: usize,
    token: impl Fn(usize) -> TokenBuilder + Send + Sync + 'static,
    status: u16,
) -> u64 {
    let (token, next) = (Arc::new(token), Arc::new(AtomicUsize::new(0)));
    // What the first ones fill is not theirs alone.
    present(site, &token, &next, count / 10, status).await;
    let before = site.gateway.resident();
    present(site, &token, &next, count / 10 + count, status).await;
    site.gateway.resident().saturating_sub(before)
}

async fn present(
    site: &TestGateway,
    token: &Arc<impl Fn(usize) -> TokenBuilder + Send + Sync + 'static>,
    next: &Arc<AtomicUsize>,
    end: usize,
    status: u16,
) {
    let clients = (0..8).map(|_| {
        let (token, next, host) = (Arc::clone(token), Arc::clone(next), site.gateway.public);
        tokio::spawn(async move {
            let stream = tokio::net::TcpStream::connect(host).await.unwrap();
            let mut wire = crate::support::Wire::new(stream);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    next.store(end, Ordering::Relaxed);
                    return;
                }
                let bearer = token(number).foreign().sign();
                let request = format!(
                    "GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n\r\n"
                );
                wire.write(request).await;
                let answer = wire.read_response("GET").await.expect("an answer");
                assert_eq!(answer.status(), status, "{number}: {}", answer.text());
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}
