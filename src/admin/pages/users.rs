//! Users: the search, and one of them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::people::{Person, short};
use super::session_view::{SessionView, any_open};
use super::{Frame, Sent, USERS, ago, done, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::body::ValidQuery;
use crate::admin::browser::DashboardUser;
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
    sessions: Vec<SessionView>,
    /// Where forms about a session lead back to.
    back: String,
}

impl One {
    fn format(&self, format: &CredentialFormat) -> &'static str {
        match format {
            CredentialFormat::ExternalUser => "externalUser",
            CredentialFormat::Email => "email",
        }
    }
}

impl List {
    fn person(&self, user: &User) -> Person {
        Person::of(user)
    }

    /// What issuers call the user, in addition to what the page calls them.
    fn identities<'a>(&self, user: &'a User) -> Vec<&'a str> {
        let held = user.credentials.iter();
        let external = held.filter(|held| held.format == CredentialFormat::ExternalUser);
        external
            .map(|held| held.public_identifier.as_str())
            .collect()
    }

    fn short(&self, user: &User) -> String {
        short(&user.id)
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
    let title = Person::of(&found.user).name;
    Ok(page(&One {
        frame: Frame::new(USERS, title, dashboard_user),
        back: to_user(id),
        user: found.user,
        sessions: SessionView::all(&state, found.sessions).await,
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
    let word = if sent.blocked { "blocked" } else { "unblocked" };
    Ok(done(&to_user(id), word))
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
    Ok(done(&to_user(id), "signed-out"))
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
    Ok(done(USERS, "user-deleted"))
}

fn to_user(id: Uuid) -> String {
    format!("{USERS}/{id}")
}
