//! Answers as the description of the API shows them.

use serde_json::{Value, json};

/// A user who has just come for the first time.
pub(super) fn user() -> Value {
    json!({
        "id": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f51",
        "projectEnvironmentId": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f50",
        "verifiedCredentials": [{
            "id": "0190a5e6-7c1b-7e2a-9d3f-2b6c8a1e4f52",
            "format": "externalUser",
            "public_identifier": "alice",
            "signInEnabled": true,
            "verifiedAt": "2026-03-01T12:00:00Z",
        }],
        "sessionId": "0190a5e6-7c1b-8e2a-9d3f-2b6c8a1e4f53",
        "newUser": true,
        "scope": "user:basic",
        "missingFields": [],
        "metadata": {},
    })
}

/// A user with a session token.
pub(super) fn signed_in() -> Value {
    json!({
        "user": user(),
        "expiresAt": 1_772_373_600,
        "minifiedJwt": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2ln",
        "jwt": "eyJhbGciOiJFUzI1NiIsInR5cCI6ImlkK2p3dCJ9.e30.c2ln",
    })
}
