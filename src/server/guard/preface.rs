//! Whether a client speaks HTTP/2 where it may do so without TLS, which its first bytes tell.

use pingora::protocols::l4::stream::Stream as Socket;
use tokio::io::AsyncReadExt;

/// Whether the client begins with the preface of HTTP/2, which is read again by whoever serves it.
///
/// More is waited for only while all that has come may be the preface's beginning. A whole request of HTTP/1 can be
/// shorter than the preface, and its client then waits for the answer.
pub(super) async fn is_sent(socket: &mut Socket) -> bool {
    let mut begin = Vec::with_capacity(PREFACE.len());
    while begin.len() < PREFACE.len() && PREFACE.starts_with(&begin) {
        // The end and errors are for whoever reads next.
        if !matches!(socket.read_buf(&mut begin).await, Ok(1..)) {
            break;
        }
    }
    socket.rewind(&begin);
    begin.starts_with(PREFACE)
}

/// What a connection of HTTP/2 begins with (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::UnixStream;

    use super::*;

    async fn sent(bytes: &[u8]) -> (Socket, UnixStream) {
        let (socket, mut peer) = UnixStream::pair().unwrap();
        peer.write_all(bytes).await.unwrap();
        (socket.into(), peer)
    }

    async fn read_again(socket: &mut Socket, length: usize) -> Vec<u8> {
        let mut read = vec![0; length];
        socket.read_exact(&mut read).await.unwrap();
        read
    }

    #[tokio::test]
    async fn what_differs_from_the_preface_is_not_waited_for() {
        for request in [
            "G",
            "PO",
            "PUT / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "PRI / HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r.",
            "GET /longer/than/the/preface HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let (mut socket, _peer) = sent(request.as_bytes()).await;
            assert!(!is_sent(&mut socket).await, "{request:?}");
            let read = read_again(&mut socket, request.len()).await;
            assert_eq!(read, request.as_bytes());
        }
    }

    #[tokio::test]
    async fn the_preface_is_known_once_all_of_it_has_come() {
        let more = [PREFACE, b"frames"].concat();
        for whole in [PREFACE, more.as_slice()] {
            let (mut socket, _peer) = sent(whole).await;
            assert!(is_sent(&mut socket).await);
            assert_eq!(read_again(&mut socket, whole.len()).await, whole);
        }
        let (begin, rest) = PREFACE.split_at(10);
        let (mut socket, mut peer) = sent(begin).await;
        let mut asked = Box::pin(is_sent(&mut socket));
        assert_eq!(asked.as_mut().now_or_never(), None);
        peer.write_all(rest).await.unwrap();
        assert!(asked.await);
        assert_eq!(read_again(&mut socket, PREFACE.len()).await, PREFACE);

        // A client that leaves in between has asked for nothing.
        for part in [begin, b""] {
            let (mut socket, peer) = sent(part).await;
            drop(peer);
            assert!(!is_sent(&mut socket).await);
        }
    }
}
