//! `vestibule jwks`: the issuers' keys as the running gateway has them.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::Value;

use super::operator::{CommandError, Connection, Gateway, run, text};
use super::printable::printable;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show each issuer's keys, their age, the next refresh and the last error.
    Show(Which),
    /// Fetch keys now, regardless of the refresh interval. Fails if a fetch fails.
    Refresh(Which),
}

/// Of which issuers, and where.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The issuer's name; if omitted, all issuers.
    issuer: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::Show(which) => run(&which.gateway, |api| show(api, which)),
            Self::Refresh(which) => run(&which.gateway, |api| refresh(api, which)),
        }
    }
}

async fn show(api: Connection, which: &Which) -> Result<bool, CommandError> {
    let rows = Value::Array(rows(&api, which).await?);
    if which.gateway.prints(&rows) {
        return Ok(true);
    }
    for row in rows.as_array().into_iter().flatten() {
        print_keys(&row["name"], &row["keys"]);
    }
    Ok(true)
}

async fn refresh(api: Connection, which: &Which) -> Result<bool, CommandError> {
    let (mut all_good, mut answers) = (true, Vec::new());
    for row in rows(&api, which).await? {
        let name = row["name"].as_str().unwrap_or_default();
        let mut answer = api
            .send(Method::POST, &["issuers", name, "refresh"], Value::Null)
            .await?;
        // What is not fetched cannot fail.
        let is_fetched = answer["keys"]["next_refresh"].is_number();
        all_good &= answer["refreshed"] == true || !is_fetched;
        if which.gateway.is_for_people() {
            print_keys(&row["name"], &answer["keys"]);
        }
        answer["name"] = row["name"].clone();
        answers.push(answer);
    }
    // One document, like that of `show`.
    which.gateway.prints(&Value::Array(answers));
    Ok(all_good)
}

async fn rows(api: &Connection, which: &Which) -> Result<Vec<Value>, CommandError> {
    match &which.issuer {
        Some(name) => Ok(vec![api.get(&["issuers", name]).await?]),
        None => {
            let mut answer = api.get(&["issuers"]).await?;
            match answer.get_mut("issuers").map(Value::take) {
                Some(Value::Array(rows)) => Ok(rows),
                _ => Ok(Vec::new()),
            }
        }
    }
}

fn print_keys(name: &Value, keys: &Value) {
    print_line!("{}: {}", text(name), text(&keys["source"]));
    let seconds = |value: &Value| value.as_f64().map(|seconds| format!("{seconds:.0}s"));
    let age = seconds(&keys["age"]).unwrap_or_else(|| "-".to_owned());
    let next = seconds(&keys["next_refresh"]).unwrap_or_else(|| "-".to_owned());
    let fetches = &keys["fetches"];
    print_line!(
        "  age {age}, next refresh in {next}, fetches: {} changed, {} unchanged, {} failed",
        fetches["changed"],
        fetches["unchanged"],
        fetches["failed"]
    );
    if keys["last_error"].is_string() {
        print_line!("  last error: {}", text(&keys["last_error"]));
    }
    for (reason, count) in keys["skipped"].as_object().into_iter().flatten() {
        print_line!("  skipped: {count} {}", printable(reason));
    }
    for key in keys["keys"].as_array().into_iter().flatten() {
        let names = key["algorithms"].as_array().into_iter().flatten().map(text);
        let algorithms = names.collect::<Vec<_>>().join(" ");
        print_line!(
            "  key {:<40} {:<4} {algorithms}",
            text(&key["kid"]),
            text(&key["kind"])
        );
    }
}
