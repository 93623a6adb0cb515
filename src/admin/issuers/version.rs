//! Versions of issuers' settings in requests and responses (RFC 9110 sections 8.8.3 and 13.1.1).

use std::convert::Infallible;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{self, ETAG};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::IssuerRow;
use crate::admin::api_error::ApiError;
use crate::live_config::{BasedOn, issuer_version};

/// An issuer with the version of its settings in `ETag`. What comes from the file has none.
pub struct Versioned(pub IssuerRow);

impl IntoResponse for Versioned {
    fn into_response(self) -> Response {
        let Self(row) = self;
        let version = row.settings.as_ref().map(issuer_version);
        let tag = version.and_then(|it| HeaderValue::from_str(&format!("\"{it}\"")).ok());
        let mut response = Json(row).into_response();
        response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
        response
    }
}

/// What `If-Match` says that a change is based on.
#[derive(Debug)]
pub struct IfMatch(pub BasedOn);

impl IfMatch {
    /// 412 in place of 409 where the condition was not met.
    pub fn refused(&self, fault: ApiError) -> ApiError {
        if self.0 == BasedOn::Anything || fault.code != "conflict" {
            return fault;
        }
        let message = "the issuer does not have the version that `If-Match` names";
        ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            message,
        )
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let fields: Vec<_> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        if fields.is_empty() || fields == ["*"] {
            return Ok(Self(BasedOn::Anything));
        }
        let lines = fields.iter().filter_map(|field| field.to_str().ok());
        // Weak tags, as what is no tag, match nothing.
        let strong = |tag: &str| {
            let version = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            Some(version.to_owned())
        };
        let versions = lines.flat_map(|line| line.split(',')).filter_map(strong);
        Ok(Self(BasedOn::Versions(versions.collect())))
    }
}

/// What the document says of the field.
pub const IF_MATCH: &str =
    "The `ETag` that the change is based on. It is refused if the issuer has another one.";
