//! The end of a connection whose client may still be sending, though it has its answer.
//!
//! What is unread when a socket is closed resets the connection. A client that is sending then fails with the reset
//! and never looks for its answer, or loses it. So the gateway ends its side, and reads and drops for a while
//! what the client sends.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How far the end is.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    has_said_so: bool,
    until: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    /// Ends the connection, and returns when its client has ended it as well, or has taken too long.
    pub(super) fn poll_end(
        &mut self,
        stream: &mut Stream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(LONGEST)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if !self.has_said_so {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            self.has_said_so = true;
        }
        let mut bytes = [const { MaybeUninit::uninit() }; AT_ONCE];
        loop {
            let mut unread = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut unread))?;
            if unread.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// How long a client may send on after its answer.
const LONGEST: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use pingora::protocols::l4::stream::Stream as Socket;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    fn pair() -> (Stream, UnixStream) {
        let (socket, peer) = UnixStream::pair().unwrap();
        (Box::new(Socket::from(socket)), peer)
    }

    #[tokio::test]
    async fn a_client_is_read_until_it_ends() {
        let (mut stream, mut peer) = pair();
        let mut lingering = Lingering::default();
        let ended = poll_fn(|context| lingering.poll_end(&mut stream, context));
        let client = async move {
            // More than the socket keeps.
            for _ in 0..200 {
                peer.write_all(&[b'x'; 10_000]).await.unwrap();
            }
            let mut received = Vec::new();
            assert_eq!(peer.read_to_end(&mut received).await.unwrap(), 0, "the end");
        };
        let (ended, ()) = tokio::join!(ended, client);
        ended.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_is_left() {
        let (mut stream, _peer) = pair();
        let mut lingering = Lingering::default();
        let ended = poll_fn(|context| lingering.poll_end(&mut stream, context)).await;
        ended.unwrap();
    }
}
