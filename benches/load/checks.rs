//! CPU time of a decision for another proxy, by HTTP and by gRPC, in the same rounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

use crate::Scale;
use crate::client;
use crate::gateway::{Gateway, Issuer};
use crate::process::free_address;
use crate::report::{self, Target, cells};
use crate::requests::{CLOSED, bearer};
use crate::rounds::{Series, turned};
use crate::work::start_upstream;

/// Runs all rounds; the table.
pub fn measure(scale: &Scale) -> String {
    let issuer = Issuer::new();
    let directory = TempDir::new().unwrap();
    let (upstream, _upstream) = start_upstream(&directory);
    let questions = free_address();
    let gateway = Gateway::start(&issuer, upstream, |config| {
        let mut plain = config["listeners"][0].clone();
        plain["forward_auth"] = json!(true);
        let by_grpc = json!({"name": "ext_authz", "address": questions, "grpc": true});
        config["listeners"] = json!([plain, by_grpc]);
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    });
    let token = issuer.token(0);
    let by_http = [bearer(&format!("/_vestibule/check{CLOSED}"), &token)];
    let by_grpc = Bytes::from(framed(&question(CLOSED, &token)));
    let ask = |kind: usize, count: usize| match kind {
        0 => {
            let answers = client::saturate(gateway.public, &by_http, count);
            assert_eq!(answers.by_status.get(&200), Some(&count), "{answers:?}");
        }
        _ => check(questions, &by_grpc, count),
    };
    for kind in 0..KINDS.len() {
        ask(kind, 2000);
    }
    let mut series = [(); KINDS.len()].map(|()| Series::default());
    for round in 0..scale.rounds {
        for kind in turned(KINDS.len(), round) {
            let before = gateway.process.cpu();
            ask(kind, scale.requests);
            let spent = gateway.process.cpu() - before;
            let microseconds = spent.as_secs_f64() * 1e6 / scale.requests as f64;
            eprintln!("round {round}: {}: {microseconds:.1} µs", KINDS[kind]);
            series[kind].0.push(microseconds);
        }
    }
    let mut rows = vec![cells(["question of another proxy", "CPU, µs", "spread"])];
    for (name, series) in KINDS.iter().zip(&series) {
        let mut row = vec![(*name).to_owned()];
        row.extend(report::with_spread(series, 1));
        rows.push(row);
    }
    let target = Target {
        what: "gRPC / HTTP".to_owned(),
        figure: series[1].over(&series[0]).median(),
        at_most: 0.7,
    };
    format!(
        "## Questions of other proxies\n\n{}\n{}",
        report::table(&rows),
        report::targets(&[target])
    )
}

/// Asks so often by gRPC, over one connection, as Envoy's workers do.
fn check(address: SocketAddr, message: &Bytes, count: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let asking = async {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let driver = tokio::task::spawn_local(connection);
        let left = Arc::new(AtomicUsize::new(count));
        let mut askers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (client, left, message) = (client.clone(), left.clone(), message.clone());
            askers.spawn_local(async move {
                let take = |left: usize| left.checked_sub(1);
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                    .is_ok()
                {
                    ask(client.clone(), address, message.clone()).await;
                }
            });
        }
        while let Some(asked) = askers.join_next().await {
            asked.unwrap();
        }
        driver.abort();
    };
    LocalSet::new().block_on(&runtime, asking);
}

/// One call, which grants.
async fn ask(client: SendRequest<Bytes>, address: SocketAddr, message: Bytes) {
    let mut client = client.ready().await.unwrap();
    let request = http::Request::post(format!("http://{address}{CHECK}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, mut sending) = client.send_request(request, false).unwrap();
    sending.send_data(message, true).unwrap();
    let mut body = response.await.unwrap().into_body();
    let mut length = 0;
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        length += data.len();
        body.flow_control().release_capacity(data.len()).unwrap();
    }
    let trailers = body.trailers().await.unwrap().expect("a status");
    assert_eq!(trailers["grpc-status"], "0");
    assert!(
        length > SHORTEST_GRANT,
        "no session token is in {length} bytes"
    );
}

/// What Envoy asks about the request that the other kind carries as it is.
fn question(path: &str, token: &str) -> Vec<u8> {
    let mut http = [
        member(2, b"GET"),
        member(4, path.as_bytes()),
        member(5, b"app.example.com"),
        member(6, b"http"),
        member(10, b"HTTP/1.1"),
    ]
    .concat();
    let authorization = format!("Bearer {token}");
    for (name, value) in [
        (":method", "GET"),
        (":path", path),
        (":authority", "app.example.com"),
        (":scheme", "http"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        ("accept", "application/json"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("authorization", &authorization),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "4e3a2b1c-0d9e-4f8a-b7c6-5d4e3f2a1b0c"),
    ] {
        let field = [member(1, name.as_bytes()), member(2, value.as_bytes())].concat();
        http.extend(member(3, &field));
    }
    member(1, &member(4, &member(2, &http)))
}

/// A member of a message: a text, bytes or a message.
fn member(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut rest = value.len();
    while rest >= 0x80 {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.extend_from_slice(value);
    bytes
}

/// A message as it is sent, not compressed.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0][..], &length, message].concat()
}

const KINDS: [&str; 2] = ["forward auth by HTTP", "`ext_authz` by gRPC"];
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
/// As many calls as the other kind has connections.
const AT_ONCE: usize = 64;
/// A refusal is shorter.
const SHORTEST_GRANT: usize = 500;
