//! Whether sessions can be bound to devices as the configuration says.

use std::collections::HashSet;
use std::time::Duration;

use crate::canonical::CookieSetting;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::route::settings::Access;
use crate::session::settings::DeviceBound;

/// Checks `session.device_bound` and what routes say about it.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let session = &config.session;
    let mut found = Vec::new();
    let is_on = session.device_bound.is_on();
    if is_on && session.cookie != CookieSetting::Host {
        let message = "what is bound is the session cookie of one host: set `cookie: true`";
        found.push(Diagnostic::error("session.device_bound", message));
    }
    if is_on && !config.public_url.is_https() && !config.public_url.is_loopback() {
        let message = "browsers bind sessions over `https` only, and `public_url` is not";
        found.push(Diagnostic::error("session.device_bound", message));
    }
    if session.device_bound_ttl.as_secs() == 0 {
        let message = "must be at least 1s";
        found.push(Diagnostic::error("session.device_bound_ttl", message));
    } else if is_on && session.device_bound_ttl < SHORT {
        let message = "browsers limit how often they prove a key: Chromium stops after some six times \
            in a few minutes, and the user then has to sign in again";
        let hint = "set at least 2m; the default is 10m";
        found.push(Diagnostic::warning("session.device_bound_ttl", message).hint(hint));
    }
    for (number, route) in config.routes.iter().enumerate() {
        let asked = route.device_bound.is_some_and(DeviceBound::is_on);
        let message = match () {
            () if asked && !is_on => "no session is bound to a device: set `session.device_bound`",
            () if asked && route.auth != Access::Required => {
                "a device-bound session is a session: set `auth: required`"
            }
            () => continue,
        };
        let path = format!("routes[{number}].device_bound");
        found.push(Diagnostic::error(path, message));
    }
    let protected = config.routes.iter().filter(|it| it.auth != Access::None);
    let hosts: HashSet<_> = protected.filter_map(|it| it.host.as_ref()).collect();
    let is_shared = hosts.len() > 1 || hosts.iter().any(|host| host.is_wildcard());
    if is_on && is_shared {
        let message =
            "a bound session serves the one host that it was bound at; routes name several";
        let hint = "if browsers use one login at several of them, leave it off";
        found.push(Diagnostic::warning("session.device_bound", message).hint(hint));
    }
    found
}

/// Below this, a browser that is used all the time runs out of proofs.
const SHORT: Duration = Duration::from_secs(120);
