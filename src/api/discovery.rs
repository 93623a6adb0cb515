//! How others learn to verify session tokens, and to get them: the key set (RFC 7517) and the
//! issuer's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).

use axum::Json;
use axum::extract::State;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

mod openapi;

use super::ApiState;
use super::oauth::{ASSERTION_GRANT, IDENTITY_PROFILE, token};
use super::refusals::Public;
use crate::issuer::Algorithm;
use crate::jwt::AssertionForm;
pub use openapi::KeySet;

/// The endpoints below the API prefix.
pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(jwks))
        .routes(routes!(openid_configuration))
        .routes(routes!(authorization_server))
}

/// The endpoint that is not below it: RFC 8414 section 3.1 puts an issuer's path after the
/// well-known part.
pub fn outer_router(prefix: &str) -> OpenApiRouter<ApiState> {
    let at = authorization_server_path(prefix);
    OpenApiRouter::new().nest(&at, OpenApiRouter::new().routes(routes!(issuers_metadata)))
}

/// Metadata of the gateway as an issuer. It has no login page, so no authorization endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    userinfo_endpoint: String,
    #[schema(value_type = Vec<String>)]
    grant_types_supported: Vec<&'static str>,
    /// Profiles of the JWT bearer grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    authorization_grant_profiles_supported: Option<[&'static str; 1]>,
    /// Not of this gateway's use, but clients of the identity assertion grant demand one.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<String>,
    scopes_supported: Vec<String>,
    #[schema(value_type = Vec<String>)]
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Of clients that authenticate with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    token_endpoint_auth_signing_alg_values_supported: Option<Vec<&'static str>>,
    /// Whether a `client_id` can be the address of a document that describes the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id_metadata_document_supported: Option<bool>,
    #[schema(value_type = Vec<String>)]
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    #[schema(value_type = Vec<String>)]
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    #[schema(value_type = Vec<String>)]
    response_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    subject_types_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    id_token_signing_alg_values_supported: [&'static str; 1],
    #[schema(value_type = Vec<String>)]
    claims_supported: [&'static str; 10],
}

/// Where RFC 8414 looks for the metadata of the issuer at `public_url` and `prefix`.
pub fn authorization_server_path(prefix: &str) -> String {
    format!("{AUTHORIZATION_SERVER}{prefix}")
}

/// The folder of that metadata.
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";

/// The keys that verify session tokens (RFC 7517).
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "jwks",
    tag = "discovery",
    responses(KeySet, Public)
)]
pub async fn jwks(State(api): State<ApiState>, request: HeaderMap) -> Response {
    key_set(&api, &request)
}

/// The key set, unless the client has it.
pub fn key_set(api: &ApiState, request: &HeaderMap) -> Response {
    let keyring = api.exchange.minter().keys.keyring();
    let etag = keyring.etag();
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
        (CACHE_CONTROL, FIVE_MINUTES),
        (ETAG, etag.clone()),
    ];
    if request.get(IF_NONE_MATCH) == Some(&etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, JWK_SET)], keyring.jwks()).into_response()
}

/// Metadata of the gateway as an issuer (OpenID Connect Discovery 1.0 section 3).
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "openidConfiguration",
    tag = "discovery",
    responses(Metadata, Public)
)]
pub async fn openid_configuration(State(api): State<ApiState>) -> Response {
    metadata(&api)
}

/// The same under the name of RFC 8414, where many clients look.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "authorizationServer",
    tag = "discovery",
    responses(Metadata, Public)
)]
pub async fn authorization_server(State(api): State<ApiState>) -> Response {
    metadata(&api)
}

/// The same where RFC 8414 section 3.1 has it for an issuer with a path.
#[utoipa::path(
    get,
    path = "",
    operation_id = "issuersMetadata",
    tag = "discovery",
    responses(Metadata, Public)
)]
pub async fn issuers_metadata(State(api): State<ApiState>) -> Response {
    metadata(&api)
}

fn metadata(api: &ApiState) -> Response {
    let issuer = &api.exchange.minter().iss;
    let grants = &api.settings.grants;
    let assertion = grants.are_any().then_some(ASSERTION_GRANT);
    let describe_themselves = api.metadata_clients.is_some();
    let profiles = grants.rules(AssertionForm::IdentityAssertion);
    let metadata = Metadata {
        issuer: issuer.clone(),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        token_endpoint: format!("{issuer}/oauth/token"),
        introspection_endpoint: format!("{issuer}/oauth/introspect"),
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        userinfo_endpoint: format!("{issuer}/userinfo"),
        grant_types_supported: [token::GRANT].into_iter().chain(assertion).collect(),
        authorization_grant_profiles_supported: profiles.map(|_| [IDENTITY_PROFILE]),
        authorization_endpoint: profiles.map(|_| format!("{issuer}/oauth/authorize")),
        scopes_supported: api
            .exchange
            .minter()
            .scopes
            .words()
            .map(str::to_owned)
            .collect(),
        token_endpoint_auth_methods_supported: ["none"]
            .into_iter()
            .chain(CLIENT_AUTH)
            .chain(describe_themselves.then_some("private_key_jwt"))
            .collect(),
        token_endpoint_auth_signing_alg_values_supported: describe_themselves
            .then(|| Algorithm::ASYMMETRIC.map(Algorithm::name).to_vec()),
        client_id_metadata_document_supported: describe_themselves.then_some(true),
        introspection_endpoint_auth_methods_supported: CLIENT_AUTH,
        revocation_endpoint_auth_methods_supported: CLIENT_AUTH,
        response_types_supported: ["none"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [api
            .exchange
            .minter()
            .keys
            .keyring()
            .current()
            .algorithm()],
        claims_supported: [
            "iss",
            "aud",
            "sub",
            "sid",
            "iat",
            "exp",
            "environment_id",
            "scope",
            "email",
            "last_verified_credential_id",
        ],
    };
    let headers: [(HeaderName, HeaderValue); 2] = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
        (CACHE_CONTROL, FIVE_MINUTES),
    ];
    (headers, Json(metadata)).into_response()
}

/// How clients with credentials may show them (RFC 6749 section 2.3.1).
const CLIENT_AUTH: [&str; 2] = ["client_secret_basic", "client_secret_post"];
/// Public documents: any page may read them.
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
/// Shorter than the time for which a key is published before it signs.
const FIVE_MINUTES: HeaderValue = HeaderValue::from_static("public, max-age=300");
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");
