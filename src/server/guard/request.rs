//! One request: the time that its header may take, and the end of its session.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use async_trait::async_trait;
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use tokio::time::{Duration, Sleep, sleep, sleep_until, timeout};
use tracing::debug;

use super::{Cause, Shared};
use crate::clock::UnixTime;
use crate::exchange::Session;
use crate::proxy::connection::Connection;
use crate::proxy::request_guard::RequestGuard;

/// The requests of one connection.
pub(super) struct Requests {
    shared: Arc<Shared>,
    options: HttpServerOptions,
    connection: Arc<Connection>,
    /// Told when a request begins; over HTTP/2 that is when its header is complete.
    pub(super) begun: Notify,
    /// Told when the client has given up too many of its streams.
    pub(super) flooded: Notify,
    given_up: AtomicU32,
}

impl Requests {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: HttpServerOptions,
        connection: Connection,
    ) -> Self {
        Self {
            shared,
            options,
            connection: Arc::new(connection),
            begun: Notify::new(),
            flooded: Notify::new(),
            given_up: AtomicU32::new(0),
        }
    }

    /// Polls the request; while its header is incomplete also the deadline, then the time by which
    /// its route wants it to end, and once it is bound to a session also that session's end.
    async fn run<F: Future>(
        &self,
        cut: &RequestGuard,
        request: F,
        allowed: Duration,
    ) -> Result<F::Output, Cause> {
        let mut request = pin!(request);
        let mut deadline = pin!(sleep(allowed));
        let mut overdue = Overdue::default();
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
            counted.get_or_insert_with(|| self.shared.in_flight.enter());
            if overdue.poll(cut.due(), context).is_ready() {
                return Poll::Ready(Err(Cause::RequestTimeout));
            }
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

#[async_trait]
impl HttpServerApp for Requests {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        self.begun.notify_one();
        let bounds = &self.shared.bounds;
        // The proxy leaves a mark on connections that it hands back for another request.
        let reused = session.take_connection_user_context().is_some();
        let allowed = match reused {
            true => bounds.keepalive_timeout + bounds.header_timeout,
            false => bounds.header_timeout,
        };
        if reused {
            session.set_keepalive(Some(bounds.keepalive_timeout.as_secs().max(1)));
        }
        let is_stream = session.is_http2();
        let cut = Arc::new(RequestGuard::new(Arc::clone(&self.connection)));
        let request = cut.scope(self.shared.proxy.process_new_http(session, shutdown));
        let outcome = tokio::select! {
            biased;
            outcome = self.run(&cut, request, allowed) => outcome,
            // The framework's own way ends new connections as well, and those of the listeners that
            // are still open; but each was taken for the request that it is about to bring.
            () = stopped_before(&cut, shutdown), if reused => return None,
        };
        // CVE-2023-44487: streams are opened and reset faster than they can be served.
        if is_stream && cut.client_left() {
            let given_up = 1 + self.given_up.fetch_add(1, Ordering::Relaxed);
            if given_up > bounds.h2_resets {
                self.flooded.notify_one();
            }
        }
        match outcome {
            Ok(connection) => connection,
            Err(cause) => {
                debug!(cause = cause.label(), "connection cut");
                self.shared.count(cause);
                None
            }
        }
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = H2Options::default();
        options.max_concurrent_streams(self.shared.bounds.h2_streams);
        options.max_header_list_size(self.shared.bounds.h2_header_list);
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

/// Returns when the listeners close before the request's header is there.
async fn stopped_before(cut: &RequestGuard, shutdown: &ShutdownWatch) {
    let mut shutdown = shutdown.clone();
    // A sender that is gone means the same as a stop.
    let _ = shutdown.wait_for(|stop| *stop).await;
    if cut.header_arrived() {
        std::future::pending().await
    }
}

/// Waits for a time that may be set and moved meanwhile.
#[derive(Default)]
struct Overdue(Option<(Instant, Pin<Box<Sleep>>)>);

impl Overdue {
    fn poll(&mut self, due: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        let Some(due) = due else {
            return Poll::Pending;
        };
        if self.0.as_ref().is_none_or(|(before, _)| *before != due) {
            self.0 = Some((due, Box::pin(sleep_until(due.into()))));
        }
        let waiting = self
            .0
            .as_mut()
            .map(|(_, sleep)| sleep.as_mut().poll(context));
        waiting.unwrap_or(Poll::Pending)
    }
}

/// Returns when the session is ended or its time has come.
async fn end_of(session: Arc<Session>) {
    let left = UnixTime::now().until(session.expires_at());
    // An elapsed timeout is the other way for a session to be over.
    let _ = timeout(left, session.handle().over()).await;
}
