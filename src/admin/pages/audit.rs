//! The audit: who changed what, and when.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::{AUDIT, Frame, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::body::Asked;
use crate::admin::browser::Visitor;
use crate::admin::fault::Fault;
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
    visitor: Visitor,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Fault> {
    let found = state.store.audit(paging.into()).await?;
    Ok(page(&Page {
        frame: Frame::new(AUDIT, "Audit log", visitor),
        records: found.items,
        next: found.next,
    }))
}
