//! The reasons of refusals in words for people: what happened, and what to change.

use crate::jwt::Reason;
use crate::rejection::reason_in_words;

/// What to know about one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// What happened, in a few words.
    pub title: String,
    /// What to look at or to change; empty where the title says all.
    pub advice: &'static str,
}

/// Explains a reason by its word in logs and metrics.
pub fn explained(reason: &str) -> Explained {
    if let Some(known) = reason_in_words(reason) {
        return Explained {
            title: known.title.to_owned(),
            advice: known.advice,
        };
    }
    let of_token = Reason::ALL.iter().find(|known| known.code() == reason);
    Explained {
        title: words(reason),
        advice: of_token.map_or("", |known| known.hint()),
    }
}

/// The word as a phrase: `no_route` as `No route`.
fn words(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first
        .into_iter()
        .chain(letters)
        .collect::<String>()
        .replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_as_words() {
        assert_eq!(explained("host_missing").title, "Host missing");
        assert_eq!(explained("").title, "");
        let missing = explained("token_missing");
        assert_eq!(missing.title, "No credential");
        assert!(missing.advice.contains("`cookie_name`"));
        for reason in Reason::ALL {
            assert!(!explained(reason.code()).advice.is_empty(), "{reason:?}");
        }
    }
}
