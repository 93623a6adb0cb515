//! Keys and metadata in the API's document.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::IntoResponses;
use utoipa::openapi::header::Header;
use utoipa::openapi::schema::{Object, Ref, Type};
use utoipa::openapi::{self, ContentBuilder, RefOr};

use super::Metadata;

/// What [`super::key_set`] answers, for the document.
#[derive(Debug)]
pub struct KeySet;

impl IntoResponses for KeySet {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let content = ContentBuilder::new()
            .schema(Some(Object::with_type(Type::Object)))
            .example(Some(json!({ "keys": [{
                "kty": "EC",
                "crv": "P-256",
                "use": "sig",
                "alg": "ES256",
                "kid": "l7Nct0ZsYt2XZxuV3GYSAg",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }] })));
        let mut described = openapi::Response::new("The key set.");
        let known = openapi::Response::new("The client already has it (`If-None-Match`).");
        described.content.insert(
            "application/jwk-set+json".to_owned(),
            content.build().into(),
        );
        let responses = [("200", described), ("304", known)];
        let with_fields = |(status, mut response): (&str, openapi::Response)| {
            for name in ["ETag", "Cache-Control", "Access-Control-Allow-Origin"] {
                let field = Header::default().into();
                response.headers.insert(name.to_owned(), field);
            }
            (status.to_owned(), response.into())
        };
        responses.into_iter().map(with_fields).collect()
    }
}

impl IntoResponses for Metadata {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Metadata")))
            .example(Some(json!({
                "issuer": "https://app.example.com/_vestibule",
                "jwks_uri": "https://app.example.com/_vestibule/.well-known/jwks.json",
                "token_endpoint": "https://app.example.com/_vestibule/oauth/token",
                "introspection_endpoint": "https://app.example.com/_vestibule/oauth/introspect",
                "revocation_endpoint": "https://app.example.com/_vestibule/oauth/revoke",
                "userinfo_endpoint": "https://app.example.com/_vestibule/userinfo",
                "grant_types_supported": ["urn:ietf:params:oauth:grant-type:token-exchange"],
                "scopes_supported": ["user:basic"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
                "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
                "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
                "response_types_supported": ["none"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "claims_supported": ["iss", "sub", "sid", "exp"],
            })));
        let mut described = openapi::Response::new("The metadata.");
        described
            .content
            .insert("application/json".to_owned(), content.build().into());
        for name in ["Cache-Control", "Access-Control-Allow-Origin"] {
            described
                .headers
                .insert(name.to_owned(), Header::default().into());
        }
        BTreeMap::from([("200".to_owned(), described.into())])
    }
}
