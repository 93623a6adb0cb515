//! `vestibule audit`: what operators did at the running gateway.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::operator::{CommandError, Connection, Gateway, run};
use super::paging::Paging;
use super::table::{Cell, Table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the actions of operators, newest first.
    List(Search),
}

/// Which actions, and where.
#[derive(Debug, Args)]
pub(super) struct Search {
    /// Only list actions of this operator.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only list actions that start with this, such as `user.`.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        let Self::List(search) = self;
        run(&search.gateway, |api| list(api, search))
    }
}

async fn list(api: Connection, search: &Search) -> Result<bool, CommandError> {
    let wanted = [("actor", &search.actor), ("action", &search.action)];
    let wanted = wanted
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let query = search.paging.query(&wanted.collect::<Vec<_>>());
    let answer = api.search(&["audit"], &query).await?;
    if search.gateway.prints(&answer) {
        return Ok(true);
    }
    let header = ["TIME", "ACTOR", "ACTION", "TARGET", "DETAIL"];
    Table::of(header, &answer["records"], |record| {
        [
            Cell::time(&record["at"]),
            Cell::of(&record["actor"]),
            Cell::of(&record["action"]),
            Cell::of(&record["target"]),
            Cell::words(&record["detail"].to_string()),
        ]
    })
    .print();
    search.paging.say_whether_more(&answer);
    Ok(true)
}
