//! Making an issuer and changing one, by a form; and the test of a token against what is typed.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::field::{self, Field, Kind};
use super::form::{self, IssuerForm};
use super::preset;
use super::to_issuer;
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::discovery::{self, Discovery};
use crate::admin::pages::token::TestResult;
use crate::admin::pages::{EXTERNAL, Frame, page};
use crate::admin::{AdminState, issuers, token_test};
use crate::issuer::Algorithm;
use crate::live_config::{self, BasedOn, Document, issuer_version};

#[derive(Template)]
#[template(path = "dashboard/issuer_form.html")]
struct Page {
    frame: Frame,
    form: IssuerForm,
    /// The name of the issuer that is changed; `None` for a new one.
    changes: Option<String>,
    /// Which version of the settings the form was loaded with.
    version: String,
    problems: Problems,
    /// What did not come about because of them.
    failed: &'static str,
    /// What was typed to be tested, whatever else was asked for.
    token: String,
    result: Option<TestResult>,
    /// What the issuer's discovery document says.
    discovery: Option<Discovery>,
}

/// What is wrong with what was typed.
#[derive(Default)]
struct Problems {
    /// With no input in particular.
    whole: Vec<String>,
    by_input: BTreeMap<&'static str, Vec<String>>,
}

/// One input as the page shows it.
struct Input<'a> {
    field: Field,
    value: &'a str,
    problems: &'a [String],
    is_fixed: bool,
    /// What it costs to set it, of a setting that is unsafe.
    cost: Option<&'static str>,
}

#[derive(Deserialize)]
pub(in crate::admin::pages) struct Choice {
    /// The provider's word; empty for any other.
    preset: Option<String>,
}

/// `GET /dashboard/external/new`: the providers, or the form for one of them.
pub(in crate::admin::pages) async fn blank(
    dashboard_user: DashboardUser,
    Query(Choice { preset }): Query<Choice>,
) -> Response {
    match preset {
        None => preset::choice(dashboard_user),
        Some(word) => page(&Page::new(dashboard_user, IssuerForm::blank(&word), None)),
    }
}

/// `POST /dashboard/external/new`.
pub(in crate::admin::pages) async fn create(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    dashboard_user.check(value(&fields, "csrf"))?;
    let form = IssuerForm::sent(&fields);
    let missing = form.missing();
    let made = match form.document() {
        _ if !missing.is_empty() => Err(missing.into()),
        Ok(settings) => issuers::create_issuer(&state, &dashboard_user.operator, settings).await,
        Err(objections) => Err(objections.into()),
    };
    Ok(match made {
        Ok(row) => to_issuer(&row.name, "made"),
        Err(fault) => Page::again(dashboard_user, &fields, None).refused(fault),
    })
}

/// `GET /dashboard/external/issuer/{name}/edit`.
pub(in crate::admin::pages) async fn written(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let mut settings = settings(&state, &name)?;
    let version = issuer_version(&settings);
    // What was turned off is off before that is written down, and saving the form leaves it so.
    if !issuers::row(&state, &name)?.enabled {
        settings.insert("enabled".to_owned(), false.into());
    }
    let mut shown = Page::new(dashboard_user, IssuerForm::of(&settings), Some(name));
    shown.version = version;
    Ok(page(&shown))
}

/// `POST /dashboard/external/issuer/{name}/edit`.
pub(in crate::admin::pages) async fn replace(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    dashboard_user.check(value(&fields, "csrf"))?;
    let form = IssuerForm::sent(&fields);
    let loaded = BasedOn::Versions(vec![value(&fields, "version").to_owned()]);
    let written = match form.document() {
        Ok(wanted) => {
            let operator = &dashboard_user.operator;
            issuers::replace_issuer(&state, operator, &name, (wanted, &loaded)).await
        }
        Err(objections) => Err(objections.into()),
    };
    let fault = match written {
        Ok(row) => return Ok(to_issuer(&row.name, "changed")),
        Err(fault) => fault,
    };
    let current = match settings(&state, &name) {
        Err(gone) if gone.status == StatusCode::NOT_FOUND => {
            // What was typed is the form of a new issuer.
            let shown = Page::again(dashboard_user, &fields, None);
            return Ok(shown.refused(by_somebody_else(DELETED)));
        }
        current => current?,
    };
    let mut shown = Page::again(dashboard_user, &fields, Some(name));
    if fault.code != "conflict" {
        return Ok(shown.refused(fault));
    }
    shown.version = issuer_version(&current);
    Ok(shown.refused(by_somebody_else(CHANGED)))
}

/// `POST /dashboard/external/try`. The token is in bodies only, never in an address.
pub(in crate::admin::pages) async fn try_out(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    tested(&state, dashboard_user, None, &fields).await
}

/// `POST /dashboard/external/issuer/{name}/try`. The token is in bodies only, never in an address.
pub(in crate::admin::pages) async fn try_change(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(name): Path<String>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    settings(&state, &name)?;
    tested(&state, dashboard_user, Some(name), &fields).await
}

/// `POST /dashboard/external/discover`: what the document at the typed `iss` says, and, by a button,
/// the `iss` that it names in place of the typed one.
pub(in crate::admin::pages) async fn discover(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(mut fields): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    dashboard_user.check(value(&fields, "csrf"))?;
    let offered = value(&fields, "use_iss").to_owned();
    if !offered.is_empty() {
        fields.retain(|(name, _)| name != "iss");
        fields.push(("iss".to_owned(), offered));
    }
    let mut shown = Page::again(dashboard_user, &fields, None);
    let found = discovery::look_up(&state, value(&fields, "iss")).await;
    shown.discovery = Some(found);
    Ok(page(&shown))
}

async fn tested(
    state: &AdminState,
    dashboard_user: DashboardUser,
    changes: Option<String>,
    fields: &[(String, String)],
) -> Result<Response, ApiError> {
    dashboard_user.check(value(fields, "csrf"))?;
    let form = IssuerForm::sent(fields);
    let tested = match form.document() {
        Ok(mut settings) => {
            // A name is not needed for a test.
            settings.retain(|key, value| key != "name" || value != "");
            token_test::explain_unsaved(state, value(fields, "token"), settings).await
        }
        Err(objections) => Err(objections.into()),
    };
    let mut shown = Page::again(dashboard_user, fields, changes);
    shown.failed = NOT_TESTED;
    Ok(match tested {
        Ok(tested) => {
            shown.result = Some(TestResult::new(tested, shown.token.clone()));
            page(&shown)
        }
        Err(fault) => shown.refused(fault),
    })
}

impl Page {
    fn new(dashboard_user: DashboardUser, form: IssuerForm, changes: Option<String>) -> Self {
        let title = match &changes {
            Some(name) => format!("Change {name}"),
            None => "Add an issuer".to_owned(),
        };
        Self {
            frame: Frame::new(EXTERNAL, title, dashboard_user),
            form,
            changes,
            version: String::new(),
            problems: Problems::default(),
            failed: NOT_SAVED,
            token: String::new(),
            result: None,
            discovery: None,
        }
    }

    /// The page again, with all that was typed.
    fn again(
        dashboard_user: DashboardUser,
        fields: &[(String, String)],
        changes: Option<String>,
    ) -> Self {
        let mut page = Self::new(dashboard_user, IssuerForm::sent(fields), changes);
        value(fields, "version").clone_into(&mut page.version);
        value(fields, "token").clone_into(&mut page.token);
        page
    }

    /// The page with what is wrong.
    fn refused(mut self, fault: ApiError) -> Response {
        let status = fault.status;
        self.problems = Problems::of(fault);
        (status, page(&self)).into_response()
    }

    /// Where the form is sent to be saved.
    fn save_at(&self) -> String {
        match &self.changes {
            Some(name) => format!("{EXTERNAL}/issuer/{name}/edit"),
            None => format!("{EXTERNAL}/new"),
        }
    }

    /// Where it is sent to test a token.
    fn try_at(&self) -> String {
        match &self.changes {
            Some(name) => format!("{EXTERNAL}/issuer/{name}/try#result"),
            None => format!("{EXTERNAL}/try#result"),
        }
    }

    /// The target of the **Cancel** link.
    fn back_at(&self) -> String {
        match &self.changes {
            Some(name) => format!("{EXTERNAL}/issuer/{name}"),
            None => EXTERNAL.to_owned(),
        }
    }

    fn input(&self, field: Field) -> Input<'_> {
        Input {
            field,
            value: self.form.text(field.key),
            problems: self.problems.at(field.key),
            is_fixed: field.key == "name" && self.changes.is_some(),
            cost: live_config::cost_of_issuer_key(field.key),
        }
    }

    fn inputs(&self, fields: &[Field]) -> Vec<Input<'_>> {
        fields.iter().map(|field| self.input(*field)).collect()
    }

    fn parameters(&self) -> Vec<Input<'_>> {
        let preset = self.form.preset();
        self.inputs(preset.map_or(&[], |preset| preset.parameters))
    }

    fn algorithms(&self) -> impl Iterator<Item = &'static str> {
        Algorithm::ASYMMETRIC.into_iter().map(Algorithm::name)
    }

    /// Whether the part of what few need is to be seen at once.
    fn opens_special(&self) -> bool {
        let wrong = |field: &Field| !self.problems.at(field.key).is_empty();
        self.form.is_special()
            || field::SPECIAL.iter().any(wrong)
            || !self.problems.at(form::OTHERS).is_empty()
    }
}

impl Problems {
    fn of(fault: ApiError) -> Self {
        let mut problems = Self::default();
        if fault.code == "issuer_exists" {
            problems.by_input.insert("name", vec![fault.message]);
            return problems;
        }
        if fault.problems.is_empty() {
            problems.whole.push(fault.message);
        }
        for error in fault.problems {
            let input = form::input_of(&error.path);
            let mut said = error.message;
            // A text of several settings has to say which one is meant.
            if input == form::OTHERS && error.path != form::OTHERS {
                said = format!("{}: {said}", error.path);
            }
            if let Some(hint) = error.hint {
                said = format!("{said}; {hint}");
            }
            match input {
                "" => problems.whole.push(said),
                input => problems.by_input.entry(input).or_default().push(said),
            }
        }
        problems
    }

    fn at(&self, input: &str) -> &[String] {
        self.by_input.get(input).map_or(&[], Vec::as_slice)
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.by_input.is_empty()
    }
}

impl Input<'_> {
    fn is_lines(&self) -> bool {
        self.field.kind == Kind::Lines
    }

    fn is_switch(&self) -> bool {
        self.field.kind == Kind::Switch
    }
}

/// The settings of an issuer created by operators.
fn settings(state: &AdminState, name: &str) -> Result<Document, ApiError> {
    let row = issuers::row(state, name)?;
    row.settings.ok_or_else(|| {
        ApiError::new(
            StatusCode::CONFLICT,
            "issuer_from_file",
            "this issuer comes from the configuration file; change it there",
        )
    })
}

/// How the list of problems begins.
const NOT_SAVED: &str = "Not saved:";
const NOT_TESTED: &str = "Not tested:";

const CHANGED: &str = "somebody else changed this issuer since the form was loaded; saving now \
                       replaces their changes";
const DELETED: &str = "somebody else deleted this issuer since the form was loaded; saving now adds \
                       it again";

fn by_somebody_else(said: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "conflict", said)
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}
