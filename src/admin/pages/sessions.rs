//! Sessions, the newest first: those that are open, or all.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{Frame, SESSIONS, Sent, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::sessions::{self, Search, SessionRow, SessionState};

#[derive(Template)]
#[template(path = "dashboard/sessions.html")]
struct Page {
    frame: Frame,
    sessions: Vec<SessionRow>,
    /// Whether sessions that are over are listed, too.
    all: bool,
    next: Option<String>,
}

impl Page {
    fn is_open(&self, session: &SessionRow) -> bool {
        session.state == SessionState::Open
    }
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    after: Option<String>,
}

/// `GET /dashboard/sessions`.
pub(super) async fn list(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(Which { all, after }): ValidQuery<Which>,
) -> Result<Response, ApiError> {
    let search = Search {
        state: (!all).then_some(SessionState::Open),
        after,
        ..Search::default()
    };
    let found = sessions::find(&state, search).await?;
    Ok(page(&Page {
        frame: Frame::new(SESSIONS, "Sessions", dashboard_user),
        sessions: found.sessions,
        all,
        next: found.next,
    }))
}

/// `POST /dashboard/sessions/{sid}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(sid): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let ended = sessions::end(&state, &dashboard_user.operator, sid).await?;
    Ok(Redirect::to(&format!("/dashboard/users/{}", ended.user_id)).into_response())
}
