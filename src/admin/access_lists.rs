//! Access lists as operators change them: by the platform's API, and on the dashboard.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::AdminState;
use super::access::Operator;
use super::api_error::ApiError;
use super::audit;
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::identity::AccessList;
use crate::identity::access::{Entry, KnownIssuers, Meant, Outcome, Who};
use crate::store::Identifier;

/// Creates a list, which applies once it is enabled.
///
/// # Errors
///
/// It is not valid, there are too many, or the store did not keep it.
pub async fn create(
    state: &AdminState,
    operator: &Operator,
    name: String,
    (outcome, scope): (Outcome, Option<String>),
) -> Result<AccessList, ApiError> {
    let list = AccessList {
        id: Uuid::new_v4(),
        name,
        outcome,
        scope,
        enabled_at: None,
        entries: Vec::new(),
    };
    let list = state.live_config.add_access_list(list).await?;
    record(
        state,
        operator,
        "access_list.create",
        list.id,
        meaning(&list),
    )
    .await;
    Ok(list)
}

/// Changes what a list is called and what being on it means; the list afterwards.
///
/// # Errors
///
/// There is none with this id, what it becomes is not valid, or the store did not keep it.
pub async fn change(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
    change: impl FnOnce(&mut AccessList) + Send,
) -> Result<AccessList, ApiError> {
    let mut before = Map::new();
    let change = |list: &mut AccessList| {
        before = meaning(list);
        change(list);
    };
    let list = state.live_config.change_access_list(id, change).await?;
    let mut detail = meaning(&list);
    detail.insert("before".to_owned(), before.into());
    record(state, operator, "access_list.update", id, detail).await;
    Ok(list)
}

/// Deletes a list.
///
/// # Errors
///
/// There is none with this id, or the store did not write it down.
pub async fn delete(state: &AdminState, operator: &Operator, id: Uuid) -> Result<(), ApiError> {
    let list = state.live_config.delete_access_list(id).await?;
    let mut detail = meaning(&list);
    detail.insert("entries".to_owned(), list.entries.len().into());
    record(state, operator, "access_list.delete", id, detail).await;
    Ok(())
}

/// Lets a list apply or not; the list afterwards.
///
/// # Errors
///
/// There is none with this id, or the store did not keep it.
pub async fn set_enabled(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
    enabled: bool,
) -> Result<AccessList, ApiError> {
    let now = UnixTime::now();
    let change = |list: &mut AccessList| {
        let since = list.enabled_at.unwrap_or(now);
        list.enabled_at = enabled.then_some(since);
    };
    let list = state.live_config.change_access_list(id, change).await?;
    let action = match enabled {
        true => "access_list.enable",
        false => "access_list.disable",
    };
    record(state, operator, action, id, meaning(&list)).await;
    Ok(list)
}

/// The issuers that entries go by.
pub fn known_issuers(state: &AdminState) -> KnownIssuers {
    KnownIssuers::new(&state.live_config.view().config.issuers)
}

/// Adds an entry to a list; both.
///
/// # Errors
///
/// It means nobody, there is no such list, or the store did not keep it.
pub async fn add_entry(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
    sent: Map<String, Value>,
) -> Result<(AccessList, Entry), ApiError> {
    let Meant { issuer, who } = meant(state, sent)?;
    let entry = Entry {
        id: Uuid::new_v4(),
        who,
        issuer,
    };
    let added = entry.clone();
    let change = |list: &mut AccessList| list.entries.push(added);
    let list = state.live_config.change_access_list(id, change).await?;
    let detail = with_entry(&list, &entry);
    record(state, operator, "access_list.add", id, detail).await;
    Ok((list, entry))
}

/// Takes an entry out of its list.
///
/// # Errors
///
/// There is none with this id, or the store did not write it down.
pub async fn remove_entry(
    state: &AdminState,
    operator: &Operator,
    id: Uuid,
) -> Result<(), ApiError> {
    let lists = state.live_config.access_lists().await?;
    let (list, entry) = found(&lists, id).ok_or_else(|| ApiError::not_found("entry"))?;
    let change = |list: &mut AccessList| list.entries.retain(|entry| entry.id != id);
    state
        .live_config
        .change_access_list(list.id, change)
        .await?;
    let detail = with_entry(list, entry);
    record(state, operator, "access_list.remove", list.id, detail).await;
    Ok(())
}

/// An entry, and the list that it is on.
fn found(lists: &[AccessList], id: Uuid) -> Option<(&AccessList, &Entry)> {
    lists.iter().find_map(|list| {
        let entry = list.entries.iter().find(|entry| entry.id == id)?;
        Some((list, entry))
    })
}

/// Whom an entry to be means, and on whose word.
fn meant(state: &AdminState, mut sent: Map<String, Value>) -> Result<Meant, ApiError> {
    let issuer = match sent.remove("issuer") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) if state.issuers().by_name(&name).is_some() => Some(name),
        Some(_) => {
            let message = "is the name of an issuer that is configured";
            return Err(vec![Diagnostic::error("issuer", message)].into());
        }
    };
    let who = who(sent)?;
    Ok(Meant { issuer, who })
}

/// Whom the members mean.
fn who(sent: Map<String, Value>) -> Result<Who, ApiError> {
    let mut members = sent.into_iter().filter(|(_, value)| !value.is_null());
    let text = |member: &str, value: Value| match value {
        Value::String(text) if !text.trim().is_empty() && text.len() <= LONGEST_TEXT => {
            Ok(text.trim().to_owned())
        }
        _ => Err(Diagnostic::error(member, "is a text of 1 to 500 bytes")),
    };
    let who = match members.next() {
        None => Err(Diagnostic::error("", "names nobody")),
        Some((member, value)) => match member.as_str() {
            "email" => text("email", value).map(Who::Email),
            "emailDomain" => text("emailDomain", value).and_then(|domain| {
                let domain = domain.trim_start_matches('@');
                match domain.is_empty() {
                    false => Ok(Who::EmailDomain(domain.to_owned())),
                    true => Err(Diagnostic::error("emailDomain", "is a domain")),
                }
            }),
            "externalUserId" => text("externalUserId", value).map(Who::ExternalUserId),
            "claim" if value.to_string().len() > LONGEST_TEXT => {
                Err(Diagnostic::error("claim", "has at most 500 bytes"))
            }
            "claim" => claim(value)
                .ok_or_else(|| Diagnostic::error("claim", "has `name`, a text, and `value`")),
            member => Err(Diagnostic::error(member, "is not supported")),
        },
    };
    match (who, members.next()) {
        (Ok(who), None) => Ok(who),
        (Ok(_), Some((member, _))) => {
            let why = "an entry means people by one member";
            Err(vec![Diagnostic::error(member, why)].into())
        }
        (Err(problem), _) => Err(vec![problem].into()),
    }
}

/// A claim and its value; the space around a name is no part of it, as no token has it.
fn claim(sent: Value) -> Option<Who> {
    match serde_json::from_value(json!({ "claim": sent })).ok()? {
        Who::Claim { name, value } => {
            let name = Identifier::parse(&name)?.into();
            Some(Who::Claim { name, value })
        }
        _ => None,
    }
}

/// What a list is called and what being on it means, for the audit log.
fn meaning(list: &AccessList) -> Map<String, Value> {
    let mut detail = Map::from_iter([
        ("name".to_owned(), json!(list.name)),
        ("outcome".to_owned(), json!(list.outcome)),
    ]);
    let scope = list.scope.as_ref();
    detail.extend(scope.map(|scope| ("scope".to_owned(), json!(scope))));
    detail
}

/// The same, and whom an entry of it means.
fn with_entry(list: &AccessList, entry: &Entry) -> Map<String, Value> {
    let mut detail = meaning(list);
    detail.insert("entry".to_owned(), json!(entry.who));
    let issuer = entry.issuer.as_ref();
    detail.extend(issuer.map(|issuer| ("issuer".to_owned(), json!(issuer))));
    detail
}

async fn record(
    state: &AdminState,
    operator: &Operator,
    action: &str,
    id: Uuid,
    detail: Map<String, Value>,
) {
    audit::record(&*state.store, operator, action, &id.to_string(), detail).await;
}

/// In bytes.
const LONGEST_TEXT: usize = 500;
