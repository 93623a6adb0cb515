//! One issuer: its settings, keys and switch, and the test of a token against them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

pub(super) mod edit;
mod field;
mod form;
mod preset;

use super::confirm::{Destructive, Question};
use super::external::{Test, state_of_keys};
use super::token::TestResult;
use super::{EXTERNAL, Frame, Sent, ahead, done, moment, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::issuers::{self, IssuerRow};
use crate::admin::token_test::Tested;
use crate::admin::{AdminState, token_test};
use crate::issuer::Provisioning;
use crate::live_config::BasedOn;

#[derive(Template)]
#[template(path = "dashboard/issuer.html")]
struct Page {
    frame: Frame,
    issuer: IssuerRow,
    test_at: String,
    result: Option<TestResult>,
}

impl Page {
    fn is_made(&self) -> bool {
        self.issuer.settings.is_some()
    }

    fn provisioning(&self) -> &'static str {
        match self.issuer.provisioning {
            Provisioning::Auto => "created on first sign-in",
            Provisioning::ExistingOnly => "created by operators only",
            Provisioning::None => "none: sessions without a user",
        }
    }

    /// Settings as they were written that have no row of their own.
    fn written(&self) -> Vec<(String, String)> {
        let settings = self.issuer.settings.iter().flatten();
        let others = settings.filter(|(key, _)| !SHOWN.contains(&key.as_str()));
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        others
            .map(|(key, value)| (key.clone(), text(value)))
            .collect()
    }

    /// Fetches that succeeded.
    fn good_fetches(&self) -> u64 {
        let fetches = self.issuer.keys.fetches;
        fetches.changed + fetches.unchanged
    }
}

#[derive(Deserialize)]
pub(super) struct Switch {
    csrf: String,
    enabled: bool,
}

/// `GET /dashboard/external/issuer/{name}`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    render(&state, dashboard_user, &name, None)
}

/// `POST /dashboard/external/issuer/{name}/test`. The token is in bodies only, never in an address.
pub(super) async fn test(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Test>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let tested = Tested {
        explanation: token_test::explain(&state, &sent.token).await,
        keys: None,
    };
    let result = TestResult::new(tested, sent.token);
    render(&state, dashboard_user, &name, Some(result))
}

/// `POST /dashboard/external/issuer/{name}/enabled`.
pub(super) async fn set_enabled(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    form: Destructive<Switch>,
) -> Result<Response, ApiError> {
    let Switch { csrf, enabled } = &form.sent;
    dashboard_user.check(csrf)?;
    if !*enabled && !form.is_confirmed() {
        let question = Question {
            section: EXTERNAL,
            title: format!("Turn {name} off?"),
            effect: "Its tokens are refused from the next request on, until it is turned on again."
                .to_owned(),
            verb: "Turn the issuer off",
            back: format!("{EXTERNAL}/issuer/{name}"),
        };
        return Ok(form.ask(dashboard_user, question));
    }
    issuers::set_enabled(&state, &dashboard_user.operator, &name, *enabled).await?;
    Ok(to_issuer(&name, if *enabled { "on" } else { "off" }))
}

/// `POST /dashboard/external/issuer/{name}/refresh`.
pub(super) async fn refresh(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let fetched = issuers::fetch_now(&state, &dashboard_user.operator, &name).await?;
    let word = if fetched.refreshed {
        "fetched"
    } else {
        "unfetched"
    };
    Ok(to_issuer(&name, word))
}

/// `POST /dashboard/external/issuer/{name}/delete`.
pub(super) async fn delete(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let question = deletion(&state, &name);
        return Ok(form.ask(dashboard_user, question));
    }
    let operator = &dashboard_user.operator;
    issuers::delete_issuer(&state, operator, &name, &BasedOn::Anything).await?;
    Ok(done(EXTERNAL, "deleted"))
}

/// The question before an issuer is deleted, or settings that are not in force.
fn deletion(state: &AdminState, name: &str) -> Question {
    let view = state.live_config.view();
    let in_conflict = view.conflicting.iter().any(|one| one.name == name);
    let (effect, back) = match in_conflict {
        true => (
            "These settings are not in force. The sessions that the issuer opened end, unless \
             another one in force has its `iss`.",
            EXTERNAL.to_owned(),
        ),
        false => (
            "Its tokens are refused from the next request on, and the sessions that it opened end. \
             Its users are kept.",
            format!("{EXTERNAL}/issuer/{name}"),
        ),
    };
    Question {
        section: EXTERNAL,
        title: format!("Delete {name}?"),
        effect: effect.to_owned(),
        verb: "Delete the issuer",
        back,
    }
}

/// The page of an issuer, with what was done.
pub(super) fn to_issuer(name: &str, word: &'static str) -> Response {
    // A name is of letters, digits, `.`, `_` and `-`: a path segment as it is.
    done(&format!("{EXTERNAL}/issuer/{name}"), word)
}

fn render(
    state: &AdminState,
    dashboard_user: DashboardUser,
    name: &str,
    result: Option<TestResult>,
) -> Result<Response, ApiError> {
    let issuer = issuers::row(state, name)?;
    Ok(page(&Page {
        frame: Frame::new(EXTERNAL, issuer.name.clone(), dashboard_user),
        test_at: format!("{EXTERNAL}/issuer/{}/test#result", issuer.name),
        issuer,
        result,
    }))
}

/// Keys of the settings that are shown by what came of them.
const SHOWN: [&str; 12] = [
    "name",
    "iss",
    "aud",
    "cookie_name",
    "cookieName",
    "header",
    "algorithms",
    "provisioning",
    "jwks_url",
    "jwksUrl",
    "enabled",
    "keys",
];
