//! `vestibule token test`: shows the proxy's own checks step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, fail_with_hint, text};
use super::printable::printable;
use super::{WRONG_USAGE, fail};
use crate::clock::UnixTime;
use crate::config::{self, Config};
use crate::jwks::{JwksService, NoEvents, SourceError};
use crate::jwt::{self, Explanation, Issuers};

/// What to test, and against which configuration.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    gateway: Gateway,
    /// Test the file alone: do not ask the running gateway, which knows the user and the session.
    #[arg(long, conflicts_with_all = ["admin", "client_certificate"])]
    offline: bool,
    /// The token; `-` reads it from standard input and keeps it out of the process list.
    #[arg(default_value = "-")]
    token: String,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let gateway = &arguments.gateway;
    let token = match read_token(&arguments.token) {
        Ok(token) => token,
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    let asked = (!arguments.offline).then(|| ask(gateway, &token));
    let unasked = match asked {
        Some(Ok(answer)) => {
            answer.say_whose(gateway.file());
            return say(gateway, &answer.tested);
        }
        Some(Err(error)) => Some(error),
        None => None,
    };
    let config = match (gateway.file(), &unasked) {
        (Some(file), _) => config::load_section(file, "issuers"),
        // `--admin` says which gateway is to answer, and no file stands for it.
        (None, Some(error)) => return fail_with_hint(gateway, error, error.exit_code()),
        (None, None) => return ExitCode::from(WRONG_USAGE),
    };
    let config = match config {
        Ok(config) => config,
        Err(error) if unasked.is_some() => {
            let error = CommandError::Config(error);
            return fail_with_hint(gateway, &error, error.exit_code());
        }
        Err(error) => return fail(&error, ExitCode::from(WRONG_USAGE)),
    };
    match explain(&config, &token) {
        Ok(explanation) => {
            if let Some(error) = unasked {
                let error = error.to_string();
                let lines: Vec<_> = error.lines().map(printable).collect();
                print_error!(
                    "no gateway was asked, so nothing is known of the user and the session: {}",
                    lines.join("\n")
                );
            }
            show(gateway, &explanation)
        }
        Err(error) => fail(&*error, ExitCode::FAILURE),
    }
}

/// Prints what was found here.
fn show(gateway: &Gateway, explanation: &Explanation) -> ExitCode {
    if !gateway.prints(&serde_json::to_value(explanation).unwrap_or_default()) {
        // Hints quote the token, which anybody may have written.
        let text = explanation.to_string();
        let lines: Vec<_> = text.split('\n').map(printable).collect();
        print_line!("{}", lines.join("\n"));
    }
    verdict(explanation.valid)
}

fn verdict(is_valid: bool) -> ExitCode {
    match is_valid {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What a gateway says of the token.
struct Answer {
    /// Its address.
    gateway: String,
    tested: Value,
    /// The names of the issuers that it has otherwise than the file.
    differing: Vec<String>,
}

impl Answer {
    /// Says who answers, and whether by this file: what is tested may be a change that is not in force yet.
    fn say_whose(&self, file: Option<&Path>) {
        let gateway = &self.gateway;
        let Some(file) = file.map(Path::display) else {
            print_error!("asked the gateway at {gateway}");
            return;
        };
        print_error!("asked the gateway at {gateway}; `--offline` tests {file} alone");
        if !self.differing.is_empty() {
            let names: Vec<_> = self.differing.iter().map(|name| printable(name)).collect();
            print_error!(
                "ATTENTION: {file} and this gateway differ in issuers ({}), and the answer is the gateway's; \
                 `vestibule reload` puts the file in force",
                names.join(", ")
            );
        }
    }
}

/// Asks the gateway, if it runs.
fn ask(gateway: &Gateway, token: &str) -> Result<Answer, CommandError> {
    let connection = Connection::open(gateway)?;
    // What is compared is not secret, so that the gateway's other secrets are not needed.
    let written = gateway
        .file()
        .map(|file| config::load_section(file, "admin"));
    let written = written.transpose()?;
    let unreachable = |error: io::Error| CommandError::Unreachable {
        url: connection.base().to_owned(),
        cause: error.to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(unreachable)?;
    runtime.block_on(async {
        let body = json!({ "token": token });
        let path = ["token", "test"];
        let tested = connection.send(Method::POST, &path, body).await?;
        let differing = match &written {
            // It only adds to the answer, so a failure does not keep that back.
            Some(written) => match connection.get(&["issuers"]).await {
                Ok(running) => differing(written, &running),
                Err(_) => Vec::new(),
            },
            None => Vec::new(),
        };
        Ok(Answer {
            gateway: connection.base().to_owned(),
            tested,
            differing,
        })
    })
}

/// The issuers that the file has otherwise than the gateway, as far as the gateway lists their settings.
fn differing(config: &Config, running: &Value) -> Vec<String> {
    let rows = running["issuers"].as_array().into_iter().flatten();
    let running: BTreeMap<&str, Value> = rows
        .filter(|row| row["origin"] == "file")
        .filter_map(|row| Some((row["name"].as_str()?, compared(row))))
        .collect();
    let written: BTreeMap<&str, Value> = config
        .issuers
        .iter()
        .map(|issuer| {
            let settings = json!({
                "iss": issuer.iss,
                "enabled_in_file": issuer.enabled,
                "aud": issuer.aud,
                "cookie_name": issuer.cookie_name.as_ref().map(ToString::to_string),
                "header": issuer.header.as_ref().map(|field| field.as_str()),
                "algorithms": issuer.algorithms.iter().map(|it| it.name()).collect::<Vec<_>>(),
                "provisioning": issuer.provisioning,
                "assume_email_verified": issuer.assume_email_verified,
            });
            (issuer.name.as_str(), compared(&settings))
        })
        .collect();
    let names: BTreeSet<&str> = running.keys().chain(written.keys()).copied().collect();
    names
        .into_iter()
        .filter(|name| running.get(name) != written.get(name))
        .map(str::to_owned)
        .collect()
}

/// The settings of an issuer that are compared, by the names that the admin API has for them.
fn compared(issuer: &Value) -> Value {
    COMPARED.iter().map(|name| issuer[*name].clone()).collect()
}

/// Prints what the gateway said, as if it had been found here.
fn say(gateway: &Gateway, tested: &Value) -> ExitCode {
    let is_valid = tested["valid"] == true;
    if gateway.prints(tested) {
        return verdict(is_valid);
    }
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
    print_line!("{}", if is_valid { "accepted" } else { "refused" });
    verdict(is_valid)
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
    let pasted = jwt::pasted(token, &issuers);
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

/// What an issuer's row says of its settings.
const COMPARED: [&str; 8] = [
    "iss",
    "enabled_in_file",
    "aud",
    "cookie_name",
    "header",
    "algorithms",
    "provisioning",
    "assume_email_verified",
];
/// More than any token that could be accepted.
const LONGEST_INPUT: u64 = 1 << 20;
