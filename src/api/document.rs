//! The public API as an OpenAPI 3.1 document, generated from its handlers.
//!
//! Successful responses are described where they are created. Refusals are generated from the
//! values that the handlers respond with ([`refusals`]), so that statuses, codes and examples are
//! not written twice.

use axum::Extension;
use axum::http::StatusCode;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue};
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, RefOr, Server};

use super::ApiState;
use super::discovery::Metadata;
use super::oauth::error::OAuthFailure;
use super::refusal_form::RefusalForm;
use super::sdk::error::SdkFailure;
use crate::credential::SDK_COOKIE;
use crate::rejection::{Code, Overload, Problem, Rejection};

pub mod preflight;
pub mod refusals;

/// The finished document, as it is served.
#[derive(Clone, Debug)]
pub struct Document(Bytes);

impl Document {
    /// Of the documented endpoints; the paths are those of the gateway at `public_url`.
    pub fn new(endpoints: OpenApi, public_url: &str, api_prefix: &str) -> Self {
        let mut document = endpoints;
        document.servers = Some(vec![Server::new(public_url)]);
        for (path, item) in &mut document.paths.paths {
            let form = RefusalForm::of(path, api_prefix);
            for operation in operations(item) {
                add_everywhere(operation, form);
            }
        }
        // Of texts, numbers and lists of them: this cannot fail.
        Self(serde_json::to_vec(&document).unwrap_or_default().into())
    }
}

/// What the document begins with: all but the endpoints.
pub fn frame(api: &ApiState) -> OpenApi {
    let mut frame = Frame::openapi();
    let own_cookie = api.settings.token_sources.session_cookie();
    let schemes = [
        (
            "session_token",
            http(HttpAuthScheme::Bearer, "A session token."),
        ),
        (
            "client",
            http(
                HttpAuthScheme::Basic,
                "Id and secret of a configured client.",
            ),
        ),
        ("session_cookie", cookie(own_cookie)),
        ("sdk_cookie", cookie(SDK_COOKIE)),
    ];
    let components = frame.components.get_or_insert_default();
    for (name, scheme) in schemes {
        components
            .security_schemes
            .insert(name.to_owned(), scheme.into());
    }
    frame
}

/// `GET {api}/openapi.json`: this document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "discovery",
    responses(
        (
            status = 200,
            description = "The OpenAPI document of the gateway's public API.",
            content_type = "application/json",
            body = Object,
            headers(("access-control-allow-origin" = String)),
            example = json!({ "openapi": "3.1.0", "info": { "title": "Vestibule" }, "paths": {} })
        ),
        crate::api::refusals::Public
    )
)]
pub async fn openapi(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    (fields, text)
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Vestibule",
        description = "Exchanges tokens of your own auth provider for sessions of the platform. \
            Any other path gets 404, and a method that a path does not support gets 405 with \
            `Allow`. Bodies are limited to 64 KiB; unknown members are ignored.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "sdk", description = "The sign-in protocol of the platform's SDKs."),
        (name = "oauth", description = "RFC 8693, RFC 7662, RFC 7009 and OpenID Connect's userinfo."),
        (name = "logout", description = "Ends a session, for the browser or for its issuer."),
        (name = "forward auth", description = "Authorization of requests for other proxies."),
        (name = "discovery", description = "Keys and metadata."),
    ),
    components(schemas(Problem<'static>, SdkFailure, OAuthFailure, Metadata)),
)]
struct Frame;

fn http(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let mut http = Http::new(scheme);
    http.description = Some(description.to_owned());
    SecurityScheme::Http(http)
}

fn cookie(name: &str) -> SecurityScheme {
    let description = "Only from pages of allowed origins.";
    let value = ApiKeyValue::with_description(name, description);
    SecurityScheme::ApiKey(ApiKey::Cookie(value))
}

/// All operations of a path.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.options,
        &mut item.head,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// Adds what any request may meet before it reaches an endpoint.
fn add_everywhere(operation: &mut Operation, form: RefusalForm) {
    let met = [
        Rejection::new(Code::InvalidRequest, ""),
        Rejection::new(Code::Timeout, ""),
        Rejection::new(Code::TooLarge, "").with_status(StatusCode::URI_TOO_LONG),
        Rejection::new(Code::TooLarge, "").with_status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        Rejection::new(Code::NotFound, "").with_status(StatusCode::MISDIRECTED_REQUEST),
        Rejection::new(Code::Internal, ""),
        Rejection::new(Code::InvalidRequest, "")
            .with_status(StatusCode::HTTP_VERSION_NOT_SUPPORTED),
        Overload::ClientRequests.rejection(),
        Overload::Requests.rejection(),
    ];
    let all = &mut operation.responses.responses;
    for (status, response) in form.responses(met) {
        let response = match (all.get_mut(&status), response) {
            (Some(RefOr::T(there)), RefOr::T(response)) => {
                refusals::merge(there, response);
                continue;
            }
            (_, response) => response,
        };
        all.insert(status, response);
    }
}
