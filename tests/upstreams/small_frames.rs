//! Servers of HTTP/2 that send each event in a frame of its own, to clients that do not read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, frame, next,
};
use crate::support::{PATIENCE, TestGateway, Wire};

/// Streams that nobody reads, each as full as it can be of frames of 20 bytes.
const UNREAD: usize = 8;
const EVENTS: usize = 65_535 / 20;

/// Sends as many events as a stream takes to each of the first requests, and an empty answer to the others.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Of those that got events: how often the gateway has read them.
    read: watch::Receiver<usize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (record, read) = watch::channel(0);
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(Wire::accepted(stream), record.clone()));
            }
        });
        Self {
            address,
            connections,
            read,
        }
    }
}

async fn serve(mut wire: Wire, read: watch::Sender<usize>) {
    wire.read_exactly(PREFACE.len()).await;
    wire.write(frame(SETTINGS, 0, 0, &[])).await;
    let mut asked = 0;
    while let Some(seen) = next(&mut wire).await {
        match (seen.kind, seen.flags & ACK) {
            (SETTINGS, 0) => wire.write(frame(SETTINGS, ACK, 0, &[])).await,
            (PING, 0) => wire.write(frame(PING, ACK, 0, &seen.payload)).await,
            (PING, _) => read.send_modify(|read| *read += 1),
            (HEADERS, _) if asked == UNREAD => {
                let flags = END_HEADERS | END_STREAM;
                wire.write(frame(HEADERS, flags, seen.id, &[0x88])).await;
            }
            (HEADERS, _) => {
                asked += 1;
                let head = frame(HEADERS, END_HEADERS, seen.id, &[0x88]);
                let events = frame(DATA, 0, seen.id, &[b'e'; 20]).repeat(EVENTS);
                wire.write([head, events].concat()).await;
                // Its answer says that all of them were read.
                wire.write(frame(PING, 0, 0, &[7; 8])).await;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn clients_that_do_not_read_end_no_connection_of_others() {
    let mut server = Server::start().await;
    let site = TestGateway::with(|config| {
        config["listeners"] = json!([{ "h2c": true }]);
        config["upstreams"]["app"] = json!({ "servers": [server.address], "protocol": "http2" });
    })
    .await;
    let stream = TcpStream::connect(site.gateway.public).await.unwrap();
    let (client, connection) = h2::client::Builder::new()
        .initial_window_size(0)
        .handshake::<_, bytes::Bytes>(stream)
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut unread = Vec::new();
    for number in 1..=UNREAD {
        let request = http::Request::get(format!("http://{}/open", site.gateway.public));
        let (response, _) = client
            .send_request(request.body(()).unwrap(), true)
            .unwrap();
        let response = timeout(PATIENCE, response).await.expect("an answer");
        unread.push(response.expect("a head").into_body());
        let all = server.read.wait_for(|read| *read == number);
        timeout(PATIENCE, all).await.expect("in time").unwrap();
    }
    let other = site.gateway.get("/open", &[]).await;
    assert_eq!(other.status(), 200, "{}", other.text());
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    assert!(unread.iter().all(|body| !body.is_end_stream()));
}
