//! `vestibule token test`: shows the proxy's own checks step by step.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{Connection, Gateway, text};
use super::printable::printable;
use super::{WRONG_USAGE, fail, load};
use crate::clock::UnixTime;
use crate::config::Config;
use crate::jwks::{JwksService, NoEvents, SourceError};
use crate::jwt::{self, Explanation, Issuers};

/// What to test, and against which configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "config.yaml")]
    config: PathBuf,
    /// Do not ask the running gateway, which knows the user and the session.
    #[arg(long)]
    offline: bool,
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
    if !arguments.offline
        && let Some(tested) = ask(&arguments.config, &token)
    {
        return say(&tested);
    }
    match explain(&config, &token) {
        Ok(explanation) => {
            if !arguments.offline {
                print_error!(
                    "no gateway is running, so nothing is known of the user and the session"
                );
            }
            // Hints quote the token, which anybody may have written.
            let text = explanation.to_string();
            let lines: Vec<_> = text.split('\n').map(printable).collect();
            print_line!("{}", lines.join("\n"));
            if explanation.valid {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => fail(&*error, ExitCode::FAILURE),
    }
}

/// What the gateway of this configuration says, if it runs.
fn ask(config: &Path, token: &str) -> Option<Value> {
    let gateway = Gateway::of(config);
    let connection = Connection::open(&gateway).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let body = json!({ "token": token });
    let path = ["token", "test"];
    runtime
        .block_on(connection.send(Method::POST, &path, body))
        .ok()
}

/// Prints what the gateway said, as if it had been found here.
fn say(tested: &Value) -> ExitCode {
    for removed in tested["removed"].as_array().into_iter().flatten() {
        print_line!("removed: {}", text(removed));
    }
    if tested["place"].is_string() {
        print_line!("taken from: {}", text(&tested["place"]));
    }
    for step in tested["steps"].as_array().into_iter().flatten() {
        let verdict = match step["verdict"].as_str() {
            Some("pass") => "pass",
            Some("fail") => "FAIL",
            _ => "-",
        };
        let mut line = format!("{:<17} {verdict:<5}", text(&step["name"]));
        if step["code"].is_string() {
            line += &format!(" {}", text(&step["code"]));
        }
        if step["hint"].is_string() {
            line += &format!(": {}", text(&step["hint"]));
        }
        print_line!("{}", line.trim_end());
    }
    let content = &tested["content"];
    for part in ["header", "claims"] {
        if content[part].is_object() {
            print_line!("{part}: {}", printable(&content[part].to_string()));
        }
    }
    if content["expires_at"].is_string() {
        print_line!("expires: {}", text(&content["expires_at"]));
    }
    let places = tested["accepted_in"].as_array().into_iter().flatten();
    let places: Vec<_> = places.map(text).collect();
    if !places.is_empty() {
        print_line!("accepted in: {}", places.join(", "));
    }
    match tested["valid"] == true {
        true => {
            print_line!("accepted");
            ExitCode::SUCCESS
        }
        false => {
            print_line!("refused");
            ExitCode::FAILURE
        }
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
    let pasted = jwt::pasted(token);
    let explain = || jwt::explain(&pasted.token, &issuers, UnixTime::now());
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
            .and_then(|(reason, issuer)| {
                reason.wanted_key(&pasted.token, issuer.keys().generation())
            });
        match issuer.zip(wanted) {
            Some((issuer, wanted)) if issuer.keys().refetch_for(&wanted).await => Ok(explain()),
            _ => Ok::<_, SourceError>(explanation),
        }
    })?;
    Ok(explanation.of_pasted(&pasted, &issuers))
}

/// More than any token that could be accepted.
const LONGEST_INPUT: u64 = 1 << 20;
