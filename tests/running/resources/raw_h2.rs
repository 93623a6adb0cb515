//! HTTP/2 by hand, for clients that do what libraries do not.

use super::*;

/// HTTP/2 by the frame: what no client's library would do.
pub struct RawH2 {
    pub stream: TcpStream,
}

impl RawH2 {
    /// With the largest windows (RFC 9113 section 6.9.1).
    pub async fn connect(to: SocketAddr) -> Self {
        Self::over(TcpStream::connect(to).await.unwrap()).await
    }

    /// The same over a connection.
    pub async fn over(stream: TcpStream) -> Self {
        let mut connection = Self { stream };
        connection.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        let initial_window = [0, 4, 0x7f, 0xff, 0xff, 0xff];
        connection.frame(4, 0, 0, &initial_window).await;
        let connection_window = (0x7fff_ffff_u32 - 65_535).to_be_bytes();
        connection.frame(8, 0, 0, &connection_window).await;
        connection
    }

    pub async fn get(&mut self, stream: u32, path: &str) {
        let fields = fields(0x82, path, None);
        self.frame(1, END_HEADERS | END_STREAM, stream, &fields)
            .await;
    }

    pub async fn post(&mut self, stream: u32, path: &str, length: usize) {
        let fields = fields(0x83, path, Some(length));
        self.frame(1, END_HEADERS, stream, &fields).await;
    }

    pub async fn begin_header(&mut self, stream: u32, path: &str) {
        let fields = fields(0x82, path, None);
        self.frame(1, END_STREAM, stream, &fields).await;
    }

    pub async fn end_header(&mut self, stream: u32) {
        self.frame(9, END_HEADERS, stream, &[]).await;
    }

    pub async fn data(&mut self, stream: u32, bytes: &[u8], is_end: bool) {
        let flags = if is_end { END_STREAM } else { 0 };
        self.frame(0, flags, stream, bytes).await;
    }

    pub async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.write(&[&*head, payload].concat()).await;
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        // A connection that was closed may be the point of the test.
        let _ = self.stream.write_all(bytes).await;
    }

    /// Reads so many bytes, or fewer when the connection ends.
    pub async fn read(&mut self, count: usize) -> usize {
        let mut bytes = vec![0; 64 << 10];
        let mut read = 0;
        while read < count {
            let most = bytes.len().min(count - read);
            let next = self.stream.read(&mut bytes[..most]);
            match tokio::time::timeout(PATIENCE, next).await.expect("bytes") {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        read
    }

    /// Reads until the other end closes.
    pub async fn ended(&mut self) {
        self.read(usize::MAX).await;
    }

    /// Reads until these bytes come.
    pub async fn find(&mut self, text: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while !seen.windows(text.len()).any(|window| window == text) {
            let read = self.stream.read_buf(&mut seen);
            let read = tokio::time::timeout_at(deadline, read).await;
            assert!(matches!(read, Ok(Ok(1..))), "it ended: {seen:?}");
        }
    }
}

/// Fields as RFC 7541 writes them without compressing: the method by its index, `:scheme` http,
/// `:path`, `:authority` and a length.
fn fields(method: u8, path: &str, length: Option<usize>) -> Vec<u8> {
    let literal = |index: &[u8], value: &str| {
        let size = u8::try_from(value.len()).unwrap();
        [index, &[size], value.as_bytes()].concat()
    };
    let mut fields = vec![method, 0x86];
    fields.extend(literal(&[0x04], path));
    fields.extend(literal(&[0x01], "gateway.test"));
    if let Some(length) = length {
        // 28 of the static table, in an index of four bits.
        fields.extend(literal(&[0x0f, 28 - 15], &length.to_string()));
    }
    fields
}

const END_STREAM: u8 = 1;

const END_HEADERS: u8 = 4;
