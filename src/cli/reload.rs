//! `vestibule reload`: the running gateway looks at its file again.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::operator::{Connection, Gateway, print_json, run, text};

/// Exit 0: the file is in force. 1: the last good one goes on, and why.
pub(super) fn reload(gateway: &Gateway) -> ExitCode {
    run(gateway, async |api: Connection| {
        let attempt = api
            .send(Method::POST, &["config", "reload"], Value::Null)
            .await?;
        if gateway.json {
            print_json(&attempt);
            return Ok(true);
        }
        println!("reloaded; changed: {}", list(&attempt["changed"]));
        if attempt["needs_restart"] != Value::Array(Vec::new()) {
            println!("only after a restart: {}", list(&attempt["needs_restart"]));
        }
        Ok(true)
    })
}

fn list(names: &Value) -> String {
    let names = names.as_array().into_iter().flatten();
    let names: Vec<_> = names.map(text).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    }
}
