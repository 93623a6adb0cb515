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

    #[test]
    fn describes_every_path_and_no_other() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().collect();
        let router = include_str!("../admin.rs");
        let routed: BTreeSet<String> = router
            .split('"')
            .filter(|text| text.starts_with("/admin/api/") || text.starts_with("/api/v0/"))
            .map(str::to_owned)
            .collect();
        assert_eq!(described, routed.iter().collect());
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
