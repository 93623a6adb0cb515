//! `vestibule users`: the users of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, print_json, run, text};
use super::printable::word;
use super::sessions;

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
    /// Delete a user with all credentials and sessions.
    Delete(One),
}

/// Which users, and where.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// A user id, an email address or an external id (`sub`).
    query: Option<String>,
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
            Self::SignOut(one) => one.send(Method::POST, &["users", &one.id, "sign-out"]),
            Self::Delete(one) => one.send(Method::DELETE, &["users", &one.id]),
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
            print(&user, self.gateway.json);
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
            print(&user, self.gateway.json);
            Ok(true)
        })
    }

    /// Asks for something that is answered without a body.
    fn send(&self, method: Method, path: &[&str]) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            api.send(method, path, Value::Null).await?;
            Ok(true)
        })
    }
}

async fn list(api: Connection, search: &Search) -> Result<bool, CommandError> {
    let query = search.query.as_deref().unwrap_or_default();
    let answer = api.search(&["users"], &[("q", query)]).await?;
    if search.gateway.json {
        print_json(&answer);
        return Ok(true);
    }
    for user in answer["users"].as_array().into_iter().flatten() {
        print(user, false);
    }
    Ok(true)
}

async fn show(api: Connection, one: &One) -> Result<bool, CommandError> {
    let answer = api.get(&["users", &one.id]).await?;
    if one.gateway.json {
        print_json(&answer);
        return Ok(true);
    }
    print(&answer["user"], false);
    for credential in answer["user"]["credentials"]
        .as_array()
        .into_iter()
        .flatten()
    {
        println!(
            "  {:<12} {} ({})",
            text(&credential["format"]),
            text(&credential["public_identifier"]),
            text(&credential["iss"])
        );
    }
    for session in answer["sessions"].as_array().into_iter().flatten() {
        print!("  ");
        sessions::print(session);
    }
    Ok(true)
}

fn print(user: &Value, as_json: bool) {
    if as_json {
        return print_json(user);
    }
    let identifiers = user["credentials"].as_array().into_iter().flatten();
    let identifiers =
        identifiers.map(|held| word(held["public_identifier"].as_str().unwrap_or("-")));
    let blocked = if user["blocked"] == true {
        "blocked"
    } else {
        ""
    };
    let identifiers = identifiers.collect::<Vec<_>>().join(" ");
    println!("{} {identifiers} {blocked}", text(&user["id"]));
}
