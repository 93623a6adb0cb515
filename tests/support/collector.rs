//! A collector of traces: takes OTLP over HTTP and decodes it by the protocol's own types.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::wire::PATIENCE;

/// A running collector, stopped when it is dropped.
pub struct Collector {
    pub address: SocketAddr,
    got: watch::Receiver<Vec<ExportTraceServiceRequest>>,
    refuses: Arc<AtomicBool>,
    server: tokio::task::JoinHandle<()>,
}

impl Collector {
    pub async fn start() -> Self {
        let (sender, got) = watch::channel(Vec::new());
        let refuses = Arc::new(AtomicBool::new(false));
        let is_away = Arc::clone(&refuses);
        let take = move |headers: HeaderMap, body: Bytes| async move {
            if is_away.load(Ordering::Relaxed) {
                return StatusCode::BAD_REQUEST;
            }
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let request = ExportTraceServiceRequest::decode(body).expect("protobuf of OTLP");
            sender.send_modify(|got| got.push(request));
            StatusCode::OK
        };
        let router = Router::new().route("/v1/traces", post(take));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            got,
            refuses,
            server,
        }
    }

    /// Answers 400 from now on.
    pub fn refuse(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// All spans, as soon as there are so many, and whose they are.
    pub async fn spans(&self, count: usize) -> (Resource, Vec<Span>) {
        let mut got = self.got.clone();
        let enough = got.wait_for(|got| spans(got).len() >= count);
        let got = timeout(PATIENCE, enough).await;
        let got = got
            .unwrap_or_else(|_| panic!("only {:#?}", spans(&self.got.borrow())))
            .unwrap();
        let all = spans(&got);
        assert_eq!(all.len(), count, "{all:#?}");
        let resource = got[0].resource_spans[0].resource.clone();
        (resource.expect("a resource"), all)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn spans(got: &[ExportTraceServiceRequest]) -> Vec<Span> {
    let resources = got.iter().flat_map(|request| &request.resource_spans);
    let scopes = resources.flat_map(|one| &one.scope_spans);
    scopes.flat_map(|one| one.spans.clone()).collect()
}
