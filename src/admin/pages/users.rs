//! Users: the search, and one of them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::confirm::{Destructive, Question};
use super::people::{Person, short};
use super::session_view::{SessionView, any_open};
use super::{Frame, Sent, USERS, ago, done, moment, page, sessions, visible};
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
    /// Whether there may be more sessions than those that are listed.
    fn has_more(&self) -> bool {
        self.sessions.len() == users::SHOWN_SESSIONS
    }

    /// The address of all of them.
    fn all_sessions(&self) -> String {
        sessions::address(true, "", Some(self.user.id))
    }

    /// The metadata as it is shown.
    fn metadata(&self) -> Vec<(String, String)> {
        let members = self.user.metadata.iter();
        members
            .map(|(key, value)| (visible(key), visible(&value.to_string())))
            .collect()
    }

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
    fn identities(&self, user: &User) -> Vec<String> {
        let held = user.credentials.iter();
        let external = held.filter(|held| held.format == CredentialFormat::ExternalUser);
        external
            .map(|held| visible(&held.public_identifier))
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
    form: Destructive<Block>,
) -> Result<Response, ApiError> {
    let Block { csrf, blocked } = &form.sent;
    dashboard_user.check(csrf)?;
    if *blocked && !form.is_confirmed() {
        let name = name_of(&state, id).await?;
        let effect = "All sessions end, and every token of this user is refused until an operator \
                      unblocks the user.";
        let question = about(id, format!("Block {name}?"), effect, "Block the user");
        return Ok(form.ask(dashboard_user, question));
    }
    users::set_blocked(&state, &dashboard_user.operator, id, *blocked).await?;
    let word = if *blocked { "blocked" } else { "unblocked" };
    Ok(done(&to_user(id), word))
}

/// `POST /dashboard/users/{id}/sign-out`.
pub(super) async fn sign_out(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let name = name_of(&state, id).await?;
        let effect =
            "Requests with their tokens are refused from now on. The user can sign in again.";
        let title = format!("End all sessions of {name}?");
        let question = about(id, title, effect, "End all sessions");
        return Ok(form.ask(dashboard_user, question));
    }
    users::sign_out_everywhere(&state, &dashboard_user.operator, id).await?;
    Ok(done(&to_user(id), "signed-out"))
}

/// `POST /dashboard/users/{id}/delete`.
pub(super) async fn delete(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let name = name_of(&state, id).await?;
        let effect = "The user is deleted with all credentials and sessions. If the person signs \
                      in again, a new user is created.";
        let question = about(id, format!("Delete {name}?"), effect, "Delete the user");
        return Ok(form.ask(dashboard_user, question));
    }
    users::remove(&state, &dashboard_user.operator, id).await?;
    Ok(done(USERS, "user-deleted"))
}

/// A question about a user.
fn about(id: Uuid, title: String, effect: &str, verb: &'static str) -> Question {
    Question {
        section: USERS,
        title,
        effect: effect.to_owned(),
        verb,
        back: to_user(id),
    }
}

/// What pages call a user.
async fn name_of(state: &AdminState, id: Uuid) -> Result<String, ApiError> {
    let found = users::one(state, id).await?;
    Ok(Person::of(&found.user).name)
}

fn to_user(id: Uuid) -> String {
    format!("{USERS}/{id}")
}
