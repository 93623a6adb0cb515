//! The command line. Exit codes: 0 success, 1 failure or refusal, 64 usage or configuration error.

#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value read by a name that it lacks is null, not a panic"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tracing::warn;

#[macro_use]
mod print;

mod audit;
mod check;
mod doctor;
mod events;
mod generate;
mod issuers;
mod jwks;
mod keys;
mod operator;
mod output;
mod paging;
mod pinned_tls;
mod printable;
mod progress;
mod ready;
mod reload;
mod route;
mod sessions;
mod store;
mod table;
mod token_test;
mod tokens;
mod upstreams;
mod users;

use crate::clock::UnixTime;
use crate::config::Config;
use crate::config::load::Loaded;
use crate::telemetry::LogFormat;
use crate::{demo, metrics, server, telemetry};
use printable::{printable, printable_json};

/// A bring-your-own-auth gateway: a reverse proxy that exchanges your auth provider's JWTs for
/// sessions of its own.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway.
    Serve(ServeOptions),
    /// Check a configuration file and report every problem with its position.
    Check(CheckOptions),
    /// Show whether the running gateway is ready and what is degraded.
    Ready(operator::Gateway),
    /// Test external tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show or fetch the keys of the running gateway's issuers.
    #[command(subcommand)]
    Jwks(jwks::Command),
    /// Say which route of the running gateway gets a request, and whether a token passes there.
    #[command(subcommand)]
    Route(route::Command),
    /// List the servers behind the running gateway, drain them, and change their weight.
    #[command(subcommand)]
    Upstreams(upstreams::Command),
    /// Make the running gateway reload its configuration file.
    Reload(#[command(flatten)] operator::Gateway),
    /// Manage the running gateway's issuers.
    #[command(subcommand)]
    Issuers(issuers::Command),
    /// Manage the running gateway's users.
    #[command(subcommand)]
    Users(users::Command),
    /// List and revoke sessions of the running gateway.
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// List, rotate and revoke the running gateway's signing keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// List what operators did.
    #[command(subcommand)]
    Audit(audit::Command),
    /// List, create and revoke admin tokens.
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// List events and deliver them to webhooks again.
    #[command(subcommand)]
    Events(events::Command),
    /// Export or import the whole store.
    #[command(subcommand)]
    Store(store::Command),
    /// Send the known attacks on authenticating proxies to a running set-up, and report what came
    /// through.
    Doctor(Box<doctor::Options>),
    /// Run a demo on loopback: an issuer with a login page, an upstream and the gateway.
    Demo(demo::Options),
    /// Generate shell completions, man pages, the configuration schema or the list of metrics.
    #[command(subcommand)]
    Generate(generate::Command),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Test a token step by step and say whether it is accepted.
    Test(token_test::Arguments),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct CheckOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// How to report what was found.
    #[arg(long, value_enum, default_value_t)]
    format: check::Format,
}

#[derive(Debug, Args)]
struct ServeOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// Take over from the gateway that uses the same `server.runtime_dir`; if none is running,
    /// just start.
    #[arg(long)]
    upgrade: bool,
    /// How long to continue to serve after SIGTERM while `/ready` is 503, if the configuration has no
    /// `server.shutdown_delay`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    shutdown_delay: Option<Duration>,
}

/// `EX_USAGE` of sysexits(3).
pub const WRONG_USAGE: u8 = 64;

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> ExitCode {
        print::exit_code(self.command.run())
    }
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Self::Serve(options) => serve(&options),
            Self::Check(options) => check::run(&options),
            Self::Ready(gateway) => ready::ask(&gateway),
            Self::Token(TokenCommand::Test(arguments)) => token_test::run(&arguments),
            Self::Jwks(command) => command.run(),
            Self::Reload(gateway) => reload::reload(&gateway),
            Self::Route(command) => command.run(),
            Self::Upstreams(command) => command.run(),
            Self::Issuers(command) => command.run(),
            Self::Users(command) => command.run(),
            Self::Sessions(command) => command.run(),
            Self::Keys(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Tokens(command) => command.run(),
            Self::Events(command) => command.run(),
            Self::Store(command) => command.run(),
            Self::Doctor(options) => doctor::run(&options),
            Self::Demo(options) => demonstrate(&options),
            Self::Generate(command) => command.run(),
        }
    }
}

fn serve(options: &ServeOptions) -> ExitCode {
    let Loaded {
        mut config,
        warnings,
        ..
    } = match Loaded::read(&options.file.config) {
        Ok(loaded) => loaded,
        Err(error) => {
            print_error!("{error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let delay = &mut config.server.shutdown_delay;
    *delay = delay.or(options.shutdown_delay);
    let log = match log_as(&config) {
        Ok(log) => log,
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    for warning in &warnings {
        warn!(%warning, "a problem in the configuration file");
    }
    let start = match options.upgrade {
        true => server::Start::Upgrade,
        false => server::Start::Fresh,
    };
    let ended = server::run(&config, start);
    drop(log);
    let Err(error) = ended else {
        return ExitCode::SUCCESS;
    };
    // A service manager can tell by it that another start is of no use.
    let code = match error.is_of_configuration() {
        true => ExitCode::from(WRONG_USAGE),
        false => ExitCode::FAILURE,
    };
    match config.log.format {
        LogFormat::Text => fail(&error, code),
        LogFormat::Json => {
            print_error!("{}", last_line(&error));
            code
        }
    }
}

/// Why the gateway ended, as another line of its log, whatever level that has.
fn last_line(error: &dyn std::error::Error) -> String {
    let line = json!({
        "timestamp": UnixTime::now().rfc3339(),
        "level": "ERROR",
        "message": "the gateway does not run",
        "error": error.to_string(),
        "target": module_path!(),
    });
    printable_json(&line.to_string())
}

fn demonstrate(options: &demo::Options) -> ExitCode {
    let demo = demo::run(options, |config| {
        // A log that cannot be set up is not worth failing the demo for.
        let _log = log_as(&config);
        server::run(&config, server::Start::Fresh)
    });
    match demo {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

fn log_as(config: &Config) -> Result<telemetry::Log, telemetry::TelemetryError> {
    telemetry::install(
        config.log.format,
        &config.log.level,
        metrics::log_dropped()?,
    )
}

fn fail(error: &dyn std::error::Error, code: ExitCode) -> ExitCode {
    // Some errors have lines, and any may quote what an outsider wrote.
    let error = error.to_string();
    let lines: Vec<_> = error.lines().map(printable).collect();
    print_error!("vestibule: {}", lines.join("\n"));
    code
}
