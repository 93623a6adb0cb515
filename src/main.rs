//! `vestibule`: parses arguments, installs the cryptography, hands over.

#![allow(clippy::print_stderr, reason = "what goes wrong before there is a log")]

use std::process::ExitCode;

use clap::Parser;
use vestibule::cli::{Cli, WRONG_USAGE};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything that may use TLS: two providers are compiled in, and the process default
    // decides which one all of them use.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
        || jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
            .install_default()
            .is_err()
    {
        eprintln!("vestibule: a cryptography provider is already installed");
        return ExitCode::FAILURE;
    }
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(problem) => {
            // Help and the version are asked for; everything else is wrong usage. A closed
            // output leaves nobody to tell.
            let _ = problem.print();
            ExitCode::from(if problem.use_stderr() { WRONG_USAGE } else { 0 })
        }
    }
}
