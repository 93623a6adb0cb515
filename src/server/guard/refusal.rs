//! What a client reads whose connection or request is refused before there is a request.

use std::time::Duration;

use pingora::protocols::l4::stream::Stream as Socket;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Cause;

/// Sends a plaintext client an HTTP response, unless too many others are being sent; in that case,
/// and before a TLS handshake, the connection is closed without a response.
pub(super) async fn send(socket: &mut Socket, cause: Cause, permits: &Semaphore) {
    let Ok(_permit) = permits.try_acquire() else {
        return;
    };
    let status = match cause {
        Cause::ClientConnectionLimit => "429 Too Many Requests",
        _ => "503 Service Unavailable",
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    write(socket, answer.as_bytes(), PATIENCE).await;
}

/// Writes an answer that ends the connection. A client that is slow even in being refused is not
/// waited for.
pub(super) async fn write<S>(stream: &mut S, answer: &[u8], patience: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let written = timeout(patience, async {
        stream.write_all(answer).await?;
        stream.flush().await
    });
    if matches!(written.await, Ok(Ok(()))) {
        let_it_be_read(stream, patience).await;
    }
}

/// What is unread when a socket is closed resets the connection, and the answer is lost; so some of
/// it is read.
async fn let_it_be_read<S>(stream: &mut S, patience: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = timeout(patience, async {
        stream.shutdown().await?;
        let mut unread = [0; 1024];
        let mut left = MOST_UNREAD;
        while left > 0 {
            match stream.read(&mut unread).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    })
    .await;
}

/// How many responses are sent at the same time.
pub(super) const REFUSED_AT_ONCE: usize = 256;
const PATIENCE: Duration = Duration::from_secs(1);
const MOST_UNREAD: usize = 64 << 10;
