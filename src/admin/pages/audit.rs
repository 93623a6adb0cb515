//! The audit: who changed what, and when.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{Stream, TryStreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use uuid::Uuid;

use super::people::{People, Person};
use super::{AUDIT, Frame, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::audit::{self, AuditPage, Search};
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::store::{AuditRecord, PageRequest, Store};

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
    let found = audit::find(&*state.store, search).await?;
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

/// `GET /dashboard/audit/export`: all records that match, the newest first, one line of JSON each.
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
    let parts = parts(Arc::clone(&state.store), search).await?;
    // A file that is not whole is none: the connection ends, and the browser says so.
    let parts = parts.map_err(|fault| io::Error::other(fault.message));
    let fields = [
        (CONTENT_TYPE, "application/jsonl"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((fields, Body::from_stream(parts)).into_response())
}

/// All records that a search means, by parts as long as it says.
///
/// # Errors
///
/// The search is not valid, or the store does not answer; said before the first part.
async fn parts(
    store: Arc<dyn Store>,
    search: Search,
) -> Result<impl Stream<Item = Result<String, ApiError>>, ApiError> {
    let first = audit::find(&*store, search.clone()).await?;
    Ok(stream::try_unfold(Some(first), move |part| {
        let (store, search) = (Arc::clone(&store), search.clone());
        async move {
            let Some(AuditPage { records, next }) = part else {
                return Ok(None);
            };
            let following = match next {
                None => None,
                after => Some(audit::find(&*store, Search { after, ..search }).await?),
            };
            Ok::<_, ApiError>(Some((lines(&records), following)))
        }
    }))
}

/// Records as lines of JSON.
fn lines(records: &[AuditRecord]) -> String {
    let mut lines = String::new();
    for record in records {
        lines.push_str(&serde_json::to_string(record).unwrap_or_default());
        lines.push('\n');
    }
    lines
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

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::clock::UnixTime;
    use crate::store::TestStore;

    #[tokio::test]
    async fn an_export_has_all_records_that_match_however_many_parts_that_takes() {
        let test_store = TestStore::new();
        for at in 0..7 {
            let record = AuditRecord {
                id: Uuid::now_v7(),
                at: UnixTime(at),
                actor: if at == 3 { "eve" } else { "ada" }.to_owned(),
                action: "key.rotate".to_owned(),
                target: None,
                detail: Map::new(),
            };
            test_store.store().append_audit(record).await.unwrap();
        }
        let of_ada = Search {
            actor: Some("ada".to_owned()),
            limit: Some(2),
            ..Search::default()
        };
        let parts = parts(test_store.store(), of_ada).await.unwrap();
        let parts: Vec<String> = parts.try_collect().await.unwrap();
        let records: Vec<AuditRecord> = parts
            .concat()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let at: Vec<u64> = records.iter().map(|record| record.at.0).collect();
        assert_eq!(at, [6, 5, 4, 2, 1, 0]);
        assert!(parts.len() > 2);
    }
}
