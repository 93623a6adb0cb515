//! Answers that are long conversations: WebSockets, event streams, gRPC.
//!
//! Their silence is bounded by `stream_idle_timeout` and not by `read_timeout`. Over HTTP/1, where the
//! gateway's own connector reads, an answer is known by its head. Over HTTP/2 the framework needs the
//! bound before, so there a request is known by what it asks for.

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::ALPN;
use pingora::upstreams::peer::HttpPeer;

/// Whether an answer is one.
pub(super) fn is_one(response: &ResponseHeader) -> bool {
    response.status == StatusCode::SWITCHING_PROTOCOLS
        || is_among(&response.headers, &CONTENT_TYPE, |kind| {
            kind.eq_ignore_ascii_case(EVENT_STREAM) || is_grpc(kind)
        })
}

/// Whether a request asks for one.
pub(super) fn is_asked_for(request: &RequestHeader) -> bool {
    is_among(&request.headers, &CONTENT_TYPE, is_grpc)
        || is_among(&request.headers, &ACCEPT, |kind| {
            kind.eq_ignore_ascii_case(EVENT_STREAM)
        })
}

/// Whether what a request sends is one, too. Servers of gRPC send the head of their answer with its first
/// message, so the client may pause for as long as before that as after it. gRPC-Web sends one message.
pub(super) fn is_sent(request: &RequestHeader) -> bool {
    is_among(&request.headers, &CONTENT_TYPE, |kind| {
        is_grpc(kind) && kind.as_bytes().get(GRPC.len()) != Some(&b'-')
    })
}

/// Whether the bound on a server's silence can change once its answer is known: the connections are
/// those of the gateway's own connector.
pub(super) fn can_be_bounded_later(peer: &HttpPeer) -> bool {
    matches!(peer.options.alpn, ALPN::Custom(_))
}

fn is_among(headers: &HeaderMap, field: &HeaderName, is_it: impl Fn(&str) -> bool) -> bool {
    let fields = headers.get_all(field).iter();
    fields
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .any(|item| is_it(item.split(';').next().unwrap_or_default().trim()))
}

/// `application/grpc`, `application/grpc+proto`, `application/grpc-web-text`.
fn is_grpc(kind: &str) -> bool {
    let start = kind.get(..GRPC.len());
    let rest = kind.as_bytes().get(GRPC.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
        && matches!(rest, None | Some(b'+' | b'-'))
}

const EVENT_STREAM: &str = "text/event-stream";
const GRPC: &str = "application/grpc";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_told_by_their_type() {
        let answer = |kind: &str| {
            let mut response = ResponseHeader::build(200, None).unwrap();
            response.append_header(CONTENT_TYPE, kind).unwrap();
            is_one(&response)
        };
        let question = |name: HeaderName, value: &str| {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.append_header(name, value).unwrap();
            is_asked_for(&request)
        };
        for kind in [
            "text/event-stream",
            "Text/Event-Stream; charset=utf-8",
            "application/grpc",
            "application/grpc+proto",
            "application/grpc-web-text",
        ] {
            assert!(answer(kind), "{kind}");
        }
        for kind in ["text/plain", "application/grpcx", "", "text/event-streams"] {
            assert!(!answer(kind), "{kind}");
        }
        assert!(is_one(&ResponseHeader::build(101, None).unwrap()));
        assert!(question(ACCEPT, "text/html, text/event-stream;q=0.5"));
        assert!(question(CONTENT_TYPE, "application/grpc"));
        assert!(!question(CONTENT_TYPE, "text/event-stream"));
        assert!(!question(ACCEPT, "*/*"));
        let sends = |kind: &str| {
            let mut request = RequestHeader::build("POST", b"/", None).unwrap();
            request.append_header(CONTENT_TYPE, kind).unwrap();
            is_sent(&request)
        };
        for kind in ["application/grpc", "Application/gRPC+proto"] {
            assert!(sends(kind), "{kind}");
        }
        for kind in ["application/grpc-web+proto", "application/json", ""] {
            assert!(!sends(kind), "{kind}");
        }
    }
}
