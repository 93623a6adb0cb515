//! The questions of other proxies in the API's document.

use http::StatusCode;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, RefOr, Required};

use crate::api::Refused;
use crate::api::document::operations;
use crate::api::document::refusals::refusals;
use crate::api::refusals::{credential, decision, endpoint, narrow};
use crate::rejection::{Code, Rejection};

refusals! {
    Refused;
    /// The refusals of a check request.
    pub(super) Refusals: endpoint(), credential(), decision(), [
        Rejection::new(Code::InvalidRequest, ""),
        Rejection::new(Code::StepUpRequired, ""),
        narrow(),
        Rejection::new(Code::NotFound, ""),
        Rejection::new(Code::NotFound, "").with_status(StatusCode::MISDIRECTED_REQUEST),
        Rejection::new(Code::InvalidRequest, "").with_status(StatusCode::METHOD_NOT_ALLOWED),
    ], told_to_nginx();
}

/// What has another status for everybody else.
fn told_to_nginx() -> [Rejection; 5] {
    [
        Code::InvalidRequest,
        Code::Conflict,
        Code::NotFound,
        Code::TooLarge,
        Code::TooManyRequests,
    ]
    .map(|code| Rejection::new(code, "").with_status(StatusCode::FORBIDDEN))
}

/// Both ways to ask, with paths below the API prefix.
pub fn openapi() -> OpenApi {
    let mut document = Questions::openapi();
    let Some(asked) = document.paths.paths.get_mut(PATH) else {
        return document;
    };
    let methods = ["Get", "Put", "Post", "Delete", "Options", "Head", "Patch"];
    for (operation, method) in operations(asked).zip(methods) {
        let id = operation.operation_id.take().unwrap_or_default();
        operation.operation_id = Some(id + method);
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else {
                continue;
            };
            if !response.content.is_empty() {
                // Who asks for a page gets one.
                let page = ContentBuilder::new().schema(Some(Object::with_type(Type::String)));
                let page = page.build().into();
                response.content.insert("text/html".to_owned(), page);
            }
        }
    }
    let mut appended = asked.clone();
    for operation in operations(&mut appended) {
        let id = operation.operation_id.take().unwrap_or_default();
        operation.operation_id = Some(id.replace("check", "checkAppended"));
        let summary = "The same for an appended path, as Envoy sends it.";
        operation.summary = Some(summary.to_owned());
        let path = ParameterBuilder::new()
            .name("path")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(Object::with_type(Type::String)));
        operation.parameters = Some(vec![path.build().into()]);
    }
    let at = format!("{PATH}/{{path}}");
    document.paths.paths.insert(at, appended);
    document
}

#[derive(utoipa::OpenApi)]
#[openapi(paths(super::serve))]
struct Questions;

const PATH: &str = "/check";
