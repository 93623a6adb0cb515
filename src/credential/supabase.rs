//! The session cookie of `@supabase/ssr`: JSON with the access token inside, `base64-` encoded or as
//! it is, cut into chunks when it is long. Its predecessors wrote a JSON array that begins with the
//! access token.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The access token of a session cookie. `value_of` gives the value of the one cookie with a
/// name. `None`: there is no such cookie.
pub fn access_token<'a>(
    name: &str,
    mut value_of: impl FnMut(&str) -> Option<&'a str>,
) -> Result<Option<String>, SupabaseCookieError> {
    let whole = match value_of(name) {
        Some(whole) => whole,
        None => {
            let chunks = (0..MAX_CHUNKS).map_while(|number| value_of(&format!("{name}.{number}")));
            return joined(&chunks.collect::<Vec<_>>());
        }
    };
    decode(&decoded(whole)).map(Some)
}

/// The access tokens of all sessions that some cookies may be of: `values_of` gives the different values of
/// those with a name. Where a session is in one piece, one in chunks does not count, and is looked for only
/// with `in_chunks_too`. And whether these are all: of many chunks in several values, not every combination is
/// tried.
pub fn access_tokens<'a>(
    name: &str,
    in_chunks_too: bool,
    mut values_of: impl FnMut(&str) -> Vec<&'a str>,
) -> (Vec<String>, bool) {
    let whole = values_of(name);
    let sessions = whole.iter().map(|value| decode(&decoded(value)));
    let in_one_piece: Vec<String> = sessions.filter_map(Result::ok).collect();
    if !whole.is_empty() && !in_chunks_too {
        return (in_one_piece, true);
    }
    let chunks = (0..MAX_CHUNKS).map(|number| values_of(&format!("{name}.{number}")));
    let chunks: Vec<Vec<&str>> = chunks.take_while(|values| !values.is_empty()).collect();
    let all = chunks
        .iter()
        .fold(1, |all: usize, values| all.saturating_mul(values.len()));
    let tried = (0..all.min(MOST_COMBINATIONS)).map(|number| {
        let mut rest = number;
        let chosen = chunks.iter().filter_map(|values| {
            let at = rest.checked_rem(values.len())?;
            rest = rest.checked_div(values.len())?;
            values.get(at).copied()
        });
        joined(&chosen.collect::<Vec<_>>())
    });
    let in_chunks = tried.filter_map(|session| session.ok().flatten());
    let tokens = in_one_piece.into_iter().chain(in_chunks);
    (tokens.collect(), all <= MOST_COMBINATIONS)
}

/// The session in chunks. When a session becomes shorter, chunks of the longer one stay behind in some
/// browsers: the longest run from the first chunk on that is a session is the one.
fn joined(chunks: &[&str]) -> Result<Option<String>, SupabaseCookieError> {
    if chunks.is_empty() {
        return Ok(None);
    }
    let chunks: Vec<_> = chunks.iter().map(|chunk| decoded(chunk)).collect();
    let runs = (1..=chunks.len()).rev().filter_map(|end| chunks.get(..end));
    let mut sessions = runs.map(|run| decode(&run.concat()));
    sessions
        .find(Result::is_ok)
        .unwrap_or(Err(SupabaseCookieError))
        .map(Some)
}

/// Each cookie is percent-encoded by itself, unless nothing in it needs that.
fn decoded(value: &str) -> Cow<'_, str> {
    percent_decode_str(value).decode_utf8_lossy()
}

/// Whether a cookie is the session cookie or a chunk of it: all of them are stripped.
pub fn is_part(name: &str, cookie: &str) -> bool {
    match cookie.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())),
        None => false,
    }
}

/// The cookie is not a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a session cookie of @supabase/ssr")]
pub struct SupabaseCookieError;

fn decode(value: &str) -> Result<String, SupabaseCookieError> {
    #[derive(Deserialize)]
    struct Session {
        access_token: String,
    }
    let json = match value.strip_prefix(PREFIX) {
        Some(encoded) => BASE64.decode(encoded).map_err(|_| SupabaseCookieError)?,
        None => value.as_bytes().to_vec(),
    };
    // The rest is about the user, and says what nobody here reads: factors, half an emoji of a name.
    let token = match json.trim_ascii_start().starts_with(b"[") {
        true => serde_json::from_slice(&json).map(|First(token)| token),
        false => serde_json::from_slice(&json).map(|session: Session| Some(session.access_token)),
    };
    token.ok().flatten().ok_or(SupabaseCookieError)
}

/// The first text of an array, whatever follows it.
struct First(Option<String>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(FirstText)
    }
}

struct FirstText;

impl<'de> Visitor<'de> for FirstText {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array that begins with a token")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<First, A::Error> {
        let first = array.next_element::<Option<String>>()?.flatten();
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

const PREFIX: &str = "base64-";
/// Four times what a browser keeps for a site with a session of ordinary size.
const MAX_CHUNKS: usize = 16;
/// Two sessions of four chunks each.
const MOST_COMBINATIONS: usize = 16;
/// The library writes no padding and reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const NAME: &str = "sb-abc-auth-token";

    fn session() -> String {
        let user = "x".repeat(4000);
        let json = format!(
            r#"{{"access_token":"a.b.c","token_type":"bearer","refresh_token":"r","user":{{"id":"{user}"}}}}"#
        );
        format!("base64-{}", BASE64.encode(json).trim_end_matches('='))
    }

    fn read(cookies: &HashMap<String, String>) -> Result<Option<String>, SupabaseCookieError> {
        access_token(NAME, |name| cookies.get(name).map(String::as_str))
    }

    #[test]
    fn whole_and_in_chunks_it_is_the_same_token() {
        let whole = HashMap::from([(NAME.to_owned(), session())]);
        assert_eq!(read(&whole).unwrap().as_deref(), Some("a.b.c"));

        let text = session();
        let chunks = text.as_bytes().chunks(3180).enumerate();
        let chunks: HashMap<String, String> = chunks
            .map(|(at, part)| {
                (
                    format!("{NAME}.{at}"),
                    String::from_utf8(part.to_vec()).unwrap(),
                )
            })
            .collect();
        assert!(chunks.len() > 1);
        assert_eq!(read(&chunks).unwrap().as_deref(), Some("a.b.c"));

        // Without its first chunk it is no session cookie; without its last no session.
        let mut headless = chunks.clone();
        headless.remove(&format!("{NAME}.0"));
        assert_eq!(read(&headless), Ok(None));
        let mut short = chunks.clone();
        short.remove(&format!("{NAME}.{}", chunks.len() - 1));
        assert_eq!(read(&short), Err(SupabaseCookieError));
    }

    /// As the clients of several years wrote it: raw, encoded by a cookie library, and an array.
    #[test]
    fn raw_json_is_read_whole_and_in_chunks() {
        let json =
            r#"{"access_token":"a.b.c","refresh_token":"r","user":{"name":"Zo\u00eb; \u00e9"}}"#;
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let array = r#"["a.b.c","r",null,null,null]"#;
        for value in [json, array, &encode(json), &encode(array)] {
            let cookies = HashMap::from([(NAME.to_owned(), value.to_owned())]);
            assert_eq!(read(&cookies).unwrap().as_deref(), Some("a.b.c"), "{value}");
        }
        let (first, second) = json.split_at(30);
        let chunks = HashMap::from([
            (format!("{NAME}.0"), encode(first)),
            (format!("{NAME}.1"), encode(second)),
        ]);
        assert_eq!(read(&chunks).unwrap().as_deref(), Some("a.b.c"));
    }

    #[test]
    fn chunks_of_a_longer_session_that_stayed_behind_are_left_alone() {
        for text in [session(), session().chars().take(100).collect()] {
            let whole = decode(&text).is_ok();
            let mut chunks: HashMap<String, String> = text
                .as_bytes()
                .chunks(3180)
                .enumerate()
                .map(|(at, part)| {
                    (
                        format!("{NAME}.{at}"),
                        String::from_utf8(part.to_vec()).unwrap(),
                    )
                })
                .collect();
            let next = chunks.len();
            for (at, left_over) in ["c2Vzc2lvbg", "b2xk"].iter().enumerate() {
                chunks.insert(format!("{NAME}.{}", next + at), (*left_over).to_owned());
            }
            assert_eq!(read(&chunks).is_ok(), whole);
        }
    }

    #[test]
    fn two_sessions_are_both_found_in_whichever_order_their_chunks_are() {
        let encoded = |token: &str, filler: usize| {
            let filler = "x".repeat(filler);
            let json = format!(r#"{{"access_token":"{token}","user":{{"id":"{filler}"}}}}"#);
            format!("base64-{}", BASE64.encode(json).trim_end_matches('='))
        };
        let (ada, bea) = (encoded("a.b.c", 100), encoded("d.e.f", 103));
        let tokens = |values: &HashMap<String, Vec<&str>>| {
            let values_of = |name: &str| values.get(name).cloned().unwrap_or_default();
            let (mut tokens, are_all) = access_tokens(NAME, false, values_of);
            assert!(are_all);
            tokens.sort_unstable();
            tokens.dedup();
            tokens
        };
        let whole = HashMap::from([(NAME.to_owned(), vec![&*ada, &*bea])]);
        assert_eq!(tokens(&whole), ["a.b.c", "d.e.f"]);
        let ((a0, a1), (b0, b1)) = (ada.split_at(60), bea.split_at(60));
        for second in [vec![a1, b1], vec![b1, a1]] {
            let chunks = HashMap::from([
                (format!("{NAME}.0"), vec![a0, b0]),
                (format!("{NAME}.1"), second),
            ]);
            let found = tokens(&chunks);
            for token in ["a.b.c", "d.e.f"] {
                assert!(found.iter().any(|found| found == token), "{found:?}");
            }
        }
        let five = |_: &str| vec!["1", "2", "3", "4", "5"];
        // What ends logins looks at both forms.
        let both = HashMap::from([
            (NAME.to_owned(), vec![&*ada]),
            (format!("{NAME}.0"), vec![b0]),
            (format!("{NAME}.1"), vec![b1]),
        ]);
        assert_eq!(tokens(&both), ["a.b.c"]);
        let values_of = |name: &str| both.get(name).cloned().unwrap_or_default();
        let (found, are_all) = access_tokens(NAME, true, values_of);
        assert_eq!(
            (&*found, are_all),
            (&["a.b.c", "d.e.f"].map(str::to_owned)[..], true)
        );
        let (_, are_all) = access_tokens("x", false, |name| match name {
            "x" => Vec::new(),
            chunk => five(chunk),
        });
        assert!(!are_all);
    }

    #[test]
    fn other_values_are_refused() {
        for value in [
            "",
            "a.b.c",
            "base64-",
            "base64-!!",
            "base64-e30",
            "base64-W10",
            "[]",
            "[null]",
            "{}",
            "null",
        ] {
            let cookies = HashMap::from([(NAME.to_owned(), value.to_owned())]);
            assert_eq!(read(&cookies), Err(SupabaseCookieError), "{value}");
        }
    }

    #[test]
    fn parts_are_the_cookie_and_its_chunks() {
        for part in [NAME, "sb-abc-auth-token.0", "sb-abc-auth-token.12"] {
            assert!(is_part(NAME, part), "{part}");
        }
        for other in [
            "sb-abc-auth-token.",
            "sb-abc-auth-token.x",
            "sb-abc-auth-tokens",
            "sb-abc",
        ] {
            assert!(!is_part(NAME, other), "{other}");
        }
    }

    /// Whatever their metadata is, users get in: what is wrong with it is between them and their provider.
    #[test]
    fn what_is_beside_the_token_is_not_read() {
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        for beside in [
            "null",
            "[]",
            r#"[{"id":"f","factor_type":"totp"}]"#,
            r#""Ada \ud83d""#,
            "1e400",
            &deep,
        ] {
            for json in [
                format!(r#"["token", "refresh", null, null, {beside}]"#),
                format!(r#" {{"user":{{"name":{beside}}},"access_token":"token"}}"#),
            ] {
                assert_eq!(decode(&json).as_deref(), Ok("token"), "{json:.80}");
            }
        }
        for json in [
            "[]",
            "[null]",
            r#"[["token"]]"#,
            r#"["token""#,
            r#"{"user":1}"#,
            r#"{"access_token":null}"#,
            r#""token""#,
        ] {
            assert_eq!(decode(json), Err(SupabaseCookieError), "{json}");
        }
    }
}
