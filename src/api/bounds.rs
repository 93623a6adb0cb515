//! Limits of every endpoint, reported in the format of the endpoint's protocol.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::rejection::{Code, Rejection};

/// Stands in the extensions of a request whose content was too large to be taken: it is not there.
#[derive(Clone, Copy, Debug)]
pub struct ContentTooLarge;

/// The largest content of a request, in bytes.
pub const MAX_CONTENT: usize = 64 << 10;

/// Refuses content that is too large, and answers for an endpoint that panics; `E` is how its
/// protocol writes a refusal.
pub async fn keep<E: From<Rejection> + IntoResponse>(request: Request, next: Next) -> Response {
    if request.extensions().get::<ContentTooLarge>().is_some() {
        return E::from(Rejection::new(Code::TooLarge, "body_too_large")).into_response();
    }
    // The framework would drop the connection.
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => E::from(Rejection::new(Code::Internal, "endpoint_panicked")).into_response(),
    }
}
