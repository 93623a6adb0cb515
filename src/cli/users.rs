//! `vestibule users`: the users of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, raw, run};
use super::paging::Paging;
use super::printable::{printable, word};
use super::sessions;
use super::table::{Cell, Table, Tone};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List users, newest first, or search for users.
    List(Search),
    /// Show a user with credentials and sessions.
    Show(One),
    /// Create a user before the first sign-in, for issuers with `provisioning: existing_only`.
    Create(Create),
    /// Block a user and end all sessions.
    Block(One),
    /// Let a blocked user sign in again.
    Unblock(One),
    /// End all sessions of a user.
    SignOut(One),
    /// Delete a user with all credentials and sessions. A token that the issuer issues later creates a new
    /// user; to keep somebody out, block the user.
    Delete(One),
}

/// Which users, and where.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// A user id, an email address or an external id (`sub`).
    query: Option<String>,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which user, and where.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The user id.
    id: String,
    #[command(flatten)]
    gateway: Gateway,
}

/// Whom to make, and where.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The issuer's name or its `iss`.
    #[arg(long)]
    issuer: String,
    /// The `sub` of the user's tokens.
    #[arg(long)]
    external_id: String,
    /// An email address that you have verified.
    #[arg(long)]
    email: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(search) => run(&search.gateway, |api| list(api, search)),
            Self::Show(one) => run(&one.gateway, |api| show(api, one)),
            Self::Create(create) => create.run(),
            Self::Block(one) => one.set_blocked(true),
            Self::Unblock(one) => one.set_blocked(false),
            Self::SignOut(one) => {
                let path = ["users", &one.id, "sign-out"];
                one.send(Method::POST, &path, "ended all sessions of user")
            }
            Self::Delete(one) => {
                let path = ["users", &one.id];
                one.send(Method::DELETE, &path, "deleted user")
            }
        }
    }
}

impl Create {
    fn run(&self) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let body = json!({
                "issuer": self.issuer,
                "external_id": self.external_id,
                "email": self.email,
            });
            let user = api.send(Method::POST, &["users"], body).await?;
            print(&user, &self.gateway);
            Ok(true)
        })
    }
}

impl One {
    fn set_blocked(&self, blocked: bool) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let path = ["users", &self.id, "blocked"];
            let body = json!({ "blocked": blocked });
            let user = api.send(Method::PUT, &path, body).await?;
            print(&user, &self.gateway);
            Ok(true)
        })
    }

    /// Asks for something that is answered without a body, and says what was `done`.
    fn send(&self, method: Method, path: &[&str], done: &str) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let answer = api.send(method, path, Value::Null).await?;
            if !self.gateway.prints(&answer) {
                print_line!("{done} {}", printable(&self.id));
            }
            Ok(true)
        })
    }
}

async fn list(api: Connection, search: &Search) -> Result<bool, CommandError> {
    let query = search.query.as_deref().unwrap_or_default();
    let answer = api
        .search(&["users"], &search.paging.query(&[("q", query)]))
        .await?;
    if search.gateway.prints(&answer) {
        return Ok(true);
    }
    Table::of(HEADER, &answer["users"], row).print();
    search.paging.say_whether_more(&answer);
    Ok(true)
}

async fn show(api: Connection, one: &One) -> Result<bool, CommandError> {
    let answer = api.get(&["users", &one.id]).await?;
    if one.gateway.prints(&answer) {
        return Ok(true);
    }
    let user = &answer["user"];
    let mut table = Table::new(HEADER);
    table.push(row(user));
    table.print();
    print_line!("");
    let header = ["CREDENTIAL", "IDENTIFIER", "ISSUER", "VERIFIED"];
    let credentials = Table::of(header, &user["credentials"], |held| {
        [
            Cell::of(&held["format"]),
            Cell::of(&held["public_identifier"]),
            Cell::of(&held["iss"]),
            Cell::time(&held["verified_at"]),
        ]
    });
    credentials.print();
    print_line!("");
    sessions::print(&answer["sessions"]);
    Ok(true)
}

/// One user.
fn print(user: &Value, gateway: &Gateway) {
    if !gateway.prints(user) {
        let mut table = Table::new(HEADER);
        table.push(row(user));
        table.print();
    }
}

fn row(user: &Value) -> [Cell; 5] {
    let identifiers = user["credentials"].as_array().into_iter().flatten();
    let identifiers = identifiers.map(|held| word(raw(&held["public_identifier"])));
    let identifiers = identifiers.collect::<Vec<_>>().join(" ");
    let state = match user["blocked"] == true {
        true => Cell::state("blocked", false),
        false => Cell::state("active", true),
    };
    [
        Cell::of(&user["id"]),
        state,
        Cell::time(&user["created_at"]).in_tone(Tone::Faint),
        Cell::time(&user["last_visit"]),
        Cell::words(&identifiers),
    ]
}

const HEADER: [&str; 5] = ["ID", "STATE", "CREATED", "LAST SEEN", "IDENTIFIERS"];
