//! The stream of an HTTP/1 connection, on which no answer of the framework's own goes out, and no chunk of
//! a body comes in that others might end elsewhere.
//!
//! The framework refuses what it cannot parse by itself, before any code of the gateway runs. What
//! it writes until a request has reached the proxy is replaced by the gateway's answer.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use pingora::protocols::{Peek, Shutdown, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Shared;
use super::chunk_lines::ChunkLines;
use super::lingering::Lingering;
use super::unflushed::Unflushed;
use crate::proxy::connection::Connection;
use crate::proxy::connection::flow::Flow;
use crate::proxy::connection::request_guard::running_flow;
use crate::proxy::connection::wrapped_stream::says_what_it_wraps;
use crate::proxy::unread::Known;
use crate::rejection::{Code, Rejection};

/// A connection and the request line that was read last.
pub(super) struct Answering {
    pub(super) stream: Stream,
    pub(super) line: Vec<u8>,
    /// Of the body of that request, if it comes in chunks.
    pub(super) chunk_lines: Option<ChunkLines>,
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    replacement: Option<Replacement>,
    unflushed: Unflushed,
    lingering: Option<Lingering>,
}

/// The gateway's answer in place of the framework's.
struct Replacement {
    answer: Vec<u8>,
    written: usize,
}

impl Answering {
    pub(super) fn new(stream: Stream, shared: Arc<Shared>, connection: Arc<Connection>) -> Self {
        Self {
            stream,
            line: Vec::new(),
            chunk_lines: None,
            shared,
            connection,
            replacement: None,
            unflushed: Unflushed::default(),
            lingering: None,
        }
    }

    /// The answer to what is no request.
    pub(super) fn refuse(&self, rejection: &Rejection) -> Vec<u8> {
        let socket = self.stream.get_socket_digest();
        let known = Known {
            connection: &self.connection,
            peer: socket.as_ref().and_then(|socket| socket.peer_addr()),
            line: &self.line,
        };
        self.shared.unread.refuse_on_http1(rejection, &known)
    }

    /// Waits for the client to leave. To the framework anything else that comes now is an error of the
    /// request, which its server may have executed already.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.is_followed() {
            return Poll::Pending;
        }
        let mut byte = [0];
        let mut probe = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut probe))?;
        if probe.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.connection.was_followed();
        Poll::Pending
    }

    /// Sends what was kept for the sake of more that has not come.
    fn flush_in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.unflushed.is_due(context)
            && let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(context)
        {
            self.unflushed.was_flushed();
            return flushed;
        }
        Ok(())
    }

    /// Whether the client may be sending what nobody reads, and nobody will.
    fn leaves_something(&self) -> bool {
        let leaves_body = running_flow(|flow| {
            flow.leave_body();
            flow.leaves_body()
        });
        leaves_body == Some(true) || self.replacement.is_some() || self.connection.is_followed()
    }

    /// Writes the gateway's answer to its end.
    fn poll_replaced(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.replacement.is_none() {
            let malformed = Rejection::new(Code::InvalidRequest, "request_malformed");
            let answer = self.refuse(&malformed);
            self.replacement = Some(Replacement { answer, written: 0 });
        }
        let Some(replacement) = &mut self.replacement else {
            return Poll::Ready(Ok(()));
        };
        while let Some(rest) = replacement.answer.get(replacement.written..)
            && !rest.is_empty()
        {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            replacement.written += written;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Answering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.flush_in_time(context)?;
        if this.connection.is_request_whole() {
            return match running_flow(Flow::is_unheard) {
                Some(true) => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                _ => this.poll_gone(context),
            };
        }
        if this.chunk_lines.is_some_and(|lines| lines.spoil(buffer)) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            // Whoever reads has written what there was to write. What has come already is read, since it may
            // be the end of the request.
            Poll::Pending if running_flow(Flow::ends_reads) == Some(true) => {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            read => ready!(read)?,
        }
        let Some(lines) = &mut this.chunk_lines else {
            return Poll::Ready(Ok(()));
        };
        lines.follow(buffer.filled_mut().get_mut(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Answering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_answered_by_us() {
            self.unflushed.was_written();
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        ready!(self.poll_replaced(context))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.unflushed.was_flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() && this.leaves_something() {
            this.lingering = Some(Lingering::default());
        }
        match &mut this.lingering {
            Some(lingering) => lingering.poll_end(&mut this.stream, context),
            None => Pin::new(&mut this.stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_answered_by_us() {
            self.unflushed.was_written();
            return Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        }
        ready!(self.poll_replaced(context))?;
        Poll::Ready(Ok(buffers.iter().map(|buffer| buffer.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Answering {
    async fn shutdown(&mut self) {
        // Whether that succeeds is the same to everybody.
        let _ = poll_fn(|context| Pin::new(&mut *self).poll_shutdown(context)).await;
    }
}

#[async_trait]
impl Peek for Answering {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.stream.try_peek(buffer).await
    }
}

says_what_it_wraps!([] Answering, stream);

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}
