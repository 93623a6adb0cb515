//! `vestibule keys`: the signing keys of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{Connection, Gateway, print_json, run, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the signing keys, oldest first.
    List(#[command(flatten)] Gateway),
    /// Create the next key, which starts signing after it has been published for long enough.
    Rotate(Rotate),
    /// Delete a leaked key and end every session that may have a token signed with it.
    Revoke(One),
}

/// How soon, and where.
#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// Sign with the next key immediately, before verifiers with a cached key set can know it.
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which key, and where.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The key's id (`kid`).
    kid: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, async |api: Connection| {
                print(&api.get(&["keys"]).await?, gateway.json);
                Ok(true)
            }),
            Self::Rotate(asked) => {
                let body = json!({ "at_once": asked.at_once });
                send(&asked.gateway, &["keys", "rotate"], body)
            }
            Self::Revoke(one) => send(&one.gateway, &["keys", &one.kid, "revoke"], Value::Null),
        }
    }
}

/// Asks for a change, and prints the keys afterwards.
fn send(gateway: &Gateway, path: &[&str], body: Value) -> ExitCode {
    run(gateway, async |api: Connection| {
        print(&api.send(Method::POST, path, body).await?, gateway.json);
        Ok(true)
    })
}

fn print(answer: &Value, as_json: bool) {
    if as_json {
        return print_json(answer);
    }
    for key in answer["keys"].as_array().into_iter().flatten() {
        println!(
            "{} {:<6} {}",
            text(&key["kid"]),
            text(&key["algorithm"]),
            text(&key["state"])
        );
    }
}
