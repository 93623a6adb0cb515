//! `vestibule reload`: the running gateway looks at its file again.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::operator::{Connection, Gateway, run, text};

/// Exits with 0 if the file is in force, and with 1 and the error if the last valid one stays in
/// force.
pub(super) fn reload(gateway: &Gateway) -> ExitCode {
    run(gateway, async |api: Connection| {
        let attempt = api
            .send(Method::POST, &["config", "reload"], Value::Null)
            .await?;
        if gateway.prints(&attempt) {
            return Ok(true);
        }
        print_line!("reloaded; changed: {}", list(&attempt["changed"]));
        if attempt["needs_restart"] != Value::Array(Vec::new()) {
            print_line!("needs a restart: {}", list(&attempt["needs_restart"]));
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
