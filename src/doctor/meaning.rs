//! What a configuration means, beyond whether it is valid.

use std::path::Path;
use std::time::Instant;

use serde_yaml::Value;
use url::Url;

use super::catalogue::{CONFIG_AUDIENCE, CONFIG_OPEN, CONFIG_PLAIN, CONFIG_WARNING, Kind};
use super::report::{self, Evidence, Report};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::config::load::Loaded;
use crate::public_network::is_loopback;

/// Examines a configuration file of this gateway: what `vestibule check` warns of, routes that open
/// what others protect, issuers whose tokens are for anybody, credentials over plain HTTP.
///
/// # Errors
///
/// If the file is not valid.
pub fn examine(file: &Path) -> Result<Report, ConfigError> {
    let (begun, started) = (Instant::now(), UnixTime::now());
    let loaded = Loaded::read(file)?;
    let mut evidence: Vec<(&'static Kind, Evidence)> = Vec::new();
    for warning in &loaded.warnings {
        let place = match warning.path.is_empty() {
            true => "the file".to_owned(),
            false => warning.path.clone(),
        };
        evidence.push((&CONFIG_WARNING, of(place, warning.message.clone())));
    }
    // It has just been read and was valid.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let document: Value = serde_yaml::from_str(&text).unwrap_or_default();
    evidence.extend(open_routes(&document).map(|one| (&CONFIG_OPEN, one)));
    evidence.extend(audiences(&document).map(|one| (&CONFIG_AUDIENCE, one)));
    evidence.extend(plain(&document).map(|one| (&CONFIG_PLAIN, one)));
    Ok(Report {
        target: file.display().to_string(),
        started,
        duration: begun.elapsed(),
        probes: 0,
        findings: report::grouped(evidence),
        skipped: Vec::new(),
    })
}

fn of(sent: String, seen: String) -> Evidence {
    Evidence { sent, seen }
}

/// `auth: none` on a path above a protected one of the same upstream: only the reading of the path
/// stands between them.
fn open_routes(document: &Value) -> impl Iterator<Item = Evidence> {
    let routes = items(document, "routes");
    let path = |route: &Value| {
        text(route, "path")
            .unwrap_or("/")
            .trim_end_matches('/')
            .to_owned()
    };
    let protects = move |open: &Value, route: &Value| {
        let is_guarded = text(route, "auth").unwrap_or("required") == "required";
        is_guarded
            && text(route, "upstream") == text(open, "upstream")
            && text(route, "host") == text(open, "host")
            && path(route).starts_with(&path(open))
    };
    let open = routes
        .iter()
        .enumerate()
        .filter(|(_, route)| text(route, "auth") == Some("none"));
    open.filter_map(move |(at, open)| {
        let guarded = routes.iter().find(|route| protects(open, route))?;
        let shown = text(guarded, "path").unwrap_or("/");
        let seen = format!("`auth: none` above `{shown}`, to the same upstream");
        Some(of(format!("routes[{at}]"), seen))
    })
}

fn audiences(document: &Value) -> impl Iterator<Item = Evidence> {
    let issuers = items(document, "issuers").iter().enumerate();
    let lacks = |issuer: &Value| issuer.get("aud").is_none() && issuer.get("preset").is_none();
    issuers
        .filter(move |(_, issuer)| lacks(issuer))
        .map(|(at, _)| of(format!("issuers[{at}]"), "no `aud`".to_owned()))
}

fn plain(document: &Value) -> Option<Evidence> {
    let written = text(document, "public_url")?;
    let url = Url::parse(written).ok()?;
    let is_plain = url.scheme() == "http" && !is_loopback(&url);
    is_plain.then(|| of("public_url".to_owned(), format!("`{written}`")))
}

fn items<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    let items = document.get(name).and_then(Value::as_sequence);
    items.map_or(&[], Vec::as_slice)
}

fn text<'a>(node: &'a Value, name: &str) -> Option<&'a str> {
    node.get(name)?.as_str()
}
