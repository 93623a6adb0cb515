//! One request: the time that its header may take, and the end of its session.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use async_trait::async_trait;
use http::{Method, StatusCode};
use pingora::apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream};
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v2::server::H2Options;
use pingora::server::ShutdownWatch;
use tokio::sync::Notify;
use tokio::time::{Duration, Sleep, sleep_until, timeout};
use tracing::debug;

use super::resets::Resets;
use super::{Cause, Shared};
use crate::proxy::connection::flow::Flow;
use crate::proxy::connection::request_guard::RequestGuard;
use crate::proxy::connection::{Connection, HEARD_WITHIN};
use crate::proxy::counters::refuse;
use crate::proxy::unread::Known;
use crate::rejection::{Code, Rejection};
use crate::resources::Room;

/// The requests of one connection.
pub(super) struct Requests {
    pub(super) shared: Arc<Shared>,
    options: HttpServerOptions,
    pub(super) connection: Arc<Connection>,
    /// Told when a request begins; over HTTP/2 that is when its header is complete.
    pub(super) begun: Notify,
    /// Told when the first stream of HTTP/2 begins.
    pub(super) has_streams: Notify,
    /// Streams that the client has given up.
    pub(super) resets: Resets,
    streams: Mutex<Streams>,
}

/// The streams of an HTTP/2 connection.
#[derive(Default)]
struct Streams {
    open: usize,
    /// Since when there is none; `None` before the first, and on HTTP/1.
    idle: Option<Instant>,
}

impl Requests {
    pub(super) fn new(
        shared: Arc<Shared>,
        options: HttpServerOptions,
        connection: Connection,
    ) -> Self {
        let resets = Resets::new(match connection.is_of_proxy {
            true => shared.bounds.h2_resets_of_proxies,
            false => shared.bounds.h2_resets,
        });
        Self {
            shared,
            options,
            connection: Arc::new(connection),
            begun: Notify::new(),
            has_streams: Notify::new(),
            resets,
            streams: Mutex::default(),
        }
    }

    /// Returns when an HTTP/2 connection without streams has to make room for others.
    pub(super) async fn idle_too_long(&self) {
        let mut cutoff = self.shared.admission.memory().cutoff();
        // The sender lasts as long as the process.
        while cutoff.changed().await.is_ok() {
            let before = *cutoff.borrow_and_update();
            let idle = self.streams().idle;
            if before.is_some_and(|before| idle.is_some_and(|since| since <= before)) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Counts a header that is long in coming as one of its client's requests.
    pub(super) fn begin_header(&self) -> Result<Room, Rejection> {
        let room = self.shared.admission.begin(self.connection.share.as_ref());
        room.map_err(|overload| refuse(&self.shared.metrics, overload))
    }

    fn stream_begins(&self) {
        self.has_streams.notify_one();
        let mut streams = self.streams();
        streams.open += 1;
        streams.idle = None;
    }

    fn stream_ends(&self) {
        let mut streams = self.streams();
        streams.open -= 1;
        if streams.open == 0 {
            streams.idle = Some(Instant::now());
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request for a tunnel, which is not forwarded, on an HTTP/2 stream.
    async fn refuse_connect(&self, mut session: ServerSession) {
        let rejection = Rejection::new(Code::InvalidRequest, "method_not_supported")
            .with_status(StatusCode::METHOD_NOT_ALLOWED);
        let known = Known {
            connection: &self.connection,
            peer: session.client_addr(),
            line: b"CONNECT",
        };
        let answer = self.shared.unread.refuse(&rejection, &known);
        let (Ok((header, body)), patience) = (answer, self.shared.bounds.header_timeout) else {
            return;
        };
        let written = session.write_error_response(header, body.into());
        // A client that does not take the answer is left alone.
        let _ = timeout(patience, written).await;
    }

    /// Polls the request; while its header is incomplete also the deadline, while its body is also
    /// that one's time, then the time by which its route wants it to end and the last moment of the
    /// process, and once it is bound to a session also that session's end.
    ///
    /// Over HTTP/2 nothing in the request hears of the end of its answer while its body is silent. It is
    /// dropped here then, by which the framework asks its client to stop (RFC 9113 section 8.1). So it is if
    /// a server of HTTP/2 does not answer what took long to send.
    async fn run(
        &self,
        cut: &RequestGuard,
        is_stream: bool,
        late_server: &mut Overdue,
        request: impl Future<Output = Option<ReusedHttpStream>>,
    ) -> Result<Option<ReusedHttpStream>, Cause> {
        // Counted until the request is dropped, which records it.
        let mut counted = None;
        let mut request = pin!(request);
        // Requests lie apart by some hundred bytes.
        let number = std::ptr::from_ref(cut).addr() >> 8;
        let mut last_moment = pin!(self.shared.last_moment.has_come(number));
        let (mut is_waiting, mut was_over) = (false, false);
        let mut deadline = Overdue::default();
        let mut overdue = Overdue::default();
        let mut late_body = Overdue::default();
        let mut heard = Overdue::default();
        let mut end: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = None;
        let outcome = poll_fn(|context: &mut Context<'_>| {
            if let Poll::Ready(output) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            if !cut.header_arrived() {
                let due = cut.began() + self.shared.bounds.header_timeout;
                let late = deadline.poll(Some(due), context);
                return late.map(|()| Err(Cause::HeaderTimeout));
            }
            counted.get_or_insert_with(|| self.shared.in_flight.enter());
            if cut.flow().is_over() {
                if is_stream
                    && cut.flow().has_left(context)
                    && heard
                        .poll_first(Instant::now() + HEARD_WITHIN, context)
                        .is_ready()
                    && cut.flow().ends_now()
                {
                    return Poll::Ready(Ok(None));
                }
                // Over HTTP/2 that would end the request, and reset its stream, too early.
                if !is_stream && !std::mem::replace(&mut was_over, true) {
                    cut.flow().stop_writes();
                    context.waker().wake_by_ref();
                }
            }
            if self.body_is_late(cut, &mut late_body, context) {
                return Poll::Ready(Err(Cause::BodyTimeout));
            }
            look_after_server(cut.flow(), late_server, context);
            if is_stream && cut.flow().is_unheard() {
                // Over HTTP/1 the read for the client fails, and the request says so by itself.
                return Poll::Ready(Err(Cause::UpstreamTimeout));
            }
            if overdue.poll(cut.due(), context).is_ready() {
                return Poll::Ready(Err(Cause::RequestTimeout));
            }
            // Its task stays the same, so waiting once is enough to be woken.
            if !is_waiting || self.shared.last_moment.is_here() {
                is_waiting = true;
                if last_moment.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(Cause::Stopped));
                }
            }
            let Some(session) = cut.session() else {
                return Poll::Pending;
            };
            let end = end.get_or_insert_with(|| {
                let exchange = Arc::clone(&self.shared.snapshot.load().exchange);
                let session = Arc::clone(session);
                Box::pin(async move { exchange.sessions().session_over(&session).await })
            });
            end.as_mut()
                .poll(context)
                .map(|()| Err(Cause::SessionEnded))
        })
        .await;
        if let Err(cause) = &outcome {
            cut.cut_for(cause.label());
        }
        outcome
    }

    /// Whether a body has taken too long, and the request could not say so in words since.
    fn body_is_late(
        &self,
        cut: &RequestGuard,
        late: &mut Overdue,
        context: &mut Context<'_>,
    ) -> bool {
        let flow = cut.flow();
        if let Some(last_words) = flow.late_until() {
            return late.poll(Some(last_words), context).is_ready();
        }
        // The time moves with each part of the body; the timer is set again only when it is over.
        while let Some(due) = flow.body_due()
            && late.poll_first(due, context).is_ready()
        {
            if flow.body_due().is_some_and(|due| due <= Instant::now()) {
                flow.give_up_body(Instant::now() + LAST_WORDS);
                // What waits for the body is woken, and looked at again.
                context.waker().wake_by_ref();
                return false;
            }
            *late = Overdue::default();
        }
        false
    }

    /// Serves one request, whose connection it returns if that can be kept.
    ///
    /// The framework's session is large and is moved into the framework's future at once, not into one
    /// of the guard's before. What waits for a server that is silent is handed on from one request of a task to
    /// the next: most servers answer in time, and to set a timer for each request, and wake the thread's driver
    /// for it, costs as much as to read the request.
    pub(super) fn serve<'a>(
        &'a self,
        session: ServerSession,
        shutdown: &'a ShutdownWatch,
        late_server: &'a mut Overdue,
    ) -> impl Future<Output = Option<ReusedHttpStream>> + Send + 'a {
        self.begun.notify_one();
        let is_stream = session.is_http2();
        let admission = Arc::clone(&self.shared.admission);
        let cut = Arc::new(RequestGuard::new(Arc::clone(&self.connection), admission));
        let request = cut.scope(self.shared.proxy.process_new_http(session, shutdown));
        async move {
            if is_stream {
                self.stream_begins();
            }
            let outcome = self.run(&cut, is_stream, late_server, request).await;
            if is_stream {
                self.stream_ends();
            }
            // CVE-2023-44487: streams are opened and reset faster than they can be served.
            if is_stream && cut.client_left() {
                self.resets.count();
            }
            outcome.unwrap_or_else(|cause| {
                debug!(cause = cause.label(), "connection cut");
                self.shared.count(cause);
                None
            })
        }
    }
}

#[async_trait]
impl HttpServerApp for Requests {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        // The framework would answer by itself.
        if session.is_http2() && session.req_header().method == Method::CONNECT {
            self.begun.notify_one();
            self.refuse_connect(session).await;
            return None;
        }
        let mut late_server = Overdue::default();
        self.serve(session, shutdown, &mut late_server).await
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = H2Options::default();
        options.max_concurrent_streams(self.shared.bounds.h2_streams);
        options.max_header_list_size(self.shared.bounds.h2_header_list);
        options.max_send_buffer_size(H2_SEND_BUFFER);
        options.data_frame_budget(match self.connection.is_of_proxy {
            true => SMALL_FRAMES_OF_PROXIES,
            false => self.shared.admission.memory().small_frames(SMALL_FRAMES),
        });
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }
}

/// Gives up a server that is silent for too long. The request then says so by itself.
fn look_after_server(flow: &Flow, late: &mut Overdue, context: &mut Context<'_>) {
    if flow.server_due().is_some_and(|due| late.is_after(due)) {
        // A stream may have to say something sooner than a page.
        *late = Overdue::default();
    }
    // The time moves with each read; the timer is set again only when it is over.
    while let Some(due) = flow.server_due()
        && late.poll_first(due, context).is_ready()
    {
        if flow.server_due().is_some_and(|due| due <= Instant::now()) {
            flow.give_up_server();
            context.waker().wake_by_ref();
            return;
        }
        *late = Overdue::default();
    }
}

/// Waits for a time that may be set and moved meanwhile.
#[derive(Default)]
pub(super) struct Overdue(Option<(Instant, Pin<Box<Sleep>>)>);

impl Overdue {
    /// Whether it waits for a later time than this one.
    fn is_after(&self, due: Instant) -> bool {
        self.0.as_ref().is_some_and(|(set, _)| *set > due)
    }

    /// Waits for the first time that it is given.
    fn poll_first(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let first = self.0.as_ref().map_or(due, |(first, _)| *first);
        self.poll(Some(first), context)
    }

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

/// What HTTP/2 keeps of a stream's answer beyond what its client takes.
const H2_SEND_BUFFER: usize = 16 << 10;
/// What small DATA frames of one connection may cost in memory while they wait, beyond their content: what a frame
/// lacks of 256 bytes. Beyond that the connection is ended with all of its streams. By default that is so from 139
/// messages on, which clients of gRPC send at once; this is four thousand, or as many of 16 bytes as there is window.
/// A small memory budget has room for fewer.
const SMALL_FRAMES: u64 = 1 << 20;
/// The same of a trusted proxy, whose connection has streams of many clients: as many messages of gRPC as there is
/// window, whatever their size.
const SMALL_FRAMES_OF_PROXIES: usize = 4 << 20;
/// How long a request whose body is late may take to be refused in words.
const LAST_WORDS: Duration = Duration::from_secs(1);
