//! Names that the configuration gives to its parts.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A name that goes into logs, metric labels and the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(String);

/// Why a text is no such name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It has other characters.
    #[error(
        "a name consists of letters, digits, `.`, `_` and `-`, and starts with a letter or a digit"
    )]
    Character,
    /// It is too long.
    #[error("a name can have at most 64 characters")]
    Length,
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let mut bytes = text.bytes();
        let first = bytes.next();
        let is_begun = first.is_some_and(|first| first.is_ascii_alphanumeric());
        let is_more = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !is_begun || !bytes.all(is_more) {
            return Err(LabelError::Character);
        }
        match text.len() {
            ..=MAX_LABEL => Ok(Self(text.to_owned())),
            _ => Err(LabelError::Length),
        }
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Reads the name of a part that can have one.
///
/// # Errors
///
/// It is no label.
pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Label>::deserialize(from)?.map(String::from))
}

/// Reads parts by their names.
///
/// # Errors
///
/// A name is no label, or a part is wrong.
pub fn by_label<'de, D, T>(from: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let parts = BTreeMap::<Label, T>::deserialize(from)?.into_iter();
    Ok(parts.map(|(label, part)| (label.into(), part)).collect())
}

const MAX_LABEL: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for name in ["acme", "acme-eu.2_b", "9", &"a".repeat(64)] {
            assert_eq!(String::from(name.parse::<Label>().unwrap()), name);
        }
        for name in ["", "-acme", "a b", "a\"b", "ä", &"a".repeat(65)] {
            assert!(name.parse::<Label>().is_err(), "{name}");
        }
    }
}
