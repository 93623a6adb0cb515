//! Names of header fields, as the configuration writes them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Deref;
use std::str::FromStr;

use http::HeaderName;
use serde::{Deserialize, Deserializer, de};

use super::folded;

/// The name of a header field (RFC 9110 section 5.1).
#[derive(Clone, Debug)]
pub struct FieldName {
    /// As it is written, since some servers are particular about case.
    text: Box<str>,
    name: HeaderName,
}

impl FieldName {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As requests and answers are searched for it.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// Whether a server may take the two names for one.
    pub fn is(&self, other: &str) -> bool {
        folded(&self.text).eq(folded(other))
    }

    /// What is the same for all names that a server may take for this one.
    pub fn key(&self) -> Vec<u8> {
        folded(&self.text).collect()
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }

    fn starts_with_any(&self, prefixes: &[&str]) -> bool {
        let key = self.key();
        prefixes
            .iter()
            .any(|prefix| key.starts_with(prefix.as_bytes()))
    }
}

/// Two are equal when they are written the same.
impl PartialEq for FieldName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for FieldName {}

impl PartialOrd for FieldName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FieldName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// Why a text is no name of a field that may be used so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldNameError {
    /// Not a token (RFC 9110 section 5.6.2).
    #[error("not a header field name (RFC 9110 section 5.1)")]
    Form,
    /// A field of one hop (RFC 9110 section 7.6.1).
    #[error("this field applies to one connection and is not forwarded")]
    Connection,
    /// A field that has a meaning already.
    #[error("this field has another meaning and cannot carry a token")]
    Taken,
    /// A field that delimits messages.
    #[error("this field frames a message or applies to one connection")]
    Framing,
    /// The field of the request id.
    #[error("this field carries the request id")]
    RequestId,
}

impl FromStr for FieldName {
    type Err = FieldNameError;

    fn from_str(text: &str) -> Result<Self, FieldNameError> {
        let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| FieldNameError::Form)?;
        let text = text.into();
        Ok(Self { text, name })
    }
}

/// A field that carries a token, or that says who the user is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenField(FieldName);

impl TokenField {
    /// `Authorization`.
    pub fn authorization() -> Self {
        Self(FieldName {
            text: "Authorization".into(),
            name: http::header::AUTHORIZATION,
        })
    }
}

impl FromStr for TokenField {
    type Err = FieldNameError;

    fn from_str(text: &str) -> Result<Self, FieldNameError> {
        let field: FieldName = text.parse()?;
        if field.is_any(&HOP_BY_HOP) {
            return Err(FieldNameError::Connection);
        }
        if field.is_any(&TAKEN) || field.starts_with_any(&TAKEN_PREFIXES) {
            return Err(FieldNameError::Taken);
        }
        Ok(Self(field))
    }
}

/// A field that the configuration may set, add or remove.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EditableField(FieldName);

impl FromStr for EditableField {
    type Err = FieldNameError;

    fn from_str(text: &str) -> Result<Self, FieldNameError> {
        let field: FieldName = text.parse()?;
        if field.is_any(&HOP_BY_HOP) || field.is("content-length") {
            return Err(FieldNameError::Framing);
        }
        match field.is("x-request-id") {
            true => Err(FieldNameError::RequestId),
            false => Ok(Self(field)),
        }
    }
}

impl Deref for TokenField {
    type Target = FieldName;

    fn deref(&self) -> &FieldName {
        &self.0
    }
}

impl Deref for EditableField {
    type Target = FieldName;

    fn deref(&self) -> &FieldName {
        &self.0
    }
}

impl<'de> Deserialize<'de> for TokenField {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parsed(from)
    }
}

impl<'de> Deserialize<'de> for EditableField {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        parsed(from)
    }
}

fn parsed<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = FieldNameError>,
{
    let text = Cow::<str>::deserialize(from)?;
    text.parse().map_err(de::Error::custom)
}

/// RFC 9110 section 7.6.1, and what older proxies take for such.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that the gateway or the protocol gives a meaning.
const TAKEN: [&str; 13] = [
    "accept",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "user-agent",
    "via",
    "www-authenticate",
];

/// What the names of such fields begin with, as they are compared.
const TAKEN_PREFIXES: [&str; 4] = ["content-", "sec-", "x-forwarded-", "access-control-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for name in ["Authorization", "X-Platform-Session", "X-Forwarded"] {
            let field: TokenField = name.parse().unwrap();
            assert_eq!(field.as_str(), name);
        }
        for name in [
            "",
            "X Token",
            "X-Tök",
            "TE",
            "Proxy_Connection",
            "Content-Type",
            "content.type",
            "cookie",
            "Host",
        ] {
            assert!(name.parse::<TokenField>().is_err(), "{name}");
        }
    }

    #[test]
    fn what_may_be_edited_and_what_not() {
        for name in ["Cookie", "Content-Type", "X-Request-Ids", "Authorization"] {
            assert!(name.parse::<EditableField>().is_ok(), "{name}");
        }
        for name in [
            "X Y",
            "Content_Length",
            "upgrade",
            "X-Request-ID",
            "x.request.id",
        ] {
            assert!(name.parse::<EditableField>().is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_one_in_every_spelling_of_a_server() {
        let field: FieldName = "X-User".parse().unwrap();
        for (name, is_one) in [("x_user", true), ("X.USER", true), ("x-users", false)] {
            assert_eq!(field.is(name), is_one, "{name}");
            let other: FieldName = name.parse().unwrap();
            assert_eq!(field.key() == other.key(), is_one, "{name}");
        }
    }
}
