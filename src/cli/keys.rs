//! `vestibule keys`: the signing keys of the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{Connection, Gateway, raw, run, text};
use super::table::{Cell, Table, Tone};
use crate::clock::UnixTime;

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
    // It is a thumbprint, which may begin with a hyphen.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, async |api: Connection| {
                let answer = api.get(&["keys"]).await?;
                if !gateway.prints(&answer) {
                    print(&answer);
                }
                Ok(true)
            }),
            Self::Rotate(asked) => {
                let body = json!({ "at_once": asked.at_once });
                change(&asked.gateway, &["keys", "rotate"], body, rotated)
            }
            Self::Revoke(one) => {
                let path = ["keys", &one.kid, "revoke"];
                change(&one.gateway, &path, Value::Null, revoked)
            }
        }
    }
}

/// Asks for a change, says what `happened` between the keys before and those afterwards, and prints
/// these.
fn change(
    gateway: &Gateway,
    path: &[&str],
    body: Value,
    happened: fn(&Value, &Value) -> String,
) -> ExitCode {
    run(gateway, async |api: Connection| {
        let before = api.get(&["keys"]).await?;
        let after = api.send(Method::POST, path, body).await?;
        if !gateway.prints(&after) {
            print_line!("{}\n", happened(&before, &after));
            print(&after);
        }
        Ok(true)
    })
}

/// What a rotation did, and from when on that counts.
fn rotated(before: &Value, after: &Value) -> String {
    let signs = signer(after);
    let next = keys(after).find(|key| key["state"] == "next");
    let Some(next) = next else {
        let former = signer(before);
        return format!(
            "{signs} signs from now on, and {former} no longer does; verifiers that have not \
             fetched the keys since refuse new tokens until they do"
        );
    };
    let kid = text(&next["kid"]);
    let is_new = !keys(before).any(|key| key["kid"] == next["kid"]);
    let made = if is_new {
        "created"
    } else {
        "was there already"
    };
    let at = UnixTime(next["activates_at"].as_u64().unwrap_or_default());
    let wait = humantime::format_duration(UnixTime::now().until(at));
    format!(
        "{kid} {made}; it signs from {} (in {wait}), when verifiers have had time to fetch it; \
         until then {signs} signs",
        at.rfc3339()
    )
}

fn revoked(before: &Value, after: &Value) -> String {
    let is_gone = |key: &&Value| !keys(after).any(|kept| kept["kid"] == key["kid"]);
    let gone = keys(before).find(is_gone);
    let gone = gone.map_or("-".into(), |key| text(&key["kid"]));
    let signs = signer(after);
    format!(
        "{gone} deleted; the sessions that may have a token signed with it have ended; {signs} signs"
    )
}

fn keys(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["keys"].as_array().into_iter().flatten()
}

/// The key that signs. Another one may be current, too: that of the former `session.algorithm`.
fn signer(answer: &Value) -> String {
    let signs = keys(answer).find(|key| key["signs"] == true);
    signs.map_or("-".into(), |key| text(&key["kid"]).into_owned())
}

fn print(answer: &Value) {
    let header = [
        "KEY",
        "ALGORITHM",
        "STATE",
        "SIGNS",
        "CREATED",
        "SIGNS FROM",
        "SIGNS UNTIL",
        "PUBLISHED UNTIL",
    ];
    Table::of(header, &answer["keys"], |key| {
        let state = raw(&key["state"]);
        let state = match state {
            "current" if key["signs"] == true => Cell::state(state, true),
            _ => Cell::word(state),
        };
        [
            Cell::of(&key["kid"]),
            Cell::of(&key["algorithm"]),
            state,
            Cell::of(&key["signs"]),
            Cell::time(&key["created_at"]).in_tone(Tone::Faint),
            Cell::time(&key["activates_at"]),
            Cell::time(&key["retires_at"]),
            Cell::time(&key["published_until"]),
        ]
    })
    .print();
}
