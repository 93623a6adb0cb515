//! HTTP/1 as bytes: what was sent and received, unimproved by a client library.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bound on every wait of the suite. Never reached when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One HTTP/1 message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Start line and fields, with the empty line that ends them.
    pub head: Vec<u8>,
    /// The content, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Message {
    /// The request line or status line.
    pub fn start_line(&self) -> String {
        self.lines().next().unwrap_or_default()
    }

    /// The status code of a response.
    pub fn status(&self) -> u16 {
        let line = self.start_line();
        let code = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("not a status line: {line:?}"))
    }

    /// The field lines in order: name as it was written, value without outer white space.
    pub fn fields(&self) -> Vec<(String, String)> {
        let split = |line: String| {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
        };
        self.lines()
            .skip(1)
            .filter(|line| !line.is_empty())
            .map(split)
            .collect()
    }

    /// The values of all fields of that name, in any case.
    pub fn all(&self, name: &str) -> Vec<String> {
        let named =
            |(field, value): (String, String)| field.eq_ignore_ascii_case(name).then_some(value);
        self.fields().into_iter().filter_map(named).collect()
    }

    /// The value of the only field of that name; panics when there are several.
    pub fn field(&self, name: &str) -> Option<String> {
        let mut all = self.all(name);
        assert!(all.len() < 2, "several {name} fields: {all:?}");
        all.pop()
    }

    /// The bearer token in `Authorization`.
    pub fn bearer(&self) -> Option<String> {
        self.field("authorization")?
            .strip_prefix("Bearer ")
            .map(str::to_owned)
    }

    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON; panics when it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// Whether these bytes stand anywhere in the message.
    pub fn contains(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        has(&self.head) || has(&self.body)
    }

    fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.head.split(|byte| *byte == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            // Latin-1, so that no byte is lost or joined.
            line.iter().map(|byte| char::from(*byte)).collect()
        })
    }
}

/// What bytes go over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection with what was read ahead.
pub struct Wire {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    patience: Duration,
}

impl Wire {
    /// A client's end: an answer that does not come fails the test.
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).ok();
        Self::over(stream)
    }

    /// The same over something else than bare TCP.
    pub fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            buffer: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// A server's end, where a connection may rest as long as the test runs.
    pub fn accepted(stream: TcpStream) -> Self {
        Self {
            patience: Duration::MAX,
            ..Self::new(stream)
        }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(self.patience, self.stream.write_all(bytes.as_ref())).await;
        // A peer may answer and close before it has read everything: the answer counts.
        let _ = written.expect("a write took too long");
    }

    /// The next request; `None` when the peer closed instead.
    pub async fn read_request(&mut self) -> Option<Message> {
        let head = self.read_head().await?;
        let message = Message {
            head,
            body: Vec::new(),
        };
        let body = self.read_body(&message, Some(0)).await?;
        Some(Message { body, ..message })
    }

    /// The final response to a request of `method`; `None` when the peer closed instead.
    pub async fn read_response(&mut self, method: &str) -> Option<Message> {
        loop {
            let head = self.read_head().await?;
            let message = Message {
                head,
                body: Vec::new(),
            };
            let status = message.status();
            if status == 101 {
                return Some(message);
            }
            if (100..200).contains(&status) {
                continue;
            }
            let bodiless = method == "HEAD" || matches!(status, 204 | 304);
            let body = if bodiless {
                Vec::new()
            } else {
                self.read_body(&message, None).await?
            };
            return Some(Message { body, ..message });
        }
    }

    /// Exactly so many bytes; fewer when the peer closed.
    pub async fn read_exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            if self.fill().await == 0 {
                break;
            }
        }
        let length = length.min(self.buffer.len());
        self.buffer.drain(..length).collect()
    }

    /// Everything until the peer closes.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.fill().await > 0 {}
        std::mem::take(&mut self.buffer)
    }

    /// Returns when the peer has closed; what it sends until then is kept.
    pub async fn closed(&mut self) {
        while self.fill().await > 0 {}
    }

    /// Start line and fields, with the empty line.
    pub async fn read_head(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Some(self.buffer.drain(..end + 4).collect());
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    async fn read_body(&mut self, message: &Message, otherwise: Option<usize>) -> Option<Vec<u8>> {
        if message
            .all("transfer-encoding")
            .iter()
            .any(|value| value.contains("chunked"))
        {
            return self.read_chunks().await;
        }
        let length = message
            .all("content-length")
            .first()
            .map(|value| value.parse().unwrap());
        match length.or(otherwise) {
            Some(length) => {
                let body = self.read_exactly(length).await;
                (body.len() == length).then_some(body)
            }
            None => Some(self.read_to_end().await),
        }
    }

    async fn read_chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = String::from_utf8_lossy(&line);
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).expect("a chunk size");
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Some(body);
            }
            body.extend(self.read_exactly(size).await);
            self.read_line().await?;
        }
    }

    async fn read_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.drain(..end).collect();
                self.buffer.drain(..2);
                return Some(line);
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    /// Reads once; 0 when the peer closed or reset.
    async fn fill(&mut self) -> usize {
        let read = self.stream.read_buf(&mut self.buffer);
        timeout(self.patience, read)
            .await
            .expect("a read took too long")
            .unwrap_or(0)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
