//! The admin API as an OpenAPI 3.1 document, made from the handlers that respond.

use axum::Extension;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::api_error::Refusal;
use super::refusals;

/// The finished document, as it is served.
#[derive(Clone, Debug)]
pub(super) struct Document(Bytes);

impl Document {
    /// Of these operations.
    pub(super) fn new(operations: &OpenApi) -> Self {
        // It consists of texts, numbers and lists of them: this cannot fail.
        Self(serde_json::to_vec(operations).unwrap_or_default().into())
    }
}

/// What the document begins with: all but the operations.
pub(super) fn frame() -> OpenApi {
    let mut frame = Frame::openapi();
    let mut token = Http::new(HttpAuthScheme::Bearer);
    token.description = Some(TOKEN.to_owned());
    let schemes = &mut frame.components.get_or_insert_default().security_schemes;
    schemes.insert("adminToken".to_owned(), SecurityScheme::Http(token).into());
    frame
}

/// This document.
#[utoipa::path(
    get,
    path = "/admin/api/openapi.json",
    operation_id = "describeApi",
    tag = "openapi",
    responses(
        (status = 200, description = "The document.", body = Object),
        refusals::Look,
    ),
)]
pub(super) async fn show(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vestibule admin API",
        version = "1",
        description = "Served only on the admin listener. Requests that change something need a token \
            with the role `admin`. Those without a bearer token also need `Content-Type: \
            application/json`, and are refused if they come from pages of other origins.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("adminToken" = []), ()),
    components(schemas(Refusal<'static>)),
)]
struct Frame;

const TOKEN: &str = "`admin.token` from the configuration. Without one, the listener is on loopback \
    and open to everyone on the machine.";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use crate::admin::endpoints;

    fn document() -> Value {
        serde_json::to_value(endpoints().into_openapi()).unwrap()
    }

    /// Method and path of each operation that the document has.
    fn operations(document: &Value) -> BTreeSet<String> {
        let paths = document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        });
        operations.collect()
    }

    /// Each operation documents its response on success, its refusals and the role it requires.
    #[test]
    fn every_operation_tells_its_statuses() {
        let document = document();
        let operations = operations(&document);
        assert_eq!(operations.len(), 68, "{operations:?}");
        for operation in operations {
            let (method, path) = operation.split_once(' ').unwrap();
            let answers = &document["paths"][path][method]["responses"];
            let answers: BTreeSet<&str> = answers
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert!(
                answers.iter().any(|status| status.starts_with('2')),
                "{operation}"
            );
            let mut refusals = vec!["401", "421"];
            if method != "get" {
                refusals.extend(["403", "415"]);
            }
            if path.contains('{') {
                refusals.push("404");
            }
            for status in refusals {
                assert!(answers.contains(status), "{operation} has no {status}");
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        for reference in document.to_string().split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
