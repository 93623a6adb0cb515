//! What the gateway answers on a route without a server: a redirect, or always the same.

use http::{HeaderValue, StatusCode, Uri};
use percent_encoding::{CONTROLS, percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use crate::text_schema::text_schema;

/// Send clients elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where: a URL such as `https://www.example.com/new`, or a path of the same origin.
    pub to: RedirectTarget,
    /// Append what follows the route's `path` in the request, and its query. With `false`, every
    /// request is redirected to the same address.
    #[serde(default = "yes")]
    pub append_path: bool,
    /// 301, 302, 303, 307 or 308. With 307 and 308 clients repeat the method; 301 and 308 are cached.
    #[serde(default)]
    pub status: RedirectStatus,
}

impl Redirect {
    /// The address for a request: `rest` is what follows the route's path.
    pub fn location(&self, rest: &str, query: Option<&[u8]>) -> String {
        if !self.append_path {
            return self.to.0.clone();
        }
        let mut location = self.to.0.trim_end_matches('/').to_owned();
        location.extend(percent_encode(rest.as_bytes(), CONTROLS));
        if location.is_empty() {
            location.push('/');
        }
        if let Some(query) = query {
            location.push('?');
            location.extend(percent_encode(query, CONTROLS));
        }
        // Browsers take two slashes for the beginning of another host.
        if location.starts_with("//") || location.starts_with("/\\") {
            location.insert_str(0, "/.");
        }
        location
    }
}

/// Where clients are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectTarget(String);

/// A text that is no address to send clients to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an address to redirect to: expected `https://HOST/PATH` without a query, or a path that begins \
     with one `/`"
)]
struct RedirectTargetError;

impl RedirectTarget {
    fn parse(text: &str) -> Result<Self, RedirectTargetError> {
        let uri: Uri = text.parse().map_err(|_| RedirectTargetError)?;
        let is_visible = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_path = uri.scheme().is_none() && text.starts_with('/') && !text.starts_with("//");
        let is_url = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|it| !it.as_str().contains('@'));
        let is_plain = uri.query().is_none() && !text.contains('#');
        match is_visible && is_plain && (is_path || is_url) {
            true => Ok(Self(text.to_owned())),
            false => Err(RedirectTargetError),
        }
    }

    /// The target as it is configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RedirectTarget {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

text_schema!(RedirectTarget, "RedirectTarget", {
    "description": "A URL without a query, or a path.",
    "type": "string",
    "pattern": "^(https?://|/)",
});

/// How a redirect is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedirectStatus(StatusCode);

impl RedirectStatus {
    /// The status.
    pub fn code(self) -> StatusCode {
        self.0
    }
}

impl Default for RedirectStatus {
    fn default() -> Self {
        Self(StatusCode::TEMPORARY_REDIRECT)
    }
}

impl<'de> Deserialize<'de> for RedirectStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(from)?;
        match (number, StatusCode::from_u16(number)) {
            (301 | 302 | 303 | 307 | 308, Ok(status)) => Ok(Self(status)),
            _ => Err(de::Error::custom(
                "not the status of a redirect: 301, 302, 303, 307 or 308",
            )),
        }
    }
}

text_schema!(RedirectStatus, "RedirectStatus", {
    "description": "The status of a redirect.",
    "enum": [301, 302, 303, 307, 308],
});

/// Answer every request in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedAnswer {
    /// The status, from 200 to 599.
    pub status: AnswerStatus,
    /// The content, at most 16 KiB.
    #[serde(default)]
    pub body: AnswerBody,
    /// What the content is.
    #[serde(default)]
    pub content_type: ContentType,
}

/// The status of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerStatus(StatusCode);

impl AnswerStatus {
    /// The status.
    pub fn code(self) -> StatusCode {
        self.0
    }

    /// Whether an answer with it has content (RFC 9110 section 6.4.1).
    pub fn has_content(self) -> bool {
        !matches!(self.0.as_u16(), 204 | 205 | 304)
    }
}

impl<'de> Deserialize<'de> for AnswerStatus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(from)?;
        match StatusCode::from_u16(number) {
            Ok(status) if (200..=599).contains(&number) => Ok(Self(status)),
            _ => Err(de::Error::custom("not a status from 200 to 599")),
        }
    }
}

text_schema!(AnswerStatus, "AnswerStatus", {
    "description": "A status from 200 to 599.",
    "type": "integer",
    "minimum": 200,
    "maximum": 599,
});

/// The content of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerBody(String);

impl AnswerBody {
    /// The content.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for AnswerBody {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.len() <= LONGEST_BODY {
            true => Ok(Self(text)),
            false => Err(de::Error::custom(
                "larger than 16 KiB; serve it by an upstream",
            )),
        }
    }
}

text_schema!(AnswerBody, "AnswerBody", {
    "description": "At most 16 KiB.",
    "type": "string",
    "maxLength": 16384,
});

/// The value of `Content-Type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(HeaderValue);

impl ContentType {
    /// The value.
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }
}

impl Default for ContentType {
    fn default() -> Self {
        Self(HeaderValue::from_static("text/plain; charset=utf-8"))
    }
}

impl<'de> Deserialize<'de> for ContentType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (kind, _) = text.split_once(';').unwrap_or((&text, ""));
        let is_type = kind.split_once('/').is_some_and(|(kind, sub)| {
            let is_token = |part: &str| {
                let allows =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
                !part.is_empty() && part.bytes().all(allows)
            };
            is_token(kind) && is_token(sub.trim_end())
        });
        match HeaderValue::from_str(&text) {
            Ok(value) if is_type => Ok(Self(value)),
            _ => Err(de::Error::custom(
                "not a media type such as `text/html; charset=utf-8`",
            )),
        }
    }
}

text_schema!(ContentType, "ContentType", {
    "description": "A media type such as `text/html; charset=utf-8`.",
    "type": "string",
    "pattern": "^[^/ ]+/[^/ ]+",
});

fn yes() -> bool {
    true
}

/// More is a document, which servers are for.
const LONGEST_BODY: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(yaml: &str) -> Result<Redirect, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_follows_the_path_is_appended_and_leads_to_no_other_host() {
        for (to, rest, query, location) in [
            (
                "https://new.test",
                "/a/b",
                Some("c=d"),
                "https://new.test/a/b?c=d",
            ),
            (
                "https://new.test/base/",
                "/a",
                None,
                "https://new.test/base/a",
            ),
            ("https://new.test", "", None, "https://new.test"),
            ("/new", "/a", Some("q"), "/new/a?q"),
            ("/", "", None, "/"),
            ("/", "//evil.test/x", None, "/.//evil.test/x"),
            ("/", "/\\evil.test", None, "/./\\evil.test"),
            ("/new", "/é\r\n", None, "/new/%C3%A9%0D%0A"),
        ] {
            let redirect = redirect(&format!("{{to: '{to}'}}")).unwrap();
            let query = query.map(str::as_bytes);
            assert_eq!(redirect.location(rest, query), location, "{to} {rest}");
        }
        let same = redirect("{to: /new, append_path: false, status: 301}").unwrap();
        assert_eq!(same.location("/a", Some(b"b")), "/new");
        assert_eq!(same.status.code(), 301);
    }

    #[test]
    fn what_is_no_redirect_is_refused() {
        for (yaml, said) in [
            ("{to: '//evil.test'}", "begins with one `/`"),
            ("{to: 'javascript:alert(1)'}", "not an address"),
            ("{to: 'https://user@new.test/'}", "not an address"),
            ("{to: 'https://new.test/?a=b'}", "without a query"),
            ("{to: new}", "not an address"),
            ("{to: '/a\\b'}", "not an address"),
            ("{to: /new, status: 200}", "not the status of a redirect"),
        ] {
            let error = redirect(yaml).unwrap_err();
            assert!(error.contains(said), "{yaml}: {error}");
        }
    }

    #[test]
    fn an_answer_is_one_that_can_be_written() {
        let answer = |yaml: &str| serde_yaml::from_str::<FixedAnswer>(yaml);
        let gone = answer("{status: 410, body: gone}").unwrap();
        assert_eq!(
            (gone.status.code().as_u16(), gone.body.as_str()),
            (410, "gone")
        );
        assert!(answer("{status: 200, content_type: text/html}").is_ok());
        let long = format!("{{status: 200, body: {}}}", "x".repeat(LONGEST_BODY + 1));
        for wrong in [
            "{status: 101}",
            "{status: 600}",
            "{body: a}",
            "{status: 200, content_type: html}",
            "{status: 200, content_type: \"text/html\\r\\nX: y\"}",
            &long,
        ] {
            assert!(answer(wrong).is_err(), "{wrong:.40}");
        }
    }
}
