//! The fields by which a proxy says where a request comes from, what it asked for, who sent it, and what the
//! application shall skip.
//!
//! What an application believes of one of these, set by the proxy that was in front of it before, a client
//! must not be able to say itself.

use std::sync::LazyLock;

use http::HeaderName;

use crate::field_name::folded;
use fields::{FAMILIES, NAMES, OTHERS};

mod fields;

/// Whether a field with this name is one of them, in any spelling.
pub fn is_provenance(name: &HeaderName) -> bool {
    static KNOWN: LazyLock<Known> = LazyLock::new(Known::new);
    let text = name.as_str();
    // Every field of every request comes by here, and few begin like one of these.
    KNOWN.beginnings.has(text.as_bytes()) && KNOWN.has(text)
}

/// Fields of these kinds by their whole names, and others that only a proxy or nobody should send: for
/// proxies in front that cannot remove families. Those that each of them sets itself are not among them.
pub fn well_known() -> impl Iterator<Item = String> {
    let alone = NAMES.iter().chain(BY_OTHER_RULES);
    let of_families = FAMILIES.iter().flat_map(|(beginning, ends)| {
        let whole = move |end: &&str| format!("{beginning}{end}");
        ends.iter().map(whole)
    });
    alone.map(|name| (*name).to_owned()).chain(of_families)
}

/// How the names of such fields begin, where all that begin so are of these kinds, and none is set by every
/// proxy: for proxies that can remove families.
pub fn whole_families() -> impl Iterator<Item = &'static str> {
    let has_others = |beginning: &str| OTHERS.iter().any(|other| other.starts_with(beginning));
    let families = FAMILIES.iter().map(|(beginning, _)| *beginning);
    families.filter(move |beginning| *beginning != "x-forwarded-" && !has_others(beginning))
}

/// All names and families, which are one list: no name begins like a family that is not its own.
struct Known {
    beginnings: Beginnings,
    /// Folded and sorted.
    sorted: Vec<Entry>,
}

struct Entry {
    text: Vec<u8>,
    is_family: bool,
}

impl Known {
    fn new() -> Self {
        let names = NAMES.iter().map(|name| (*name, false));
        let families = FAMILIES.iter().map(|(beginning, _)| (*beginning, true));
        let entries = names.chain(families).map(|(text, is_family)| Entry {
            text: folded(text).collect(),
            is_family,
        });
        let mut sorted: Vec<Entry> = entries.collect();
        sorted.sort_unstable_by(|one, other| one.text.cmp(&other.text));
        let mut beginnings = Beginnings::default();
        for entry in &sorted {
            beginnings.add(&entry.text);
        }
        Self { beginnings, sorted }
    }

    /// The last entry that is not after the name is the name, or its family, or neither is there: whatever
    /// stands between a family and the name begins like the family.
    fn has(&self, name: &str) -> bool {
        let key = folded(name);
        let is_before = |entry: &Entry| entry.text.iter().copied().le(key.clone());
        let after = self.sorted.partition_point(is_before);
        let last = after.checked_sub(1).and_then(|at| self.sorted.get(at));
        last.is_some_and(|entry| match entry.is_family {
            false => entry.text.iter().copied().eq(key.clone()),
            true => {
                let begins = key.clone().take(entry.text.len());
                entry.text.iter().copied().eq(begins) && !is_other(key.clone())
            }
        })
    }
}

/// The first three letters of names, behind `x-` if they have it, as one bit each. They tell most names apart.
struct Beginnings {
    plain: Vec<u64>,
    extended: Vec<u64>,
}

impl Default for Beginnings {
    fn default() -> Self {
        let none = vec![0; CLASSES.pow(3).div_ceil(64)];
        Self {
            plain: none.clone(),
            extended: none,
        }
    }
}

impl Beginnings {
    fn add(&mut self, name: &[u8]) {
        let (words, place) = match name {
            [b'x', b'-', rest @ ..] => (&mut self.extended, place(rest)),
            _ => (&mut self.plain, place(name)),
        };
        if let Some(word) = words.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// Whether a name begins like one of those that were added. It is in lower case, and not folded.
    fn has(&self, name: &[u8]) -> bool {
        let (words, place) = match name {
            [b'x', sign, rest @ ..] if !sign.is_ascii_alphanumeric() => {
                (&self.extended, place(rest))
            }
            _ => (&self.plain, place(name)),
        };
        let word = words.get(place / 64);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

/// Where the first three bytes have their bit.
fn place(name: &[u8]) -> usize {
    let [first, second, third] = match name {
        [first, second, third, ..] => [*first, *second, *third],
        [first, second] => [*first, *second, 0],
        [first] => [*first, 0, 0],
        [] => [0, 0, 0],
    };
    (class(first) * CLASSES + class(second)) * CLASSES + class(third)
}

/// Which letter it is; 0 for what is none, however it is folded.
fn class(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a') + 1,
        _ => 0,
    }
}

fn is_other(key: impl Iterator<Item = u8> + Clone) -> bool {
    OTHERS.iter().any(|other| key.clone().eq(other.bytes()))
}

/// The letters, and everything else.
const CLASSES: usize = 27;

/// What leaves by rules of other rooms: tokens, and the methods that some servers use in place of the
/// request's.
const BY_OTHER_RULES: &[&str] = &[
    "x-access-token",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is(name: &str) -> bool {
        is_provenance(&HeaderName::from_bytes(name.as_bytes()).unwrap())
    }

    /// What is ruled out by its first letters is none of the names.
    #[test]
    fn each_name_and_each_family_is_looked_for() {
        for name in NAMES {
            let spellings = [
                (*name).to_owned(),
                name.replace('-', "_"),
                name.replacen('-', ".", 1),
            ];
            for spelled in spellings {
                assert!(is(&spelled), "{spelled}");
            }
        }
        for (family, ends) in FAMILIES {
            for end in ends.iter().chain(&["x"]) {
                let plain = format!("{family}{end}");
                let other = plain.replace('-', "_");
                assert!(
                    is(&plain) && is(&other) && is(&plain.to_uppercase()),
                    "{plain}"
                );
            }
        }
        for other in OTHERS {
            assert!(!is(other), "{other}");
        }
    }

    /// Or a search would find a name in place of its family, and three letters would not tell them apart.
    #[test]
    fn no_entry_begins_like_a_family() {
        let known = Known::new();
        let families = known.sorted.iter().filter(|entry| entry.is_family);
        for family in families.map(|entry| &entry.text) {
            let alike = known.sorted.iter();
            let alike = alike.filter(|entry| entry.text.starts_with(family));
            assert_eq!(alike.count(), 1, "{}", String::from_utf8_lossy(family));
        }
        for entry in &known.sorted {
            let text = String::from_utf8_lossy(&entry.text);
            let letters = text.strip_prefix("x-").unwrap_or(&text);
            assert!(letters.len() >= 3, "{text}");
            assert_eq!(text, text.to_lowercase());
        }
        for name in well_known() {
            assert!(HeaderName::from_bytes(name.as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_clients_send_themselves_is_none() {
        for name in [
            "accept",
            "authorization",
            "cache-control",
            "cdn-loop",
            "cf-access-client-id",
            "cf-ray",
            "cloud-trace",
            "connection",
            "content-type",
            "cookie",
            "fly-region",
            "forward",
            "from",
            "if-none-match",
            "ngrok-skip-browser-warning",
            "origin",
            "priority",
            "prox",
            "purpose",
            "remote",
            "sec-fetch-site",
            "ssl",
            "traceparent",
            "transfer-encoding",
            "x",
            "x-",
            "x-amzn-trace-id",
            "x-api-key",
            "x-auth-token",
            "x-auth-user",
            "x-csrf-token",
            "x-endpoint",
            "x-goog-api-key",
            "x-hasura-role",
            "x-http-method",
            "x-middleware-prefetch",
            "x-ms-version",
            "x-original",
            "x-request-id",
            "x-requested-with",
            "x-scope-orgid",
            "x-user-agent",
            "x-user-id",
            "x-vercel-protection-bypass",
            "xforwarded-for",
        ] {
            assert!(!is(name), "{name}");
        }
    }
}
