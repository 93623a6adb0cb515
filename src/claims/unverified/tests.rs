use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ISS: &str = "https://idp.example";

fn named(payload: impl AsRef<[u8]>) -> Vec<String> {
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
    let payload = UnverifiedPart::payload(token.as_bytes());
    payload.texts("iss").map(Cow::into_owned).collect()
}

fn names(payload: impl AsRef<[u8]>) -> bool {
    named(payload).iter().any(|iss| iss == ISS)
}

#[test]
fn whatever_some_reader_takes_for_claims_is_read() {
    let iss = format!(r#""iss":"{ISS}""#);
    let deep = format!(
        r#"{{"a":{}{},{iss}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let objects = format!(
        r#"{{"a":{}1{},{iss}}}"#,
        r#"{"a":"#.repeat(10_000),
        "}".repeat(10_000)
    );
    let long = format!(r#"{{"a":1{},{iss}}}"#, "0".repeat(10_000));
    for text in [
        format!("{{{iss}}}"),
        format!(" \t\r\n{{ {iss} }}"),
        format!("\u{feff}{{{iss}}}"),
        format!(r#"{{"name":"Ada \ud83d",{iss}}}"#),
        format!(r#"{{"\udc00":1,{iss}}}"#),
        format!(r#"{{"a":1e400,{iss}}}"#),
        format!(r#"{{"a":NaN,"b":-Infinity,{iss},}}"#),
        deep,
        objects,
        long,
        format!(r#"{{"a":{{"iss":"x"}},{iss}}}"#),
        format!(r#"{{"a":"\\",{iss}}}"#),
        format!(r#"{{"a":"\"",{iss}}}"#),
        format!(
            r#"{{"a":"x\ny
z",{iss}}}"#
        ),
        format!(r#"{{"i\u0073s":"{ISS}"}}"#),
        format!(r#"{{"iss":"{}"}}"#, ISS.replace('/', r"\/")),
        format!(r#"{{"iss":"{}"}}"#, ISS.replace('h', r"\u0068")),
        format!(r#"{{"ISS":"{ISS}"}}"#),
        format!(r#"{{"iss":"x",{iss}}}"#),
        format!(r#"{{{iss},"iss":"x"}}"#),
        format!(r#"{{{iss},"iss":1}}"#),
        format!("{{{iss}}}garbage"),
        format!(r#"{{"a":1}}{{{iss}}}"#),
        format!("{{{iss}"),
        format!(r#"{{"a":]],{iss}}}"#),
        format!("{{'iss':'{ISS}'}}"),
        format!(r#"{{iss:"{ISS}"}}"#),
    ] {
        assert!(names(&text), "{text:.80}");
    }
    assert!(names(
        [&b"{\"a\":\"\xff\xc0\","[..], iss.as_bytes(), b"}"].concat()
    ));
    let units = || {
        format!("\u{feff}{{{iss}}}")
            .encode_utf16()
            .collect::<Vec<_>>()
    };
    let little: Vec<u8> = units().into_iter().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().into_iter().flat_map(u16::to_be_bytes).collect();
    assert!(names(little) && names(big));
}

#[test]
fn what_is_said_elsewhere_or_otherwise_is_not_read() {
    for text in [
        "",
        "{",
        "\"",
        "\\",
        r#"{"iss":"#,
        r#"{"iss":1}"#,
        r#"{"iss":null}"#,
        r#"{"act":{"iss":"https://idp.example"}}"#,
        r#"{"a":[{"iss":"https://idp.example"}]}"#,
        r#"{"iss":["https://idp.example"]}"#,
        r#"{"iss":{"a":"https://idp.example"}}"#,
        r#"{"a":"iss","b":"https://idp.example"}"#,
        r#"{"a":"\"iss\":\"https://idp.example\""}"#,
        r#"{"iss":"https://idp.example/"}"#,
        r#"{"iss":"https://idp.example\ud83d"}"#,
        r#"{"is":"https://idp.example"}"#,
    ] {
        assert!(!names(text), "{text}");
    }
}

#[test]
fn of_equal_names_all_are_read_and_the_last_counts() {
    let token = format!(
        "e30.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"iss":"a","x":"y","iss":"b"}"#)
    );
    let payload = UnverifiedPart::payload(token.as_bytes());
    assert_eq!(payload.texts("iss").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(payload.text("iss").as_deref(), Some("b"));
    assert_eq!(payload.text("y"), None);
}

#[test]
fn base64_is_read_in_either_alphabet_with_padding_and_with_bits_left_over() {
    // `>>` and `??` have the characters in which the alphabets differ.
    let claims = br#"{"a":">>>???","iss":"k"}"#;
    let url_safe = URL_SAFE.encode(claims);
    let bare = url_safe.trim_end_matches('=');
    for part in [
        url_safe.clone(),
        STANDARD.encode(claims),
        bare.to_owned(),
        format!("{bare}A"),
        format!("{bare}==="),
    ] {
        let token = format!("{part}.{part}.");
        for read in [UnverifiedPart::header, UnverifiedPart::payload] {
            assert_eq!(
                read(token.as_bytes()).text("iss").as_deref(),
                Some("k"),
                "{part}"
            );
        }
    }
    for token in ["", ".", "a", "..", "!.!.!"] {
        assert_eq!(UnverifiedPart::payload(token.as_bytes()).text("iss"), None);
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    /// Where serde reads claims, it and this reader agree.
    #[test]
    fn what_is_well_formed_is_read_as_it_is(
        iss in any::<String>().prop_filter("NUL is left out", |iss| !iss.contains('\0')),
        other in value(),
        name in any::<String>().prop_filter("another name", |name| !name.eq_ignore_ascii_case("iss")),
    ) {
        // Escapes of control characters are not told from letters.
        let iss: String = iss.chars().filter(|it| !it.is_control()).collect();
        let claims = json!({ name: other, "iss": iss });
        prop_assert_eq!(named(claims.to_string()), [iss.clone()]);
        prop_assert_eq!(named(serde_json::to_string_pretty(&claims).unwrap()), [iss]);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in r#"[{}\[\]:,"'\\uisd08 -]{0,40}"#) {
        let _ = UnverifiedPart::payload(&bytes).text("iss");
        let _ = named(&bytes);
        let _ = named(text);
    }
}
