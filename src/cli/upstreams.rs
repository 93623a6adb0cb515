//! `vestibule upstreams`: the servers behind the running gateway, and draining and weighing them.

use std::num::NonZeroU8;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, raw, run};
use super::table::{Cell, Table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the upstreams with the state of their servers.
    List(#[command(flatten)] Gateway),
    /// Drain a server for a while: at all gateways it gets no new requests, and those that it has finish.
    Drain(Drain),
    /// End the drain of a server.
    Undrain(One),
    /// Give a server another weight for a while, at all gateways.
    Weight(Weight),
}

/// Which server, and where.
#[derive(Debug, Args)]
pub(super) struct One {
    /// The upstream's name.
    upstream: String,
    /// The server's address as the configuration writes it.
    server: String,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which server, and for how long.
#[derive(Debug, Args)]
pub(super) struct Drain {
    /// For how long, such as `30m`; at most 30 days.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    duration: Duration,
    #[command(flatten)]
    one: One,
}

/// Which server, and how much it gets.
#[derive(Debug, Args)]
pub(super) struct Weight {
    #[command(flatten)]
    one: One,
    /// From 1 to 255; without it, the configured weight again.
    #[arg(value_parser = weight)]
    weight: Option<NonZeroU8>,
    /// For how long, such as `30m`; at most 30 days.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    duration: Duration,
}

fn weight(text: &str) -> Result<NonZeroU8, &'static str> {
    text.parse().map_err(|_| "not a number from 1 to 255")
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::List(gateway) => run(gateway, |api| list(api, gateway)),
            Self::Drain(wanted) => {
                let body = json!({
                    "server": wanted.one.server, "seconds": wanted.duration.as_secs(),
                });
                run(&wanted.one.gateway, |api| {
                    change(api, &wanted.one, "drain", body)
                })
            }
            Self::Undrain(one) => {
                let body = json!({ "server": one.server });
                run(&one.gateway, |api| change(api, one, "undrain", body))
            }
            Self::Weight(wanted) => {
                let body = json!({
                    "server": wanted.one.server,
                    "weight": wanted.weight,
                    "seconds": wanted.duration.as_secs(),
                });
                run(&wanted.one.gateway, |api| {
                    change(api, &wanted.one, "weight", body)
                })
            }
        }
    }
}

async fn list(api: Connection, gateway: &Gateway) -> Result<bool, CommandError> {
    let answer = api.get(&["upstreams"]).await?;
    if !gateway.prints(&answer) {
        print(answer["upstreams"].as_array().into_iter().flatten());
    }
    Ok(true)
}

/// Prints the upstream afterwards. Where nothing takes its requests any more, it says so.
async fn change(
    api: Connection,
    one: &One,
    change: &str,
    body: Value,
) -> Result<bool, CommandError> {
    let path = ["upstreams", &one.upstream, change];
    let answer = api.send(Method::POST, &path, body).await?;
    if !one.gateway.prints(&answer) {
        print(std::iter::once(&answer));
    }
    let mut servers = answer["servers"].as_array().into_iter().flatten();
    if change == "drain" && servers.all(|server| !server["drained"].is_null()) {
        print_error!("all servers of the upstream are drained: its requests are answered with 503");
    }
    Ok(true)
}

fn print<'a>(upstreams: impl Iterator<Item = &'a Value>) {
    let header = [
        "UPSTREAM",
        "SERVER",
        "STATE",
        "WEIGHT",
        "DRAINED UNTIL",
        "BY",
    ];
    let mut table = Table::new(header);
    for upstream in upstreams {
        for server in upstream["servers"].as_array().into_iter().flatten() {
            let drained = &server["drained"];
            let state = match (drained.is_null(), server["healthy_addresses"] != 0) {
                (false, _) => Cell::state("drained", false),
                (true, true) if server["failing_in_use"] == true => Cell::state("failing", false),
                (true, true) => Cell::state("up", true),
                (true, false) => Cell::state("down", false),
            };
            table.push([
                Cell::word(raw(&upstream["name"])),
                Cell::word(raw(&server["server"])),
                state,
                Cell::of(&server["weight"]),
                Cell::time(&drained["until"]),
                Cell::of(&drained["by"]),
            ]);
        }
    }
    table.print();
}
