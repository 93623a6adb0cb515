//! What the deserializer says, in the words of the file.
//!
//! Values are left out of every message: a value may be a secret in the wrong place.

use super::expected::{ADDRESSES, expected as expected_as};
use crate::diagnostic::{Diagnostic, split_hint};

/// A key that a message names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The mapping at the path lacks it.
    Missing(String),
    /// It is there under two of its names.
    Twice(String),
    /// What stands first between backticks, if anything, in a message of a type's own.
    Perhaps(String),
}

/// Translates the texts that `serde::de::Error` has by default; others pass as they are. Answers
/// the error at `path` and the key below it that the text names, if any.
pub(super) fn translate(text: &str, path: &str) -> (Diagnostic, Option<Key>) {
    let mut words = text.split('`').skip(1).step_by(2);
    let word = words.next().unwrap_or_default();
    let known: Vec<&str> = words.collect();

    let error = |message: &str, hint: Option<String>| Diagnostic {
        hint,
        ..Diagnostic::error(path, message)
    };
    if text.starts_with("unknown field ") {
        return (error("unknown key", choice(word, &known)).at_key(), None);
    }
    if text.starts_with("unknown variant ") {
        let hint = algorithm(word, &known).or_else(|| choice(word, &known));
        return (error("unknown value", hint), None);
    }
    if text.starts_with("missing field ") {
        let key = Key::Missing(word.to_owned());
        return (error("missing key", None), Some(key));
    }
    if text.starts_with("duplicate field ") {
        let key = Key::Twice(word.to_owned());
        return (
            error("this key is set under two names", None).at_key(),
            Some(key),
        );
    }
    if text.ends_with("untagged enum OneOrMany") {
        return (error("expected a string or a list of strings", None), None);
    }
    if text.ends_with("untagged enum WrittenClaims") {
        let message = "expected a list of claims, or a mapping from claims to accepted values";
        return (error(message, None), None);
    }
    let mismatch = text
        .strip_prefix("invalid type: ")
        .or_else(|| text.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((found, expected)) = mismatch {
        let found = match text.starts_with("invalid value: integer") {
            true => "another number",
            false => kind(found),
        };
        let (expected, hint) = expected_as(expected, found);
        let message = format!("expected {expected}, found {found}");
        return (error(&message, hint.map(str::to_owned)), None);
    }
    if text == "invalid socket address syntax" {
        let message = "expected an IP address and a port, and no host name";
        return (error(message, Some(ADDRESSES.to_owned())), None);
    }
    if let Some((message, hint)) = of_other_crates(text) {
        return (error(message, Some(hint.to_owned())), None);
    }
    let (text, hint) = split_hint(text);
    let error = error(text, hint.map(str::to_owned));
    (error, Some(Key::Perhaps(word.to_owned())))
}

/// What types of other crates say, which have no example in their words, and sometimes the value.
fn of_other_crates(text: &str) -> Option<(&'static str, &'static str)> {
    if text == "invalid IP address syntax" {
        let hint = "such as `10.0.0.0/8`, or `10.0.0.5/32` for one address";
        return Some(("expected a network", hint));
    }
    if text.starts_with("UUID parsing failed") {
        return Some(("not a UUID", "write one as `uuidgen` prints it"));
    }
    let is_of_url = URL_FAULTS.iter().any(|fault| text.starts_with(fault));
    is_of_url.then_some(("not a URL", "such as `https://host.example/path`"))
}

/// Of an algorithm that is not one for public keys, the closest one would be the wrong one.
fn algorithm(word: &str, known: &[&str]) -> Option<String> {
    if !known.contains(&"RS256") {
        return None;
    }
    match word {
        "HS256" => {
            Some("HS256 needs no `algorithms` but the shared secret: `hs256_secret`".to_owned())
        }
        "HS384" | "HS512" | "none" => Some("no setting accepts it".to_owned()),
        _ => None,
    }
}

/// The closest of the known words, or all of them when they are few.
pub(super) fn choice(word: &str, known: &[&str]) -> Option<String> {
    let word = word.to_ascii_lowercase();
    let closest = known
        .iter()
        .map(|known| {
            (
                strsim::jaro_winkler(&word, &known.to_ascii_lowercase()),
                known,
            )
        })
        .filter(|(likeness, _)| *likeness > CLOSE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((_, closest)) = closest {
        return Some(format!("did you mean `{closest}`?"));
    }
    let few = !known.is_empty() && known.len() <= FEW;
    few.then(|| format!("known: `{}`", known.join("`, `")))
}

fn kind(found: &str) -> &'static str {
    match found.split([' ', '`', '"']).next().unwrap_or_default() {
        "boolean" => "true or false",
        "integer" => "a number",
        "floating" => "a number with a fraction",
        "string" | "character" => "text",
        "unit" | "Option" => "nothing",
        "sequence" => "a list",
        "map" => "a mapping",
        _ => "something else",
    }
}

/// How the texts begin that `url` has for what is no URL.
const URL_FAULTS: [&str; 7] = [
    "relative URL without a base",
    "empty host",
    "invalid port number",
    "invalid international domain name",
    "invalid IPv4 address",
    "invalid IPv6 address",
    "invalid domain character",
];
/// How alike two words must be, of 1, for one to be a slip of the other.
const CLOSE: f64 = 0.8;
/// How many known words fit into a message.
const FEW: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::with_hint;

    #[test]
    fn a_close_word_is_proposed_else_the_few_known() {
        let known = ["name", "leeway", "jwks_url"];
        assert_eq!(
            choice("leeway_secnds", &known).unwrap(),
            "did you mean `leeway`?"
        );
        assert_eq!(
            choice("JwksURL", &known).unwrap(),
            "did you mean `jwks_url`?"
        );
        assert_eq!(
            choice("zone", &["name", "iss"]).unwrap(),
            "known: `name`, `iss`"
        );
        assert_eq!(choice("zone", &["a"; FEW + 1]), None);
    }

    #[test]
    fn advice_in_a_text_is_advice() {
        let (error, _) = translate(&with_hint("no", "say yes"), "a");
        assert_eq!(error, Diagnostic::error("a", "no").hint("say yes"));
        assert_eq!(translate("no", "a").0, Diagnostic::error("a", "no"));
    }

    #[test]
    fn values_do_not_reach_messages() {
        for said in [
            "invalid type: integer `31337`, expected a string",
            "invalid value: string \"31337, expected x\", expected a string",
            "invalid type: string \"31337\", expected struct Admin",
            "unknown field `31337`, expected `a` or `b`",
            "relative URL without a base: \"31337\"",
        ] {
            let (error, _) = translate(said, "");
            assert!(!format!("{error:?}").contains("31337"), "{error}");
        }
    }
}
