//! Which pages may call (Fetch standard, "CORS protocol").
//!
//! The page's own origin is repeated, never `*`: the clients send credentials. Which fields they
//! send changes with each of their releases, so a listed page may send those that it asks for; what
//! an endpoint reads of them is the endpoint's business.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, VARY,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{OpenApi, PathItem};

use crate::api::ApiState;

/// The methods of each path, as preflights say them.
#[derive(Clone, Debug)]
pub struct PathMethods(Arc<[(String, HeaderValue)]>);

impl PathMethods {
    /// Of the documented endpoints.
    pub fn of(document: &OpenApi) -> Self {
        let methods = |(path, item): (&String, &PathItem)| Some((path.clone(), methods(item)?));
        Self(document.paths.paths.iter().filter_map(methods).collect())
    }

    /// The methods of the path that a request was matched to.
    fn at(&self, request: &Request) -> HeaderValue {
        let matched = request.extensions().get::<MatchedPath>();
        let matched = matched.map_or("", MatchedPath::as_str);
        let found = self.0.iter().find(|(path, _)| matched.ends_with(path));
        // Where there is no endpoint, the page is to read that.
        found.map_or(ANY_METHOD, |(_, methods)| methods.clone())
    }
}

/// Answers preflights, and tells browsers of every other answer who may read it.
pub async fn allow(
    State((api, methods)): State<(ApiState, PathMethods)>,
    request: Request,
    next: Next,
) -> Response {
    let page = api.settings.page(request.headers());
    let page = page.and_then(|page| HeaderValue::from_str(page).ok());
    let preflight = (request.method() == Method::OPTIONS)
        .then(|| (methods.at(&request), fields(request.headers())));
    let mut response = match preflight {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Origin"));
    let Some(page) = page else {
        return response;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    headers.insert(
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        HeaderValue::from_static("true"),
    );
    let Some((methods, fields)) = preflight else {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        return response;
    };
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(fields) = fields {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, fields);
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
    response
}

/// Answers hold tokens and people's data.
pub async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn methods(item: &PathItem) -> Option<HeaderValue> {
    let has = [
        ("GET, HEAD", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    let names = has.iter().filter_map(|(name, has)| has.then_some(*name));
    HeaderValue::from_str(&names.collect::<Vec<_>>().join(", ")).ok()
}

/// The fields that a preflight asks for, each once. `None`: it asks for none, for what is no
/// field's name, or for more than any client sends.
fn fields(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut names = BTreeSet::new();
    for list in headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        let list = list.to_str().ok()?;
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            names.insert(
                HeaderName::from_bytes(name.as_bytes())
                    .ok()?
                    .as_str()
                    .to_owned(),
            );
            if names.len() > MOST_FIELDS {
                return None;
            }
        }
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let asks = !names.is_empty() && names.len() <= LONGEST_LIST;
    HeaderValue::from_str(&names).ok().filter(|_| asks)
}

const ANY_METHOD: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after");
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");
const MOST_FIELDS: usize = 64;
/// In bytes.
const LONGEST_LIST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lists: &[&str]) -> Option<String> {
        let lists = lists
            .iter()
            .map(|list| HeaderValue::from_str(list).unwrap());
        let headers = lists
            .map(|list| (ACCESS_CONTROL_REQUEST_HEADERS, list))
            .collect();
        fields(&headers).map(|fields| fields.to_str().unwrap().to_owned())
    }

    #[test]
    fn fields_are_granted_by_name_and_within_a_bound() {
        let new = "x-dyn-device-fingerprint,Content-Type, x-dyn-device-fingerprint ,, x-b";
        let granted = "content-type, x-b, x-dyn-device-fingerprint";
        assert_eq!(asked(&[new]).as_deref(), Some(granted));
        assert_eq!(asked(&["x-b", "x-a"]).as_deref(), Some("x-a, x-b"));
        for none in [
            &[][..],
            &[""],
            &[" , "],
            &["x-a, no name"],
            &["x-a", "é"],
            &["*, x:y"],
        ] {
            assert_eq!(asked(none), None, "{none:?}");
        }
        let names = |count| {
            let names: Vec<_> = (0..count).map(|number| format!("x-{number}")).collect();
            names.join(",")
        };
        assert!(asked(&[&names(MOST_FIELDS)]).is_some());
        assert_eq!(asked(&[&names(MOST_FIELDS + 1)]), None);
        assert_eq!(
            asked(&[&"x".repeat(LONGEST_LIST)]).unwrap().len(),
            LONGEST_LIST
        );
        assert_eq!(asked(&[&"x".repeat(LONGEST_LIST + 1)]), None);
    }
}
