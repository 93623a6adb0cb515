//! What requests carry.

use axum::Json;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::api_error::ApiError;

/// A JSON object; an invalid body becomes an [`ApiError`].
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        read(request, state, b'{').await.map(Self)
    }
}

/// A JSON array; an invalid body becomes an [`ApiError`].
#[derive(Debug)]
pub struct Items<T>(pub Vec<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Items<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        read(request, state, b'[').await.map(Self)
    }
}

/// Reads a body whose JSON begins with that character.
async fn read<T: DeserializeOwned, S: Send + Sync>(
    request: Request,
    state: &S,
    opening: u8,
) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    let content = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
    let content = content.map_err(|rejection| unread(rejection.status()))?;
    let request = Request::from_parts(parts, content.clone().into());
    match Json::from_request(request, state).await {
        // The parser takes an array for an object's members in their order.
        Ok(_) if content.trim_ascii_start().first() != Some(&opening) => Err(unfit()),
        Ok(Json(value)) => Ok(value),
        Err(JsonRejection::JsonDataError(_)) => Err(unfit()),
        // The parser takes a null in place of a variant for bad syntax.
        Err(JsonRejection::JsonSyntaxError(_)) if is_json(&content) => Err(unfit()),
        Err(rejection) => Err(unread(rejection.status())),
    }
}

fn is_json(content: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(content).is_ok()
}

/// What is said of JSON that has other members than it should.
fn unfit() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unprocessable",
        // The text of the error may quote the body, which may be a token.
        "a member of the body is missing, unknown or of the wrong type",
    )
}

/// Why a body was not even read as JSON, by the status that says so.
fn unread(status: StatusCode) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(status, "too_large", "the body is larger than 64 KiB")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::unsupported_media_type(),
        _ => ApiError::bad_request("the body is not JSON"),
    }
}

/// The query; an invalid one becomes an [`ApiError`].
#[derive(Debug)]
pub struct ValidQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ValidQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match query {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::bad_request(invalid_query(&rejection))),
        }
    }
}

/// Which member of the query is at fault, and why.
fn invalid_query(rejection: &QueryRejection) -> String {
    let text = rejection.body_text();
    let fault = text.strip_prefix("Failed to deserialize query string: ");
    if let Some((member, _)) = fault.and_then(|fault| fault.split_once(": UUID parsing failed")) {
        return format!("the query is not valid: `{member}` has to be an id, such as {AN_ID}");
    }
    match fault.filter(|fault| fault.len() <= LONGEST_FAULT) {
        Some(fault) => format!("the query is not valid: {fault}"),
        None => "the query is not valid".to_owned(),
    }
}

/// What the path names; what cannot be the name of anything becomes an [`ApiError`].
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path: Result<extract::Path<T>, PathRejection> =
            extract::Path::from_request_parts(parts, state).await;
        let rejection = match path {
            Ok(extract::Path(named)) => return Ok(Self(named)),
            Err(rejection) => rejection,
        };
        let wrong = match &rejection {
            PathRejection::FailedToDeserializePathParams(failed) => wrong_segment(failed.kind()),
            _ => None,
        };
        let message = match wrong {
            Some(segment) => format!("`{segment}` is not an id"),
            None => "the path names nothing".to_owned(),
        };
        Err(ApiError::new(StatusCode::NOT_FOUND, "not_found", message))
    }
}

/// The part of the path that is at fault, unless it is longer than any id.
fn wrong_segment(kind: &ErrorKind) -> Option<&str> {
    let segment = match kind {
        ErrorKind::ParseErrorAtKey { value, .. }
        | ErrorKind::ParseErrorAtIndex { value, .. }
        | ErrorKind::ParseError { value, .. }
        | ErrorKind::DeserializeError { value, .. } => value,
        _ => return None,
    };
    Some(segment)
        .filter(|text| text.len() <= LONGEST_ID)
        .map(String::as_str)
}

/// What an id looks like.
const AN_ID: &str = "01a20580-45e1-7714-a9e9-25c9d3ba924d";

/// Bytes of a fault that are shown.
const LONGEST_FAULT: usize = 256;
/// Bytes of a segment that are shown again.
const LONGEST_ID: usize = 64;

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Switch {
        #[serde(default)]
        enabled: bool,
    }

    fn request(text: &'static str) -> Request {
        let request = Request::builder().header("content-type", "application/json");
        request.body(text.into()).unwrap()
    }

    #[tokio::test]
    async fn an_object_is_read_by_the_names_of_its_members() {
        for (text, read) in [
            (r#"{"enabled":true}"#, Ok(true)),
            (" {}", Ok(false)),
            ("[true]", Err(422)),
            ("[]", Err(422)),
            ("null", Err(422)),
            (r#"{"on":true}"#, Err(422)),
            ("{", Err(400)),
        ] {
            let body = Body::<Switch>::from_request(request(text), &()).await;
            let found = body.map(|Body(switch)| switch.enabled);
            let found = found.map_err(|fault| fault.status.as_u16());
            assert_eq!(found, read, "{text}");
        }
        let items = Items::<u8>::from_request(request(" [1, 2]"), &()).await;
        assert_eq!(items.unwrap().0, [1, 2]);
    }
}
