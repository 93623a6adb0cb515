//! The connections of the operators' listener: how many there are, and how long each may take for
//! what it does.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::write_timeout::WriteTimeout;
use crate::admin::refused_tokens::Peer;
use crate::metrics::Metrics;
use crate::operator::AdminSettings;
use crate::resources::Clients;
use crate::server::tls::ListenerTls;

/// Serves operators within bounds of their own, so that neither they nor anybody who reaches
/// their port takes what the public needs.
pub(super) struct Connections {
    router: Router,
    permits: Arc<Semaphore>,
    clients: Clients,
    tls: Option<Arc<ListenerTls>>,
    header_timeout: Duration,
    metrics: Arc<Metrics>,
}

impl Connections {
    pub(super) fn new(
        router: Router,
        settings: &AdminSettings,
        header_timeout: Duration,
        tls: Option<Arc<ListenerTls>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            router,
            permits: Arc::new(Semaphore::new(
                settings.connections.min(Semaphore::MAX_PERMITS),
            )),
            clients: Clients::new(settings.connections_per_client, 0),
            tls,
            header_timeout,
            metrics,
        }
    }

    /// Accepts until `stopped`. Connections then end with the request that they are at.
    pub(super) async fn serve(
        self,
        socket: TcpListener,
        mut stopped: watch::Receiver<bool>,
    ) -> io::Result<()> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpListener::from_std(socket)?;
        let this = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                // A sender that is gone means the same as a stop.
                _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                accepted = socket.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "the admin listener cannot accept");
                    // Most of all, there may be no descriptor for it.
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let Ok(permit) = Arc::clone(&this.permits).try_acquire_owned() else {
                this.count("admin_connection_limit");
                continue;
            };
            let Some(share) = this.clients.enter(peer.ip()) else {
                this.count("admin_client_connection_limit");
                continue;
            };
            let (this, stopped) = (Arc::clone(&this), stopped.clone());
            tokio::spawn(async move {
                let _held = (permit, share);
                this.connection(stream, Peer(peer.ip()), stopped).await;
            });
        }
    }

    async fn connection(&self, stream: TcpStream, peer: Peer, stopped: watch::Receiver<bool>) {
        let stream = WriteTimeout::new(stream, WRITE_TIMEOUT);
        let Some(tls) = &self.tls else {
            return self.requests(stream, peer, stopped).await;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.presented().config));
        match timeout(self.header_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.requests(stream, peer, stopped).await,
            Ok(Err(error)) => {
                debug!(%error, "TLS handshake with an operator failed");
                self.count("admin_tls_handshake");
            }
            Err(_elapsed) => self.count("admin_header_timeout"),
        }
    }

    async fn requests<S>(&self, stream: S, peer: Peer, mut stopped: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let answer = router.clone().oneshot(request.map(Body::new));
            async move { Ok::<_, Infallible>(in_time(answer).await) }
        });
        // Without a whole header in time, also between two requests, the connection is closed.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let stop = async {
            // A sender that is gone means the same as a stop.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            if error.is_timeout() {
                self.count("admin_header_timeout");
            }
            debug!(%error, "an operator's connection ended");
        }
    }

    fn count(&self, cause: &str) {
        self.metrics
            .connections_cut
            .with_label_values(&[cause])
            .inc();
    }
}

/// The answer, unless the request takes too long to arrive whole and to be answered. A change that takes
/// longer is carried out nevertheless.
async fn in_time(answer: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(never)) => match never {},
        Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// A request with its body, and its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an answer may wait for being taken.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a header, and of what is written ahead.
const BUFFER: usize = 64 << 10;
const PAUSE: Duration = Duration::from_millis(100);
