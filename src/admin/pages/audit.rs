//! The audit: who changed what, and when.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use uuid::Uuid;

use super::people::{People, Person};
use super::{AUDIT, Frame, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::audit::{self, Search};
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::store::{AuditRecord, PageRequest};

#[derive(Template)]
#[template(path = "dashboard/audit.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    /// The filter, as it was typed.
    actor: String,
    action: String,
    next: Option<String>,
}

/// A record, with the user or the access list that it is about.
struct Row {
    record: AuditRecord,
    person: Option<Person>,
    /// What the access list is called.
    list: Option<String>,
}

impl Page {
    fn is_filtered(&self) -> bool {
        !(self.actor.is_empty() && self.action.is_empty())
    }

    /// The filter as a query.
    fn filter(&self) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (actor, action) = (encoded(&self.actor), encoded(&self.action));
        format!("actor={actor}&action={action}")
    }
}

impl Row {
    /// What else is known of it.
    fn details(&self) -> Vec<(&String, &Value)> {
        let details = self.record.detail.iter();
        details.filter(|(key, _)| *key != audit::FROM).collect()
    }

    /// The address that the operator came from.
    fn source(&self) -> Option<&str> {
        self.record.detail.get(audit::FROM)?.as_str()
    }
}

/// `GET /dashboard/audit`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Response, ApiError> {
    let search = typed(search);
    let (actor, action) = (search.actor.clone(), search.action.clone());
    let found = audit::find(&state, search).await?;
    let people = People::of(&state, found.records.iter().filter_map(user)).await;
    let lists = list_names(&state, &found.records).await;
    let row = |record: AuditRecord| Row {
        person: user(&record).map(|id| people.person(&id)),
        list: list(&record).and_then(|id| lists.get(&id).cloned()),
        record,
    };
    Ok(page(&Page {
        frame: Frame::new(AUDIT, "Audit log", dashboard_user),
        rows: found.records.into_iter().map(row).collect(),
        actor: actor.unwrap_or_default(),
        action: action.unwrap_or_default(),
        next: found.next,
    }))
}

/// `GET /dashboard/audit/export`: the newest records that match, one line of JSON each.
pub(super) async fn export(
    State(state): State<AdminState>,
    _: DashboardUser,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Response, ApiError> {
    let search = Search {
        limit: Some(PageRequest::MAX),
        after: None,
        ..typed(search)
    };
    let mut lines = String::new();
    for record in audit::find(&state, search).await?.records {
        lines.push_str(&serde_json::to_string(&record).unwrap_or_default());
        lines.push('\n');
    }
    let fields = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((fields, lines).into_response())
}

/// A form sends empty fields for what is not asked.
fn typed(search: Search) -> Search {
    let given = |text: Option<String>| {
        let text = text.map(|text| text.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    Search {
        actor: given(search.actor),
        action: given(search.action),
        ..search
    }
}

/// The access list that a record is about.
fn list(record: &AuditRecord) -> Option<Uuid> {
    let target = record.target.as_deref();
    let target = target.filter(|_| record.action.starts_with("access_list."));
    target?.parse().ok()
}

/// What the access lists are called that records are about. Of those that are deleted, and where the store
/// does not answer, only ids are shown.
async fn list_names(state: &AdminState, records: &[AuditRecord]) -> HashMap<Uuid, String> {
    if !records.iter().any(|record| list(record).is_some()) {
        return HashMap::new();
    }
    let lists = state.live_config.access_lists().await.unwrap_or_default();
    lists.into_iter().map(|list| (list.id, list.name)).collect()
}

/// The user whom a record is about.
fn user(record: &AuditRecord) -> Option<Uuid> {
    let of_detail = record.detail.get("user").and_then(Value::as_str);
    let is_target = record.action.starts_with("user.");
    let target = record.target.as_deref().filter(|_| is_target);
    of_detail.or(target)?.parse().ok()
}
