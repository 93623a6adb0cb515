//! Texts with placeholders, for header fields: `{user.id}`, `{claims.org.name}`.
//!
//! A text is read once, with the file; an unknown placeholder is an error there, never a surprise
//! at a request.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use crate::text_schema::text_schema;

/// A text with placeholders that are filled in for each request. `{{` and `}}` stand for single
/// braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Fixed text.
    Text(String),
    /// A placeholder.
    Value(Placeholder),
}

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{user.id}`: the user's id.
    UserId,
    /// `{user.email}`: the address of the user's own verified email credential.
    UserEmail,
    /// `{session.id}`: the session's id.
    SessionId,
    /// `{issuer}`: the name of the issuer whose token opened the session.
    Issuer,
    /// `{claims.PATH}`: a claim of the external token, found as by a route's `require`.
    Claim(String),
    /// `{request.id}`: the request's id.
    RequestId,
}

impl Template {
    /// The parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Whether a part can be filled in only when there is a session.
    pub fn needs_session(&self) -> bool {
        self.values().any(|value| *value != Placeholder::RequestId)
    }

    /// The paths of the claims that parts are filled in from.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.values().filter_map(|value| match value {
            Placeholder::Claim(path) => Some(path.as_str()),
            _ => None,
        })
    }

    /// Whether a part is the name of the issuer.
    pub fn mentions_issuer(&self) -> bool {
        self.values().any(|value| *value == Placeholder::Issuer)
    }

    /// Whether a part is the user's address.
    pub fn mentions_email(&self) -> bool {
        self.values().any(|value| *value == Placeholder::UserEmail)
    }

    fn values(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(value) => Some(value),
            Part::Text(_) => None,
        })
    }
}

/// Why a text is not a template for a header field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No such placeholder.
    #[error(
        "unknown placeholder; known: user.id, user.email, session.id, issuer, request.id, \
         claims.NAME"
    )]
    Unknown,
    /// An unmatched brace.
    #[error("unmatched brace; write a literal one twice")]
    Brace,
    /// A character that the value of a header field cannot have.
    #[error("a header field can only have visible ASCII characters and spaces")]
    Character,
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let inner = from.strip_prefix('{').ok_or(TemplateError::Brace)?;
                let (name, after) = inner.split_once('}').ok_or(TemplateError::Brace)?;
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Value(placeholder(name)?));
                rest = after;
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        let is_printable = |part: &Part| match part {
            Part::Text(text) => text.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            Part::Value(_) => true,
        };
        if parts.iter().all(is_printable) {
            Ok(Self(parts))
        } else {
            Err(TemplateError::Character)
        }
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

text_schema!(Template, "Template", {
    "description": "A text with placeholders: `{user.id}`, `{user.email}`, `{session.id}`, `{issuer}`, `{request.id}`, `{claims.NAME}`.",
    "type": "string",
});

fn placeholder(name: &str) -> Result<Placeholder, TemplateError> {
    match name {
        "user.id" => Ok(Placeholder::UserId),
        "user.email" => Ok(Placeholder::UserEmail),
        "session.id" => Ok(Placeholder::SessionId),
        "issuer" => Ok(Placeholder::Issuer),
        "request.id" => Ok(Placeholder::RequestId),
        _ => match name.strip_prefix("claims.") {
            Some(path) if !path.is_empty() => Ok(Placeholder::Claim(path.to_owned())),
            _ => Err(TemplateError::Unknown),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Part>, TemplateError> {
        text.parse().map(|Template(parts)| parts)
    }

    #[test]
    fn texts_and_placeholders_take_turns() {
        assert_eq!(parsed(""), Ok(vec![]));
        assert_eq!(parsed("prod"), Ok(vec![Part::Text("prod".to_owned())]));
        assert_eq!(
            parsed("u={user.id}; o={claims.https://x.example/org}"),
            Ok(vec![
                Part::Text("u=".to_owned()),
                Part::Value(Placeholder::UserId),
                Part::Text("; o=".to_owned()),
                Part::Value(Placeholder::Claim("https://x.example/org".to_owned())),
            ])
        );
        assert_eq!(
            parsed("{{{request.id}}}"),
            Ok(vec![
                Part::Text("{".to_owned()),
                Part::Value(Placeholder::RequestId),
                Part::Text("}".to_owned()),
            ])
        );
    }

    #[test]
    fn refuses_what_it_could_not_fill_in_or_send() {
        for name in ["user", "claims.", "claims", "", "User.id", "user.id "] {
            let refused = parsed(&format!("a{{{name}}}b"));
            assert_eq!(refused, Err(TemplateError::Unknown), "{name}");
        }
        for text in ["{", "}", "a}b", "{user.id", "{{}"] {
            assert_eq!(parsed(text), Err(TemplateError::Brace), "{text}");
        }
        for text in ["a\r\nb", "caf\u{e9}", "a\tb", "\u{7f}"] {
            assert_eq!(parsed(text), Err(TemplateError::Character), "{text:?}");
        }
    }

    #[test]
    fn knows_what_it_needs() {
        let needs = |text: &str| {
            let template: Template = text.parse().unwrap();
            (template.needs_session(), template.claims().next().is_some())
        };
        assert_eq!(needs("prod {request.id}"), (false, false));
        assert_eq!(needs("{user.email}"), (true, false));
        assert_eq!(needs("{claims.org}"), (true, true));
    }
}
