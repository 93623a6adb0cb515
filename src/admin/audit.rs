//! Who changed what, and when.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::{info, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::body::ValidQuery;
use super::page::Paging;
use super::refusals;
use crate::clock::UnixTime;
use crate::store::{AuditRecord, Store};

/// A part of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub records: Vec<AuditRecord>,
    /// What to ask for the next page with; null after the last.
    pub next: Option<String>,
}

/// List the actions of operators, newest first.
#[utoipa::path(
    get,
    path = "/admin/api/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(Paging),
    responses(
        (status = 200, description = "One page.", body = AuditPage),
        refusals::Look, refusals::BadRequest, refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<AuditPage>, ApiError> {
    let page = state.store.audit(paging.into()).await?;
    Ok(Json(AuditPage {
        records: page.items,
        next: page.next,
    }))
}

/// Writes down what an operator did. What is done is done: a store that fails here is logged.
pub async fn record(
    store: &dyn Store,
    operator: &Operator,
    action: &str,
    target: &str,
    detail: Map<String, Value>,
) {
    info!(actor = %operator.name, action, target, "operator");
    let record = AuditRecord {
        id: Uuid::now_v7(),
        at: UnixTime::now(),
        actor: operator.name.to_string(),
        action: action.to_owned(),
        target: Some(target.to_owned()),
        detail,
    };
    if let Err(error) = store.append_audit(record).await {
        warn!(%error, action, target, "the audit record could not be written");
    }
}
