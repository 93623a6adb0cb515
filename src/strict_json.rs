//! JSON objects without duplicate members, at any depth.
//!
//! RFC 7519 section 4 lets a parser take the last of two equal claims. Two parsers that differ in
//! this read two different tokens, so duplicates are refused.
//!
//! A string may hold half of a surrogate pair, `\ud83d`, which is no text: RFC 8259 section 8.2 permits it,
//! `JSON.stringify` writes it where a name was cut in the middle of an emoji, and readers differ in what they
//! make of it. [`object`] refuses it; [`object_of_any_text`] reads U+FFFD and says so.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not an acceptable object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictError {
    /// Not JSON, not an object, or one that is not read: beyond 127 levels, with a number beyond those of
    /// IEEE 754, or with bytes that are no UTF-8.
    NotAnObject,
    /// Two members of one object share their name.
    Duplicate,
}

/// Parses one object.
///
/// # Errors
///
/// It is none, or two of its members share their name.
pub fn object(json: &[u8]) -> Result<Map<String, Value>, StrictError> {
    let mut duplicate = false;
    let mut input = serde_json::Deserializer::from_slice(json);
    let value = Strict {
        duplicate: &mut duplicate,
    }
    .deserialize(&mut input);
    match (value, input.end()) {
        (Ok(Value::Object(members)), Ok(())) => Ok(members),
        _ if duplicate => Err(StrictError::Duplicate),
        _ => Err(StrictError::NotAnObject),
    }
}

/// Parses one object, with U+FFFD for each half of a surrogate pair that stands alone, and says whether there
/// was one. Nothing that tells two things apart may be read from it then without a look.
///
/// # Errors
///
/// It is none, or two of its members share their name.
pub fn object_of_any_text(json: &[u8]) -> Result<(Map<String, Value>, bool), StrictError> {
    match object(json) {
        Err(StrictError::NotAnObject) => {
            let text = without_lone_surrogates(json).ok_or(StrictError::NotAnObject)?;
            Ok((object(&text)?, true))
        }
        read => Ok((read?, false)),
    }
}

/// The same JSON text with U+FFFD for each half of a surrogate pair that stands alone; `None`: none does.
pub fn without_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(json.len());
    let mut found = false;
    let mut rest = json;
    // In JSON, a backslash is in a string and begins an escape.
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, escapes) = rest.split_at_checked(at)?;
        let (length, is_lone) = first_escape(escapes);
        let (escape, after) = escapes.split_at_checked(length.min(escapes.len()))?;
        text.extend_from_slice(before);
        text.extend_from_slice(if is_lone { br"\ufffd" } else { escape });
        found |= is_lone;
        rest = after;
    }
    text.extend_from_slice(rest);
    found.then_some(text)
}

/// How long the escape is with which a text begins, or as much of it as matters, and whether it is half of a
/// pair without the other.
fn first_escape(text: &[u8]) -> (usize, bool) {
    let [b'\\', b'u', digits @ ..] = text else {
        return (2, false);
    };
    match escaped_unit(digits) {
        Some((0xD800..=0xDBFF, [b'\\', b'u', digits @ ..])) if is_second_half(digits) => {
            (12, false)
        }
        Some((0xD800..=0xDFFF, _)) => (6, true),
        _ => (2, false),
    }
}

fn is_second_half(digits: &[u8]) -> bool {
    matches!(escaped_unit(digits), Some((0xDC00..=0xDFFF, _)))
}

/// The UTF-16 code unit of which these are the four digits, after `\u`, and what follows them.
pub fn escaped_unit(digits: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = digits.split_at_checked(4)?;
    let mut unit = 0;
    for digit in digits {
        let digit = char::from(*digit).to_digit(16)?;
        unit = (unit << 4) | u16::try_from(digit).ok()?;
    }
    Some((unit, rest))
}

/// What is read in place of half of a surrogate pair.
pub const LONE_SURROGATE: char = char::REPLACEMENT_CHARACTER;

/// Builds a value and notes a duplicate, which serde's errors could tell only by their text.
struct Strict<'a> {
    duplicate: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict {
            duplicate: self.duplicate,
        })? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                *self.duplicate = true;
                return Err(de::Error::custom("duplicate member"));
            }
            let value = members.next_value_seed(Strict {
                duplicate: self.duplicate,
            })?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
