//! `vestibule events`: the events of the running gateway, and their delivery to webhooks.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, run, text};
use super::paging::count;
use super::table::{Cell, Table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List events, oldest first.
    List(List),
    /// Show the webhooks and how many events they have not accepted.
    Webhooks(#[command(flatten)] Gateway),
    /// Send an event, or all parked events, to a webhook again.
    Resend(Resend),
    /// Send a test event to a webhook and show the answer.
    Test(Test),
}

/// Which events, and where.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only list events after the one with this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// The maximum number of events, up to 1000.
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count)]
    limit: String,
    #[command(flatten)]
    gateway: Gateway,
}

/// What to send again, and where.
#[derive(Debug, Args)]
pub(super) struct Resend {
    /// The name of the webhook.
    webhook: String,
    /// The number of the event.
    #[arg(required_unless_present = "parked", conflicts_with = "parked")]
    number: Option<u64>,
    /// All events that the webhook did not accept in time.
    #[arg(long)]
    parked: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which webhook, and where.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The name of the webhook.
    webhook: String,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(asked) => run(&asked.gateway, |api| list(api, asked)),
            Self::Webhooks(gateway) => run(gateway, |api| webhooks(api, gateway)),
            Self::Resend(asked) => run(&asked.gateway, |api| resend(api, asked)),
            Self::Test(asked) => run(&asked.gateway, |api| test(api, asked)),
        }
    }
}

async fn list(api: Connection, asked: &List) -> Result<bool, CommandError> {
    let after = asked.after.to_string();
    let query = [("after", after.as_str()), ("limit", asked.limit.as_str())];
    let answer = api.search(&["events"], &query).await?;
    if asked.gateway.prints(&answer) {
        return Ok(true);
    }
    let header = ["NUMBER", "TIME", "EVENT", "DATA"];
    Table::of(header, &answer["events"], |event| {
        [
            Cell::of(&event["sequence"]),
            Cell::of(&event["timestamp"]),
            Cell::of(&event["eventName"]),
            Cell::words(&event["data"].to_string()),
        ]
    })
    .print();
    Ok(true)
}

async fn webhooks(api: Connection, gateway: &Gateway) -> Result<bool, CommandError> {
    let answer = api.get(&["webhooks"]).await?;
    if gateway.prints(&answer) {
        return Ok(true);
    }
    let header = ["WEBHOOK", "HOST", "NOT SENT YET", "PENDING", "PARKED"];
    Table::of(header, &answer["webhooks"], |webhook| {
        [
            Cell::of(&webhook["name"]),
            Cell::of(&webhook["host"]),
            Cell::of(&webhook["waiting"]),
            Cell::of(&webhook["pending"]),
            Cell::of(&webhook["parked"]),
        ]
    })
    .print();
    Ok(true)
}

async fn resend(api: Connection, asked: &Resend) -> Result<bool, CommandError> {
    let body = match asked.number {
        Some(number) => json!({ "sequence": number }),
        None => json!({ "parked": asked.parked }),
    };
    let path = ["webhooks", &asked.webhook, "resend"];
    let answer = api.send(Method::POST, &path, body).await?;
    if !asked.gateway.prints(&answer) {
        print_line!("sending again: {}", answer["events"]);
    }
    Ok(true)
}

/// False: the receiver did not accept it.
async fn test(api: Connection, asked: &Test) -> Result<bool, CommandError> {
    let path = ["webhooks", &asked.webhook, "test"];
    let answer = api.send(Method::POST, &path, Value::Null).await?;
    let accepted = answer["accepted"] == true;
    if !asked.gateway.prints(&answer) {
        let word = if accepted { "accepted" } else { "not accepted" };
        print_line!("{word}: {}", text(&answer["answer"]));
    }
    Ok(accepted)
}
