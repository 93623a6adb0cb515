//! The parameters of a form (RFC 6749 section 3.2).

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::OAuthError;

/// The parameters of one request, each there once.
#[derive(Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// From the content of a request.
    ///
    /// # Errors
    ///
    /// Not a form, or a parameter twice.
    pub fn read(headers: &HeaderMap, content: &[u8]) -> Result<Self, OAuthError> {
        let media_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        let essence = media_type.and_then(|value| value.split(|byte| *byte == b';').next());
        if !essence.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(FORM)) {
            return Err(OAuthError::invalid_request("the body is not a form"));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(content) {
            // RFC 6749 section 3.1: a parameter without a value counts as left out.
            if value.is_empty() {
                continue;
            }
            if parameters
                .insert(name.into_owned(), value.into_owned())
                .is_some()
            {
                return Err(OAuthError::invalid_request("a parameter occurs twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that has to be there.
    pub fn required(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::missing(name))
    }
}

/// The form of introspection and revocation. [`Parameters`] reads it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form for the document")]
pub struct GivenToken {
    /// The session token to introspect or revoke.
    token: String,
    /// Ignored: there is one kind of token.
    token_type_hint: Option<String>,
    /// Of a client that does not authenticate by `Authorization`.
    client_id: Option<String>,
    /// The client's secret, if it authenticates in the body.
    client_secret: Option<String>,
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";
