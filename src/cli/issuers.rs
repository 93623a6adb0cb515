//! `vestibule issuers`: see, make and switch the issuers of the running gateway.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use crate::config::load::made;
use crate::live_config::Document;

use super::operator::{CommandError, Connection, Gateway, run};
use super::printable::printable;
use super::table::{Cell, Table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the issuers.
    List(#[command(flatten)] Gateway),
    /// Create an issuer for all gateways that use the store.
    Create(IssuerFile),
    /// Replace all settings of an issuer that was created by an operator.
    Replace(IssuerFile),
    /// Delete an issuer that was created by an operator. Its tokens are refused from the next
    /// request on.
    Delete(Named),
    /// Accept an issuer's tokens.
    Enable(Named),
    /// Refuse an issuer's tokens from the next request on.
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

/// What to write, and where.
#[derive(Debug, Args)]
pub(super) struct IssuerFile {
    /// A file with one entry of `issuers`, as YAML or JSON; `-` reads standard input.
    file: PathBuf,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, |api| list(api, gateway)),
            Self::Create(written) => written.send(false),
            Self::Replace(written) => written.send(true),
            Self::Delete(named) => named.delete(),
            Self::Enable(named) => named.switch(true),
            Self::Disable(named) => named.switch(false),
        }
    }
}

impl IssuerFile {
    fn send(&self, replaces: bool) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let document = self.read()?;
            let sent = match document.get("name").and_then(Value::as_str) {
                Some(name) if replaces => {
                    let path = ["issuers", name];
                    api.send(Method::PUT, &path, json!(document)).await
                }
                _ => api.send(Method::POST, &["issuers"], json!(document)).await,
            };
            print_one(sent?, &self.gateway);
            Ok(true)
        })
    }

    fn read(&self) -> Result<Document, CommandError> {
        let unreadable = |cause: String| CommandError::Settings {
            file: self.file.clone(),
            cause,
        };
        let text = if self.file.as_os_str() == "-" {
            io::read_to_string(io::stdin())
        } else {
            std::fs::read_to_string(&self.file)
        };
        let text = text.map_err(|error| unreadable(error.to_string()))?;
        made::document(&text).map_err(unreadable)
    }
}

impl Named {
    fn delete(&self) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let path = ["issuers", &self.name];
            let answer = api.send(Method::DELETE, &path, Value::Null).await?;
            if !self.gateway.prints(&answer) {
                print_line!("deleted issuer {}", printable(&self.name));
            }
            Ok(true)
        })
    }

    fn switch(&self, enabled: bool) -> ExitCode {
        run(&self.gateway, async |api: Connection| {
            let path = ["issuers", &self.name, "enabled"];
            let row = api
                .send(Method::PUT, &path, json!({ "enabled": enabled }))
                .await?;
            print_one(row, &self.gateway);
            Ok(true)
        })
    }
}

async fn list(api: Connection, gateway: &Gateway) -> Result<bool, CommandError> {
    let answer = api.get(&["issuers"]).await?;
    if !gateway.prints(&answer) {
        print(&answer["issuers"]);
    }
    Ok(true)
}

fn print_one(row: Value, gateway: &Gateway) {
    if !gateway.prints(&row) {
        print(&Value::Array(vec![row]));
    }
}

fn print(issuers: &Value) {
    let header = ["NAME", "STATE", "FROM", "KEYS", "ISS"];
    Table::of(header, issuers, |row| {
        let state = match row["enabled"] == true {
            true => Cell::state("on", true),
            false => Cell::state("off", false),
        };
        let count = row["keys"]["keys"].as_array().map_or(0, Vec::len);
        [
            Cell::of(&row["name"]),
            state,
            Cell::of(&row["origin"]),
            match row["keys"]["degraded"] == true {
                true => Cell::state("degraded", false),
                false => Cell::word(&count.to_string()),
            },
            Cell::of(&row["iss"]),
        ]
    })
    .print();
}
