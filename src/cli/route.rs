//! `vestibule route`: where requests go at the running gateway, and who passes.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::operator::{CommandError, Connection, Gateway, run, text};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say which route gets a request, and whether a token passes there.
    Explain(Question),
}

/// A request that might be made, and where.
#[derive(Debug, Args)]
pub(super) struct Question {
    /// The method, such as `GET`.
    method: String,
    /// The address, or a path at the gateway's `public_url`.
    url: String,
    /// A file with an external token, `-` for standard input. The token is not kept.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// A field of its header, such as `X-Version: 2`; may be given several times. Credentials are given
    /// by `--token`.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The listener at which it would arrive; by default the first that serves it.
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

impl Command {
    pub(super) fn run(&self) -> ExitCode {
        let Self::Explain(question) = self;
        run(&question.gateway, |api| explain(api, question))
    }
}

/// False if the request would be refused.
async fn explain(api: Connection, question: &Question) -> Result<bool, CommandError> {
    let token = question.token.as_deref().map(|file| {
        let read = match file.to_str() {
            Some("-") => {
                let mut text = String::new();
                io::stdin()
                    .take(LONGEST_INPUT)
                    .read_to_string(&mut text)
                    .map(|_| text)
            }
            _ => std::fs::read_to_string(file),
        };
        read.map_err(|cause| CommandError::token_file(file, cause))
    });
    let body = json!({
        "method": question.method,
        "url": question.url,
        "headers": question.headers,
        "listener": question.listener,
        "token": token.transpose()?,
    });
    let answer = api.send(Method::POST, &["routes", "explain"], body).await?;
    let passes = answer["passes"] == true;
    if question.gateway.prints(&answer) {
        return Ok(passes);
    }
    if !answer["route"].is_null() {
        print_line!(
            "route {} to the upstream {} as {}",
            text(&answer["route"]),
            text(&answer["upstream"]),
            text(&answer["upstream_path"]),
        );
    }
    for step in answer["steps"].as_array().into_iter().flatten() {
        print(step);
    }
    for more in answer["in_addition"].as_array().into_iter().flatten() {
        print_line!("in addition: {}", text(more));
    }
    print_line!("{}", if passes { "passes" } else { "refused" });
    Ok(passes)
}

/// One check on one line, as `token test` prints it.
fn print(step: &Value) {
    let verdict = if step["verdict"] == "fail" {
        "FAIL"
    } else {
        "pass"
    };
    let mut line = format!("{:<10} {verdict}", text(&step["name"]));
    if let Value::String(_) = step["code"] {
        line = format!("{line} {}", text(&step["code"]));
    }
    if let Value::String(_) = step["hint"] {
        line = format!("{line}: {}", text(&step["hint"]));
    }
    print_line!("{line}");
}

/// More than any token that could be accepted.
const LONGEST_INPUT: u64 = 1 << 20;
