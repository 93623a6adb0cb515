//! How others learn to verify session tokens, and to get them: the key set (RFC 7517) and the
//! issuer's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2).

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::ApiState;
use super::oauth::token;

/// Metadata of the gateway as an issuer. It has no login page, so no authorization endpoint.
#[derive(Debug, Serialize)]
struct Metadata<'a> {
    issuer: &'a str,
    jwks_uri: String,
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    userinfo_endpoint: String,
    grant_types_supported: [&'static str; 1],
    scopes_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    claims_supported: [&'static str; 10],
}

/// Where RFC 8414 looks for the metadata of the issuer at `public_url` and `prefix`.
pub fn authorization_server_path(prefix: &str) -> String {
    format!("/.well-known/oauth-authorization-server{prefix}")
}

/// `GET {api}/.well-known/jwks.json`
pub async fn jwks(State(api): State<ApiState>, request: HeaderMap) -> Response {
    let ring = api.exchange.minter().keys.ring();
    let etag = ring.etag();
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
        (CACHE_CONTROL, FIVE_MINUTES),
        (ETAG, etag.clone()),
    ];
    if request.get(IF_NONE_MATCH) == Some(&etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(CONTENT_TYPE, JWK_SET)], ring.jwks()).into_response()
}

/// `GET {api}/.well-known/openid-configuration`
pub async fn openid_configuration(State(api): State<ApiState>) -> impl IntoResponse + use<> {
    let issuer = &api.exchange.minter().iss;
    let metadata = Metadata {
        issuer,
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        token_endpoint: format!("{issuer}/oauth/token"),
        introspection_endpoint: format!("{issuer}/oauth/introspect"),
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        userinfo_endpoint: format!("{issuer}/userinfo"),
        grant_types_supported: [token::GRANT],
        scopes_supported: [token::SCOPE],
        token_endpoint_auth_methods_supported: ["none", CLIENT_AUTH[0], CLIENT_AUTH[1]],
        introspection_endpoint_auth_methods_supported: CLIENT_AUTH,
        revocation_endpoint_auth_methods_supported: CLIENT_AUTH,
        response_types_supported: ["none"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: [api
            .exchange
            .minter()
            .keys
            .ring()
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
