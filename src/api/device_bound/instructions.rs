//! What a browser learns of its bound session (draft of 2026-02-17, "JSON Session Instruction
//! Format").

use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::ApiSettings;
use crate::canonical::Host;
use crate::rejection::{Code, Rejection};
use crate::session::cookie;

/// A bound session, as its browser keeps it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceBoundSession)]
pub(super) struct Instructions {
    /// The origin. A later login's bound session replaces the earlier one, since both are about one
    /// cookie.
    session_identifier: String,
    refresh_url: String,
    scope: Scope,
    credentials: [BoundCredential; 1],
    /// Any site may link to the gateway's pages. The cookie goes with such a navigation alone, so
    /// nothing else of another site waits for a refresh, and could measure it.
    allowed_refresh_initiators: [&'static str; 1],
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceBoundScope)]
struct Scope {
    origin: String,
    include_site: bool,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeviceBoundCredential)]
struct BoundCredential {
    r#type: &'static str,
    name: &'static str,
    attributes: &'static str,
}

/// As the description of the API shows them.
pub(super) fn example() -> Value {
    json!({
        "session_identifier": "https://app.example.com",
        "refresh_url": "/_vestibule/device-bound/6f1d2c3b-4a59-8e82-8f4a-523c7e4b7c9d/refresh",
        "scope": {"origin": "https://app.example.com", "include_site": false},
        "credentials": [{
            "type": "cookie",
            "name": "__Host-vestibule",
            "attributes": "Path=/; Secure; HttpOnly; SameSite=Lax",
        }],
        "allowed_refresh_initiators": ["*"],
    })
}

impl Instructions {
    /// The instructions for a session, for the host that was asked.
    pub(super) fn new(
        settings: &ApiSettings,
        headers: &HeaderMap,
        sid: Uuid,
    ) -> Result<Self, Rejection> {
        let origin = identifier(settings, headers)?;
        let name = settings.token_sources.session_cookie();
        Ok(Self {
            session_identifier: origin.clone(),
            refresh_url: format!("{}/device-bound/{sid}/refresh", settings.api_prefix),
            scope: Scope {
                origin,
                include_site: false,
            },
            credentials: [BoundCredential {
                r#type: "cookie",
                name,
                attributes: cookie::attributes(name),
            }],
            allowed_refresh_initiators: ["*"],
        })
    }
}

/// The origin that was asked.
pub(super) fn identifier(settings: &ApiSettings, headers: &HeaderMap) -> Result<String, Rejection> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| Host::parse(host).ok());
    let host = host.ok_or_else(|| Rejection::new(Code::InvalidRequest, "host_missing"))?;
    let scheme = if settings.is_https { "https" } else { "http" };
    Ok(format!("{scheme}://{}", host.authority()))
}
