//! `vestibule tokens`: the admin tokens of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, run, text};
use super::printable::printable;
use super::table::{Cell, Table, Tone};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the admin tokens without their secrets.
    List(#[command(flatten)] Gateway),
    /// Create an admin token and print it, which happens only once.
    Create(Create),
    /// Revoke an admin token for all gateways, from the next request on.
    Revoke(One),
}

/// For whom, and where.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Its holder: lower-case letters, digits, `-` and `.`.
    name: String,
    /// What its holder can do.
    #[arg(long, value_enum, default_value_t)]
    role: TokenRole,
    /// For how many days it is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    days: u32,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum TokenRole {
    /// See everything and change nothing.
    #[default]
    Viewer,
    /// See and change everything.
    Admin,
}

/// Which token, and where.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The token's name.
    name: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, |api| list(api, gateway)),
            Self::Create(wanted) => run(&wanted.gateway, |api| create(api, wanted)),
            Self::Revoke(one) => run(&one.gateway, |api| revoke(api, one)),
        }
    }
}

async fn list(api: Connection, gateway: &Gateway) -> Result<bool, CommandError> {
    let answer = api.get(&["tokens"]).await?;
    if gateway.prints(&answer) {
        return Ok(true);
    }
    let header = [
        "NAME",
        "ROLE",
        "STATE",
        "FROM",
        "CREATED",
        "CREATED BY",
        "EXPIRES",
    ];
    Table::of(header, &answer["tokens"], |token| {
        let state = match token["expired"] == true {
            true => Cell::state("expired", false),
            false => Cell::state("valid", true),
        };
        [
            Cell::of(&token["name"]),
            Cell::of(&token["role"]),
            state,
            Cell::of(&token["origin"]),
            Cell::time(&token["created_at"]).in_tone(Tone::Faint),
            Cell::of(&token["created_by"]),
            Cell::time(&token["expires_at"]),
        ]
    })
    .print();
    Ok(true)
}

/// Only the token goes to standard output, so that it can be put where it belongs.
async fn create(api: Connection, wanted: &Create) -> Result<bool, CommandError> {
    let role = match wanted.role {
        TokenRole::Viewer => "viewer",
        TokenRole::Admin => "admin",
    };
    let body = json!({
        "name": wanted.name, "role": role, "expires_in_days": wanted.days,
    });
    let created = api.send(Method::POST, &["tokens"], body).await?;
    if !wanted.gateway.prints(&created) {
        print_error!(
            "created a token of the role {role} for {}, valid for {} days; it is not shown again:",
            printable(&wanted.name),
            wanted.days
        );
        print_line!("{}", text(&created["token"]));
    }
    Ok(true)
}

async fn revoke(api: Connection, one: &One) -> Result<bool, CommandError> {
    let path = ["tokens", &one.name];
    let answer = api.send(Method::DELETE, &path, Value::Null).await?;
    if !one.gateway.prints(&answer) {
        print_line!("revoked the token of {}", printable(&one.name));
    }
    Ok(true)
}
