//! Whether an issuer's keys are fetched again before they are too old to be used.

use crate::diagnostic::Diagnostic;
use crate::issuer::{IssuerSettings, JwksSettings, KeySource};

/// Checks the intervals at `path` against `max_stale`.
pub(super) fn diagnostics(path: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    let jwks = &issuer.jwks;
    let is_asked = match issuer.source {
        KeySource::Url(_) | KeySource::ByKid(_) | KeySource::Discovery(_) => true,
        KeySource::File(_) => false,
        KeySource::Inline(_) | KeySource::SecretOnly => return Vec::new(),
    };
    let usual = JwksSettings::default();
    let intervals = [
        (
            "refresh_interval",
            jwks.refresh_interval,
            usual.refresh_interval,
        ),
        (
            "min_refresh_interval",
            jwks.min_refresh_interval,
            usual.min_refresh_interval,
        ),
        (
            "max_refresh_interval",
            jwks.max_refresh_interval,
            usual.max_refresh_interval,
        ),
    ];
    let of_responses = |key: &str| key != "refresh_interval";
    let too_long = intervals.into_iter().filter(|(key, interval, _)| {
        *interval >= jwks.max_stale && !jwks.max_stale.is_zero() && (is_asked || !of_responses(key))
    });
    let found = too_long.map(|(key, interval, usual)| {
        // At the one of the two that the file has.
        let at = match interval == usual {
            true => format!("{path}.max_stale"),
            false => format!("{path}.{key}"),
        };
        match key {
            "max_refresh_interval" => Diagnostic::warning(at, BOUNDED).hint(BOUNDED_HINT),
            _ => {
                let message = format!(
                    "`max_stale` must be longer than `{key}`: the keys would be dropped before they are \
                     fetched again"
                );
                Diagnostic::error(at, message)
            }
        }
    });
    found.collect()
}

/// What a response asks for is bounded by both, so nothing fails.
const BOUNDED: &str = "`max_refresh_interval` is not shorter than `max_stale`: responses that ask for more are fetched again \
     after half of `max_stale`";
const BOUNDED_HINT: &str = "make `max_refresh_interval` shorter, or `max_stale` longer";
