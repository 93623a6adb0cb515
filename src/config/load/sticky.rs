//! Cookies that keep clients at a server: names that no other cookie has, and that browsers take.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::Config;
use crate::config::positions::member;
use crate::credential::TokenSources;
use crate::diagnostic::Diagnostic;
use crate::issuer::CookiePrefix;
use crate::upstream::sticky_settings::{SameSite, StickyCookie};

/// Checks every `sticky_cookie`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let sources = TokenSources::new(&config.token_sources());
    let mut seen: HashMap<String, String> = HashMap::new();
    for (upstream, settings) in &config.upstreams {
        let Some(cookie) = &settings.sticky_cookie else {
            continue;
        };
        let path = format!("{}.sticky_cookie", member("upstreams", upstream));
        lasts(&path, cookie, &mut found);
        if cookie.same_site == SameSite::None && !config.public_url.is_https() {
            let message = "browsers take a cookie for other sites' pages by `https` only";
            found.push(Diagnostic::error(format!("{path}.same_site"), message));
        }
        let Some(name) = &cookie.name else {
            continue;
        };
        let (at, name) = (format!("{path}.name"), name.as_str());
        if sources.holds_credentials(name) {
            let message = "this cookie holds a credential";
            found.push(Diagnostic::error(&at, message));
        }
        if let Some(fault) = prefix_fault(name, cookie, config.public_url.is_https()) {
            found.push(Diagnostic::error(&at, fault));
        }
        let first = seen
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| at.clone());
        if *first != at {
            found.push(Diagnostic::error(&at, format!("the same as {first}")));
        }
    }
    found
}

fn lasts(path: &str, cookie: &StickyCookie, found: &mut Vec<Diagnostic>) {
    let path = format!("{path}.max_age");
    if cookie.max_age > LONGEST {
        found.push(Diagnostic::error(path, "must not be longer than 30 days"));
    } else if cookie.max_age < Duration::from_secs(2) {
        found.push(Diagnostic::error(path, "must be at least two seconds"));
    }
}

/// What browsers ask of cookies whose names begin so.
fn prefix_fault(name: &str, cookie: &StickyCookie, is_https: bool) -> Option<&'static str> {
    let prefix = CookiePrefix::of(name)?;
    if !is_https {
        return Some("browsers take a cookie of this prefix by `https` only");
    }
    (prefix == CookiePrefix::Host && cookie.path != "/")
        .then_some("browsers take a `__Host-` cookie for the path `/` only")
}

const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
