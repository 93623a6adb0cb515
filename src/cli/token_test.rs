//! `vestibule token test`: shows the proxy's own checks step by step.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::printable::printable;
use super::{WRONG_USAGE, fail, load};
use crate::clock::UnixTime;
use crate::config::Config;
use crate::jwks::{JwksService, NoEvents, SourceError};
use crate::jwt::{self, Explanation, Issuers, Pasted};

/// What to test, and against which configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
    /// The token; `-` reads it from standard input and keeps it out of the process list.
    #[arg(default_value = "-")]
    token: String,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = match load(&arguments.config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let token = match read_token(&arguments.token) {
        Ok(token) => token,
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    match explain(&config, &token) {
        Ok(explanation) => {
            // Hints quote the token, which anybody may have written.
            let text = explanation.to_string();
            let lines: Vec<_> = text.split('\n').map(printable).collect();
            print!("{}", lines.join("\n"));
            if explanation.valid {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => fail(&*error, ExitCode::FAILURE),
    }
}

fn read_token(argument: &str) -> io::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().take(LONGEST_INPUT).read_to_string(&mut text)?;
    Ok(text)
}

/// Fetches the issuers' keys, as the gateway does at its start and once more for a token whose key is
/// not among them, and explains.
fn explain(config: &Config, token: &str) -> Result<Explanation, Box<dyn std::error::Error>> {
    let token_size = usize::try_from(config.limits.token_size.as_u64()).unwrap_or(usize::MAX);
    let issuers = Issuers::build(&config.issuers)?.with_max_token_size(token_size);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let service = JwksService::new(Arc::new(NoEvents), None);
    let Pasted { token, removed } = jwt::pasted(token);
    let explain = || jwt::explain(&token, &issuers, UnixTime::now());
    let explanation = runtime.block_on(async {
        service.start(issuers.key_sets())?;
        for issuer in issuers.iter() {
            issuer.keys().first_fetch().await;
        }
        let explanation = explain();
        let named = explanation.issuer.as_deref();
        let issuer = named.and_then(|name| issuers.by_name(name));
        let wanted = explanation
            .reason()
            .zip(issuer)
            .and_then(|(reason, issuer)| reason.wanted_key(&token, issuer.keys().generation()));
        match issuer.zip(wanted) {
            Some((issuer, wanted)) if issuer.keys().refetch_for(&wanted).await => Ok(explain()),
            _ => Ok::<_, SourceError>(explanation),
        }
    })?;
    Ok(explanation.without(removed))
}

/// More than any token that could be accepted.
const LONGEST_INPUT: u64 = 1 << 20;
