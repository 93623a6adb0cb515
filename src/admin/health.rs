//! Whether the gateway can serve, and what is degraded.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Serialize;

use super::AdminState;
use super::clocks;
use crate::store::StoreError;

/// The gateway's own state; issuers have theirs.
#[derive(Debug, Default)]
pub struct Health {
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Health {
    /// All public listeners accept connections.
    pub fn listening(&self) {
        self.listening.store(true, Ordering::Release);
    }

    /// Whether they do.
    pub fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    /// The gateway finishes what it has begun and takes nothing new.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

#[derive(Debug, Serialize)]
struct Readiness {
    status: &'static str,
    degraded: Vec<String>,
}

/// What operators see of a store with problems. The exact cause is in the log, except for one that
/// operators can fix themselves.
pub fn of_store(error: &StoreError) -> String {
    match error {
        StoreError::Full(cause) => format!("the store cannot be written ({cause})"),
        _ => "the store does not respond".to_owned(),
    }
}

/// `GET /ready`: 200 with what is degraded, 503 while starting, while draining, or while an
/// issuer marked `required_for_ready` has no keys.
pub async fn ready(State(state): State<AdminState>) -> impl IntoResponse {
    let mut degraded = Vec::new();
    let waits_for_keys = state.issuers().wait_for_keys();
    for issuer in state.issuers().iter().filter(|one| one.enabled()) {
        let (name, keys) = (issuer.name(), issuer.keys().status());
        if !keys.has_keys {
            degraded.push(format!("issuer {name} has no keys"));
        } else if keys.degraded {
            degraded.push(format!(
                "issuer {name} does not respond; its last valid keys are in use"
            ));
        }
    }
    if let Err(error) = state.store.health().await {
        degraded.push(format!("{}; known sessions continue", of_store(&error)));
    }
    let exchange = state.exchange();
    if exchange
        .rates()
        .sharing()
        .is_some_and(|sharing| sharing.is_alone())
    {
        degraded.push("rate limits are counted by this gateway alone".to_owned());
    }
    degraded.extend(clocks::complaint(&state).map(|complaint| complaint.text));
    degraded.extend(state.admission.strained());
    for upstream in state.snapshot.load().proxy.upstreams() {
        let name = upstream.name();
        let servers = upstream.servers().into_iter().zip(upstream.healthy());
        let mut in_use = servers.filter(|(server, _)| !server.overridden.is_drained);
        if upstream.addresses().is_empty() {
            degraded.push(format!("upstream {name} resolves to no address"));
        } else if upstream.are_all_drained() {
            degraded.push(format!("all servers of upstream {name} are drained"));
        } else if in_use.all(|(_, (_, count))| count == 0) {
            degraded.push(format!("upstream {name} has no healthy server"));
        }
    }
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
