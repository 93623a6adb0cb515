//! The socket under a TLS connection, which is read ahead only while much comes.
//!
//! TLS reads 4 KiB at a time, and a record has up to 16 KiB. With a read buffer of that size, a record
//! costs one system call instead of four, but each connection would hold the buffer for its whole life.
//! Here a read that fills what it is given shows that more has come, and only then are the following
//! ones buffered, until nothing is there. So large bodies are read as before, and a connection with
//! small requests, or with none, holds no buffer.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::{Peek, Shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::proxy::connection::wrapped_stream::says_what_it_wraps;

/// The socket.
#[derive(Debug)]
pub(super) struct ReadAhead {
    socket: Box<Socket>,
    /// What was read and not yet taken.
    ahead: BytesMut,
    /// The last read filled all the room that it had.
    is_busy: bool,
}

impl ReadAhead {
    pub(super) fn new(socket: Box<Socket>) -> Self {
        Self {
            socket,
            ahead: BytesMut::new(),
            is_busy: false,
        }
    }

    /// Reads a record, if there is something.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ahead.reserve(RECORD);
        let read = pin!(self.socket.read_buf(&mut self.ahead)).poll(context);
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
            self.is_busy = false;
        }
        read.map_ok(|_| ())
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        if self.ahead.is_empty() {
            if !self.is_busy || room >= RECORD {
                ready!(Pin::new(&mut *self.socket).poll_read(context, buffer))?;
                self.is_busy = room > 0 && buffer.remaining() == 0;
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_ahead(context))?;
        }
        let taken = self.ahead.len().min(room);
        buffer.put_slice(self.ahead.get(..taken).unwrap_or_default());
        self.ahead.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ReadAhead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.socket).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for ReadAhead {
    async fn shutdown(&mut self) {
        Shutdown::shutdown(&mut *self.socket).await;
    }
}

/// What is under TLS is not looked at.
impl Peek for ReadAhead {}

says_what_it_wraps!([] ReadAhead, socket);

/// The most that a TLS record has (RFC 8446 section 5.1), to which less than 300 bytes are added.
const RECORD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use super::*;

    fn pair() -> (ReadAhead, UnixStream) {
        let (socket, peer) = UnixStream::pair().unwrap();
        (ReadAhead::new(Box::new(socket.into())), peer)
    }

    /// One read as TLS does it.
    async fn read(socket: &mut ReadAhead) -> Vec<u8> {
        let mut bytes = [0; 4096];
        let read = socket.read(&mut bytes).await.unwrap();
        bytes[..read].to_vec()
    }

    fn is_idle(socket: &mut ReadAhead) -> bool {
        read(socket).now_or_never().is_none()
    }

    #[tokio::test]
    async fn what_is_small_is_read_without_a_buffer() {
        let (mut socket, mut peer) = pair();
        for _ in 0..2 {
            assert!(is_idle(&mut socket));
            peer.write_all(b"request").await.unwrap();
            assert_eq!(read(&mut socket).await, b"request");
            assert_eq!(socket.ahead.capacity(), 0);
        }
    }

    #[tokio::test]
    async fn what_is_large_is_read_by_records_until_nothing_is_there() {
        let (mut socket, mut peer) = pair();
        let sent: Vec<u8> = (0..60_000_u32).map(|at| (at % 251) as u8).collect();
        peer.write_all(&sent).await.unwrap();
        let mut received = read(&mut socket).await;
        assert_eq!(received.len(), 4096);
        received.extend(read(&mut socket).await);
        assert_eq!(socket.ahead.len(), RECORD - 4096, "the rest of one read");
        while received.len() < sent.len() {
            received.extend(read(&mut socket).await);
        }
        assert_eq!(received, sent);
        assert!(is_idle(&mut socket));
        assert_eq!(socket.ahead.capacity(), 0, "an idle connection has none");
        drop(peer);
        assert_eq!(read(&mut socket).await, b"", "the end");
    }
}
