//! What certificates that the gateway orders need.

use std::collections::HashMap;

use crate::canonical::HostPattern;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::listener::{Acme, AcmeChallenge, ClientAuthMode, Listener};

/// Checks `tls.acme` of all listeners.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(tls) = &config.admin.tls
        && tls.acme.is_some()
    {
        let message = "only public listeners have certificates ordered";
        found.push(
            Diagnostic::error("admin.tls.acme", message)
                .hint("use `certificates`, which may be files that change"),
        );
    }
    let mut ordered: HashMap<&str, &Acme> = HashMap::new();
    for (number, listener) in config.listeners.iter().enumerate() {
        let acme = listener.tls.as_ref().and_then(|tls| tls.acme.as_ref());
        let Some(acme) = acme else {
            continue;
        };
        let path = format!("listeners[{number}].tls.acme");
        if *ordered.entry(acme.name()).or_insert(acme) != acme {
            found.push(Diagnostic::error(
                path.clone(),
                "another listener orders a certificate with the same first name by other settings",
            ));
        }
        settings(&path, acme, &mut found);
        proof(&path, acme, listener, config, &mut found);
        keys(&path, config, &mut found);
        hosts(&path, acme, config, &mut found);
    }
    found
}

fn settings(path: &str, acme: &Acme, found: &mut Vec<Diagnostic>) {
    if !(1..=Acme::MOST_DOMAINS).contains(&acme.domains.len()) {
        let message = "a certificate has 1 to 100 names";
        found.push(Diagnostic::error(format!("{path}.domains"), message));
    }
    for (number, domain) in acme.domains.iter().enumerate() {
        let path = format!("{path}.domains[{number}]");
        if domain.contains('*') {
            found.push(
                Diagnostic::error(
                    path,
                    "a wildcard can only be proven by DNS, which is not offered",
                )
                .hint("name the hosts, or put a certificate from elsewhere into `certificates`"),
            );
        } else if !is_name(domain) {
            let message = "not the name of a host in lower case, such as `app.example.com`";
            found.push(Diagnostic::error(path, message));
        } else if acme.domains.iter().position(|one| one == domain) != Some(number) {
            found.push(Diagnostic::error(path, "named twice"));
        }
    }
    if !acme.terms_of_service_agreed {
        found.push(
            Diagnostic::error(
                format!("{path}.terms_of_service_agreed"),
                "nothing is ordered before somebody agrees to the authority's terms of service",
            )
            .hint("read them, and set it to `true`"),
        );
    }
    if acme.directory.scheme() != "https" {
        let message = "must be an `https` URL";
        found.push(Diagnostic::error(format!("{path}.directory"), message));
    }
    let is_email = |email: &String| {
        email.contains('@') && !email.contains(|c: char| c.is_whitespace() || c == ',' || c == '?')
    };
    if acme.email.as_ref().is_some_and(|email| !is_email(email)) {
        let message = "not one email address";
        found.push(Diagnostic::error(format!("{path}.email"), message));
    }
    if let Some(account) = &acme.external_account
        && account.key_bytes().is_none()
    {
        let path = format!("{path}.external_account.key");
        found.push(Diagnostic::error(path, "not Base64url"));
    }
}

/// Whether the authority can see the proof.
fn proof(
    path: &str,
    acme: &Acme,
    listener: &Listener,
    config: &Config,
    found: &mut Vec<Diagnostic>,
) {
    let mut listeners = config.listeners.iter();
    let redirects = listeners.any(|listener| listener.redirect_to_https);
    match acme.challenge(redirects) {
        AcmeChallenge::Http01 if !redirects => found.push(
            Diagnostic::error(
                format!("{path}.challenge"),
                "no listener could answer: `http_01` needs one with `redirect_to_https`",
            )
            .hint("add one that is reached at port 80, or use `tls_alpn_01`"),
        ),
        AcmeChallenge::TlsAlpn01 if asks_for_certificates(listener) => found.push(
            Diagnostic::error(
                format!("{path}.challenge"),
                "the authority has no client certificate, which this listener requires",
            )
            .hint("use `http_01` with a listener that has `redirect_to_https`"),
        ),
        AcmeChallenge::Http01 | AcmeChallenge::TlsAlpn01 => {}
    }
}

fn asks_for_certificates(listener: &Listener) -> bool {
    let tls = listener.tls.as_ref();
    let auth = tls.and_then(|tls| tls.client_auth.as_ref());
    auth.is_some_and(|auth| auth.mode == ClientAuthMode::Required)
}

/// In a database, keys are read by more than the gateway's own account.
fn keys(path: &str, config: &Config, found: &mut Vec<Diagnostic>) {
    if config.store.postgres.is_some() && config.session.key_encryption_keys.is_empty() {
        found.push(
            Diagnostic::error(
                path,
                "anyone who can read the database could read the certificate's private key",
            )
            .hint("set `session.key_encryption_keys` (`openssl rand -base64 32`)"),
        );
    }
}

/// A name that no route serves is most likely mistyped.
fn hosts(path: &str, acme: &Acme, config: &Config, found: &mut Vec<Diagnostic>) {
    let public = config.public_url.as_str().split_once("://");
    let public = public.map_or("", |(_, authority)| authority);
    let public = public.split(':').next().unwrap_or_default();
    let is_of = |pattern: &str, domain: &str| match pattern.strip_prefix('*') {
        Some(below) => domain.len() > below.len() && domain.ends_with(below),
        None => pattern.eq_ignore_ascii_case(domain),
    };
    let serves = |domain: &str| {
        let mut routes = config.routes.iter();
        let is_served = |host: &HostPattern| is_of(host.as_str(), domain);
        domain == public || routes.any(|route| route.host.as_ref().is_none_or(is_served))
    };
    for (number, domain) in acme.domains.iter().enumerate() {
        if is_name(domain) && !serves(domain) {
            let path = format!("{path}.domains[{number}]");
            let message = "no route serves this host, and it is not that of `public_url`";
            found.push(Diagnostic::warning(path, message));
        }
    }
}

/// Whether a text is a name of the DNS in lower case (RFC 1123 section 2.1), and no address.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}
