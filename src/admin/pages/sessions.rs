//! Sessions, the newest first.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use super::{Frame, Sent, moment, page};
use crate::admin::AdminState;
use crate::admin::body::Asked;
use crate::admin::browser::Visitor;
use crate::admin::fault::Fault;
use crate::admin::page::Paging;
use crate::admin::sessions::{self, SessionRow, SessionState};

#[derive(Template)]
#[template(path = "dashboard/sessions.html")]
struct Page {
    frame: Frame,
    sessions: Vec<SessionRow>,
    next: Option<String>,
}

impl Page {
    fn is_open(&self, session: &SessionRow) -> bool {
        session.state == SessionState::Open
    }
}

/// `GET /dashboard/sessions`.
pub(super) async fn list(
    State(state): State<AdminState>,
    visitor: Visitor,
    Asked(paging): Asked<Paging>,
) -> Result<Response, Fault> {
    let found = state.store.sessions(None, paging.into()).await?;
    Ok(page(&Page {
        frame: Frame::new("Sessions", visitor),
        sessions: sessions::rows(found.items),
        next: found.next,
    }))
}

/// `POST /dashboard/sessions/{sid}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    visitor: Visitor,
    Path(sid): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, Fault> {
    visitor.check(&sent.csrf)?;
    let ended = sessions::end(&state, &visitor.operator, sid).await?;
    Ok(Redirect::to(&format!("/dashboard/users/{}", ended.user_id)).into_response())
}
