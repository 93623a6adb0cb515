//! The request that a question is about.

use axum::http::Method;
use axum::http::header::{HOST, HeaderName, HeaderValue, PROXY_AUTHORIZATION};
use pingora::http::RequestHeader;

use super::Question;
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;

/// The request as a client would send it, byte for byte.
///
/// # Errors
///
/// 400 for what no client could send, and for fields that the question has another place for.
pub(super) fn of(state: &AdminState, question: &Question) -> Result<RequestHeader, ApiError> {
    let method = question.method.trim().to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| ApiError::bad_request("the method is not one of HTTP"))?;
    let url = question.url.trim();
    // Browsers keep it to themselves.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let view = state.live_config.view();
    let public = view.config.public_url.as_str();
    let (_, public) = public.split_once("://").unwrap_or(("", public));
    let (host, target) = match url.split_once("://") {
        None if url.starts_with('/') => (public, url.to_owned()),
        None => {
            return Err(ApiError::bad_request(
                "the address has to start with `https://`, `http://` or `/`",
            ));
        }
        Some((_, rest)) => match rest
            .find(['/', '?'])
            .and_then(|at| rest.split_at_checked(at))
        {
            None => (rest, "/".to_owned()),
            Some((host, query)) if query.starts_with('?') => (host, format!("/{query}")),
            Some((host, target)) => (host, target.to_owned()),
        },
    };
    let invalid = |_| ApiError::bad_request("the address cannot be sent in a request");
    let mut request = RequestHeader::build(method, target.as_bytes(), Some(1)).map_err(invalid)?;
    request.insert_header(HOST, host).map_err(invalid)?;
    add_fields(state, question, &mut request)?;
    Ok(request)
}

fn add_fields(
    state: &AdminState,
    question: &Question,
    request: &mut RequestHeader,
) -> Result<(), ApiError> {
    if question.headers.len() > MOST_FIELDS {
        return Err(ApiError::bad_request("more than 64 header fields"));
    }
    let snapshot = state.snapshot.load();
    let credentials = snapshot.proxy.token_sources.fields();
    for field in &question.headers {
        let (name, value) = parse(field)
            .ok_or_else(|| ApiError::bad_request("a header field is written `Name: value`"))?;
        if name == HOST {
            let message = "the address says the host, so `Host` is no header field here";
            return Err(ApiError::bad_request(message));
        }
        if name == PROXY_AUTHORIZATION || credentials.contains(&name) {
            let message = "credentials do not decide about the route: give a token as `token`";
            return Err(ApiError::bad_request(message));
        }
        let invalid = |_| ApiError::bad_request("the header field cannot be sent in a request");
        request.append_header(name, value).map_err(invalid)?;
    }
    Ok(())
}

/// The name and value of a field as it is sent (RFC 9110 section 5.1).
fn parse(field: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = field.split_once(':')?;
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = value.trim_matches([' ', '\t']);
    Some((name, HeaderValue::from_str(value).ok()?))
}

/// As many fields as a question may have.
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_as_it_is_sent() {
        let read = |field| parse(field).map(|(name, value)| format!("{name}={value:?}"));
        assert_eq!(read("X-Version: 2").as_deref(), Some("x-version=\"2\""));
        assert_eq!(read("X-Version:2 \t").as_deref(), Some("x-version=\"2\""));
        assert_eq!(read("a: b:c").as_deref(), Some("a=\"b:c\""));
        assert_eq!(read("a:").as_deref(), Some("a=\"\""));
        for invalid in [
            "X-Version",
            "",
            ": 2",
            "X Version: 2",
            "X-Version : 2",
            "a: b\r\nc: d",
        ] {
            assert_eq!(read(invalid), None, "{invalid:?}");
        }
    }
}
