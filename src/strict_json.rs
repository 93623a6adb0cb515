//! JSON objects without duplicate members, at any depth.
//!
//! RFC 7519 section 4 lets a parser take the last of two equal claims. Two parsers that differ in
//! this read two different tokens, so duplicates are refused.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not an acceptable object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictError {
    /// Not JSON, or not an object.
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
mod tests {
    use super::{StrictError, object};

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
            assert_eq!(
                object(text.as_bytes()),
                Err(StrictError::NotAnObject),
                "{text:.20}"
            );
        }
    }
}
