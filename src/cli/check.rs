//! `vestibule check`: what is wrong or risky in a configuration file.

use std::process::ExitCode;

use clap::ValueEnum;

use super::{CheckOptions, WRONG_USAGE};
use crate::config::load::{Loaded, lines};
use crate::diagnostic::Diagnostic;
use crate::server;

/// How findings are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A line each, on standard error.
    #[default]
    Text,
    /// An array of objects, on standard output.
    Json,
}

/// Errors make the exit code 64; warnings do not.
pub(super) fn run(options: &CheckOptions) -> ExitCode {
    let file = &options.file.config;
    let found = match Loaded::read(file) {
        Ok(loaded) => {
            let mut found = loaded.position(server::check(&loaded.config));
            found.extend(loaded.warnings);
            found.sort_by_key(|one| one.position);
            found
        }
        Err(error) => error.into_diagnostics(),
    };
    let is_valid = !found.iter().any(Diagnostic::is_error);
    match options.format {
        Format::Json => print_line!("{}", json(&found)),
        Format::Text => {
            if !found.is_empty() {
                print_error!("{}", lines(file, &found));
            }
            if is_valid {
                print_line!("{}: valid", file.display());
            }
        }
    }
    if is_valid {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(WRONG_USAGE)
    }
}

fn json(found: &[Diagnostic]) -> String {
    // The pretty form of these does not fail.
    serde_json::to_string_pretty(found).unwrap_or_default()
}
