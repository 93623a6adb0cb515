//! Connections that a server signs in (NTLM, Negotiate) are one client's.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Message, TestGateway, Wire, eventually};

/// Answers with the number of the connection, and challenges where the path says so.
async fn numbering() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let next = Arc::new(AtomicUsize::new(1));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = next.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut wire = Wire::accepted(stream);
                while let Some(request) = wire.read_request().await {
                    let (status, challenge) = match request.start_line() {
                        line if line.contains("/challenge") => {
                            ("401 Unauthorized", "WWW-Authenticate: Basic, Negotiate\r\n")
                        }
                        line if line.contains("/proxy") => (
                            "407 Proxy Authentication Required",
                            "Proxy-Authenticate: NTLM\r\n",
                        ),
                        _ => ("200 OK", ""),
                    };
                    let body = number.to_string();
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status}\r\n{challenge}Content-Length: {length}");
                    wire.write(format!("{head}\r\n\r\n{body}")).await;
                }
            });
        }
    });
    address
}

async fn start(trusted: &[&str]) -> TestGateway {
    let address = numbering().await;
    TestGateway::with(|config| {
        config["upstreams"]["app"]["servers"] = json!([address]);
        config["trusted_proxies"] = json!(trusted);
    })
    .await
}

async fn ask(site: &TestGateway, wire: &mut Wire, path: &str, fields: &[(&str, &str)]) -> Message {
    wire.write(site.gateway.bytes("GET", path, fields)).await;
    wire.read_response("GET").await.expect("an answer")
}

/// The connections that requests of this client and then of another one use.
async fn used(site: &TestGateway, first: &str, fields: &[(&str, &str)]) -> [String; 3] {
    let mut one = site.gateway.connect().await;
    let signed_in = ask(site, &mut one, first, fields).await.text();
    let mut other = site.gateway.connect().await;
    let others = ask(site, &mut other, "/open", &[]).await.text();
    let again = ask(site, &mut one, "/open", &[]).await.text();
    [signed_in, others, again]
}

#[tokio::test]
async fn others_share_connections() {
    let site = start(&[]).await;
    // A connection that is just on its way back into the pool is passed over, so not each request
    // finds one; those that do find any of the pool's.
    let (mut ones, mut others) = (HashSet::new(), HashSet::new());
    for _ in 0..5 {
        let [one, other, _] = used(&site, "/open", &[("Authorization", "Basic YTpi")]).await;
        ones.insert(one);
        others.insert(other);
    }
    assert!(!ones.is_disjoint(&others), "they share none");
}

#[tokio::test]
async fn a_connection_that_was_signed_in_is_its_clients_own() {
    for credential in ["NTLM TlRMTVNTUAAB", "negotiate YIIC"] {
        let mut stays = false;
        // One that is just on its way back into the pool is passed over: then there is a new one.
        for _ in 0..5 {
            let site = start(&[]).await;
            let fields = [("Authorization", credential)];
            let [one, other, again] = used(&site, "/open", &fields).await;
            assert_ne!(other, one, "{credential}");
            assert_ne!(other, again, "{credential}");
            stays |= again == one;
        }
        assert!(stays, "{credential}: it stays signed in");
    }
}

#[tokio::test]
async fn a_connection_that_was_asked_to_sign_in_is_nobody_elses() {
    for path in ["/open/challenge", "/open/proxy"] {
        let site = start(&[]).await;
        let [one, other, again] = used(&site, path, &[]).await;
        assert_ne!(other, one, "{path}");
        assert_ne!(again, other, "{path}");
    }
}

/// A proxy in front sends the requests of many clients over one connection.
#[tokio::test]
async fn a_proxys_requests_share_no_connection_that_was_signed_in() {
    let site = start(&["127.0.0.1/32"]).await;
    let mut proxy = site.gateway.connect().await;
    let fields = [("Authorization", "NTLM TlRMTVNTUAAB")];
    let one = ask(&site, &mut proxy, "/open", &fields).await.text();
    let other = ask(&site, &mut proxy, "/open", &[]).await.text();
    assert_ne!(other, one);
    // One that is asked for before the last is back is served by another. From then on there are two that
    // take turns.
    let seen = RefCell::new(HashSet::from([other]));
    eventually("others share theirs", async || {
        let mut proxy = site.gateway.connect().await;
        let next = ask(&site, &mut proxy, "/open", &[]).await.text();
        assert_ne!(next, one);
        !seen.borrow_mut().insert(next)
    })
    .await;
}
