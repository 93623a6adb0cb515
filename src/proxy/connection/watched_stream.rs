//! A connection whose reads and writes are watched, and whose reads may be bounded.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora::protocols::{Peek, Shutdown, Stream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::wrapped_stream::says_what_it_wraps;

/// Watches one connection.
pub trait Watch: Debug + Send + Sync + Unpin + 'static {
    /// What may be read now.
    fn turn(&self, context: &Context<'_>) -> Turn;
    /// Nothing is there to be read yet.
    fn waits(&self, _context: &Context<'_>) {}
    /// Notified of the bytes that a read has brought.
    fn was_read(&self, bytes: &[u8]);
    /// Nobody wants what is written any more.
    fn is_over(&self) -> bool {
        false
    }
    /// Something was written, or the other side takes nothing.
    fn was_written(&self, _is_blocked: bool) {}
    /// All that was written has left.
    fn was_flushed(&self) {}
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Read so much at most.
    Read(usize),
    /// Wait until it is woken.
    Wait,
    /// Fail the read: a server has been silent for too long, or there is no room for a client's header.
    GiveUp,
}

/// The connection.
#[derive(Debug)]
pub struct WatchedStream<W> {
    inner: Stream,
    watch: W,
}

impl<W: Watch> WatchedStream<W> {
    /// Has `watch` look at `inner`.
    pub fn new(inner: Stream, watch: W) -> Self {
        Self { inner, watch }
    }
}

impl<W: Watch> AsyncRead for WatchedStream<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let most = match this.watch.turn(context) {
            Turn::Read(most) => most,
            Turn::Wait => return Poll::Pending,
            Turn::GiveUp => return Poll::Ready(Err(ErrorKind::TimedOut.into())),
        };
        let before = buffer.filled().len();
        let read = match most < buffer.remaining() {
            true => {
                let mut few = (&mut this.inner).take(most as u64);
                Pin::new(&mut few).poll_read(context, buffer)
            }
            false => Pin::new(&mut this.inner).poll_read(context, buffer),
        };
        match read.is_pending() {
            true => this.watch.waits(context),
            false => this
                .watch
                .was_read(buffer.filled().get(before..).unwrap_or_default()),
        }
        read
    }
}

impl<W: Watch> AsyncWrite for WatchedStream<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.watch.is_over() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.watch.was_written(written.is_pending());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watch.is_over() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.watch.was_written(flushed.is_pending());
        if flushed.is_ready() {
            self.watch.was_flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.watch.is_over() {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.watch.was_written(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl<W: Watch> Shutdown for WatchedStream<W> {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

#[async_trait]
impl<W: Watch> Peek for WatchedStream<W> {
    async fn try_peek(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(bytes).await
    }
}

says_what_it_wraps!([W] WatchedStream<W>, inner);
