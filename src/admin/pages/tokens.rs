//! Admin tokens: who has one, and giving and taking them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::confirm::{Destructive, Question};
use super::{Frame, Sent, TOKENS, ago, done, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::tokens::{self, Create, TokenRow};
use crate::operator::Role;

#[derive(Template)]
#[template(path = "dashboard/tokens.html")]
struct Page {
    frame: Frame,
    tokens: Vec<TokenRow>,
    /// Whether the listener asks for any.
    asked_for: bool,
    /// The name and the text of a token that was just created.
    made: Option<(String, String)>,
    /// What was typed, and why it was refused.
    name: String,
    role: Role,
    days: u32,
    problem: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    csrf: String,
    name: String,
    role: Role,
    days: u32,
}

/// `GET /dashboard/tokens`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Result<Response, ApiError> {
    Ok(page(&Page::new(&state, dashboard_user).await?))
}

/// `POST /dashboard/tokens`. The answer is the only one that has the token.
pub(super) async fn create(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(sent): Form<Wanted>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let name = sent.name.trim().to_owned();
    let wanted = Create {
        name: name.clone(),
        role: sent.role,
        expires_in_days: sent.days,
    };
    match tokens::create_token(&state, &dashboard_user.operator, wanted).await {
        Ok(created) => {
            let made = Some((created.row.name, created.token));
            let shown = Page::new(&state, dashboard_user).await?;
            Ok(page(&Page { made, ..shown }))
        }
        Err(fault) => {
            let (status, problem) = (fault.status, Some(fault.message));
            let shown = Page::new(&state, dashboard_user).await?;
            let shown = Page {
                name,
                role: sent.role,
                days: sent.days,
                problem,
                ..shown
            };
            Ok((status, page(&shown)).into_response())
        }
    }
}

/// `POST /dashboard/tokens/{name}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let question = Question {
            section: TOKENS,
            title: format!("Revoke the token of {name}?"),
            effect: "It is refused from now on, at every gateway that uses this store.".to_owned(),
            verb: "Revoke the token",
            back: TOKENS.to_owned(),
        };
        return Ok(form.ask(dashboard_user, question));
    }
    tokens::revoke(&state, &dashboard_user.operator, &name).await?;
    Ok(done(TOKENS, "token-revoked"))
}

impl Page {
    /// How long a token can be valid, in words, and which of it is chosen.
    fn lifetimes(&self) -> [(u32, &'static str, bool); 4] {
        LIFETIMES.map(|(days, words)| (days, words, days == self.days))
    }

    async fn new(state: &AdminState, dashboard_user: DashboardUser) -> Result<Self, ApiError> {
        Ok(Self {
            frame: Frame::new(TOKENS, "Admin tokens", dashboard_user),
            tokens: tokens::rows(state).await?,
            asked_for: state.access.needs_token(),
            made: None,
            name: String::new(),
            role: Role::Viewer,
            days: USUAL_LIFETIME,
            problem: None,
        })
    }
}

/// In days.
const LIFETIMES: [(u32, &str); 4] = [
    (7, "7 days"),
    (30, "30 days"),
    (90, "90 days"),
    (365, "1 year"),
];
const USUAL_LIFETIME: u32 = 90;
