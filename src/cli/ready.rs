//! `vestibule ready`: whether the running gateway serves, for probes without an HTTP client.

use std::process::ExitCode;

use super::operator::{CommandError, Connection, Gateway, run, text};

/// Asks `/ready`; false when it answers that it does not serve.
pub(super) fn ask(gateway: &Gateway) -> ExitCode {
    run(gateway, |api| show(api, gateway))
}

async fn show(api: Connection, gateway: &Gateway) -> Result<bool, CommandError> {
    let (serves, answer) = api.ready().await?;
    if gateway.prints(&answer) {
        return Ok(serves);
    }
    print_line!("{}", text(&answer["status"]));
    for part in answer["degraded"].as_array().into_iter().flatten() {
        print_line!("  {}", text(part));
    }
    Ok(serves)
}
