//! Access lists: who may sign in, and with which scopes.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::confirm::{Destructive, Question};
use super::{ACCESS_LISTS, Frame, Sent, done, page};
use crate::admin::api_error::ApiError;
use crate::admin::browser::DashboardUser;
use crate::admin::{AdminState, access_lists};
use crate::diagnostic::Diagnostic;
use crate::identity::AccessList;
use crate::identity::access::{Entry, KnownIssuers, Outcome, Who};

#[derive(Template)]
#[template(path = "dashboard/access_lists.html")]
struct Page {
    frame: Frame,
    lists: Vec<AccessList>,
    known_issuers: KnownIssuers,
    /// The names of all issuers.
    issuers: Vec<String>,
    /// Why what was sent was refused.
    problem: Option<String>,
    /// What that was, so that it need not be typed again.
    typed: Typed,
}

#[derive(Default)]
struct Typed {
    list: Option<NewList>,
    entry: Option<(Uuid, NewEntry)>,
}

#[derive(Clone, Deserialize)]
pub(super) struct NewList {
    csrf: String,
    name: String,
    outcome: Outcome,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
pub(super) struct NewEntry {
    csrf: String,
    /// `email`, `emailDomain`, `externalUserId` or `claim`.
    by: String,
    value: String,
    /// The name of the claim.
    #[serde(default)]
    claim: String,
    /// Whether the claim's value is a text.
    #[serde(default)]
    kind: ValueKind,
    /// The name of the issuer; empty for any.
    #[serde(default)]
    issuer: String,
}

/// What kind of value a claim has.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ValueKind {
    #[default]
    Text,
    /// A number, `true` or `false`.
    Plain,
}

#[derive(Deserialize)]
pub(super) struct Turned {
    csrf: String,
    enabled: bool,
}

/// `GET /dashboard/access`.
pub(super) async fn show(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
) -> Result<Response, ApiError> {
    let shown = Page::new(&state, dashboard_user, None, Typed::default()).await?;
    Ok(page(&shown))
}

/// `POST /dashboard/access`: a new list.
pub(super) async fn create(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Form(sent): Form<NewList>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let scope = sent.scope.trim().to_owned();
    let typed = Typed {
        list: Some(sent.clone()),
        ..Typed::default()
    };
    let meaning = (sent.outcome, Some(scope).filter(|scope| !scope.is_empty()));
    let name = sent.name.trim().to_owned();
    let created = access_lists::create(&state, &dashboard_user.operator, name, meaning).await;
    answer(
        &state,
        dashboard_user,
        created.map(drop),
        ("list-made", typed),
    )
    .await
}

/// `POST /dashboard/access/{id}/entries`: a new entry.
pub(super) async fn add(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    Form(sent): Form<NewEntry>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&sent.csrf)?;
    let added = match entry(&sent) {
        Ok(entry) => access_lists::add_entry(&state, &dashboard_user.operator, id, entry)
            .await
            .map(drop),
        Err(problem) => Err(vec![problem].into()),
    };
    let typed = Typed {
        entry: Some((id, sent)),
        ..Typed::default()
    };
    answer(&state, dashboard_user, added, ("list-changed", typed)).await
}

/// What was typed, as the API takes it.
fn entry(sent: &NewEntry) -> Result<Map<String, Value>, Diagnostic> {
    let (member, value) = who(sent)?;
    let mut entry = Map::from_iter([(member, value)]);
    if !sent.issuer.is_empty() {
        entry.insert("issuer".to_owned(), sent.issuer.as_str().into());
    }
    Ok(entry)
}

/// The member that says who is meant.
fn who(sent: &NewEntry) -> Result<(String, Value), Diagnostic> {
    let text = sent.value.trim();
    if sent.by != "claim" {
        return Ok((sent.by.clone(), Value::from(text)));
    }
    let value = match sent.kind {
        ValueKind::Text => Value::from(text),
        ValueKind::Plain => serde_json::from_str(text)
            .ok()
            .filter(|value: &Value| value.is_boolean() || value.is_number())
            .ok_or_else(|| Diagnostic::error("value", "is a number, `true` or `false`"))?,
    };
    let claim = json!({ "name": sent.claim.trim(), "value": value });
    Ok(("claim".to_owned(), claim))
}

/// `POST /dashboard/access/{id}/enabled`.
pub(super) async fn set_enabled(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    form: Destructive<Turned>,
) -> Result<Response, ApiError> {
    let Turned { csrf, enabled } = &form.sent;
    dashboard_user.check(csrf)?;
    if *enabled && !form.is_confirmed() {
        let list = list(&state, |list| list.id == id).await?;
        if excludes_others(&list) {
            let effect = "Who is on no list of this kind cannot sign in any more. Open sessions \
                          stay as they are.";
            let question = about(format!("Enable {}?", list.name), effect, "Enable the list");
            return Ok(form.ask(dashboard_user, question));
        }
    }
    let operator = &dashboard_user.operator;
    let changed = access_lists::set_enabled(&state, operator, id, *enabled).await;
    let word = if *enabled { "list-on" } else { "list-off" };
    let nothing = (word, Typed::default());
    answer(&state, dashboard_user, changed.map(drop), nothing).await
}

/// `POST /dashboard/access/{id}/delete`.
pub(super) async fn delete(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let list = list(&state, |list| list.id == id).await?;
        let effect = "The list is deleted with its entries, and decides nothing any more.";
        let question = about(format!("Delete {}?", list.name), effect, "Delete the list");
        return Ok(form.ask(dashboard_user, question));
    }
    access_lists::delete(&state, &dashboard_user.operator, id).await?;
    Ok(done(ACCESS_LISTS, "list-deleted"))
}

/// `POST /dashboard/access/entries/{id}/delete`.
pub(super) async fn remove(
    State(state): State<AdminState>,
    dashboard_user: DashboardUser,
    Path(id): Path<Uuid>,
    form: Destructive<Sent>,
) -> Result<Response, ApiError> {
    dashboard_user.check(&form.sent.csrf)?;
    if !form.is_confirmed() {
        let is_it = |entry: &&Entry| entry.id == id;
        let list = list(&state, |list| {
            list.entries.iter().any(|entry| entry.id == id)
        })
        .await?;
        let whom = list
            .entries
            .iter()
            .find(is_it)
            .map(whom)
            .unwrap_or_default();
        let title = format!("Remove {whom} from {}?", list.name);
        let effect = format!("Now {}.", meaning(&list));
        let question = about(title, &effect, "Remove the entry");
        return Ok(form.ask(dashboard_user, question));
    }
    access_lists::remove_entry(&state, &dashboard_user.operator, id).await?;
    Ok(done(ACCESS_LISTS, "list-changed"))
}

/// The first list that is meant.
async fn list(
    state: &AdminState,
    is_meant: impl Fn(&AccessList) -> bool,
) -> Result<AccessList, ApiError> {
    let lists = state.live_config.access_lists().await?;
    let found = lists.into_iter().find(|list| is_meant(list));
    found.ok_or_else(|| ApiError::not_found("access list"))
}

/// Whether those who are on no such list cannot sign in while this one is enabled.
fn excludes_others(list: &AccessList) -> bool {
    list.outcome == Outcome::SiteAccess
}

/// A question about a list.
fn about(title: String, effect: &str, verb: &'static str) -> Question {
    Question {
        section: ACCESS_LISTS,
        title,
        effect: effect.to_owned(),
        verb,
        back: ACCESS_LISTS.to_owned(),
    }
}

/// The list as it is now, or why it is not as it was wanted.
async fn answer(
    state: &AdminState,
    dashboard_user: DashboardUser,
    changed: Result<(), ApiError>,
    (word, typed): (&'static str, Typed),
) -> Result<Response, ApiError> {
    match changed {
        Ok(()) => Ok(done(ACCESS_LISTS, word)),
        Err(fault) => {
            let problem = Some(fault.message);
            let shown = Page::new(state, dashboard_user, problem, typed).await?;
            Ok((fault.status, page(&shown)).into_response())
        }
    }
}

impl Page {
    async fn new(
        state: &AdminState,
        dashboard_user: DashboardUser,
        problem: Option<String>,
        typed: Typed,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            frame: Frame::new(ACCESS_LISTS, "Access lists", dashboard_user),
            lists: state.live_config.access_lists().await?,
            known_issuers: access_lists::known_issuers(state),
            issuers: state
                .issuers()
                .iter()
                .map(|issuer| issuer.name().to_string())
                .collect(),
            problem,
            typed,
        })
    }

    /// The text of a field of a new list.
    fn name(&self) -> &str {
        let list = self.typed.list.as_ref();
        list.map_or("", |list| list.name.as_str())
    }

    fn scope(&self) -> &str {
        let list = self.typed.list.as_ref();
        list.map_or("", |list| list.scope.as_str())
    }

    fn means(&self, outcome: Outcome) -> bool {
        let list = self.typed.list.as_ref();
        list.map_or(Outcome::Block, |list| list.outcome) == outcome
    }

    /// How an entry counts, where that is not as it says.
    fn note(&self, list: &AccessList, entry: &Entry) -> Option<&'static str> {
        self.known_issuers.note(list.outcome, entry)
    }

    /// What was typed below a list.
    fn entry_of(&self, list: &AccessList) -> EntryFields<'_> {
        match &self.typed.entry {
            Some((id, entry)) if *id == list.id => EntryFields {
                by: &entry.by,
                claim: &entry.claim,
                value: &entry.value,
                is_plain: entry.kind == ValueKind::Plain,
                issuer: &entry.issuer,
            },
            _ => EntryFields::default(),
        }
    }
}

/// The fields of a new entry, empty at first.
#[derive(Default)]
struct EntryFields<'a> {
    by: &'a str,
    claim: &'a str,
    value: &'a str,
    is_plain: bool,
    issuer: &'a str,
}

/// What being on a list means, as a sentence.
fn meaning(list: &AccessList) -> String {
    match (list.outcome, &list.scope) {
        (Outcome::SiteAccess, _) => "only people on such a list can sign in".to_owned(),
        (Outcome::Block, _) => "people on this list cannot sign in".to_owned(),
        (Outcome::Scope, scope) => {
            let scope = scope.as_deref().unwrap_or_default();
            format!("people on this list get the scope {scope}")
        }
    }
}

/// Whom an entry means.
fn whom(entry: &Entry) -> String {
    let whom = match &entry.who {
        Who::Email(email) => format!("email {email}"),
        Who::EmailDomain(domain) => format!("all addresses of {domain}"),
        Who::ExternalUserId(id) => format!("external id {id}"),
        Who::Claim { name, value } => format!("claim {name}: {value}"),
    };
    match &entry.issuer {
        Some(issuer) => format!("{whom} (issuer {issuer})"),
        None => whom,
    }
}
