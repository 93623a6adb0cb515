//! Cookies that browsers would not take as they are set, or that other hosts can set.

use crate::canonical::{CookieDomain, CookieSetting, Host, HostPattern};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::issuer::{CookiePrefix, IssuerSettings};
use crate::session::settings::ClaimSet;

/// A cookie for a domain is for hosts that the gateway does not know, and browsers take it from a host
/// of that domain only.
pub(super) fn of_gateway(config: &Config) -> Vec<Diagnostic> {
    let host = config.public_url.host();
    let host = host.as_ref().map_or("", Host::name);
    let cookies = [
        ("session.cookie.domain", &config.session.cookie),
        ("sdk.cookie.domain", &config.sdk.cookie),
    ];
    let for_domain = cookies
        .iter()
        .filter(|(_, cookie)| cookie.domain().is_some());
    let fault = |(path, cookie): &(&str, &CookieSetting)| match cookie.fits(host) {
        true => Diagnostic::warning(*path, SHARED_COOKIE).hint(SHARED_COOKIE_HINT),
        false => Diagnostic::error(
            *path,
            "browsers refuse this cookie: `public_url` is not below it",
        ),
    };
    let mut found: Vec<_> = for_domain.map(fault).collect();
    if config.sdk.cookie.is_on() && config.session.claims == ClaimSet::Full {
        let message = "the session token may be larger than 4096 bytes, and browsers keep no such cookie: users with \
            long profiles or many credentials cannot sign in by the SDK";
        let hint = "use `session.claims: compact` with the SDK's cookie";
        found.push(Diagnostic::warning("session.claims", message).hint(hint));
    }
    found
}

/// Checks the issuer at the path `issuer_at` for what no browser takes, from whichever host. The gateway
/// could not delete such a cookie.
pub(super) fn of_issuer(issuer_at: &str, issuer: &IssuerSettings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut refuse = |key: &str, message: String| {
        found.push(Diagnostic::error(format!("{issuer_at}.{key}"), message).hint(OF_ONE_HOST));
    };
    if let Some(Err(fault)) = issuer.cookie_domain.as_deref().map(CookieDomain::parse) {
        refuse("cookie_domain", fault.to_string());
    }
    let prefix = issuer.cookie_name.as_deref().and_then(CookiePrefix::of);
    if prefix == Some(CookiePrefix::Host) {
        if issuer.cookie_domain.is_some() {
            let message = "browsers take a `__Host-` cookie for one host only, without a domain";
            refuse("cookie_domain", message.to_owned());
        }
        if issuer.cookie_path.as_ref().is_some_and(|path| path != "/") {
            let message = "browsers take a `__Host-` cookie for the path `/` only";
            refuse("cookie_path", message.to_owned());
        }
    }
    found
}

/// Checks whether issuers' cookies come to any host that the configuration names: that of `public_url` or of
/// a route.
pub(super) fn of_issuers(config: &Config) -> Vec<Diagnostic> {
    let public = config.public_url.host();
    let public = public.as_ref().map_or("", Host::name);
    let is_known = |domain: &CookieDomain| {
        let mut named = config.routes.iter().filter_map(|route| route.host.as_ref());
        domain.fits(public) || named.any(|host| has_host_of(host, domain))
    };
    // Such a route may serve a host that nothing names.
    let serves_any = config.routes.iter().any(|route| route.host.is_none());
    let issuers = config.issuers.iter().enumerate();
    let foreign = issuers.filter(|(_, issuer)| {
        let domain = issuer.cookie_domain.as_deref().map(CookieDomain::parse);
        issuer.cookie_name.is_some()
            && domain.is_some_and(|domain| domain.is_ok_and(|domain| !is_known(&domain)))
    });
    let fault = |(number, _): (usize, &IssuerSettings)| {
        let at = format!("issuers[{number}].cookie_domain");
        let message = "no host that the configuration names is of this domain: browsers send no such cookie \
            there, and the gateway cannot delete one";
        match serves_any {
            true => Diagnostic::warning(at, message),
            false => Diagnostic::error(at, message),
        }
    };
    foreign.map(fault).collect()
}

/// Whether a host that a route names is of the domain, or one of those that it names by a wildcard.
fn has_host_of(host: &HostPattern, domain: &CookieDomain) -> bool {
    let text = host.as_str().to_ascii_lowercase();
    let text = text.trim_end_matches('.');
    match text.strip_prefix("*.") {
        None => domain.fits(text),
        Some(above) => {
            let below = domain.as_str().strip_suffix(above);
            domain.fits(above) || below.is_some_and(|below| below.ends_with('.'))
        }
    }
}

/// What `__Host-` keeps away.
const SHARED_COOKIE: &str = "every host of this domain gets the cookie and can set another one in its \
    place, because a cookie for a domain cannot have the prefix `__Host-`";
const SHARED_COOKIE_HINT: &str = "use it if all hosts of the domain are yours; else set `true`";
const OF_ONE_HOST: &str =
    "write what the cookie is set with; without `cookie_domain` it is of one host";
