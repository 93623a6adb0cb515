//! What went wrong between the gateway and an upstream, as an answer.

use http::StatusCode;
use pingora::{Error, ErrorSource, ErrorType};

use crate::rejection::{Code, Rejection};

/// 502, 503 and 504 told apart (RFC 9110 section 15.6); `None` when the client is gone and
/// nobody is there to be told.
pub(super) fn rejection(error: &Error) -> Option<Rejection> {
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, ErrorType::ConnectTimedout) => Some(Rejection::new(
            Code::UpstreamTimeout,
            "upstream_connect_timeout",
        )),
        (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => {
            Some(Rejection::new(Code::UpstreamTimeout, "upstream_timeout"))
        }
        (
            ErrorSource::Upstream,
            ErrorType::ConnectRefused | ErrorType::ConnectNoRoute | ErrorType::ConnectError,
        ) => Some(Rejection::new(
            Code::UpstreamFailed,
            "upstream_connect_failed",
        )),
        (ErrorSource::Upstream, _) => Some(Rejection::new(
            Code::UpstreamFailed,
            "upstream_protocol_error",
        )),
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => {
            Some(Rejection::new(Code::Timeout, "request_body_timeout"))
        }
        (
            ErrorSource::Downstream,
            ErrorType::ReadError | ErrorType::WriteError | ErrorType::ConnectionClosed,
        ) => None,
        (ErrorSource::Downstream, _) => {
            Some(Rejection::new(Code::InvalidRequest, "request_invalid"))
        }
        (_, ErrorType::HTTPStatus(status)) => {
            let rejection = Rejection::new(Code::InvalidRequest, "request_invalid");
            StatusCode::from_u16(*status)
                .ok()
                .map(|status| rejection.with_status(status))
        }
        _ => Some(Rejection::new(Code::Internal, "proxy_failed")),
    }
}
