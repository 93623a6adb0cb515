//! What people see of a fault: a page with the same words, and a way back.

use askama::Template;
use axum::http::header::CONTENT_LENGTH;
use axum::response::{Html, IntoResponse, Response};

use crate::admin::api_error::ApiError;

#[derive(Template)]
#[template(path = "dashboard/failure.html")]
struct Page {
    title: &'static str,
    fault: ApiError,
}

/// Puts a page in the place of a [`ApiError`]'s document, and leaves everything else of the answer.
pub(super) async fn for_people(mut response: Response) -> Response {
    let Some(fault) = response.extensions_mut().remove::<ApiError>() else {
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
