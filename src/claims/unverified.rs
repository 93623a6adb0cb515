//! What an unverified token says, read as the most lenient of all readers would.
//!
//! Whether a text is a token of some issuer decides what goes no further and what is written down. A text
//! that this gateway cannot read may be a token for somebody else, so that nothing is asked for here but a
//! name and a text: RFC 8259 is not checked, nor is Base64. In particular these are read as well:
//!
//! - halves of surrogate pairs, bytes that are no UTF-8, numbers of any size, `NaN`, any depth;
//! - control characters in strings, single quotes, names without quotes, a byte order mark, UTF-16;
//! - text that ends early or continues after its end, brackets that do not match, equal names;
//! - names in another case, which Go's readers take for the same;
//! - Base64 with `+` and `/`, with padding, with bits left over (RFC 4648 sections 3.5, 4 and 5).
//!
//! The time is linear, and nothing recurs. Comments, which no writer of tokens has, are not read.

use std::borrow::Cow;

use crate::strict_json::{LONE_SURROGATE, escaped_unit};

/// The header or the payload of a text that may be a token (RFC 7515 section 3.1), decoded.
#[derive(Debug)]
pub struct UnverifiedPart(Vec<u8>);

impl UnverifiedPart {
    /// The first part.
    pub fn header(token: &[u8]) -> Self {
        Self::at(token, 0)
    }

    /// The second part.
    pub fn payload(token: &[u8]) -> Self {
        Self::at(token, 1)
    }

    fn at(token: &[u8], number: usize) -> Self {
        let part = token.split(|byte| *byte == b'.').nth(number);
        Self(decoded(part.unwrap_or_default()))
    }

    /// Every text that the outermost object has under a name, in order: readers differ in which of equal
    /// names counts.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let members = Members {
            rest: &self.0,
            depth: 0,
        };
        members
            .filter(move |(found, _)| is_name(found, name))
            .map(|(_, value)| unescaped(value))
    }

    /// The last of them, which most readers take (RFC 7519 section 4).
    pub fn text(&self, name: &str) -> Option<String> {
        self.texts(name).last().map(Cow::into_owned)
    }
}

/// Base64 in either alphabet. What is of neither is left out, as many decoders do, and so is NUL: UTF-16 has
/// one next to each ASCII character.
fn decoded(part: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(part.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0_u32, 0);
    for sextet in part.iter().filter_map(|byte| sextet(*byte)) {
        bits = (bits << 6) | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            let [.., byte] = (bits >> held).to_be_bytes();
            bytes.extend((byte != 0).then_some(byte));
        }
    }
    bytes
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' | b'+' => Some(62),
        b'_' | b'/' => Some(63),
        _ => None,
    }
}

/// The members of outermost objects whose values are strings, as they are written between the quotes.
struct Members<'a> {
    rest: &'a [u8],
    depth: usize,
}

/// A piece of JSON text (RFC 8259 section 2).
enum Lexeme<'a> {
    Open,
    Close,
    Colon,
    Comma,
    /// Without its quotes.
    Quoted(&'a [u8]),
    /// A number, a literal, or whatever else has no quotes.
    Bare(&'a [u8]),
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut before, mut name) = (None, None);
        loop {
            match self.lexeme()? {
                Lexeme::Open => {
                    self.depth = self.depth.saturating_add(1);
                    (before, name) = (None, None);
                }
                Lexeme::Close => {
                    self.depth = self.depth.saturating_sub(1);
                    (before, name) = (None, None);
                }
                Lexeme::Comma => (before, name) = (None, None),
                Lexeme::Colon => name = before.take(),
                Lexeme::Bare(text) => (before, name) = (Some(text), None),
                Lexeme::Quoted(text) => match name.take() {
                    Some(name) if self.depth <= 1 => return Some((name, text)),
                    _ => before = Some(text),
                },
            }
        }
    }
}

impl<'a> Members<'a> {
    fn lexeme(&mut self) -> Option<Lexeme<'a>> {
        let text = self.rest.trim_ascii_start();
        let (first, after) = text.split_first()?;
        let (lexeme, rest) = match first {
            b'{' | b'[' => (Lexeme::Open, after),
            b'}' | b']' => (Lexeme::Close, after),
            b':' => (Lexeme::Colon, after),
            b',' => (Lexeme::Comma, after),
            b'"' | b'\'' => {
                let end = end_of_quoted(after, *first);
                let rest = after.get(end + 1..).unwrap_or_default();
                (Lexeme::Quoted(after.get(..end)?), rest)
            }
            _ => {
                let end = text.iter().position(ends_word).unwrap_or(text.len());
                let (word, rest) = text.split_at_checked(end)?;
                (Lexeme::Bare(word), rest)
            }
        };
        self.rest = rest;
        Some(lexeme)
    }
}

/// Where the closing quote is; at the end, where there is none.
fn end_of_quoted(text: &[u8], quote: u8) -> usize {
    let mut is_escaped = false;
    let closes = |byte: &u8| {
        let closes = *byte == quote && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        closes
    };
    text.iter().position(closes).unwrap_or(text.len())
}

fn ends_word(byte: &u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b'\'')
}

fn is_name(found: &[u8], name: &str) -> bool {
    match found.contains(&b'\\') {
        false => found.eq_ignore_ascii_case(name.as_bytes()),
        true => unescaped(found).eq_ignore_ascii_case(name),
    }
}

/// A string's text (RFC 8259 section 7), with U+FFFD for what is none.
fn unescaped(string: &[u8]) -> Cow<'_, str> {
    if !string.contains(&b'\\') {
        return String::from_utf8_lossy(string);
    }
    let mut text = Vec::with_capacity(string.len());
    let mut rest = string;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            text.push(*byte);
            continue;
        }
        let (character, after) = escape(after);
        rest = after;
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// What an escape stands for, and what follows it. Line ends and the like are in no text that is looked for,
/// and so are not told from letters.
fn escape(after: &[u8]) -> (char, &[u8]) {
    match after {
        [b'u', rest @ ..] => match escaped_unit(rest) {
            Some((unit, rest)) => code_point(unit, rest),
            None => (LONE_SURROGATE, rest),
        },
        [other, rest @ ..] => (char::from(*other), rest),
        [] => (LONE_SURROGATE, after),
    }
}

fn code_point(unit: u16, rest: &[u8]) -> (char, &[u8]) {
    if let [b'\\', b'u', second @ ..] = rest
        && let Some((second, rest)) = escaped_unit(second)
        && (0xDC00..=0xDFFF).contains(&second)
        && let Some(Ok(pair)) = char::decode_utf16([unit, second]).next()
        && pair.len_utf16() == 2
    {
        return (pair, rest);
    }
    (char::from_u32(unit.into()).unwrap_or(LONE_SURROGATE), rest)
}

#[cfg(test)]
mod tests;
