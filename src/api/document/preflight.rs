//! The preflights that browsers send before what their pages ask for (Fetch standard).

use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr, Response};

use super::operations;

/// Adds the preflight of each path.
pub fn add(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        let preflight = operations(item).next().map(|operation| of(operation));
        item.options = preflight;
    }
}

fn of(operation: &Operation) -> Operation {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let in_path = operation.parameters.iter().flatten().filter(|parameter| {
        matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Path)
    });
    let mut granted = Response::new("Whether the page may send the following request.");
    for name in FIELDS {
        granted
            .headers
            .insert(name.to_owned(), Header::default().into());
    }
    let mut preflight = OperationBuilder::new()
        .operation_id(Some(format!("{id}_preflight")))
        .summary(Some("CORS preflight for a page on another origin."))
        .response("204", granted)
        .build();
    preflight.tags.clone_from(&operation.tags);
    let parameters: Vec<_> = in_path.cloned().collect();
    preflight.parameters = (!parameters.is_empty()).then_some(parameters);
    preflight
}

/// CORS fields for a page of an allowed origin; others only get `Vary`.
const FIELDS: [&str; 6] = [
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Max-Age",
];
