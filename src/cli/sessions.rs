//! `vestibule sessions`: the sessions of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::operator::{CommandError, Connection, Gateway, raw, run};
use super::paging::Paging;
use super::table::{Cell, Table, Tone};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List sessions, newest first.
    List(Search),
    /// End a session permanently, from the next request on.
    Revoke(One),
}

/// Which sessions, and where.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// Only list sessions of the user with this id.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only list sessions in this state.
    #[arg(long, value_name = "STATE", value_parser = ["open", "expired", "ended"])]
    state: Option<String>,
    /// Only list sessions of the issuer with this name.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which session, and where.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The session id (`sid`).
    sid: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(search) => run(&search.gateway, |api| list(api, search)),
            Self::Revoke(one) => run(&one.gateway, |api| revoke(api, one)),
        }
    }
}

async fn list(api: Connection, search: &Search) -> Result<bool, CommandError> {
    let wanted = [
        ("user", &search.user),
        ("state", &search.state),
        ("issuer", &search.issuer),
    ];
    let wanted = wanted
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let query = search.paging.query(&wanted.collect::<Vec<_>>());
    let answer = api.search(&["sessions"], &query).await?;
    if search.gateway.prints(&answer) {
        return Ok(true);
    }
    print(&answer["sessions"]);
    search.paging.say_whether_more(&answer);
    Ok(true)
}

async fn revoke(api: Connection, one: &One) -> Result<bool, CommandError> {
    let path = ["sessions", &one.sid, "revoke"];
    let session = api.send(Method::POST, &path, Value::Null).await?;
    if !one.gateway.prints(&session) {
        print(&Value::Array(vec![session]));
    }
    Ok(true)
}

/// A row for each session.
pub(super) fn print(sessions: &Value) {
    let header = [
        "SESSION",
        "STATE",
        "USER",
        "ISSUER",
        "OPENED",
        "LAST SEEN",
        "ENDS",
        "ADDRESS",
    ];
    Table::of(header, sessions, |session| {
        let state = &session["state"];
        let end = match session["ended"].is_object() {
            true => &session["ended"]["at"],
            false => &session["expires_at"],
        };
        [
            Cell::of(&session["sid"]),
            Cell::state(raw(state), state == "open"),
            Cell::of(&session["user_id"]),
            Cell::of(&session["issuer"]),
            Cell::time(&session["opened_at"]).in_tone(Tone::Faint),
            Cell::time(&session["last_seen"]),
            Cell::time(end),
            Cell::of(&session["client_address"]),
        ]
    })
    .print();
}
