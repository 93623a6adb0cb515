//! The header of an HTTP/1 request, read whole before the framework sees it: within one deadline,
//! within its bound, and refused where the framework would correct its first line.

use std::borrow::Cow;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use bytesize::ByteSize;
use http::StatusCode;
use memchr::{memchr, memchr_iter, memmem};
use pingora::protocols::Stream;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, timeout_at};

use crate::proxy::request::inspect::with_escaped_query;
use crate::rejection::{Code, Rejection};

/// What bounds one header.
pub(super) struct HeadBounds {
    /// How long it may take from its first byte.
    pub(super) whole: Duration,
    /// How large it may be.
    pub(super) size: ByteSize,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoHead {
    /// The connection ended, or idled for too long.
    Over,
    /// It did not arrive in time.
    Late,
    /// What came is no request that is forwarded.
    Refused(Rejection),
}

/// Reads the first bytes of the connection's next request.
pub(super) async fn begin(stream: &mut Stream) -> Result<BytesMut, NoHead> {
    let mut head = BytesMut::new();
    read_some(stream, &mut head).await?;
    Ok(head)
}

/// Reads into `head`, which then begins with a whole header; what came after it follows.
///
/// What does not come at once, and is large, needs room: `begin` is asked for it once.
pub(super) async fn read<R>(
    stream: &mut Stream,
    head: &mut BytesMut,
    bounds: &HeadBounds,
    begin: impl Fn() -> Result<R, Rejection>,
) -> Result<(), NoHead> {
    let most = usize::try_from(bounds.size.as_u64()).unwrap_or(usize::MAX);
    let most = most.saturating_add(LINE_ENDS);
    let deadline = Instant::now() + bounds.whole;
    let mut searched = 0;
    let mut line_is_valid = false;
    let mut room = None;
    loop {
        // At least one empty line before a request is no part of it (RFC 9112 section 2.2).
        while let [b'\r', b'\n', ..] | [b'\n', ..] = head[..] {
            head.advance(if head.starts_with(b"\r") { 2 } else { 1 });
        }
        if is_whole(head, searched) {
            return Ok(());
        }
        // TLS, or another protocol: there may be no end to wait for, of a line or of a header.
        if head.first().is_some_and(|byte| !begins_request(*byte)) {
            return Err(NoHead::Refused(invalid()));
        }
        let unsearched = head.get(searched..).unwrap_or_default();
        if !line_is_valid && memchr(b'\n', unsearched).is_some() {
            RequestLine::parse(first_line(head)).map_err(NoHead::Refused)?;
            line_is_valid = true;
        }
        if head.len() > most {
            return Err(NoHead::Refused(too_large(head)));
        }
        if room.is_none() && head.len() > COUNTED {
            room = Some(begin().map_err(NoHead::Refused)?);
        }
        searched = head.len().saturating_sub(LONGEST_END);
        let read = timeout_at(deadline, read_some(stream, head)).await;
        read.map_err(|_elapsed| NoHead::Late)??;
    }
}

/// Appends to `head` what has arrived. Until something has, no memory is held for it.
async fn read_some(stream: &mut Stream, head: &mut BytesMut) -> Result<(), NoHead> {
    poll_fn(|context| {
        let mut bytes = [const { MaybeUninit::uninit() }; AT_ONCE];
        let mut read = ReadBuf::uninit(&mut bytes);
        let outcome = ready!(Pin::new(&mut *stream).poll_read(context, &mut read));
        if outcome.is_err() || read.filled().is_empty() {
            return Poll::Ready(Err(NoHead::Over));
        }
        head.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    })
    .await
}

/// Checks the first line (RFC 9112 section 3), and escapes what browsers do not send but nginx takes.
///
/// The framework reads no target that is not UTF-8, which is what a browser sends for a page in
/// another encoding. It is given a stand-in, and the target is returned, to be put in its place.
pub(super) fn check(head: &mut BytesMut) -> Result<Option<Vec<u8>>, Rejection> {
    if has_too_many_fields(head) {
        let rejection = Rejection::new(Code::TooLarge, "too_many_header_fields");
        return Err(rejection.with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }
    let RequestLine { method, target } = RequestLine::parse(first_line(head))?;
    let mut shown = with_escaped_query(target);
    let is_text = shown.is_ascii() || std::str::from_utf8(&shown).is_ok();
    let raw = (!is_text).then(|| shown.to_vec());
    if let Some(raw) = &raw {
        shown = Cow::Owned(as_ascii(raw));
    }
    if let Cow::Owned(escaped) = shown {
        let (begin, end) = (method.len() + 1, method.len() + 1 + target.len());
        let begin = head.get(..begin).unwrap_or_default();
        let rest = head.get(end..).unwrap_or_default();
        *head = BytesMut::from(&*[begin, &escaped, rest].concat());
    }
    Ok(raw)
}

/// Whether the framework would not read a header, because of how many lines it has.
fn has_too_many_fields(head: &[u8]) -> bool {
    let is_end = |at: &usize| {
        let next = head.get(at + 1..).unwrap_or_default();
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    };
    let ends = memchr_iter(b'\n', head).take_while(|at| !is_end(at));
    ends.take(MOST_FIELDS + 1).count() > MOST_FIELDS
}

/// A first line that has one reading, of a request that is served.
struct RequestLine<'a> {
    method: &'a [u8],
    target: &'a [u8],
}

impl<'a> RequestLine<'a> {
    /// Takes a line without its end apart.
    fn parse(line: &'a [u8]) -> Result<Self, Rejection> {
        let (method, rest) = split_at_space(line).ok_or(invalid())?;
        let space = rest.iter().rposition(|byte| *byte == b' ');
        let (target, version) = space
            .and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?)))
            .ok_or(invalid())?;
        if method.is_empty() || target.is_empty() || !method.iter().copied().all(is_token) {
            return Err(invalid());
        }
        // White space, control characters: two servers would take two targets.
        if target.iter().any(|byte| *byte <= b' ' || *byte == DELETE) {
            return Err(invalid());
        }
        if memchr(b'#', target).is_some() {
            return Err(Rejection::new(Code::InvalidRequest, "target_fragment"));
        }
        match version {
            b"HTTP/1.1" | b"HTTP/1.0" => {}
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..] => {
                let unsupported = Rejection::new(Code::InvalidRequest, "version_not_supported");
                return Err(unsupported.with_status(StatusCode::HTTP_VERSION_NOT_SUPPORTED));
            }
            _ => return Err(invalid()),
        }
        if method == b"CONNECT" {
            let unsupported = Rejection::new(Code::InvalidRequest, "method_not_supported");
            return Err(unsupported.with_status(StatusCode::METHOD_NOT_ALLOWED));
        }
        Ok(Self { method, target })
    }
}

/// Whether a method, or the end of an empty line before it, begins so.
fn begins_request(byte: u8) -> bool {
    is_token(byte) || byte == b'\r'
}

/// With `%` and two digits for what is no ASCII.
fn as_ascii(target: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(target.len() + 64);
    for byte in target {
        match byte {
            0..0x80 => text.push(*byte),
            _ => text.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    text
}

/// The first line, without its end; all there is when it has none.
pub(super) fn first_line(head: &[u8]) -> &[u8] {
    let end = memchr(b'\n', head).unwrap_or(head.len());
    let line = head.get(..end).unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether an empty line is there, looking only at what was not looked at before.
fn is_whole(head: &[u8], searched: usize) -> bool {
    let rest = head.get(searched..).unwrap_or_default();
    memmem::find(rest, b"\n\r\n").is_some() || memmem::find(rest, b"\n\n").is_some()
}

fn split_at_space(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b' ', line)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// Whether a token, such as the name of a field, may have this byte (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn too_large(head: &[u8]) -> Rejection {
    match memchr(b'\n', head) {
        None => {
            Rejection::new(Code::TooLarge, "target_too_long").with_status(StatusCode::URI_TOO_LONG)
        }
        Some(_) => Rejection::new(Code::TooLarge, "header_too_large")
            .with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
    }
}

fn invalid() -> Rejection {
    Rejection::new(Code::InvalidRequest, "request_line_invalid")
}

/// What nearly any header fits in.
const AT_ONCE: usize = 16 << 10;
const DELETE: u8 = 0x7f;
/// The most fields of an HTTP/1 request that the framework reads.
const MOST_FIELDS: usize = 256;
/// What a connection is counted with has room for: twice as much, since buffers double as they grow.
const COUNTED: usize = 6 << 10;
/// `\n\r\n`, but for its last byte.
const LONGEST_END: usize = 2;
/// What line ends and white space may cost beyond what the limit counts.
const LINE_ENDS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(head: &[u8]) -> Result<String, &'static str> {
        let mut head = BytesMut::from(head);
        check(&mut head).map_err(|rejection| rejection.reason)?;
        Ok(String::from_utf8_lossy(first_line(&head)).into_owned())
    }

    #[test]
    fn takes_lines_with_one_reading() {
        for line in [
            "GET / HTTP/1.1",
            "GET http://a/b?c HTTP/1.0",
            "OPTIONS * HTTP/1.1",
            "PURGE /x HTTP/1.1",
            "GET /?q={a|b}^`[]\\ HTTP/1.1",
            "GET /?q=\u{fc} HTTP/1.1",
        ] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(checked(head.as_bytes()).as_deref(), Ok(line));
        }
        let quoted = b"GET /a?q=\"<b>\" HTTP/1.1\r\n\r\n";
        let escaped = "GET /a?q=%22%3Cb%3E%22 HTTP/1.1";
        assert_eq!(checked(quoted).as_deref(), Ok(escaped));
        let quoted = b"GET /a\"b HTTP/1.1\r\n\r\n";
        assert_eq!(checked(quoted).as_deref(), Ok("GET /a\"b HTTP/1.1"));
    }

    #[test]
    fn shows_the_framework_text_and_keeps_the_bytes() {
        let mut head = BytesMut::from(&b"GET /?a=\xfc\"\xff HTTP/1.1\r\n\r\n"[..]);
        let raw = check(&mut head).unwrap();
        assert_eq!(raw.as_deref(), Some(&b"/?a=\xfc%22\xff"[..]));
        assert_eq!(&head[..], b"GET /?a=%FC%22%FF HTTP/1.1\r\n\r\n");
        let mut head = BytesMut::from("GET /?a=\u{fc} HTTP/1.1\r\n\r\n");
        assert_eq!(check(&mut head), Ok(None));
    }

    #[test]
    fn refuses_what_would_be_corrected() {
        for line in [
            "GET /a b HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET /  HTTP/1.1",
            "GET /\tHTTP/1.1",
            "GET /?a\0b HTTP/1.1",
            "GET /?a\rb HTTP/1.1",
            "GET /?a\tb HTTP/1.1",
            "GET /?a\u{1b}b HTTP/1.1",
            "GET /?a\u{7f}b HTTP/1.1",
            " GET / HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1.1 ",
            "G(T / HTTP/1.1",
            "GET /",
            "",
        ] {
            let head = format!("{line}\r\n\r\n");
            let refused = Err("request_line_invalid");
            assert_eq!(checked(head.as_bytes()), refused, "{line:?}");
        }
        for (line, reason) in [
            ("GET /a#b HTTP/1.1", "target_fragment"),
            ("GET http://a/?b#c HTTP/1.1", "target_fragment"),
            ("GET / HTTP/2.0", "version_not_supported"),
            ("GET / HTTP/0.9", "version_not_supported"),
            ("CONNECT a:443 HTTP/1.1", "method_not_supported"),
        ] {
            let head = format!("{line}\r\n\r\n");
            assert_eq!(checked(head.as_bytes()), Err(reason), "{line:?}");
        }
    }

    #[test]
    fn counts_fields_before_the_framework_does() {
        let with = |fields: usize| {
            let fields = "a: b\r\n".repeat(fields);
            checked(format!("GET / HTTP/1.1\r\n{fields}\r\n\n\n\n").as_bytes())
        };
        assert!(with(256).is_ok());
        assert_eq!(with(257), Err("too_many_header_fields"));
        // Lines of the body are none of the header.
        let body = "\n".repeat(1000);
        assert!(checked(format!("POST / HTTP/1.1\r\nA: b\r\n\r\n{body}").as_bytes()).is_ok());
    }

    #[test]
    fn ends_with_an_empty_line() {
        for (head, end) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\n\n", true),
            ("GET / HTTP/1.1\nA: b\n\r\nrest", true),
            ("GET / HTTP/1.1\r\nA: b\r\n", false),
            ("GET / HTTP/1.1\r\n\r", false),
        ] {
            assert_eq!(is_whole(head.as_bytes(), 0), end, "{head:?}");
        }
    }
}
