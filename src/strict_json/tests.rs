use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn an_object_is_taken_whole() {
    let object = object(br#"{"a":{"b":1,"c":[{"b":2.5}]},"d":null}"#).unwrap();
    assert_eq!(object["a"]["c"][0]["b"], 2.5);
    assert!(object["d"].is_null());
}

#[test]
fn a_duplicate_is_refused_at_any_depth() {
    for text in [
        r#"{"a":1,"a":1}"#,
        r#"{"x":{"a":1,"a":1}}"#,
        r#"{"x":[{"a":1,"\u0061":1}]}"#,
    ] {
        assert_eq!(
            object(text.as_bytes()),
            Err(StrictError::Duplicate),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_object_is_refused() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [
        "",
        "[]",
        "1",
        "{",
        "{}x",
        "{}{}",
        "\u{feff}{}",
        r#"{"a":1e999}"#,
        &deep,
    ] {
        for read in [object(text.as_bytes()).err(), any(text).err()] {
            assert_eq!(read, Some(StrictError::NotAnObject), "{text:.20}");
        }
    }
}

/// The hints of refusals name these bounds.
#[test]
fn an_object_has_bounds() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(object(nested(126).as_bytes()).is_ok());
    assert!(object(nested(127).as_bytes()).is_err());
    assert!(object(br#"{"a":1.7e308}"#).is_ok());
    assert!(object(br#"{"a":1.8e308}"#).is_err());
}

fn any(text: &str) -> Result<(Map<String, Value>, bool), StrictError> {
    object_of_any_text(text.as_bytes())
}

#[test]
fn half_a_pair_is_refused_or_read_as_no_character() {
    for half in [
        r"\ud83d",
        r"\uD83D",
        r"\ude00",
        r"\udfff",
        r"\ud83d\ud83d",
        r"\ude00\ud83d",
    ] {
        let text = format!(r#"{{"a":"x{half}y","b":1}}"#);
        assert_eq!(object(text.as_bytes()), Err(StrictError::NotAnObject));
        let (members, has_any) = any(&text).unwrap();
        let read = format!("x{}y", "\u{fffd}".repeat(half.len() / 6));
        assert_eq!((&members["a"], has_any), (&json!(read), true), "{text}");
    }
    // In a name, where two of them are equal by that.
    let (members, _) = any(r#"{"\ud800":1}"#).unwrap();
    assert_eq!(members["\u{fffd}"], 1);
    assert_eq!(
        any(r#"{"\ud800":1,"\ud801":1}"#),
        Err(StrictError::Duplicate)
    );
    assert_eq!(any(r#"{"a":"\ud83d""#), Err(StrictError::NotAnObject));
}

#[test]
fn what_only_looks_like_half_a_pair_stays() {
    for (text, read) in [
        (r#"{"a":"\ud83d\ude00"}"#, "\u{1f600}"),
        (r#"{"a":"\\ud83d"}"#, r"\ud83d"),
        (r#"{"a":"\ufffd"}"#, "\u{fffd}"),
        (r#"{"a":"\u0041\n"}"#, "A\n"),
    ] {
        let (members, has_any) = any(text).unwrap();
        assert_eq!((&members["a"], has_any), (&json!(read), false), "{text}");
        assert_eq!(without_lone_surrogates(text.as_bytes()), None);
    }
    for text in [r"\", r"\u", r"\ud8", r"\ud83d\", r"\ud83d\u"] {
        let mended = without_lone_surrogates(text.as_bytes());
        assert_eq!(mended.is_some(), text.starts_with(r"\ud83d"), "{text}");
    }
}

proptest! {
    /// Whatever is mended differs in nothing else, and has nothing left to mend.
    #[test]
    fn only_halves_of_pairs_change(text in r#"(\\u[dD][89a-fA-F][0-9a-f]{2}|\\u[0-9a-f]{4}|\\["\\n]|[ -!#-\[\]-~]){0,12}"#) {
        let json = format!(r#"{{"a":"{text}"}}"#);
        match without_lone_surrogates(json.as_bytes()) {
            None => prop_assert!(object(json.as_bytes()).is_ok(), "{}", json),
            Some(mended) => {
                prop_assert!(object(json.as_bytes()).is_err(), "{}", json);
                prop_assert_eq!(mended.len(), json.len());
                prop_assert!(object(&mended).is_ok());
                prop_assert_eq!(without_lone_surrogates(&mended), None);
            }
        }
    }
}
