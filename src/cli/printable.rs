//! Text that outsiders wrote, made fit for a terminal.
//!
//! The text may be a `sub`, an address, a `kid`, or an error that quotes one. Its author could
//! otherwise move the cursor, hide a line, forge a row of a table or change the writing direction.

use std::borrow::Cow;

use crate::invisible::is_invisible;

/// The text with every character that a terminal interprets or hides written like `\u{1b}`.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if is_printable(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_invisible(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Whether the text is that already.
pub(super) fn is_printable(text: &str) -> bool {
    !text.chars().any(is_invisible)
}

/// The same as one word of several on a line: in quotes where it could be taken for more than one,
/// or for none.
pub(super) fn word(text: &str) -> Cow<'_, str> {
    if text.is_empty() || text.contains([' ', '"']) {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        return Cow::Owned(format!("\"{}\"", printable(&quoted)));
    }
    printable(text)
}

/// JSON text in which such characters are escaped in JSON's own way (RFC 8259 section 7). Outside of
/// strings there are none but line ends.
pub(super) fn printable_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_invisible(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            shown += &format!("\\u{unit:04x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        for (text, shown) in [
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\r\nb\0\t", "a\\u{d}\\u{a}b\\u{0}\\u{9}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("eve\u{202e}nimda", "eve\\u{202e}nimda"),
            ("a\u{200b}b\u{e0041}", "a\\u{200b}b\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        for plain in ["auth0|1", "DOMAIN\\ada", "Żółć 日本 😀", "a b"] {
            assert!(matches!(printable(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn a_word_stays_one() {
        assert_eq!(word("ada"), "ada");
        assert_eq!(word("ada blocked"), "\"ada blocked\"");
        assert_eq!(word("a\"b\n"), "\"a\\\"b\\u{a}\"");
        assert_eq!(word(""), "\"\"");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "sub": "\u{1b}\u{9b}\u{202e}\u{e0041} é", "n": [1, 2] });
        let shown = printable_json(&format!("{value:#}"));
        assert!(
            shown.chars().all(|one| one == '\n' || !is_invisible(one)),
            "{shown}"
        );
        assert!(shown.contains("\\u009b\\u202e"), "{shown}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }
}
