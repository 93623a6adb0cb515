//! `vestibule issuers`: see and switch the issuers of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, print_json, run, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the issuers.
    List(#[command(flatten)] Gateway),
    /// Accept an issuer's tokens.
    Enable(Named),
    /// Refuse an issuer's tokens, from the next request on.
    Disable(Named),
}

/// Which issuer, and where.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// The issuer's name.
    name: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, |api| list(api, gateway.json)),
            Self::Enable(named) => named.switch(true),
            Self::Disable(named) => named.switch(false),
        }
    }
}

impl Named {
    fn switch(&self, enabled: bool) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let path = ["issuers", &self.name, "enabled"];
            let row = api
                .send(Method::PUT, &path, json!({ "enabled": enabled }))
                .await?;
            if self.gateway.json {
                print_json(&row);
            } else {
                print_row(&row);
            }
            Ok(true)
        })
    }
}

async fn list(api: Connection, as_json: bool) -> Result<bool, CommandError> {
    let answer = api.get(&["issuers"]).await?;
    if as_json {
        print_json(&answer);
        return Ok(true);
    }
    for row in answer["issuers"].as_array().into_iter().flatten() {
        print_row(row);
    }
    Ok(true)
}

fn print_row(row: &Value) {
    let enabled = if row["enabled"] == true { "on" } else { "off" };
    println!(
        "{:<20} {enabled:<4} {}",
        text(&row["name"]),
        text(&row["iss"])
    );
}
