use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::jwt;
use crate::rejection::{Code, Rejection};

/// Advice that names a setting names one that there is, as the example has it.
#[test]
fn advice_is_about_settings_that_exist() {
    let example = include_str!("../../../config.example.yaml");
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
    let of_tokens = jwt::Reason::ALL.iter().map(|reason| reason.hint());
    let advice = all().map(|(_, _, advice)| *advice).chain(of_tokens);
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

/// What is explained is said: each word stands somewhere else in the code.
#[test]
fn no_word_is_of_a_reason_that_is_gone() {
    let explanations = source().join("rejection/reasons");
    let files = files_below(&source());
    let code: String = files
        .iter()
        .filter(|path| !path.starts_with(&explanations))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let gone: Vec<_> = all()
        .map(|(word, _, _)| *word)
        .filter(|word| !code.contains(&format!("\"{word}\"")))
        .collect();
    assert_eq!(gone, [""; 0]);
}

#[test]
fn no_word_stands_twice() {
    let mut words = HashSet::new();
    for (word, _, _) in all() {
        assert!(words.insert(word), "{word}");
    }
}

/// Who reads of a refusal in the log also reads what to do about it.
#[test]
fn every_refusal_of_a_forwarded_request_has_advice() {
    let mut words = HashSet::new();
    for path in files_below(&source()) {
        let below = path.strip_prefix(source()).unwrap();
        let is_elsewhere = ELSEWHERE.iter().any(|room| below.starts_with(room));
        let is_of_tests = below.ends_with("tests.rs")
            || below
                .iter()
                .any(|part| part == "tests" || part == "fixture");
        if !is_elsewhere && !is_of_tests {
            let code = std::fs::read_to_string(&path).unwrap();
            words.extend(refused_with(&code).map(str::to_owned));
        }
    }
    assert!(words.len() > 120, "{}", words.len());
    let mut without: Vec<_> = words
        .iter()
        .map(String::as_str)
        .filter(|word| in_words(word).is_none_or(|known| known.advice.is_empty()))
        .collect();
    without.sort_unstable();
    assert_eq!(without, SAY_ALL);
}

#[test]
fn a_new_refusal_is_noticed() {
    let found = |code: &str| refused_with(code).map(str::to_owned).collect::<Vec<_>>();
    for code in [
        "Rejection::new(Code::Forbidden, \"new_one\")",
        "Self::new(\n    Code::Forbidden,\n    \"new_one\",\n)",
        "Rejection::too_often(\"new_one\", wait)",
        "return Err(refused(\"new_one\"));",
        "impl From<Fault> for Rejection { Fault::New => \"new_one\",",
    ] {
        assert_eq!(found(code), ["new_one"], "{code}");
    }
    for code in [
        "metrics.count(\"new_one\")",
        "Fault::New => \"new_one\",",
        "Rejection::new(Code::Forbidden, \"Not a word\")",
        "#[cfg(test)]\nmod tests { Rejection::new(Code::Forbidden, \"new_one\") }",
    ] {
        assert_eq!(found(code), [""; 0], "{code}");
    }
}

/// What is known of one refusal says more than what is known of its reason.
#[test]
fn a_refusal_has_the_advice_of_its_reason_or_its_own() {
    let missing = Rejection::new(Code::TokenMissing, "token_missing");
    let of_reason = in_words("token_missing").unwrap().advice;
    assert_eq!(missing.advice(), Some(of_reason));
    assert_eq!(missing.with_hint("look there").advice(), Some("look there"));
    let says_all = Rejection::new(Code::InvalidRequest, "request_malformed");
    assert_eq!(says_all.advice(), None);
}

/// Two credentials, of which one is the application's own: what the setting is, and what it needs.
#[test]
fn the_remedy_for_two_credentials_is_named() {
    let conflict = in_words("credential_conflict").unwrap().advice;
    for part in ["`authorization: ignore`", "issuer", "`forward.header`"] {
        assert!(conflict.contains(part), "{part}: {conflict}");
    }
    let twins = in_words("cookie_twins").unwrap().advice;
    assert!(twins.contains("`cookie_domain`") && twins.contains("`cookie_path`"));
}

/// The reasons that code refuses requests with, as far as it names them where it refuses.
fn refused_with(code: &str) -> impl Iterator<Item = &str> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap();
    let is_mapped = code.contains("for Rejection");
    code.match_indices('"').filter_map(move |(at, _)| {
        let before = code.get(..at)?.trim_end();
        let (word, _) = code.get(at + 1..)?.split_once('"')?;
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let of_code = before
            .strip_suffix(',')
            .and_then(|before| before.rsplit([' ', '\n', '(']).next())
            .is_some_and(|last| last.starts_with("Code::"));
        let refuses = of_code
            || REFUSING.iter().any(|call| before.ends_with(call))
            || is_mapped && before.ends_with("=>");
        (refuses && !word.is_empty() && word.bytes().all(is_word)).then_some(word)
    })
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    files
}

/// What refuses with the word that follows.
const REFUSING: [&str; 7] = [
    "too_often(",
    "unavailable(",
    "refused(",
    "invalid(",
    "too_large(",
    "gone(",
    "Challenge(",
];
/// Where nothing refuses requests that would be forwarded: what operators change, the gateway's own API, and the
/// checks of tokens, which have their hints.
const ELSEWHERE: [&str; 7] = [
    "admin",
    "api",
    "api.rs",
    "cli",
    "jwt",
    "live_config",
    "rejection",
];
/// Reasons whose words say all that there is to say.
const SAY_ALL: [&str; 10] = [
    "host_missing",
    "method_not_supported",
    "path_fragment",
    "path_not_a_prefix",
    "path_not_origin_form",
    "request_invalid",
    "request_line_invalid",
    "request_malformed",
    "target_fragment",
    "version_not_supported",
];
