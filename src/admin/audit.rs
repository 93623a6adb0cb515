//! Who changed what, and when.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
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
use crate::store::{AuditRecord, PageRequest, Store};

/// Which records to list.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Of this operator; of all without it.
    #[serde(default)]
    pub actor: Option<String>,
    /// Actions that start with this, such as `user.`; all without it.
    #[serde(default)]
    pub action: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// The maximum number of entries; 50 if omitted, at most 1000.
    #[serde(default)]
    pub limit: Option<usize>,
}

impl Search {
    fn wants(&self, record: &AuditRecord) -> bool {
        let actor = self.actor.as_ref();
        let action = self.action.as_ref();
        actor.is_none_or(|actor| record.actor == *actor)
            && action.is_none_or(|action| record.action.starts_with(action.as_str()))
    }
}

/// A part of the audit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub records: Vec<AuditRecord>,
    /// What to ask for the next page with; null after the last. With a filter, a page may be shorter than asked for,
    /// even empty, and have a next one.
    pub next: Option<String>,
}

/// List the actions of operators, newest first.
#[utoipa::path(
    get,
    path = "/admin/api/audit",
    operation_id = "listAudit",
    tag = "audit",
    params(Search),
    responses(
        (status = 200, description = "One page.", body = AuditPage),
        refusals::Look, refusals::BadRequest, refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<AuditPage>, ApiError> {
    find(&*state.store, search).await.map(Json)
}

/// The records that a search means. With a filter, a page may be shorter than asked for and have a
/// next one: at most `LOOKED_AT` parts of the audit are looked through for it.
pub async fn find(store: &dyn Store, search: Search) -> Result<AuditPage, ApiError> {
    let mut page = PageRequest::from(Paging {
        after: search.after.clone(),
        limit: search.limit,
    });
    let wanted = page.limit;
    let mut found = AuditPage {
        records: Vec::new(),
        next: None,
    };
    for _ in 0..LOOKED_AT {
        let part = store.audit(page.clone()).await?;
        let records = part.items.into_iter();
        found
            .records
            .extend(records.filter(|record| search.wants(record)));
        found.next = part.next;
        if found.next.is_none() || found.records.len() >= wanted {
            break;
        }
        page.after.clone_from(&found.next);
        page.limit = wanted - found.records.len();
    }
    Ok(found)
}

/// Writes down what an operator did. What is done is done: a store that fails here is logged.
pub async fn record(
    store: &dyn Store,
    operator: &Operator,
    action: &str,
    target: &str,
    mut detail: Map<String, Value>,
) {
    info!(actor = %operator.name, action, target, "operator");
    if let Some(from) = operator.from {
        detail.insert(FROM.to_owned(), from.to_string().into());
    }
    if let Some(session) = operator.session() {
        detail.insert(ACTOR.to_owned(), session.user.to_string().into());
        detail.insert(ACTOR_ISSUER.to_owned(), (*session.issuer).into());
    }
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

/// The member of a record's detail that says from which address the operator came.
pub const FROM: &str = "from";
/// The members that say which user the operator is, whose name is an address, and of which issuer.
const ACTOR: &str = "actor_user";
const ACTOR_ISSUER: &str = "actor_issuer";
/// Parts of the audit that one answer reads.
const LOOKED_AT: usize = 20;
