//! What a client sent along with a whole request, after its end.
//!
//! The framework serves one request after the other and reads nothing ahead, so what came too early is lost
//! with the connection. Its client learns that from the answer, and not from the silence afterwards.

use bytes::BytesMut;
use memchr::memchr_iter;

/// Whether something follows the request that `head` begins with. An empty line, which some clients send after a
/// body (RFC 9112 section 2.2), is dropped. Of a body in chunks nothing is known here.
pub(super) fn follows(head: &mut BytesMut) -> bool {
    let Some(fields) = end_of_fields(head) else {
        return false;
    };
    if fields == head.len() {
        return false;
    }
    let Some(body) = length_of_body(head.get(..fields).unwrap_or_default()) else {
        return false;
    };
    let end = fields.saturating_add(body);
    match head.get(end..) {
        // All of it is the body's.
        None | Some(b"") => false,
        Some(b"\r\n" | b"\n") => {
            head.truncate(end);
            false
        }
        Some(_) => true,
    }
}

/// Where the empty line ends that ends a header.
fn end_of_fields(head: &[u8]) -> Option<usize> {
    memchr_iter(b'\n', head).find_map(|at| match head.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// The bytes of the body that a header announces; `None`: it comes in chunks, or nobody can say.
fn length_of_body(fields: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in fields.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at_checked(colon)?;
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let text = std::str::from_utf8(value.get(1..)?).ok()?;
            length = text.trim().parse().ok()?;
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_request_is_noticed() {
        let post = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n";
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (head, rest, follows_it, left) in [
            (get, "", false, 0),
            (get, "\r\n", false, 0),
            (get, "\n", false, 0),
            (get, get, true, get.len()),
            (get, "\r\n\r\n", true, 4),
            (post, "", false, 0),
            (post, "ab", false, 2),
            (post, "abc", false, 3),
            (post, "abc\r\n", false, 3),
            (post, "abcd", true, 4),
            (post, "abc\r\nGET", true, 8),
            (chunked, "0\r\n\r\nGET", false, 8),
            ("GET / HTTP/1.1\nHost: a\n\n", "x", true, 1),
        ] {
            let mut bytes = BytesMut::from(&*format!("{head}{rest}"));
            assert_eq!(follows(&mut bytes), follows_it, "{head}{rest}");
            assert_eq!(bytes.len(), head.len() + left, "{head}{rest}");
        }
    }
}
