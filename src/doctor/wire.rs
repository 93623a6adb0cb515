//! One request and its answer, over a connection of their own.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::target::Target;
use super::{PATIENCE, tls};

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    /// The status code.
    pub(super) status: u16,
    /// Field names in lower case, with their values.
    pub(super) fields: Vec<(String, String)>,
    /// The body's first [`LONGEST`] bytes.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The first value of a field; `name` is in lower case.
    pub(super) fn field<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |(other, value): &'a (String, String)| (other == name).then_some(value);
        self.fields.iter().filter_map(named).map(String::as_str)
    }

    /// Whether the request was served.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body has this text.
    pub(super) fn says(&self, text: &str) -> bool {
        memchr::memmem::find(&self.body, text.as_bytes()).is_some()
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed or was closed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Nothing came in time.
    #[error("no answer in time")]
    Silent,
    /// What came is not HTTP/1.
    #[error("the answer is not HTTP/1")]
    NotHttp,
    /// TLS cannot be spoken.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The name cannot be one of a certificate.
    #[error("the host name is not valid")]
    Name(#[from] rustls::pki_types::InvalidDnsNameError),
}

/// Sends `bytes` and reads one answer.
///
/// # Errors
///
/// If none comes: the connection is closed, or nothing is said for [`PATIENCE`].
pub(super) async fn exchange(target: &Target, bytes: &[u8]) -> Result<Answer, WireError> {
    let whole = async {
        let socket = TcpStream::connect((target.host.as_str(), target.port)).await?;
        if !target.is_tls {
            return converse(socket, bytes).await;
        }
        let connector = TlsConnector::from(Arc::new(tls::trusting_anybody()?));
        let name = ServerName::try_from(target.host.clone())?;
        converse(connector.connect(name, socket).await?, bytes).await
    };
    timeout(PATIENCE, whole)
        .await
        .map_err(|_| WireError::Silent)?
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> Result<Answer, WireError> {
    stream.write_all(bytes).await?;
    let mut read = Vec::new();
    loop {
        let (head, rest) = match split(&read) {
            Some(parts) => parts,
            None if read.len() > LONGEST => return Err(WireError::NotHttp),
            None => {
                if stream.read_buf(&mut read).await? == 0 {
                    return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
                }
                continue;
            }
        };
        let mut answer = parse(head).ok_or(WireError::NotHttp)?;
        // Interim answers come first (RFC 9110 section 15.2); 101 is the last of its connection.
        if (100..200).contains(&answer.status) && answer.status != 101 {
            read = rest.to_vec();
            continue;
        }
        answer.body = rest.to_vec();
        read_body(&mut stream, &mut answer).await;
        return Ok(answer);
    }
}

/// As much of the body as comes at once; what a probe asks for is short.
async fn read_body(stream: &mut (impl AsyncRead + Unpin), answer: &mut Answer) {
    let length = answer
        .field("content-length")
        .and_then(|text| text.parse().ok());
    let whole = length.unwrap_or(LONGEST).min(LONGEST);
    if answer.status == 101 {
        return;
    }
    while answer.body.len() < whole {
        match timeout(REST, stream.read_buf(&mut answer.body)).await {
            Ok(Ok(read)) if read > 0 => {}
            _ => return,
        }
        if length.is_none() && answer.body.ends_with(b"0\r\n\r\n") {
            return;
        }
    }
}

/// The header, and what follows its empty line.
pub(super) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    Some((bytes.get(..end)?, bytes.get(end + 4..)?))
}

fn parse(head: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some(Answer {
        status: status.parse().ok()?,
        fields: lines.filter_map(field).collect(),
        body: Vec::new(),
    })
}

/// Of an answer, in bytes.
const LONGEST: usize = 64 * 1024;

/// How long the rest of a body may take.
const REST: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_an_answer_after_interim_ones() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let answer = tokio::spawn(async move { converse(ours, b"GET / HTTP/1.1\r\n\r\n").await });
        let said =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nhi";
        theirs.write_all(said).await.unwrap();
        let answer = answer.await.unwrap().unwrap();
        assert_eq!((answer.status, answer.field("a")), (200, Some("b")));
        assert_eq!(answer.body, b"hi");
    }

    #[tokio::test]
    async fn what_is_not_http_is_no_answer() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let answer = tokio::spawn(async move { converse(ours, b"GET / HTTP/1.1\r\n\r\n").await });
        theirs.write_all(b"SSH-2.0-x\r\n\r\n").await.unwrap();
        assert!(matches!(answer.await.unwrap(), Err(WireError::NotHttp)));
    }
}
