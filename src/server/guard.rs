//! The guard around the proxy: bounds connections, the time a header may take, and the life of a
//! request whose session ends.
//!
//! The framework has no cap on connections, its read timeout is per read, and its filters cannot
//! wake an idle stream. The guard wraps its application at two levels: the connection, where it
//! holds a permit, and the request, whose future it polls beside a deadline and the session's end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::drain::InFlight;
use crate::clock::UnixTime;
use crate::exchange::Session;
use crate::metrics::Metrics;
use crate::proxy::Gateway;
use crate::proxy::cut::Cut;

/// One listening service's application.
pub struct Guard {
    requests: Arc<Requests>,
    permits: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// What bounds the requests of a connection.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a header may take to arrive.
    pub header_timeout: Duration,
    /// How long a connection may idle between requests.
    pub keepalive_timeout: Duration,
    /// Options that the framework reads for each connection.
    pub options: HttpServerOptions,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
}

struct Requests {
    proxy: Arc<HttpProxy<Gateway>>,
    bounds: Bounds,
    in_flight: InFlight,
    metrics: Arc<Metrics>,
}

impl Guard {
    /// Guards `proxy`; `permits` are shared by all listeners.
    pub fn new(
        proxy: Arc<HttpProxy<Gateway>>,
        bounds: Bounds,
        permits: Arc<Semaphore>,
        in_flight: InFlight,
        metrics: Arc<Metrics>,
    ) -> Self {
        let requests = Requests {
            proxy,
            bounds,
            in_flight,
            metrics: Arc::clone(&metrics),
        };
        Self {
            requests: Arc::new(requests),
            permits,
            metrics,
        }
    }
}

#[async_trait]
impl ServerApp for Guard {
    async fn process_new(
        self: &Arc<Self>,
        mut stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let Ok(_permit) = self.permits.try_acquire() else {
            self.metrics
                .connections_cut
                .with_label_values(&["connection_limit"])
                .inc();
            return None;
        };
        self.metrics.connections.inc();
        let _open = OpenConnection(&self.metrics);
        let bounds = &self.requests.bounds;
        if bounds.options.h2c && stream.get_ssl_digest().is_none() {
            // The framework looks for the HTTP/2 preface before any request exists, so a silent
            // client would wait there without a deadline.
            let first_bytes = timeout(bounds.header_timeout, stream.try_peek(&mut [0; 1])).await;
            if !matches!(first_bytes, Ok(Ok(_))) {
                self.metrics
                    .connections_cut
                    .with_label_values(&["header_timeout"])
                    .inc();
                return None;
            }
        }
        self.requests.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        self.requests.http_cleanup().await;
    }
}

#[async_trait]
impl HttpServerApp for Requests {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        // The proxy leaves a mark on connections that it hands back for another request.
        let reused = session.take_connection_user_context().is_some();
        let allowed = match reused {
            true => self.bounds.keepalive_timeout + self.bounds.header_timeout,
            false => self.bounds.header_timeout,
        };
        if reused {
            session.set_keepalive(Some(self.bounds.keepalive_timeout.as_secs().max(1)));
        }
        let cut = Arc::new(Cut::default());
        let request = cut.scope(self.proxy.process_new_http(session, shutdown));
        match self.run(&cut, request, allowed).await {
            Ok(connection) => connection,
            Err(cause) => {
                debug!(cause = cause.label(), "connection cut");
                self.metrics
                    .connections_cut
                    .with_label_values(&[cause.label()])
                    .inc();
                None
            }
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = H2Options::default();
        options.max_concurrent_streams(self.bounds.h2_streams);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.bounds.options)
    }

    async fn http_cleanup(&self) {
        self.proxy.http_cleanup().await;
    }
}

/// Why a request was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    HeaderTimeout,
    SessionEnded,
}

impl Cause {
    fn label(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::SessionEnded => "session_ended",
        }
    }
}

impl Requests {
    /// Polls the request; while its header is incomplete also the deadline, and once it is bound
    /// to a session also that session's end.
    async fn run<F: Future>(
        &self,
        cut: &Cut,
        request: F,
        allowed: Duration,
    ) -> Result<F::Output, Cause> {
        let mut request = pin!(request);
        let mut deadline = pin!(sleep(allowed));
        let mut counted = None;
        let mut end: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
        poll_fn(|context: &mut Context<'_>| {
            if let Poll::Ready(output) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if !cut.header_arrived() {
                return deadline
                    .as_mut()
                    .poll(context)
                    .map(|()| Err(Cause::HeaderTimeout));
            }
            counted.get_or_insert_with(|| self.in_flight.enter());
            let Some(session) = cut.session() else {
                return Poll::Pending;
            };
            let end = end.get_or_insert_with(|| Box::pin(end_of(Arc::clone(session))));
            end.as_mut()
                .poll(context)
                .map(|()| Err(Cause::SessionEnded))
        })
        .await
    }
}

/// Returns when the session is ended or its time has come.
async fn end_of(session: Arc<Session>) {
    let left = UnixTime::now().until(session.expires_at());
    // An elapsed timeout is the other way for a session to be over.
    let _ = timeout(left, session.life().over()).await;
}

struct OpenConnection<'a>(&'a Metrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
