//! `vestibule sessions`: the sessions of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::operator::{CommandError, Connection, Gateway, print_json, run, text};

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
    let of_user = search.user.as_deref().map(|user| ("user", user));
    let answer = api.search(&["sessions"], of_user.as_slice()).await?;
    if search.gateway.json {
        print_json(&answer);
        return Ok(true);
    }
    for session in answer["sessions"].as_array().into_iter().flatten() {
        print(session);
    }
    Ok(true)
}

async fn revoke(api: Connection, one: &One) -> Result<bool, CommandError> {
    let path = ["sessions", &one.sid, "revoke"];
    let session = api.send(Method::POST, &path, Value::Null).await?;
    if one.gateway.json {
        print_json(&session);
    } else {
        print(&session);
    }
    Ok(true)
}

/// One session on one line.
pub(super) fn print(session: &Value) {
    println!(
        "{} {:<8} user {} by {}",
        text(&session["sid"]),
        text(&session["state"]),
        text(&session["user_id"]),
        text(&session["issuer"]),
    );
}
