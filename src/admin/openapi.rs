//! The description of the admin API.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// `GET /admin/api/openapi.json`.
pub(super) async fn show() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    /// Method and path of each operation that the document has.
    fn openapi() -> BTreeSet<String> {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{method} {path}"))
        });
        operations.collect()
    }

    #[test]
    fn describes_every_operation_and_no_other() {
        let router = include_str!("../admin.rs");
        let mut routed = BTreeSet::new();
        for route in router.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap_or_default();
            if !path.starts_with("/admin/api/") && !path.starts_with("/api/v0/") {
                continue;
            }
            let handlers = route.split(".layer(").next().unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                if handlers.contains(&format!("{method}(")) {
                    routed.insert(format!("{method} {path}"));
                }
            }
        }
        assert!(routed.len() > 20, "{routed:?}");
        assert_eq!(openapi(), routed);
    }

    /// Each operation documents its response on success, its refusals and the role it requires.
    #[test]
    fn every_operation_tells_its_statuses() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        for operation in openapi() {
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
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        for reference in super::DOCUMENT.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
