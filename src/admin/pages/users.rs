//! Users: the search, and one of them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{Frame, Sent, USERS, ago, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
use crate::admin::sessions::{SessionRow, SessionState};
use crate::admin::users::{self, Search};
use crate::store::{CredentialFormat, User};

#[derive(Template)]
#[template(path = "dashboard/users.html")]
struct List {
    frame: Frame,
    query: String,
    users: Vec<User>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/user.html")]
struct One {
    frame: Frame,
    user: User,
    sessions: Vec<SessionRow>,
}

impl One {
    fn format(&self, format: &CredentialFormat) -> &'static str {
        match format {
            CredentialFormat::ExternalUser => "externalUser",
            CredentialFormat::Email => "email",
        }
    }

    fn is_open(&self, session: &SessionRow) -> bool {
        session.state == SessionState::Open
    }
}

#[derive(Deserialize)]
pub(super) struct Block {
    csrf: String,
    blocked: bool,
}

/// `GET /dashboard/users`.
pub(super) async fn list(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    ValidQuery(search): ValidQuery<Search>,
) -> Result<Response, ApiError> {
    let query = search.q.clone().unwrap_or_default();
    let found = users::find(&state, search).await?;
    Ok(page(&List {
        frame: Frame::new(USERS, "Users", dashboard_user),
        query,
        users: found.items,
        next: found.next,
    }))
}

/// `GET /dashboard/users/{id}`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
) -> Result<Response, ApiError> {
    let found = users::one(&state, id).await?;
    Ok(page(&One {
        frame: Frame::new(USERS, "User", dashboard_user),
        user: found.user,
        sessions: found.sessions,
    }))
}

/// `POST /dashboard/users/{id}/blocked`.
pub(super) async fn block(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    Form(sent): Form<Block>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    users::set_blocked(&state, &dashboard_user.operator, id, sent.blocked).await?;
    Ok(to_user(id))
}

/// `POST /dashboard/users/{id}/sign-out`.
pub(super) async fn sign_out(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    users::sign_out_everywhere(&state, &dashboard_user.operator, id).await?;
    Ok(to_user(id))
}

/// `POST /dashboard/users/{id}/delete`.
pub(super) async fn delete(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    users::remove(&state, &dashboard_user.operator, id).await?;
    Ok(Redirect::to("/dashboard/users").into_response())
}

fn to_user(id: Uuid) -> Response {
    Redirect::to(&format!("/dashboard/users/{id}")).into_response()
}
