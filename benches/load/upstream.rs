//! A server that costs little: every request gets the same answer, and a WebSocket what it sends.

use std::net::SocketAddr;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers until it is killed.
pub fn run(listen: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
}

async fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let kilobyte = kilobyte();
    let mut received = Vec::with_capacity(32 * 1024);
    while matches!(stream.read_buf(&mut received).await, Ok(1..)) {
        let Some(header) = whole(&received) else {
            continue;
        };
        if has(header, b"pgrade: websocket\r\n") {
            if stream.write_all(SWITCHING).await.is_ok() {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            }
            return;
        }
        let answer = match has(header, KILOBYTE.as_bytes()) {
            true => &kilobyte,
            false => ANSWER,
        };
        received.clear();
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// The header of a request that has come with all of its body.
fn whole(received: &[u8]) -> Option<&[u8]> {
    let end = memmem::find(received, b"\r\n\r\n")? + 4;
    let (header, body) = received.split_at(end);
    let is_whole = header.starts_with(b"GET ") || body.len() >= content_length(header);
    is_whole.then_some(header)
}

fn content_length(header: &[u8]) -> usize {
    let header = std::str::from_utf8(header).unwrap().to_ascii_lowercase();
    let fields = header.lines().filter_map(|line| line.split_once(": "));
    let mut lengths = fields.filter(|(name, _)| *name == "content-length");
    lengths
        .next()
        .map_or(0, |(_, value)| value.parse().unwrap())
}

fn has(header: &[u8], text: &[u8]) -> bool {
    memmem::find(header, text).is_some()
}

fn kilobyte() -> Vec<u8> {
    let header = "HTTP/1.1 200 OK\r\n\
        Content-Type: application/json\r\n\
        Cache-Control: no-store\r\n\
        Content-Length: 1024\r\n\
        \r\n";
    format!("{header}{:1024}", "{}").into_bytes()
}

/// What is in a target whose answer has a body of 1 KiB.
pub const KILOBYTE: &str = "/kilobyte";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Cache-Control: no-store\r\n\
    Content-Length: 64\r\n\
    \r\n\
    {\"items\":[{\"id\":1,\"name\":\"one\"},{\"id\":2,\"name\":\"two\"}],\"next\":0}";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";
