//! What people see of a fault: a page with the same words, and a way back.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};

use super::text::sentence;
use crate::admin::api_error::ApiError;

#[derive(Template)]
#[template(path = "dashboard/failure.html")]
struct Page {
    title: &'static str,
    fault: ApiError,
}

impl Page {
    /// The message as people read it.
    fn sentence(&self) -> String {
        sentence(&self.fault.message)
    }
}

/// Puts a page in the place of a [`ApiError`]'s document, or of what the framework says of an address
/// or a form that it cannot read, and leaves everything else of the answer.
pub(super) async fn for_people(mut response: Response) -> Response {
    let status = response.status();
    let fault = response.extensions_mut().remove::<ApiError>();
    let kind = response.headers().get(CONTENT_TYPE);
    let is_text = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let of_framework = || of_framework(status).filter(|_| is_text);
    let Some(fault) = fault.or_else(of_framework) else {
        return response;
    };
    let title = fault.status.canonical_reason().unwrap_or("Failed");
    let Ok(text) = (Page { title, fault }).render() else {
        return response;
    };
    let (mut parts, page) = (response.into_parts().0, Html(text).into_response());
    parts.headers.extend(page.headers().clone());
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, page.into_body())
}

fn of_framework(status: StatusCode) -> Option<ApiError> {
    let (code, message) = match status {
        StatusCode::BAD_REQUEST => ("bad_request", "the address of this page is not valid"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNPROCESSABLE_ENTITY => (
            "unprocessable",
            "the form is incomplete; go back and reload it",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the form is too large"),
        _ => return None,
    };
    Some(ApiError::new(status, code, message))
}
