//! The audit: who changed what, and when.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{AUDIT, Frame, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::page::Paging;
use crate::store::AuditRecord;

#[derive(Template)]
#[template(path = "dashboard/audit.html")]
struct Page {
    frame: Frame,
    records: Vec<AuditRecord>,
    next: Option<String>,
}

/// `GET /dashboard/audit`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Response, ApiError> {
    let found = state.store.audit(paging.into()).await?;
    Ok(page(&Page {
        frame: Frame::new(AUDIT, "Audit log", dashboard_user),
        records: found.items,
        next: found.next,
    }))
}
