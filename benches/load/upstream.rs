//! A server that costs little: every request header gets the same answer.

use std::net::SocketAddr;

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
    let mut received = Vec::with_capacity(32 * 1024);
    while matches!(stream.read_buf(&mut received).await, Ok(1..)) {
        if !received.ends_with(b"\r\n\r\n") {
            continue;
        }
        received.clear();
        if stream.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Cache-Control: no-store\r\n\
    Content-Length: 64\r\n\
    \r\n\
    {\"items\":[{\"id\":1,\"name\":\"one\"},{\"id\":2,\"name\":\"two\"}],\"next\":0}";
