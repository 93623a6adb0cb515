//! One call of gRPC without streaming: a message comes, and a message or an error is returned.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::Session;
use pingora::{ErrorType, OrErr, Result};
use prost::Message;

use crate::proxy::answer;
use crate::proxy::context::RequestContext;
use crate::proxy::request::id::REQUEST_ID;

/// Why a call fails, by the numbers of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The message cannot be read, or is about no request.
    InvalidArgument = 3,
    /// There is no such service to ask for.
    NotFound = 5,
    /// The caller may not ask.
    PermissionDenied = 7,
    /// The message is too large.
    ResourceExhausted = 8,
    /// There is no such method, or it is asked in a way that is not served.
    Unimplemented = 12,
}

/// Whether a request is a call of gRPC at all.
pub(super) fn is_call(request: &RequestHeader) -> bool {
    let kind = request.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_grpc = kind.is_some_and(|kind| {
        let rest = kind.strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest, [] | [b'+' | b';', ..]))
    });
    is_grpc && request.method == Method::POST && request.version == Version::HTTP_2
}

/// Reads the one message of a call, of at most so many bytes.
pub(super) async fn read<M: Message + Default>(
    session: &mut Session,
    most: usize,
    ctx: &mut RequestContext,
) -> Result<std::result::Result<M, Failure>> {
    let body = answer::read_body(session, PREFIX + most, ctx).await?;
    Ok(match body {
        Some(body) => message(body),
        None => Err(Failure::ResourceExhausted),
    })
}

fn message<M: Message + Default>(mut body: Bytes) -> std::result::Result<M, Failure> {
    let is_compressed = body.try_get_u8().map_err(|_| Failure::InvalidArgument)? != 0;
    if is_compressed {
        return Err(Failure::Unimplemented);
    }
    let length = body.try_get_u32().map_err(|_| Failure::InvalidArgument)?;
    if usize::try_from(length) != Ok(body.len()) {
        return Err(Failure::InvalidArgument);
    }
    M::decode(body).map_err(|_| Failure::InvalidArgument)
}

/// Writes the answer of a call.
pub(super) async fn write(
    session: &mut Session,
    answer: std::result::Result<impl Message, Failure>,
    ctx: &RequestContext,
) -> Result<()> {
    let mut response = ResponseHeader::build(StatusCode::OK, Some(4))?;
    response.insert_header(CONTENT_TYPE, "application/grpc")?;
    response.insert_header(REQUEST_ID, ctx.id.header())?;
    let message = match answer {
        Ok(message) => message,
        Err(failure) => {
            // There is no message: the status is in the first header (gRPC over HTTP/2, "Responses").
            response.insert_header(GRPC_STATUS, failure as i32)?;
            return session
                .write_response_header(Box::new(response), true)
                .await;
        }
    };
    let length = message.encoded_len();
    let mut body = BytesMut::with_capacity(PREFIX + length);
    body.put_u8(0);
    // Answers are bounded by what is configured, far below 4 GiB.
    body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    let written = message.encode(&mut body);
    written.or_err(ErrorType::InternalError, "no room for the answer")?;
    session
        .write_response_header(Box::new(response), false)
        .await?;
    session
        .write_response_body(Some(body.freeze()), false)
        .await?;
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    session.as_mut().write_response_trailers(trailers).await
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// Before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::messages::HealthRequest;
    use super::*;

    fn read(bytes: &[u8]) -> std::result::Result<HealthRequest, Failure> {
        message(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_message_is_read_whole_or_not_at_all() {
        let service = |service: &str| HealthRequest {
            service: service.to_owned(),
        };
        assert_eq!(read(&[0, 0, 0, 0, 0]), Ok(service("")));
        assert_eq!(read(&[0, 0, 0, 0, 3, 10, 1, b'a']), Ok(service("a")));
        for wrong in [
            &[][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 4, 10, 1, b'a'],
            &[0, 0, 0, 0, 2, 10, 1, b'a'],
            &[0, 0, 0, 0, 3, 10, 2, b'a'],
            &[0, 0, 0, 0, 3, 10, 1, 0xff],
        ] {
            assert_eq!(read(wrong), Err(Failure::InvalidArgument), "{wrong:?}");
        }
        let compressed = [1, 0, 0, 0, 3, 10, 1, b'a'];
        assert_eq!(read(&compressed), Err(Failure::Unimplemented));
    }

    #[test]
    fn a_call_says_that_it_is_one() {
        let request = |method: Method, kind: &str, version| {
            let mut request = RequestHeader::build(method, b"/", None).unwrap();
            request.insert_header(CONTENT_TYPE, kind).unwrap();
            request.set_version(version);
            request
        };
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc; a=b",
        ] {
            assert!(
                is_call(&request(Method::POST, kind, Version::HTTP_2)),
                "{kind}"
            );
        }
        for other in [
            request(Method::GET, "application/grpc", Version::HTTP_2),
            request(Method::POST, "application/grpc", Version::HTTP_11),
            request(Method::POST, "application/grpc-web", Version::HTTP_2),
            request(Method::POST, "application/json", Version::HTTP_2),
        ] {
            assert!(!is_call(&other), "{other:?}");
        }
    }
}
