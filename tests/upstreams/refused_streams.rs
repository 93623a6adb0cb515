//! Servers of HTTP/2 that say that they have done nothing with a request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::frames::frame;
use crate::support::{TestGateway, refusal_id};

const FAILURES: &str = "vestibule_upstream_failures_total";
const RETRIES: &str = "vestibule_upstream_retries_total";

/// What a server does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Answer,
    /// `RST_STREAM` with a code of RFC 9113 section 7.
    Reset(u32),
    /// `GOAWAY` that names the stream before.
    GoAway,
}

const REFUSED: Act = Act::Reset(7);
const INTERNAL: Act = Act::Reset(2);

/// A server that plays frames.
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Does `first` with its first requests, and then `always`.
    async fn start(first: &[Act], always: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let acts: VecDeque<Act> = first.iter().copied().collect();
        let acts = Arc::new(Mutex::new(acts));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acts, count) = (Arc::clone(&acts), Arc::clone(&count));
                let next = move || {
                    count.fetch_add(1, Ordering::SeqCst);
                    acts.lock().unwrap().pop_front().unwrap_or(always)
                };
                // The gateway may close it at any time.
                tokio::spawn(async move { serve(stream, next).await.ok() });
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, next: impl Fn() -> Act) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream.write_all(&frame(4, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await?;
        let is_end = flags & 1 == 1;
        let reply = match kind {
            // SETTINGS and PING, which are acknowledged.
            4 if !is_end => frame(4, 1, 0, &[]),
            6 if !is_end => frame(6, 1, 0, &payload),
            // DATA and HEADERS.
            0 | 1 if is_end => match next() {
                // `:status: 200`, and no content.
                Act::Answer => frame(1, 5, id, &[0x88]),
                Act::Reset(code) => frame(3, 0, id, &code.to_be_bytes()),
                Act::GoAway => {
                    let last = id.saturating_sub(2).to_be_bytes();
                    frame(7, 0, 0, &[last, [0; 4]].concat())
                }
            },
            _ => continue,
        };
        stream.write_all(&reply).await?;
    }
}

async fn site(servers: &[&Server]) -> TestGateway {
    let servers: Vec<_> = servers.iter().map(|server| server.address).collect();
    TestGateway::with(|config| {
        config["upstreams"]["app"] = json!({
            "servers": servers, "protocol": "http2", "ejection": { "failures": 1 },
        });
    })
    .await
}

async fn sum(site: &TestGateway, name: &str) -> f64 {
    let upstream = [("upstream", "app")];
    site.gateway.metrics().await.sum(name, &upstream)
}

/// A request with four bytes of content.
async fn send(site: &TestGateway, method: &str) -> crate::support::Message {
    let mut request = site
        .gateway
        .bytes(method, "/open", &[("Content-Length", "4")]);
    request.extend_from_slice(b"body");
    site.gateway.send(request).await
}

#[tokio::test]
async fn what_a_server_refuses_is_sent_again_whatever_the_method() {
    for act in [REFUSED, Act::GoAway] {
        for method in ["GET", "PUT", "POST", "PATCH"] {
            let server = Server::start(&[Act::Answer, act], Act::Answer).await;
            let site = site(&[&server]).await;
            for _ in 0..2 {
                let answer = send(&site, method).await;
                assert_eq!(answer.status(), 200, "{act:?}, {method}: {}", answer.text());
            }
            assert_eq!(server.asked(), 3, "{act:?}, {method}");
            assert_eq!(sum(&site, RETRIES).await, 1.0);
            assert_eq!(sum(&site, FAILURES).await, 0.0);
        }
    }
    // Of any other reset nobody knows what the server has done before.
    let server = Server::start(&[Act::Answer, INTERNAL], Act::Answer).await;
    let site = site(&[&server]).await;
    assert_eq!(send(&site, "POST").await.status(), 200);
    assert_eq!(send(&site, "POST").await.status(), 502);
    assert_eq!(server.asked(), 2);
    assert_eq!(sum(&site, FAILURES).await, 1.0);
}

#[tokio::test]
async fn another_server_takes_what_one_refuses() {
    let refusing = Server::start(&[], REFUSED).await;
    let other = Server::start(&[], Act::Answer).await;
    let site = site(&[&refusing, &other]).await;
    for _ in 0..5 {
        for method in ["GET", "POST"] {
            let answer = send(&site, method).await;
            assert_eq!(answer.status(), 200, "{method}: {}", answer.text());
        }
    }
    assert_eq!(other.asked(), 10);
    // It was asked until the end, once for each request that came to it.
    assert_eq!(sum(&site, RETRIES).await, refusing.asked() as f64);
    assert!(refusing.asked() > 1, "{}", refusing.asked());
    assert_eq!(sum(&site, FAILURES).await, 0.0);
}

#[tokio::test]
async fn what_nobody_takes_is_503_and_no_failure() {
    let server = Server::start(&[], REFUSED).await;
    let site = site(&[&server]).await;
    let answer = send(&site, "POST").await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.field("retry-after").is_some());
    let id = refusal_id(&answer, "unavailable");
    site.gateway.logged(&[&id, "\"upstream_refused\""]).await;
    assert_eq!(server.asked(), 3, "with two retries");
    assert_eq!(sum(&site, FAILURES).await, 0.0);
}
