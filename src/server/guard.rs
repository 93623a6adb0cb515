//! The guard around the proxy: limits connections and the time for a handshake and a header, and
//! cuts requests whose session ends.
//!
//! The framework has no limit on connections, its read timeout applies to each read, and its
//! filters cannot wake an idle stream. The guard wraps its application at two levels: the
//! connection, where it holds a permit and handles everything before HTTP, and the request
//! (`request`), whose future it polls together with a deadline and the end of the session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::HeaderValue;
use pingora::apps::{HttpServerOptions, ServerApp};
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::tls::TlsRef;
use pingora::protocols::{ALPN, GetSocketDigest, Ssl, Stream};
use pingora::server::ShutdownWatch;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::debug;

mod answering;
mod cause;
mod chunk_lines;
mod client_certificate;
mod head;
mod header_blocks;
mod http1;
mod idle;
mod lingering;
mod pipelined;
mod preface;
mod proxy_protocol;
mod read_ahead;
mod refusal;
mod request;
mod resets;
mod unflushed;

use super::drain::{Counted, InFlight, LastMoment};
use super::proxy_factory::Proxy;
use super::tls::ListenerTls;
use crate::acme::Challenges;
use crate::metrics::{Metrics, Open};
use crate::proxy::Snapshot;
use crate::proxy::connection::server_name::ServerName;
use crate::proxy::connection::watched_stream::WatchedStream;
use crate::proxy::connection::{Connection, TlsParameters};
use crate::proxy::unread::Unread;
use crate::resources::Admission;
use cause::Cause;
use header_blocks::HeaderBlocks;
use proxy_protocol::Origin;
use read_ahead::ReadAhead;
use request::Requests;
pub use resets::ResetLimit;

/// One listener's application.
pub struct Guard {
    listener: Rules,
    shared: Arc<Shared>,
    /// The framework holds the guard for as long as it listens, and for each connection from the
    /// moment that it is taken, which is before anybody could count it.
    _open: Counted,
}

/// How one listener treats its connections.
pub struct Rules {
    /// The listener's name.
    pub name: String,
    /// Whether HTTP/2 with prior knowledge is spoken.
    pub h2c: bool,
    /// Certificates, when it speaks TLS.
    pub tls: Option<Arc<ListenerTls>>,
    /// Whether TLS ends right before it.
    pub tls_terminated: bool,
    /// Whether proxies say by the PROXY protocol who their client is.
    pub proxy_protocol: bool,
    /// Whether it is for questions by gRPC, and for nothing else.
    pub is_for_questions: bool,
    /// Whether proxies may ask here by HTTP whether a request may pass.
    pub answers_forward_auth: bool,
    /// Where at `https` requests are sent instead of being served.
    pub redirects_to: Option<u16>,
    /// What answers an authority's challenges instead of a redirect.
    pub challenges: Option<Arc<Challenges>>,
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<HeaderValue>,
}

/// What all listeners share.
pub struct Shared {
    /// What the requests go to.
    pub(super) proxy: Arc<Proxy>,
    /// What they are bounded by.
    pub bounds: Bounds,
    /// One for each connection.
    pub permits: Semaphore,
    /// Who may come in, and whose requests.
    pub admission: Arc<Admission>,
    /// One permit for each refused connection that gets a response.
    pub refusals: Semaphore,
    /// What answers requests that cannot be read.
    pub unread: Unread,
    /// Whose word is taken.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// Those that are being answered.
    pub in_flight: InFlight,
    /// When they are cut.
    pub last_moment: LastMoment,
    /// Listeners and connections that are open.
    pub open: InFlight,
    /// The metrics of this process.
    pub metrics: Arc<Metrics>,
}

/// What bounds the requests of a connection.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a header may take to arrive, and whatever comes before the first one.
    pub header_timeout: Duration,
    /// How long a connection can be idle between requests.
    pub keepalive_timeout: Duration,
    /// The maximum number of requests per HTTP/1 connection.
    pub keepalive_requests: u32,
    /// The maximum number of concurrent streams of one HTTP/2 connection.
    pub h2_streams: u32,
    /// Streams of one HTTP/2 connection that its client may give up.
    pub h2_resets: ResetLimit,
    /// Streams of one HTTP/2 connection that a trusted proxy may give up.
    pub h2_resets_of_proxies: ResetLimit,
    /// All fields of an HTTP/2 request, as RFC 9113 section 10.5.1 counts them.
    pub h2_header_list: u32,
}

impl Guard {
    /// Guards `listener`.
    pub fn new(listener: Rules, shared: Arc<Shared>) -> Self {
        let _open = shared.open.enter();
        Self {
            listener,
            shared,
            _open,
        }
    }

    /// What comes before HTTP: who the client is, TLS, and whether the client has chosen HTTP/2.
    async fn open(&self, mut socket: Box<Socket>) -> Result<(Stream, Connection, bool), Cause> {
        let mut peer = address(&socket);
        // Who may open a Unix socket was decided by its mode.
        let trusts = |peer: Option<IpAddr>| {
            peer.is_none_or(|peer| {
                self.shared
                    .snapshot
                    .load()
                    .proxy
                    .trusted_proxies
                    .contains(peer)
            })
        };
        let mut is_proxy = trusts(peer);
        let mut is_of_unnamed = false;
        if self.listener.proxy_protocol && is_proxy {
            let origin = proxy_protocol::accept(&mut socket).await.map_err(|error| {
                debug!(listener = self.listener.name, %error, "the PROXY protocol header is missing or invalid");
                Cause::ProxyProtocol
            })?;
            peer = address(&socket);
            is_of_unnamed = origin == Origin::Unnamed;
            is_proxy = !is_of_unnamed && trusts(peer);
        }
        // All clients that a proxy does not name count as one, which has the proxy's address.
        let share = match peer {
            Some(peer) if !is_proxy => match self.shared.admission.clients().enter(peer) {
                Some(share) => Some(share),
                None => {
                    self.refuse(&mut socket, Cause::ClientConnectionLimit).await;
                    return Err(Cause::ClientConnectionLimit);
                }
            },
            _ => None,
        };
        let mut connection = Connection {
            listener: self.listener.name.clone(),
            is_tls: self.listener.tls.is_some(),
            is_https: self.listener.tls.is_some() || self.listener.tls_terminated,
            is_for_questions: self.listener.is_for_questions,
            answers_forward_auth: self.listener.answers_forward_auth,
            redirects_to: self.listener.redirects_to,
            challenges: self.listener.challenges.clone(),
            hsts: self.listener.hsts.clone(),
            server_name: None,
            share,
            client: None,
            is_of_proxy: is_proxy,
            is_of_unnamed,
            ..Connection::default()
        };
        let Some(tls) = &self.listener.tls else {
            let is_http2 = self.listener.h2c && preface::is_sent(&mut socket).await;
            return Ok((socket, connection, is_http2));
        };
        let presented = tls.presented();
        let stream = presented
            .acceptor
            .tls_handshake(ReadAhead::new(socket))
            .await;
        let stream = stream.map_err(|error| {
            debug!(listener = self.listener.name, %error, "TLS handshake failed");
            tls.handshake_failed();
            Cause::TlsHandshake
        })?;
        let is_http2 = match stream.selected_alpn_proto() {
            // An authority has seen the certificate that it came for (RFC 8737).
            Some(ALPN::Custom(_)) => return Err(Cause::AcmeChallenge),
            protocol => protocol == Some(ALPN::H2),
        };
        let certificate = stream.get_ssl().and_then(TlsRef::peer_certificate_der);
        connection.client = certificate.and_then(client_certificate::read);
        connection.tls = stream.get_ssl_digest().map(|digest| TlsParameters {
            // As everyone else writes it: `TLSv1.3`.
            version: digest.version.replace('_', ".").into(),
            cipher: digest.cipher.clone(),
        });
        let asked_for = stream.get_ssl().and_then(TlsRef::server_name);
        connection.server_name =
            asked_for.map(|name| ServerName::new(name, Arc::clone(&presented.names)));
        let stream: Stream = Box::new(stream);
        Ok((stream, connection, is_http2))
    }

    /// Serves HTTP/2.
    async fn serve_http2(
        &self,
        requests: &Arc<Requests>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Result<(), Cause> {
        let (stop, stopped) = watch::channel(false);
        let mut shutdown = shutdown.clone();
        // GOAWAY comes first: what is in flight is answered.
        let served = async {
            let is_flood = tokio::select! {
                // A sender that is gone means the same as a stop.
                _ = shutdown.wait_for(|stop| *stop) => false,
                () = requests.resets.too_many.notified() => true,
            };
            stop.send_replace(true);
            if !is_flood {
                return std::future::pending().await;
            }
            self.shared.count(Cause::H2Resets);
            sleep(LAST_STREAMS).await;
        };
        tokio::select! {
            biased;
            _ = requests.process_new(stream, &stopped) => {}
            () = served => {}
        }
        Ok(())
    }

    async fn refuse(&self, socket: &mut Socket, cause: Cause) {
        if self.listener.tls.is_none() {
            refusal::send(socket, cause, &self.shared.refusals).await;
        }
    }

    /// Serves the requests of one connection, the first of which has to begin until `deadline`.
    async fn serve(
        &self,
        socket: Box<Socket>,
        deadline: Instant,
        shutdown: &ShutdownWatch,
    ) -> Result<(), Cause> {
        // A handshake needs room that the connection would hold to its end.
        let opened = timeout_at(deadline, Box::pin(self.open(socket))).await;
        let (stream, connection, is_http2) = opened.map_err(|_elapsed| Cause::HeaderTimeout)??;
        let bounds = &self.shared.bounds;
        let mut options = HttpServerOptions::default();
        options.h2c = self.listener.h2c;
        options.keepalive_request_limit = Some(bounds.keepalive_requests);
        options.h2_idle_timeout = Some(bounds.keepalive_timeout);
        let requests = Arc::new(Requests::new(Arc::clone(&self.shared), options, connection));
        let blocks = HeaderBlocks::new(
            Arc::clone(&self.shared.admission),
            Arc::clone(&requests.connection),
        );
        let open = blocks.open();
        let stream: Stream = Box::new(WatchedStream::new(stream, blocks));
        // The framework waits for the HTTP/2 preface and the first stream without a deadline.
        let silent = async {
            tokio::select! {
                () = requests.begun.notified() => std::future::pending().await,
                () = sleep_until(Instant::now() + bounds.header_timeout) => {}
            }
        };
        // Connections of HTTP/1 are spared what is about streams, and the room for it.
        let streams = async {
            requests.has_streams.notified().await;
            let streams = Box::pin(async {
                tokio::select! {
                    () = requests.resets.flood.notified() => Cause::H2Resets,
                    () = open.longer_than(bounds.header_timeout) => Cause::HeaderTimeout,
                    () = requests.idle_too_long() => Cause::MemoryBudget,
                }
            });
            streams.await
        };
        let spoken = async {
            match is_http2 {
                true => self.serve_http2(&requests, stream, shutdown).await,
                false => http1::serve(&requests, stream, shutdown).await,
            }
        };
        let ended = tokio::select! {
            biased;
            ended = spoken => ended,
            () = silent => Err(Cause::HeaderTimeout),
            cause = streams => Err(cause),
        };
        open.refused().map_or(ended, Err)
    }

    /// Serves a connection, if there is room for it.
    async fn admit(self: Arc<Self>, mut socket: Box<Socket>, shutdown: ShutdownWatch) {
        let Ok(_permit) = self.shared.permits.try_acquire() else {
            self.shared.count(Cause::ConnectionLimit);
            self.refuse(&mut socket, Cause::ConnectionLimit).await;
            return;
        };
        let memory = self.shared.admission.memory();
        let held = match &self.listener {
            Rules {
                tls: None,
                h2c: false,
                ..
            } => memory.plain_connection(),
            _ => memory.connection(),
        };
        let Some(_held) = held else {
            self.shared.count(Cause::MemoryBudget);
            self.refuse(&mut socket, Cause::MemoryBudget).await;
            return;
        };
        self.shared.metrics.collect_runtime_here("proxy");
        let _counted = Open::new(&self.shared.metrics.connections);
        let deadline = Instant::now() + self.shared.bounds.header_timeout;
        if let Err(cause) = self.serve(socket, deadline, &shutdown).await {
            debug!(
                listener = self.listener.name,
                cause = cause.label(),
                "connection cut"
            );
            self.shared.count(cause);
        }
    }
}

#[async_trait]
impl ServerApp for Guard {
    /// Gives the connection a task of its own. The framework's has room for handshakes that these
    /// listeners leave to the guard, 9 KB that it would hold for as long as it waits for the guard.
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // All of these listeners are plain to the framework: what comes is a bare socket.
        let socket = stream.into_any().downcast::<Socket>().ok()?;
        tokio::spawn(Arc::clone(self).admit(socket, shutdown.clone()));
        None
    }
}

impl Shared {
    /// How many refused connections can get a response at the same time.
    pub const REFUSED_AT_ONCE: usize = refusal::REFUSED_AT_ONCE;

    fn count(&self, cause: Cause) {
        let cut = &self.metrics.connections_cut;
        cut.with_label_values(&[cause.label()]).inc();
    }
}

/// How long a client that gave up too many streams may wait for the others.
const LAST_STREAMS: Duration = Duration::from_secs(60);

/// The far end's address; none on a Unix socket.
fn address(socket: &Socket) -> Option<IpAddr> {
    let digest = socket.get_socket_digest()?;
    Some(digest.peer_addr()?.as_inet()?.ip())
}
