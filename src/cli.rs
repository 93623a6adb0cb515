//! The command line. Exit codes: 0 good, 1 failed, 64 wrong usage or configuration.

#![allow(
    clippy::indexing_slicing,
    reason = "a JSON value read by a name that it lacks is null, not a panic"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line talks to a terminal; the log is for the gateway"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing::warn;

mod check;
mod generate;
mod issuers;
mod jwks;
mod keys;
mod operator;
mod pinned_tls;
mod printable;
mod ready;
mod reload;
mod sessions;
mod store;
mod token_test;
mod users;

use crate::config::load::Loaded;
use crate::config::{self, Config};
use crate::{demo, metrics, server, telemetry};
use printable::printable;

/// A bring-your-own-auth gateway: an external JWT goes in, a session of the platform comes out.
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
    /// Check a configuration file and say where it is wrong.
    Check(CheckOptions),
    /// Say whether the running gateway serves, and what is degraded.
    Ready(operator::Gateway),
    /// Look at external tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// See and fetch the issuers' keys of the running gateway.
    #[command(subcommand)]
    Jwks(jwks::Command),
    /// Have the running gateway read its configuration file again.
    Reload(#[command(flatten)] operator::Gateway),
    /// See, make and switch the issuers of the running gateway.
    #[command(subcommand)]
    Issuers(issuers::Command),
    /// Find, make, block and delete users of the running gateway.
    #[command(subcommand)]
    Users(users::Command),
    /// See and revoke sessions of the running gateway.
    #[command(subcommand)]
    Sessions(sessions::Command),
    /// See, rotate and revoke the running gateway's signing keys.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Export and import the whole store.
    #[command(subcommand)]
    Store(store::Command),
    /// Run an issuer with a login page, an upstream and the gateway between them, on loopback.
    Demo(demo::Options),
    /// Write what packages and editors need: completions, man pages.
    #[command(subcommand)]
    Generate(generate::Command),
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Say, step by step, whether a token is accepted and why not.
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
    /// Take over from the gateway that runs with this configuration's `server.runtime_dir`; when
    /// none does, just start.
    #[arg(long)]
    upgrade: bool,
}

/// `EX_USAGE` of sysexits(3).
pub const WRONG_USAGE: u8 = 64;

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Serve(options) => serve(&options),
            Command::Check(options) => check::run(&options),
            Command::Ready(gateway) => ready::ask(&gateway),
            Command::Token(TokenCommand::Test(arguments)) => token_test::run(&arguments),
            Command::Jwks(command) => command.run(),
            Command::Reload(gateway) => reload::reload(&gateway),
            Command::Issuers(command) => command.run(),
            Command::Users(command) => command.run(),
            Command::Sessions(command) => command.run(),
            Command::Keys(command) => command.run(),
            Command::Store(command) => command.run(),
            Command::Demo(options) => demonstrate(&options),
            Command::Generate(command) => command.run(),
        }
    }
}

fn serve(options: &ServeOptions) -> ExitCode {
    let Loaded {
        config, warnings, ..
    } = match Loaded::read(&options.file.config) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let log = match log_as(&config) {
        Ok(log) => log,
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    for warning in &warnings {
        warn!(%warning, "in the configuration file");
    }
    let start = match options.upgrade {
        true => server::Start::Upgrade,
        false => server::Start::Fresh,
    };
    let ended = server::run(&config, start);
    drop(log);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
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

fn load(file: &Path) -> Result<Config, ExitCode> {
    config::load(file).map_err(|error| {
        eprintln!("{error}");
        ExitCode::from(WRONG_USAGE)
    })
}

fn log_as(config: &Config) -> Result<telemetry::Log, telemetry::TelemetryError> {
    let format = match config.log.format {
        config::LogFormat::Text => telemetry::Format::Text,
        config::LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::install(format, &config.log.level, metrics::log_dropped()?)
}

fn fail(error: &dyn std::error::Error, code: ExitCode) -> ExitCode {
    // Some errors have lines, and any may quote what an outsider wrote.
    let error = error.to_string();
    let lines: Vec<_> = error.lines().map(printable).collect();
    eprintln!("vestibule: {}", lines.join("\n"));
    code
}
