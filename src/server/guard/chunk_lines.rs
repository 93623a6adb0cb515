//! The lines between the chunks of a request's body (RFC 9112 section 7.1), which the framework reads with
//! less care than the lines of a header.
//!
//! It takes any byte in an extension, a line feed or NUL among them, no digits for zero, and anything for a
//! trailer. Whoever stands in front and takes a line feed for the end of a line has then seen other chunks,
//! and another end of the request. So the lines are followed here, before the framework reads them.

use bytes::BytesMut;
use memchr::memchr;
use tokio::io::ReadBuf;

use super::head::is_token;
use crate::rejection::{Code, Rejection};

/// What is expected next of a chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkLines {
    /// Digits of a size: what they say so far, if there are any.
    Size(Option<u64>),
    /// What follows the digits, up to the end of the line.
    Extension(u64),
    /// LF after the size and the extension.
    SizeEnd(u64),
    /// So many bytes of a chunk, with the end of its line, which the framework checks.
    Data(u64),
    /// A trailer, or the end.
    Line,
    /// The rest of a trailer's name.
    Name,
    /// The rest of a trailer.
    Value,
    /// LF after a trailer.
    ValueEnd,
    /// LF after the empty line.
    End,
    /// Nothing: what follows is another request.
    Done,
    /// Something else came, and everything after it is spoilt.
    Malformed,
}

impl ChunkLines {
    /// Begins with what of the body was read along with its head, if the head announces chunks.
    ///
    /// # Errors
    ///
    /// The head announces a length as well, which the framework would drop without a word.
    pub(super) fn begin(head: &mut BytesMut) -> Result<Option<Self>, Rejection> {
        let Some(body) = end_before_chunks(head) else {
            return Ok(None);
        };
        let (head, body) = head.split_at_mut(body);
        if has_field(head, LENGTH) {
            return Err(Rejection::new(
                Code::InvalidRequest,
                "body_length_ambiguous",
            ));
        }
        let mut lines = Self::Size(None);
        lines.follow(body);
        Ok(Some(lines))
    }

    /// Has a read of a spoilt body end at once, whatever the client sends or does not send: the framework may
    /// want more than has come before it refuses. Whether that is so.
    pub(super) fn spoil(self, buffer: &mut ReadBuf<'_>) -> bool {
        if self != Self::Malformed {
            return false;
        }
        let enough = SPOILT.len().min(buffer.remaining());
        buffer.put_slice(SPOILT.get(..enough).unwrap_or_default());
        true
    }

    /// Follows the bytes that come next. From the first one on that no line may have, they are overwritten
    /// with what the framework refuses as it refuses other malformed chunks: CR without LF.
    pub(super) fn follow(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let taken = match *self {
                Self::Done => return,
                Self::Malformed => {
                    bytes.fill(b'\r');
                    return;
                }
                Self::Data(left) => self.skip(left, bytes.len()),
                _ => match bytes.first().and_then(|byte| self.after(*byte)) {
                    Some(next) => {
                        *self = next;
                        1
                    }
                    None => {
                        *self = Self::Malformed;
                        0
                    }
                },
            };
            bytes = bytes.get_mut(taken..).unwrap_or_default();
        }
    }

    fn skip(&mut self, left: u64, available: usize) -> usize {
        let taken = usize::try_from(left).map_or(available, |left| left.min(available));
        *self = match left - taken as u64 {
            0 => Self::Size(None),
            left => Self::Data(left),
        };
        taken
    }

    /// What is expected after a byte of a line; `None` where it may not stand.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                let size = size.unwrap_or(0).checked_mul(16)?;
                Self::Size(Some(size.checked_add(digit.into())?))
            }
            (Self::Size(Some(size)), b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Size(Some(size)) | Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Extension(size), byte) if is_text(byte) => Self::Extension(size),
            (Self::SizeEnd(0), b'\n') | (Self::ValueEnd, b'\n') => Self::Line,
            (Self::SizeEnd(size), b'\n') => Self::Data(size.checked_add(LINE_END)?),
            (Self::Line, b'\r') => Self::End,
            (Self::Line | Self::Name, byte) if is_token(byte) => Self::Name,
            (Self::Name, b':') => Self::Value,
            (Self::Value, b'\r') => Self::ValueEnd,
            (Self::Value, byte) if is_text(byte) => Self::Value,
            (Self::End, b'\n') => Self::Done,
            _ => return None,
        })
    }
}

/// Where the body begins, if a field of the header says that it comes in chunks. Which coding that field
/// names is checked later; none but `chunked` is served.
fn end_before_chunks(head: &[u8]) -> Option<usize> {
    let mut is_chunked = false;
    let mut begin = 0;
    while let Some(rest) = head.get(begin..)
        && let Some(end) = memchr(b'\n', rest)
    {
        begin += end + 1;
        match rest.get(..end)? {
            [] | [b'\r'] => return is_chunked.then_some(begin),
            line @ [b't' | b'T', ..] => is_chunked |= is_named(line, CODING),
            _ => {}
        }
    }
    None
}

fn has_field(head: &[u8], name: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n')
        .any(|line| is_named(line, name))
}

/// Whether a line is the field of this name, which ends with its colon.
fn is_named(line: &[u8], name: &[u8]) -> bool {
    let begin = line.get(..name.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(name))
}

/// Whether a value may have this byte (RFC 9110 section 5.5).
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

const CODING: &[u8] = b"transfer-encoding:";
const LENGTH: &[u8] = b"content-length:";
/// What is enough for the framework to refuse a body, wherever in its lines it is.
const SPOILT: &[u8] = &[b'\r'; 16];
/// CR and LF after a chunk.
const LINE_END: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the framework is given, if the bytes come in parts of this size.
    fn followed(body: &[u8], part: usize) -> (ChunkLines, Vec<u8>) {
        let mut lines = ChunkLines::Size(None);
        let mut given = body.to_vec();
        for part in given.chunks_mut(part) {
            lines.follow(part);
        }
        (lines, given)
    }

    #[test]
    fn well_formed_lines_stay_as_they_are() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0\n1\r2\x00345;\r\n0\r\n\r\n",
            "05;a=b;c=\"d\te\"\r\nhello\r\n000\r\n\r\n",
            "5 ;a\r\nhello\r\n0;x\r\nA: b\r\nC_d:\r\nE:\tf\u{fc}\r\n\r\n",
        ] {
            for part in [1, 2, 3, 100] {
                let (lines, given) = followed(body.as_bytes(), part);
                assert_eq!(lines, ChunkLines::Done, "{body:?}");
                assert_eq!(given, body.as_bytes(), "{body:?}");
            }
        }
        let (lines, given) = followed(b"0\r\n\r\nGET /\n\0", 100);
        assert_eq!(lines, ChunkLines::Done);
        assert_eq!(given, b"0\r\n\r\nGET /\n\0", "of the next request");
    }

    #[test]
    fn what_no_line_may_have_is_spoilt_with_all_after_it() {
        for (kept, rest) in [
            ("5;", "\n\r\nhello\r\n0\r\n\r\n"),
            ("5;a", "\nb\r\nhello\r\n"),
            ("5;", "\0\r\nhello"),
            ("5;a", "\x7f\r\nhello"),
            ("5", "\nhello"),
            ("5\r", "\rhello"),
            ("", "\r\n\r\n"),
            ("", ";a\r\n"),
            ("", " 5\r\n"),
            ("", "+5\r\n"),
            ("1", "_0\r\n"),
            ("2\r\nxx\r\n0\r\n", "GET / HTTP/1.1\r\n\r\n"),
            ("0\r\nA", "\r\n\r\n"),
            ("0\r\nA: b\r\n", " c\r\n\r\n"),
            ("0\r\nA: b", "\n\r\n"),
            ("0\r\nA: b", "\0\r\n"),
            ("0\r\n", ": b\r\n"),
            ("0\r\n", "\n"),
            ("0\r\n\r", "x"),
            ("ffffffffffffffff", "0\r\n"),
        ] {
            // A name is one until something shows that it is none.
            let token = rest
                .bytes()
                .take_while(|byte| is_token(*byte) && kept.ends_with("0\r\n"));
            let token = token.count();
            let body = format!("{kept}{rest}");
            let mut expected = body.clone().into_bytes();
            expected[kept.len() + token..].fill(b'\r');
            for part in [1, 3, 100] {
                let (lines, given) = followed(body.as_bytes(), part);
                assert_eq!(lines, ChunkLines::Malformed, "{body:?}");
                assert_eq!(given, expected, "{body:?}");
            }
        }
    }

    #[test]
    fn begins_where_a_head_announces_chunks() {
        for (head, body, lines) in [
            ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", "5;\n", None),
            ("POST / HTTP/1.1\r\nTE: x\r\n\r\n", "5;\n", None),
            (
                "POST / HTTP/1.1\r\nX: transfer-encoding:\r\n\r\n",
                "5;\n",
                None,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "",
                Some(ChunkLines::Size(None)),
            ),
            (
                "POST / HTTP/1.1\ntransfer-encoding:chunked\n\n",
                "5\r\nhe",
                Some(ChunkLines::Data(5)),
            ),
            (
                "POST / HTTP/1.1\r\nA: b\r\nTRANSFER-ENCODING: chunked\r\nB: c\r\n\r\n",
                "5;\n",
                Some(ChunkLines::Malformed),
            ),
        ] {
            let mut whole = BytesMut::from(format!("{head}{body}").as_bytes());
            assert_eq!(ChunkLines::begin(&mut whole), Ok(lines), "{head:?}");
            assert!(whole.starts_with(head.as_bytes()), "{head:?}");
        }
    }

    #[test]
    fn a_length_beside_chunks_is_refused() {
        let begins = |fields: &str| {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n5\r\nhello");
            ChunkLines::begin(&mut BytesMut::from(head.as_bytes()))
                .map_err(|refused| refused.reason)
        };
        let ambiguous = Err("body_length_ambiguous");
        for (fields, begun) in [
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                ambiguous,
            ),
            ("content-length:5\nTRANSFER-ENCODING: chunked\n", ambiguous),
            ("Content-Length: 5\r\n", Ok(None)),
            (
                "Transfer-Encoding: chunked\r\nX-Content-Length: 5\r\nContent-Type: a\r\n",
                Ok(Some(ChunkLines::Data(2))),
            ),
        ] {
            assert_eq!(begins(fields), begun, "{fields:?}");
        }
    }

    #[test]
    fn a_spoilt_body_is_read_to_its_end_without_its_client() {
        let read = |lines: ChunkLines, room: usize| {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes[..room]);
            lines.spoil(&mut buffer).then(|| buffer.filled().to_vec())
        };
        let (spoilt, _) = followed(b"0\r\n\n", 1);
        assert_eq!(read(spoilt, 64), Some(vec![b'\r'; 16]));
        assert_eq!(read(spoilt, 1), Some(vec![b'\r']));
        let (begun, _) = followed(b"0\r\n\r", 1);
        assert_eq!(read(begun, 64), None);
    }
}
