//! Header fields that the configuration edits or fills in.
//!
//! The values come from tokens and are therefore untrusted. Each one becomes visible ASCII: `%`,
//! `,`, control characters, non-ASCII bytes and leading and trailing spaces are percent-encoded
//! (RFC 3986 section 2.1). No value can end its field or imitate another one, two values never look
//! like one, and a server gets the original text by decoding. The elements of a list are separated
//! by `,`.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use serde_json::Value;

use super::context::{Pass, RequestContext};
use super::request::id::RequestId;
use crate::exchange::Session;
use crate::route::Route;
use crate::route::header_operations::{Field, FieldValue, PreparedOperations};
use crate::template::{Part, Placeholder, Template};

/// What placeholders are filled in from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    session: Option<&'a Session>,
    request: RequestId,
}

impl<'a> Sources<'a> {
    /// The values of one request, for filling in placeholders.
    pub fn of(ctx: &'a RequestContext) -> Self {
        Self {
            session: ctx.session().map(|session| &**session),
            request: ctx.id,
        }
    }

    /// The text with its placeholders filled in; `None` when one has no value here.
    fn fill(&self, template: &Template) -> Option<HeaderValue> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Value(placeholder) => self.push(placeholder, &mut text)?,
            }
        }
        HeaderValue::try_from(text).ok()
    }

    fn push(&self, placeholder: &Placeholder, text: &mut String) -> Option<()> {
        match placeholder {
            Placeholder::RequestId => write!(text, "{}", self.request).ok(),
            Placeholder::UserId => write!(text, "{}", self.session?.user()).ok(),
            Placeholder::SessionId => write!(text, "{}", self.session?.sid()).ok(),
            Placeholder::UserEmail => push_encoded(self.session?.email()?, text),
            Placeholder::Issuer => push_encoded(self.session?.opened_by()?, text),
            Placeholder::Claim(path) => push_claim(self.session?.claims().get(path).value()?, text),
        }
    }
}

/// A header that can be edited: a request's or an answer's.
pub trait Header {
    /// The header fields that operations change.
    fn fields(&self) -> &HeaderMap;
    /// Takes all fields of that name out.
    fn take(&mut self, name: &HeaderName);
    /// Adds a field to those of the same name.
    fn insert(&mut self, name: Bytes, value: HeaderValue) -> Result<()>;
}

impl Header for RequestHeader {
    fn fields(&self) -> &HeaderMap {
        &self.headers
    }

    fn take(&mut self, name: &HeaderName) {
        self.remove_header(name);
    }

    fn insert(&mut self, name: Bytes, value: HeaderValue) -> Result<()> {
        self.append_header(name, value).map(|_| ())
    }
}

impl Header for ResponseHeader {
    fn fields(&self) -> &HeaderMap {
        &self.headers
    }

    fn take(&mut self, name: &HeaderName) {
        self.remove_header(name);
    }

    fn insert(&mut self, name: Bytes, value: HeaderValue) -> Result<()> {
        self.append_header(name, value).map(|_| ())
    }
}

/// Edits a header.
pub fn apply(
    operations: &PreparedOperations,
    header: &mut impl Header,
    sources: Sources<'_>,
) -> Result<()> {
    if operations.is_empty() {
        return Ok(());
    }
    take(operations, header);
    insert_all(operations.incoming(), header, sources)
}

/// Adds the fields for the upstream: the user's identity, then the route's edits, and last, so that
/// no edit can replace it, the session token.
///
/// A preflight gets none of them: nobody has said who sends it, and a server may take what the route
/// adds (a key, a user's name) for the leave to answer in full.
pub fn inject(
    request: &mut RequestHeader,
    route: Option<&Route>,
    ctx: &RequestContext,
) -> Result<()> {
    if matches!(ctx.pass, Some(Pass::Preflight)) {
        if let Some(route) = route {
            take(&route.request_headers, request);
        }
        return Ok(());
    }
    let sources = Sources::of(ctx);
    let rewrite = &ctx.snapshot.proxy.rewrite;
    insert_all(rewrite.identity(), request, sources)?;
    if let Some(route) = route {
        apply(&route.request_headers, request, sources)?;
    }
    if let Some(Pass::Session(_, forwarded)) = &ctx.pass {
        rewrite.inject(request, forwarded.clone());
    }
    Ok(())
}

/// Takes out the fields that operations replace or remove.
fn take(operations: &PreparedOperations, header: &mut impl Header) {
    let fields = header.fields().keys();
    let leaving: Vec<HeaderName> = fields
        .filter(|name| operations.takes(name))
        .cloned()
        .collect();
    for name in &leaving {
        header.take(name);
    }
}

/// Puts in those fields whose values can be filled in.
fn insert_all(fields: &[Field], header: &mut impl Header, sources: Sources<'_>) -> Result<()> {
    for field in fields {
        let value = match &field.value {
            FieldValue::Fixed(value) => Some(value.clone()),
            FieldValue::Filled(template) => sources.fill(template),
        };
        if let Some(value) = value {
            header.insert(field.name.clone(), value)?;
        }
    }
    Ok(())
}

/// A plain value or a list of plain values; anything else, and anything empty, is omitted.
fn push_claim(claim: &Value, text: &mut String) -> Option<()> {
    let Value::Array(elements) = claim else {
        return push_plain(claim, text);
    };
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_plain(element, text)?;
    }
    (!elements.is_empty()).then_some(())
}

fn push_plain(value: &Value, text: &mut String) -> Option<()> {
    match value {
        Value::String(value) => push_encoded(value, text),
        Value::Bool(_) | Value::Number(_) => write!(text, "{value}").ok(),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn push_encoded(value: &str, text: &mut String) -> Option<()> {
    let inner = value.trim_matches(' ');
    let (before, after) = match inner {
        "" => (value.len(), 0),
        _ => {
            let before = value.len() - value.trim_start_matches(' ').len();
            (before, value.len() - before - inner.len())
        }
    };
    text.extend(std::iter::repeat_n(SPACE, before));
    text.extend(utf8_percent_encode(inner, ENCODED));
    text.extend(std::iter::repeat_n(SPACE, after));
    (!value.is_empty()).then_some(())
}

/// An encoded space.
const SPACE: &str = "%20";
/// The bytes that are encoded in addition to non-ASCII ones.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%').add(b',');

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(value: Value) -> Option<String> {
        let mut text = String::new();
        push_claim(&value, &mut text).map(|()| text)
    }

    #[test]
    fn values_become_visible_ascii_and_stay_apart() {
        for (value, expected) in [
            (json!("ada"), "ada"),
            (json!("Zo\u{eb} S"), "Zo%C3%AB S"),
            (json!("a\r\nX-Admin: 1"), "a%0D%0AX-Admin: 1"),
            (json!("a\u{0}\u{7f}b"), "a%00%7Fb"),
            (json!("100%"), "100%25"),
            (json!(" a "), "%20a%20"),
            (json!("  "), "%20%20"),
            (json!("a,b"), "a%2Cb"),
            (json!(["a,b", "c", 7, true]), "a%2Cb,c,7,true"),
            (json!(-1.5), "-1.5"),
        ] {
            assert_eq!(claim(value).as_deref(), Some(expected));
            assert!(HeaderValue::from_str(expected).is_ok());
        }
    }

    #[test]
    fn what_is_no_plain_value_is_not_told() {
        for value in [
            json!(null),
            json!({"a": 1}),
            json!([]),
            json!(""),
            json!([["a"]]),
            json!(["a", ""]),
        ] {
            assert_eq!(claim(value.clone()), None, "{value}");
        }
    }
}
