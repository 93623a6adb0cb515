//! Fields of other proxies, which applications may believe, as snippets name them.

use super::{capitalised, has};
use crate::config::Config;
use crate::field_name::folded;
use crate::proxy::request::forwarded::{well_known, whole_families};

/// A field, or how the names of a family of them begin.
pub(super) struct Foreign {
    pub(super) name: String,
    /// The same with underscores, which some servers take for dashes.
    pub(super) underscored: String,
    /// Whether its family is named, too.
    pub(super) is_in_family: bool,
    /// Whether nginx takes it for a name at all.
    pub(super) is_plain: bool,
}

/// Families and names of other proxies' fields, without those that the gateway reads or sets, or that the
/// configuration lets through.
pub(super) fn fields(
    config: &Config,
    copied: &[String],
    removed: &[String],
) -> (Vec<Foreign>, Vec<Foreign>) {
    let kept = config.trusted_fields.iter().chain(&config.client_fields);
    let kept: Vec<&str> = kept.map(|field| field.as_str()).collect();
    let read = || {
        removed
            .iter()
            .map(String::as_str)
            .chain(kept.iter().copied())
    };
    let is_free = |beginning: &&str| !read().any(|name| begins(name, beginning));
    let families: Vec<&str> = whole_families().filter(is_free).collect();
    let names = well_known().filter(|name| {
        let is_it = |other: &str| folded(other).eq(folded(name));
        !has(copied, name) && !read().any(is_it)
    });
    let names = names.map(|name| {
        let is_in_family = families.iter().any(|family| name.starts_with(family));
        Foreign::new(&name, is_in_family)
    });
    let names = names.collect();
    let families = families.iter().map(|family| Foreign::new(family, true));
    (families.collect(), names)
}

fn begins(name: &str, beginning: &str) -> bool {
    folded(name).take(beginning.len()).eq(folded(beginning))
}

impl Foreign {
    fn new(name: &str, is_in_family: bool) -> Self {
        Self {
            name: capitalised(name),
            underscored: capitalised(name).replace('-', "_"),
            is_in_family,
            is_plain: name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        }
    }
}

/// Alternatives of a regular expression, which match all spellings of these fields. What Traefik sets itself
/// is not among them.
pub(super) fn patterns(families: &[Foreign], foreign: &[Foreign]) -> Vec<String> {
    let families = families.iter().map(|family| match &*family.name {
        // The gateway's answer has `X-Envoy-Auth-Headers-To-Remove`, which would be copied.
        "X-Envoy-" => format!("{}(?:[b-z]|a[a-tv-z])", pattern(&family.name)),
        name => pattern(name),
    });
    let alone = foreign.iter().filter(|field| !field.is_in_family);
    let alone = alone.filter(|field| !OF_TRAEFIK.contains(&&*field.name));
    let alone = alone.map(|field| pattern(&field.name) + "$");
    let mut lines = vec![String::new()];
    for alternative in families.chain(alone) {
        match lines.last_mut() {
            Some(line) if line.len() + alternative.len() < LINE => {
                line.push_str(&alternative);
                line.push('|');
            }
            _ => lines.push(alternative + "|"),
        }
    }
    if let Some(last) = lines.last_mut() {
        last.pop();
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn pattern(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.to_ascii_lowercase().chars() {
        match letter {
            '-' => pattern.push_str("[-_.]"),
            '$' => pattern.push_str("[$]"),
            other => pattern.push(other),
        }
    }
    pattern
}

/// They say what is asked about, or where it came from. What a proxy does not set there may be its client's.
pub(super) const OF_THE_QUESTION: [&str; 8] = [
    "Forwarded",
    "X-Forwarded-Method",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "X-Forwarded-Uri",
    "X-Original-Method",
    "X-Original-URI",
    "X-Original-URL",
];

/// Traefik sets them in place of the client's.
const OF_TRAEFIK: [&str; 2] = ["X-Forwarded-Port", "X-Forwarded-Server"];
/// Characters of patterns in a line.
const LINE: usize = 100;
