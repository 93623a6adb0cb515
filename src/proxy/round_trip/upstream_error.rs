//! What went wrong between the gateway and an upstream, as an answer.

use std::time::Duration;

use http::StatusCode;
use pingora::{Error, ErrorSource, ErrorType, RetryType};

use crate::rejection::{Code, Rejection};
use crate::upstream::Failure;

/// Distinguishes 502, 503 and 504 (RFC 9110 section 15.6); `None` if the client has gone and nobody
/// can get a response.
pub(super) fn rejection(error: &Error) -> Option<Rejection> {
    match (error.esource(), error.etype()) {
        (ErrorSource::Upstream, _) => Some(to_rejection(failure(error, false))),
        // What is not the server's is the client's, whose connection the gateway reads and writes
        // by itself at its own endpoints.
        (_, ErrorType::ReadTimedout) => Some(body_late()),
        (
            _,
            ErrorType::ReadError
            | ErrorType::WriteError
            | ErrorType::WriteTimedout
            | ErrorType::ConnectionClosed,
        )
        | (ErrorSource::Downstream, ErrorType::H2Error) => None,
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

/// The refusal of a request whose body paused for too long.
pub(super) fn body_late() -> Rejection {
    Rejection::new(Code::Timeout, "request_body_timeout")
}

/// Whether a server of HTTP/2 says that it has done nothing with the request, which may then be sent again
/// whatever its method (RFC 9113 sections 6.8 and 8.7): it has refused the stream, begun no more streams on a
/// connection that it is about to close, or asks for HTTP/1.1. The framework decides that before it knows
/// of the connection; what it leaves open until then may have been processed.
pub(super) fn was_refused(error: &Error) -> bool {
    matches!(error.retry, RetryType::Decided(true))
        && *error.esource() == ErrorSource::Upstream
        && matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade)
}

/// The refusal of a request that servers do not take.
pub(super) fn refused(retry_after: Duration) -> Rejection {
    Rejection::unavailable("upstream_refused", retry_after)
}

/// How a server failed, by an error from it. `has_answered`: the head of its answer had come.
pub(super) fn failure(error: &Error, has_answered: bool) -> Failure {
    match error.etype() {
        ErrorType::ReadTimedout | ErrorType::WriteTimedout => Failure::Timeout,
        ErrorType::ConnectTimedout
        | ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::ConnectProxyFailure
        | ErrorType::BindError
        | ErrorType::SocketError
        | ErrorType::TLSHandshakeFailure
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::InvalidCert => connecting(error),
        _ if has_answered => Failure::CutOff,
        _ => Failure::Protocol,
    }
}

/// How a server failed that no connection came about to.
pub(super) fn connecting(error: &Error) -> Failure {
    match error.etype() {
        ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout => Failure::ConnectTimeout,
        ErrorType::TLSHandshakeFailure | ErrorType::InvalidCert => Failure::Tls,
        ErrorType::HandshakeError | ErrorType::H2Error => Failure::Protocol,
        _ => Failure::Connect,
    }
}

/// Whether a handshake failed because a server showed an authority's certificate as its own, which
/// is what `openssl req -x509` makes unless an option says otherwise.
pub(super) fn shows_authority(error: &Error) -> bool {
    error.to_string().contains("CaUsedAsEndEntity")
}

fn to_rejection(failure: Failure) -> Rejection {
    match failure {
        Failure::Connect => Rejection::new(Code::UpstreamFailed, "upstream_connect_failed"),
        Failure::ConnectTimeout => {
            Rejection::new(Code::UpstreamTimeout, "upstream_connect_timeout")
        }
        Failure::Tls => Rejection::new(Code::UpstreamFailed, "upstream_tls_failed"),
        Failure::Timeout => Rejection::new(Code::UpstreamTimeout, "upstream_timeout"),
        Failure::Protocol | Failure::CutOff | Failure::Status => {
            Rejection::new(Code::UpstreamFailed, "upstream_protocol_error")
        }
    }
}
