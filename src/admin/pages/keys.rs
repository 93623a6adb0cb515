//! The gateway's signing keys.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, KEYS, Sent, ago, done, moment, page};
use crate::admin::AdminState;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::keys::{self, KeyRow};
use crate::store::KeyState;

#[derive(Template)]
#[template(path = "dashboard/keys.html")]
struct Page {
    frame: Frame,
    keys: Vec<KeyRow>,
}

impl Page {
    fn state(&self, state: &KeyState) -> &'static str {
        match state {
            KeyState::Next => "next",
            KeyState::Current => "current",
            KeyState::Retired => "retired",
        }
    }

    fn tone(&self, state: &KeyState) -> &'static str {
        match state {
            KeyState::Next => "warn",
            KeyState::Current => "good",
            KeyState::Retired => "off",
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Rotate {
    csrf: String,
    at_once: bool,
}

/// `GET /dashboard/keys`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Result<Response, ApiError> {
    Ok(page(&Page {
        frame: Frame::new(KEYS, "Signing keys", dashboard_user),
        keys: keys::rows(&state).await?,
    }))
}

/// `POST /dashboard/keys/rotate`.
pub(super) async fn rotate(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(sent): Form<Rotate>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    keys::rotate_now(&state, &dashboard_user.operator, sent.at_once).await?;
    Ok(done(
        KEYS,
        if sent.at_once { "rotated" } else { "next-key" },
    ))
}

/// `POST /dashboard/keys/{kid}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(kid): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    keys::revoke_one(&state, &dashboard_user.operator, &kid).await?;
    Ok(done(KEYS, "key-revoked"))
}
