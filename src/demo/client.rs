//! A client of one request over plain TCP, for the demo's walk.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// The status line and the fields.
    pub(super) head: String,
    /// The content as text.
    pub(super) body: String,
}

/// Sends a GET with these field lines, each ended by CRLF, and reads until the peer closes.
pub(super) async fn get(to: SocketAddr, target: &str, fields: &str) -> io::Result<Answer> {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{fields}\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut bytes).await?;
        parse(&String::from_utf8_lossy(&bytes))
    };
    tokio::time::timeout(TIMEOUT, exchange).await?
}

fn parse(text: &str) -> io::Result<Answer> {
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_a_head_and_a_body() {
        let answer = parse("HTTP/1.1 401 Unauthorized\r\nA: b\r\n\r\nno\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (401, "no\r\n\r\n"));
        assert_eq!(answer.head, "HTTP/1.1 401 Unauthorized\r\nA: b");
        assert!(parse("HTTP/1.1 401 Unauthorized\r\nA: b\r\n").is_err());
    }
}
