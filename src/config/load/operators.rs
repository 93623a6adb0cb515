//! Who may use the admin listener.

use std::collections::HashSet;

use super::listeners;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::operator::{ADMIN, is_token_name};
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
