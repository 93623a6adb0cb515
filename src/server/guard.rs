//! The guard around the proxy: bounds connections, the time a handshake and a header may take,
//! and the life of a request whose session ends.
//!
//! The framework has no cap on connections, its read timeout is per read, and its filters cannot
//! wake an idle stream. The guard wraps its application at two levels: the connection, where it
//! holds a permit and does what comes before HTTP, and the request ([`request`]), whose future it
//! polls beside a deadline and the session's end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ServerApp};
use pingora::protocols::Stream;
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::debug;

mod request;

use super::drain::InFlight;
use super::tls::ListenerTls;
use crate::metrics::Metrics;
use crate::proxy::Gateway;
use crate::proxy::connection::Connection;
use request::Requests;

/// One listener's application.
pub struct Guard {
    listener: Rules,
    shared: Arc<Shared>,
}

/// How one listener treats its connections.
pub struct Rules {
    /// The listener's name.
    pub name: String,
    /// Whether HTTP/2 with prior knowledge is spoken.
    pub h2c: bool,
    /// Certificates, when it speaks TLS.
    pub tls: Option<Arc<ListenerTls>>,
}

/// What all listeners share.
pub struct Shared {
    /// What the requests go to.
    pub proxy: Arc<HttpProxy<Gateway>>,
    /// What they are bounded by.
    pub bounds: Bounds,
    /// One for each connection.
    pub permits: Semaphore,
    /// Those that are being answered.
    pub in_flight: InFlight,
    /// Connections that are open.
    pub open: InFlight,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What bounds the requests of a connection.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a header may take to arrive, and whatever comes before the first one.
    pub header_timeout: Duration,
    /// How long a connection may idle between requests.
    pub keepalive_timeout: Duration,
    /// Requests on one HTTP/1 connection.
    pub keepalive_requests: u32,
    /// Concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
}

impl Guard {
    /// Guards `listener`.
    pub fn new(listener: Rules, shared: Arc<Shared>) -> Self {
        Self { listener, shared }
    }

    /// What comes before HTTP.
    async fn open(&self, socket: Socket) -> Result<(Stream, Connection), Cause> {
        let connection = Connection {
            listener: self.listener.name.clone(),
            is_tls: self.listener.tls.is_some(),
        };
        let Some(tls) = &self.listener.tls else {
            return Ok((Box::new(socket), connection));
        };
        let stream = tls.acceptor().tls_handshake(socket).await;
        let stream = stream.map_err(|error| {
            debug!(listener = self.listener.name, %error, "TLS handshake failed");
            Cause::TlsHandshake
        })?;
        Ok((Box::new(stream), connection))
    }

    /// Serves the requests of one connection, the first of which has to begin until `deadline`.
    async fn serve(
        &self,
        socket: Socket,
        deadline: Instant,
        shutdown: &ShutdownWatch,
    ) -> Result<(), Cause> {
        let opened = timeout_at(deadline, self.open(socket)).await;
        let (stream, connection) = opened.map_err(|_elapsed| Cause::HeaderTimeout)??;
        let bounds = &self.shared.bounds;
        let mut options = HttpServerOptions::default();
        options.h2c = self.listener.h2c;
        options.keepalive_request_limit = Some(bounds.keepalive_requests);
        options.h2_idle_timeout = Some(bounds.keepalive_timeout);
        let requests = Arc::new(Requests::new(Arc::clone(&self.shared), options, connection));
        // The framework waits for the HTTP/2 preface and the first stream without a deadline.
        let silent = async {
            tokio::select! {
                () = requests.begun.notified() => std::future::pending().await,
                () = sleep_until(Instant::now() + bounds.header_timeout) => {}
            }
        };
        tokio::select! {
            biased;
            _ = requests.process_new(stream, shutdown) => Ok(()),
            () = silent => Err(Cause::HeaderTimeout),
        }
    }
}

#[async_trait]
impl ServerApp for Guard {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let _open = self.shared.open.enter();
        // All of these listeners are plain to the framework: what comes is a bare socket.
        let socket = stream.into_any().downcast::<Socket>().ok()?;
        let Ok(_permit) = self.shared.permits.try_acquire() else {
            self.shared.count(Cause::ConnectionLimit);
            return None;
        };
        self.shared.metrics.connections.inc();
        let _counted = OpenConnection(&self.shared.metrics);
        let deadline = Instant::now() + self.shared.bounds.header_timeout;
        if let Err(cause) = self.serve(*socket, deadline, shutdown).await {
            debug!(
                listener = self.listener.name,
                cause = cause.label(),
                "connection cut"
            );
            self.shared.count(cause);
        }
        None
    }

    async fn cleanup(&self) {
        self.shared.proxy.http_cleanup().await;
    }
}

impl Shared {
    fn count(&self, cause: Cause) {
        let cut = &self.metrics.connections_cut;
        cut.with_label_values(&[cause.label()]).inc();
    }
}

/// Why a connection, or one request of it, was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    ConnectionLimit,
    HeaderTimeout,
    SessionEnded,
    TlsHandshake,
}

impl Cause {
    fn label(self) -> &'static str {
        match self {
            Self::ConnectionLimit => "connection_limit",
            Self::HeaderTimeout => "header_timeout",
            Self::SessionEnded => "session_ended",
            Self::TlsHandshake => "tls_handshake",
        }
    }
}

struct OpenConnection<'a>(&'a Metrics);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
