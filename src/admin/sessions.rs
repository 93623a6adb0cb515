//! Sessions as operators see and revoke them.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use super::body::{Path, ValidQuery};
use super::page::Paging;
use super::refusals;
use crate::clock::UnixTime;
use crate::store::{Ended, PageRequest, RevocationReason, SessionRecord};

/// Which sessions to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Search {
    /// Of this user; of all without it.
    #[serde(default)]
    pub user: Option<Uuid>,
    /// In this state; in any without it.
    #[serde(default)]
    pub state: Option<SessionState>,
    /// Opened by this issuer, by its name; by any without it.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// The maximum number of entries; 50 if omitted, at most 1000.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// A part of the sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionPage {
    /// Newest first.
    pub sessions: Vec<SessionRow>,
    /// What to ask for the next page with; null after the last. Of a state or an issuer, a page may be shorter than
    /// asked for, even empty, and have a next one.
    pub next: Option<String>,
}

/// A session, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionRow {
    /// The session id.
    pub sid: Uuid,
    /// The id of the session's user.
    pub user_id: Uuid,
    /// The issuer's name when it was opened.
    pub issuer: String,
    /// Whether it is open.
    pub state: SessionState,
    /// When it was opened.
    pub opened_at: UnixTime,
    /// When it expires.
    pub expires_at: UnixTime,
    /// The latest activity that was stored.
    pub last_seen: UnixTime,
    /// When and why it ended.
    pub ended: Option<Ended>,
    /// The client's address at the opening.
    pub client_address: Option<String>,
    /// The client's `User-Agent` at the opening.
    pub user_agent: Option<String>,
    /// The thumbprint (RFC 7638) of the key of the browser's device that the session is bound to;
    /// null if it is not bound.
    pub device_key: Option<String>,
}

/// Whether a session is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Its tokens are accepted.
    Open,
    /// Its time has come.
    Expired,
    /// The session was revoked or signed out.
    Ended,
}

impl From<SessionRecord> for SessionRow {
    fn from(record: SessionRecord) -> Self {
        let state = if record.ended.is_some() {
            SessionState::Ended
        } else if record.expires_at <= UnixTime::now() {
            SessionState::Expired
        } else {
            SessionState::Open
        };
        Self {
            sid: record.sid,
            user_id: record.user_id,
            issuer: record.issuer,
            state,
            opened_at: record.opened_at,
            expires_at: record.expires_at,
            last_seen: record.last_seen,
            ended: record.ended,
            client_address: record.client_address.map(|address| address.to_string()),
            user_agent: record.user_agent,
            device_key: record.device.map(|device| device.key.thumbprint()),
        }
    }
}

/// List sessions, newest first.
#[utoipa::path(
    get,
    path = "/admin/api/sessions",
    operation_id = "listSessions",
    tag = "sessions",
    params(Search),
    responses(
        (status = 200, description = "One page.", body = SessionPage),
        refusals::Look, refusals::BadRequest, refusals::Unavailable,
    ),
)]
pub async fn list(
    State(state): State<AdminState>,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Json<SessionPage>, ApiError> {
    find(&state, search).await.map(Json)
}

/// Show one session.
#[utoipa::path(
    get,
    path = "/admin/api/sessions/{sid}",
    operation_id = "showSession",
    tag = "sessions",
    params(("sid" = Uuid, Path)),
    responses(
        (status = 200, description = "The session.", body = SessionRow),
        refusals::Look, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn show(
    State(state): State<AdminState>,
    Path(sid): Path<Uuid>,
) -> Result<Json<SessionRow>, ApiError> {
    one(&state, sid).await.map(Json)
}

/// End a session permanently, from the next request on.
#[utoipa::path(
    post,
    path = "/admin/api/sessions/{sid}/revoke",
    operation_id = "revokeSession",
    tag = "sessions",
    params(("sid" = Uuid, Path)),
    responses(
        (status = 200, description = "The session afterwards.", body = SessionRow),
        refusals::Change, refusals::Missing, refusals::Unavailable,
    ),
)]
pub async fn revoke(
    State(state): State<AdminState>,
    operator: Operator,
    Path(sid): Path<Uuid>,
) -> Result<Json<SessionRow>, ApiError> {
    end(&state, &operator, sid).await.map(Json)
}

/// The sessions that a search means. Of a state, a page may be shorter than asked for and have a
/// next one: at most `LOOKED_AT` parts of the list are looked through for it.
pub async fn find(state: &AdminState, search: Search) -> Result<SessionPage, ApiError> {
    let mut page = PageRequest::from(Paging {
        after: search.after,
        limit: search.limit,
    });
    let wanted = page.limit;
    let mut found = SessionPage {
        sessions: Vec::new(),
        next: None,
    };
    for _ in 0..LOOKED_AT {
        let part = state.store.sessions(search.user, page.clone()).await?;
        let rows = rows(part.items).into_iter();
        let is_wanted = |row: &SessionRow| {
            let issuer = search.issuer.as_ref();
            search.state.is_none_or(|state| row.state == state)
                && issuer.is_none_or(|issuer| row.issuer == *issuer)
        };
        found.sessions.extend(rows.filter(is_wanted));
        found.next = part.next;
        if found.next.is_none() || found.sessions.len() >= wanted {
            break;
        }
        page.after.clone_from(&found.next);
        page.limit = wanted - found.sessions.len();
    }
    Ok(found)
}

/// A session by its id.
///
/// # Errors
///
/// There is none with this id, or the store does not answer.
pub async fn one(state: &AdminState, sid: Uuid) -> Result<SessionRow, ApiError> {
    let found = state.store.session(sid).await?;
    let record = found.ok_or_else(|| ApiError::not_found("session"))?;
    Ok(record.into())
}

/// Ends a session permanently, from the next request on.
pub async fn end(
    state: &AdminState,
    operator: &Operator,
    sid: Uuid,
) -> Result<SessionRow, ApiError> {
    // An id that nobody has seen is more likely a typing error than a session to prevent.
    let known = state.store.session(sid).await?;
    known.ok_or_else(|| ApiError::not_found("session"))?;
    let ended = state
        .exchange()
        .sessions()
        .end_session(sid, RevocationReason::Operator)
        .await?;
    let record = ended.ok_or_else(|| ApiError::not_found("session"))?;
    let detail = Map::from_iter([("user".to_owned(), json!(record.user_id))]);
    let target = sid.to_string();
    audit::record(&*state.store, operator, "session.revoke", &target, detail).await;
    Ok(record.into())
}

/// The rows of these sessions, as operators see them.
pub fn rows(records: Vec<SessionRecord>) -> Vec<SessionRow> {
    records.into_iter().map(SessionRow::from).collect()
}

/// Parts of the list of sessions that one answer reads.
const LOOKED_AT: usize = 20;
