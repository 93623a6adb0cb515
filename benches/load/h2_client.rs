//! Asks by HTTP/2, over a few connections with many streams each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::client::{Answers, Door};
use crate::tls;

/// Sends `count` requests, those of the list in turn, as fast as they are answered. They are written
/// as requests of HTTP/1.1.
pub fn saturate(door: &Door, requests: &[Vec<u8>], count: usize) -> Answers {
    let requests: Arc<[_]> = requests.iter().map(|request| read(request)).collect();
    let next = Arc::new(AtomicUsize::new(0));
    runtime().block_on(async {
        let start = Instant::now();
        let mut streams = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let client = connect(door).await;
            for _ in 0..STREAMS {
                streams.spawn(ask(client.clone(), requests.clone(), next.clone(), count));
            }
        }
        let mut all = Answers::default();
        while let Some(some) = streams.join_next().await {
            for (status, count) in some.unwrap() {
                *all.by_status.entry(status).or_default() += count;
            }
        }
        all.elapsed = start.elapsed();
        all
    })
}

/// One that runs on the thread that waits for it.
pub fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// A connection on which one request was answered.
pub async fn asked(door: &Door, request: &[u8]) -> SendRequest<Bytes> {
    let client = connect(door).await;
    let status = answer(client.clone(), read(request)).await;
    assert_eq!(status, 200);
    client
}

async fn connect(door: &Door) -> SendRequest<Bytes> {
    let config = door.tls.clone().expect("HTTP/2 is spoken over TLS");
    let stream = TcpStream::connect(door.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let connector = TlsConnector::from(config);
    let stream = connector.connect(tls::server_name(), stream).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    // It ends with its last stream.
    tokio::spawn(connection);
    client
}

/// One request after another on a stream each.
async fn ask(
    client: SendRequest<Bytes>,
    requests: Arc<[Request<()>]>,
    next: Arc<AtomicUsize>,
    count: usize,
) -> BTreeMap<u16, usize> {
    let mut by_status = BTreeMap::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= count {
            return by_status;
        }
        let request = requests[index % requests.len()].clone();
        let status = answer(client.clone(), request).await;
        *by_status.entry(status).or_default() += 1;
    }
}

/// The status of the answer, when all of it has come.
async fn answer(client: SendRequest<Bytes>, request: Request<()>) -> u16 {
    let mut client = client.ready().await.unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let response = timeout(PATIENCE, response).await;
    let response = response.expect("the proxy answers in time").unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    while let Some(data) = body.data().await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    status
}

fn read(request: &[u8]) -> Request<()> {
    let text = std::str::from_utf8(request).unwrap();
    let mut lines = text.lines();
    let mut words = lines.next().unwrap().split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let host = fields.iter().find(|(name, _)| *name == "Host").unwrap().1;
    let request = Request::builder()
        .method(method)
        .uri(format!("https://{host}{target}"));
    let others = fields.iter().filter(|(name, _)| *name != "Host");
    let request = others.fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).unwrap()
}

const CONNECTIONS: usize = 16;
const STREAMS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);
