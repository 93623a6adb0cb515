//! An upstream that speaks HTTP/2 by prior knowledge.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Answers each request with its path, and keeps what it saw.
pub struct H2Upstream {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: watch::Receiver<Vec<http::Request<()>>>,
}

impl H2Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (record, seen) = watch::channel(Vec::new());
        let count = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (count, record) = (count.clone(), record.clone());
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else {
                        return;
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        let path = request.uri().path().to_owned();
                        record.send_modify(|seen| seen.push(request.map(|_| ())));
                        let response = http::Response::new(());
                        let mut body = respond.send_response(response, false).unwrap();
                        body.send_data(Bytes::from(path), true).unwrap();
                    }
                });
            }
        });
        Self {
            address,
            connections,
            seen,
        }
    }

    /// How many connections spoke HTTP/2.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The newest request.
    pub fn last(&self) -> http::Request<()> {
        let seen = self.seen.borrow();
        let last = seen.last().expect("the upstream saw no request");
        let mut request = http::Request::new(());
        *request.uri_mut() = last.uri().clone();
        *request.headers_mut() = last.headers().clone();
        request
    }
}
