//! Who may use the admin listener.

use std::collections::HashSet;

use super::listeners;
use super::message::choice;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::operator::{ADMIN, AdminSettings, is_token_name};
use crate::secret::Secret;

/// Checks `admin`.
pub(super) fn diagnostics(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if !config.admin.address.ip().is_loopback() && !config.admin.needs_token() {
        found.push(
            Diagnostic::error("admin.address", "not on loopback, but there is no token")
                .hint("set `admin.token`"),
        );
    }
    found.extend(sign_in(config));
    let token = config.admin.token.iter();
    let token = token.map(|token| ("admin.token".to_owned(), token));
    let tokens = config.admin.tokens.iter().enumerate();
    let tokens = tokens.map(|(number, token)| {
        let path = format!("admin.tokens[{number}].token");
        (path, &token.token)
    });
    for (path, token) in token.chain(tokens) {
        found.extend(guessable(
            path,
            token,
            config.admin.address.ip().is_loopback(),
        ));
    }
    found.extend(shared_tokens(&config.admin));
    found.extend(expired_tokens(&config.admin));
    if config.admin.connections == 0 {
        found.push(Diagnostic::error(
            "admin.connections",
            "must be greater than zero",
        ));
    }
    if let Some(tls) = &config.admin.tls {
        found.extend(listeners::of_tls("admin.tls", tls));
    }
    let mut named = HashSet::new();
    if config.admin.token.is_some() {
        named.insert(ADMIN);
    }
    for (number, token) in config.admin.tokens.iter().enumerate() {
        let mut refuse = |message: &str| {
            let path = format!("admin.tokens[{number}].name");
            found.push(Diagnostic::error(path, message));
        };
        if !is_token_name(&token.name) {
            refuse(
                "a name consists of lower-case letters, digits, `-` and `.`, at most 64 \
                characters",
            );
        } else if !named.insert(&token.name) {
            refuse("another token has this name");
        }
    }
    found
}

/// Which users are operators.
fn sign_in(config: &Config) -> Vec<Diagnostic> {
    let admin = &config.admin;
    let mut found = Vec::new();
    if admin.sign_in.is_empty() {
        return found;
    }
    if !admin.address.ip().is_loopback() && !admin.is_https() {
        let message = "users' tokens and cookies would cross the network unencrypted";
        let hint = "set `admin.tls`, or `admin.tls_terminated` where a proxy in front speaks TLS";
        found.push(Diagnostic::error("admin.sign_in", message).hint(hint));
    }
    if !admin.has_token() {
        let message = "without `admin.token`, commands and scrapers have no access, and nobody has \
                       while the issuer is down";
        found.push(Diagnostic::warning("admin.sign_in", message).hint("set `admin.token`, too"));
    }
    let issuers: Vec<&str> = config.issuers.iter().map(|it| it.name.as_str()).collect();
    for (path, rule) in admin.sign_in.rules_at("admin.sign_in") {
        let at = |key: &str| format!("{path}.{key}");
        if !issuers.contains(&rule.issuer.as_str()) {
            found.push(Diagnostic {
                hint: choice(&rule.issuer, &issuers),
                ..Diagnostic::error(at("issuer"), "no issuer of this file has this name")
            });
        }
        if rule.is_open() {
            let message = "every user of the issuer would be an operator";
            let hint = "name a claim that operators have, and the values that it must have";
            found.push(Diagnostic::error(at("require"), message).hint(hint));
        }
        if rule.require.contains_key("email") && !rule.require.contains_key("email_verified") {
            let message = "an address that the issuer has not verified counts, too";
            let finding = Diagnostic::warning(at("require"), message);
            found.push(finding.hint("add `email_verified: true`"));
        }
        if rule.max_age.is_some_and(|age| age.as_secs() == 0) {
            found.push(Diagnostic::error(at("max_age"), "must be at least 1s"));
        }
    }
    found
}

/// Tokens that several operators have, who are one to the gateway then.
fn shared_tokens(admin: &AdminSettings) -> Vec<Diagnostic> {
    let single = admin.token.iter();
    let mut seen: Vec<(String, &Secret)> = single
        .map(|token| ("admin.token".to_owned(), token))
        .collect();
    let mut found = Vec::new();
    for (number, token) in admin.tokens.iter().enumerate() {
        let path = format!("admin.tokens[{number}].token");
        if let Some((first, _)) = seen.iter().find(|(_, other)| **other == token.token) {
            let message = format!("the same secret as {first}: its holders cannot be told apart");
            let hint = "give each a token of its own (`openssl rand -hex 24`)";
            found.push(Diagnostic::warning(path.clone(), message).hint(hint));
        }
        seen.push((path, &token.token));
    }
    found
}

/// Tokens none of which is accepted any more.
fn expired_tokens(admin: &AdminSettings) -> Option<Diagnostic> {
    let has_expired = admin.has_token() && admin.strongest_token(UnixTime::now()).is_none();
    let message = "every token has expired: commands and scrapers have no access";
    let finding = Diagnostic::warning("admin.tokens", message);
    has_expired.then(|| finding.hint("set a later `expires`, or a new token"))
}

/// A token that can be guessed by trying.
fn guessable(path: String, token: &Secret, is_on_loopback: bool) -> Option<Diagnostic> {
    if token.expose().len() >= SHORTEST_TOKEN {
        return None;
    }
    let message = format!("the token is shorter than {SHORTEST_TOKEN} characters");
    let hint = "`openssl rand -hex 24` generates one";
    let found = match is_on_loopback {
        true => Diagnostic::warning(path, message),
        false => Diagnostic::error(
            path,
            format!("{message}, and the listener is not on loopback"),
        ),
    };
    Some(found.hint(hint))
}

/// As many hexadecimal digits as there are in 64 bits.
const SHORTEST_TOKEN: usize = 16;
