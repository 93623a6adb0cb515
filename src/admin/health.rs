//! Whether the gateway can serve, and what is degraded.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::AdminState;
use super::degraded;

/// The gateway's own state; issuers have theirs.
#[derive(Debug, Default)]
pub struct Health {
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Health {
    /// Notes that all public listeners accept connections.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// Whether all public listeners accept connections.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// Notes that the gateway finishes what it has begun and takes nothing new.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    degraded: Vec<String>,
}

/// `GET /ready`: 200 with what is degraded, 503 while starting, while draining, or while an
/// issuer marked `required_for_ready` has no keys.
pub async fn ready(State(state): State<AdminState>) -> impl IntoResponse {
    let waits_for_keys = state.issuers().lacks_required_keys();
    let found = degraded::degraded(&state).await.into_iter();
    // What an operator wants is no reason to look after a gateway.
    let degraded: Vec<String> = found
        .filter(|degraded| !degraded.is_wanted)
        .map(|degraded| degraded.text)
        .collect();
    let (code, status) = if state.health.draining.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if !state.health.listening.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "starting")
    } else if waits_for_keys {
        (StatusCode::SERVICE_UNAVAILABLE, "waiting for keys")
    } else if degraded.is_empty() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::OK, "degraded")
    };
    (code, Json(Readiness { status, degraded }))
}
