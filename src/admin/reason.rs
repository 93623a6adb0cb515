//! The reasons of refusals in words for people: what happened, and what to change.

use crate::jwt::Reason;

mod texts;

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
    if let Some((_, title, advice)) = texts::all().find(|(word, _, _)| *word == reason) {
        return Explained {
            title: (*title).to_owned(),
            advice,
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_reads_as_words() {
        assert_eq!(explained("path_dot_segment").title, "Path dot segment");
        assert_eq!(explained("").title, "");
        let missing = explained("token_missing");
        assert_eq!(missing.title, "No credential");
        assert!(missing.advice.contains("`cookie_name`"));
        for reason in Reason::ALL {
            assert!(!explained(reason.code()).advice.is_empty(), "{reason:?}");
        }
    }

    /// Advice that names a setting names one that there is, as the example has it.
    #[test]
    fn advice_is_about_settings_that_exist() {
        let example = include_str!("../../config.example.yaml");
        let lines: Vec<_> = example.lines().collect();
        let is_key = |key: &str, line: &str| {
            let named = format!("{key}:");
            line.match_indices(&named).any(|(at, _)| {
                let before = line.get(..at).and_then(|before| before.chars().last());
                !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
            })
        };
        let has = |key: &str, value: Option<&str>| {
            lines.iter().enumerate().any(|(at, line)| {
                let about = lines[at.saturating_sub(6)..=at].join("\n");
                is_key(key, line)
                    && value.is_none_or(|value| {
                        ["true", "false"].contains(&value)
                            || about.contains(&format!("`{value}`"))
                            || about.contains(&format!("{key}: {value}"))
                    })
            })
        };
        let of_tokens = Reason::ALL.iter().map(|reason| reason.hint());
        let advice = texts::all().map(|(_, _, advice)| *advice).chain(of_tokens);
        let mut checked = 0;
        for advice in advice {
            for quoted in advice.split('`').skip(1).step_by(2) {
                let (path, value) = match quoted.split_once(": ") {
                    Some((path, value)) => (path, Some(value)),
                    None => (quoted, None),
                };
                let is_setting = path.contains('.') || value.is_some() || path.contains("_per_");
                // A member of a client's document, and a file.
                if !is_setting || path == "token_endpoint_auth_method" || path.ends_with(".md") {
                    continue;
                }
                let key = path.rsplit('.').next().unwrap();
                assert!(has(key, value), "`{quoted}`: {advice}");
                checked += 1;
            }
        }
        assert!(checked > 8, "{checked}");
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words = HashSet::new();
        for (word, _, _) in texts::all() {
            assert!(words.insert(word), "{word}");
        }
    }
}
