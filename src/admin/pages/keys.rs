//! The gateway's signing keys.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::confirm::{Destructive, Question};
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
    fn state(&self, key: &KeyRow) -> &'static str {
        match key.state {
            KeyState::Next => "next",
            KeyState::Current if key.signs => "current",
            KeyState::Current => "current, does not sign",
            KeyState::Retired => "retired",
        }
    }

    fn tone(&self, key: &KeyRow) -> &'static str {
        match key.state {
            KeyState::Next => "warn",
            KeyState::Current if key.signs => "good",
            KeyState::Current | KeyState::Retired => "off",
        }
    }

    /// Whether there is a key of a former `session.algorithm`.
    fn has_former_algorithm(&self) -> bool {
        let is_former = |key: &KeyRow| key.state == KeyState::Current && !key.signs;
        self.keys.iter().any(is_former)
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
    form: Destructive<Rotate>,
) -> Result<Response, ApiError> {
    let Rotate { csrf, at_once } = &form.sent;
    dashboard_user.check(csrf)?;
    if *at_once && !form.is_confirmed() {
        let effect = "A new key starts signing immediately. Verifiers with a cached key set refuse \
                      its tokens until they fetch the key set again.";
        let question = about("Rotate now?".to_owned(), effect, "Rotate now");
        return Ok(form.ask(dashboard_user, question));
    }
    keys::rotate_now(&state, &dashboard_user.operator, *at_once).await?;
    Ok(done(KEYS, if *at_once { "rotated" } else { "next-key" }))
}

/// `POST /dashboard/keys/{kid}/revoke`.
pub(super) async fn revoke(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(kid): Path<String>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let effect = "The key is deleted, and every session that may have a token signed with it \
                      ends. This is for a key that has leaked.";
        let question = about(format!("Revoke the key {kid}?"), effect, "Revoke the key");
        return Ok(form.ask(dashboard_user, question));
    }
    keys::revoke_one(&state, &dashboard_user.operator, &kid).await?;
    Ok(done(KEYS, "key-revoked"))
}

/// A question about keys.
fn about(title: String, effect: &str, verb: &'static str) -> Question {
    Question {
        section: KEYS,
        title,
        effect: effect.to_owned(),
        verb,
        back: KEYS.to_owned(),
    }
}
