//! `vestibule reload`: the running gateway looks at its file again.

use std::process::ExitCode;

use reqwest::Method;
use serde_json::Value;

use super::operator::{Connection, Gateway, run, text};
use super::printable::printable;

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
        for change in items(&attempt["lowered"]) {
            print_line!("lowered: {}", text(change));
        }
        for warning in items(&attempt["warnings"]) {
            print_line!("{}", finding(warning));
        }
        Ok(true)
    })
}

/// A warning of the file, as `check` prints it.
fn finding(warning: &Value) -> String {
    let said = |key: &str| warning[key].as_str().filter(|it| !it.is_empty());
    let (line, column) = (&warning["line"], &warning["column"]);
    let place = line.as_u64().map(|_| format!("{line}:{column}: "));
    let path = said("path").map(|path| format!("{path}: "));
    let hint = said("hint").map(|hint| format!("; {hint}"));
    let line = format!(
        "{}warning: {}{}{}",
        place.unwrap_or_default(),
        path.unwrap_or_default(),
        said("message").unwrap_or("-"),
        hint.unwrap_or_default(),
    );
    printable(&line).into_owned()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn list(names: &Value) -> String {
    let names: Vec<_> = items(names).map(text).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    }
}
