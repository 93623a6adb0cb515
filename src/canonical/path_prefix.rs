//! Path prefixes, as the configuration writes them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::path::{CanonicalPath, Reading};
use super::path_error::PathError;

/// A path prefix, compared by whole decoded segments.
#[derive(Clone, Debug)]
pub struct PathPrefix {
    text: Box<str>,
    segments: Vec<Box<[u8]>>,
}

impl PathPrefix {
    /// The prefix of all paths.
    pub fn root() -> Self {
        Self {
            text: "/".into(),
            segments: Vec::new(),
        }
    }

    /// The prefix of one segment, a plain word.
    pub fn of_word(word: &'static str) -> Self {
        Self {
            text: format!("/{word}").into(),
            segments: vec![word.as_bytes().into()],
        }
    }

    /// This prefix below a folder of plain words, which starts with `/`.
    pub fn below(&self, folder: &'static str) -> Self {
        let words = folder.split('/').filter(|word| !word.is_empty());
        let words = words.map(|word| word.as_bytes().into());
        Self {
            text: format!("{folder}{}", self.as_base()).into(),
            segments: words.chain(self.segments.iter().cloned()).collect(),
        }
    }

    /// Parses any spelling of a prefix: `/a/b/` is `/a/b`, and `/%61` is `/a`. The configuration is
    /// held to the shortest one, by [`FromStr`].
    ///
    /// # Errors
    ///
    /// No request could have such a path.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let path = CanonicalPath::parse(text)?;
        if path.has_parameters() || text.contains('?') {
            return Err(PathError::NotAPrefix);
        }
        let decoded = path
            .segments(Reading::PLAIN)
            .map(|segment| segment.decoded().collect());
        Ok(Self {
            segments: decoded.collect(),
            text: text.into(),
        })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What other paths are appended to: as it is written, and nothing for `/`.
    pub fn as_base(&self) -> &str {
        self.text.trim_end_matches('/')
    }

    /// Whether it is `/`, the prefix of all paths.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whether `path` is at or under this prefix in any reading.
    pub fn contains(&self, path: &CanonicalPath<'_>) -> bool {
        path.readings().any(|reading| {
            let mut segments = path.segments(reading);
            self.segments.iter().all(|wanted| {
                segments
                    .next()
                    .is_some_and(|found| found.decoded().eq(wanted.iter().copied()))
            })
        })
    }

    /// Whether everything under `other` is under this prefix too.
    pub fn covers(&self, other: &Self) -> bool {
        other.segments.starts_with(&self.segments)
    }

    /// The decoded segments.
    pub(crate) fn segments(&self) -> &[Box<[u8]>] {
        &self.segments
    }
}

/// Two prefixes are equal when the same paths are under them.
impl PartialEq for PathPrefix {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for PathPrefix {}

impl Hash for PathPrefix {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.segments.hash(state);
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is no path prefix for the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathPrefixError {
    /// It does not begin with `/`.
    #[error("a path must start with `/`")]
    NoSlash,
    /// It ends with `/`.
    #[error("a path must not end with `/`; it also matches the paths below it")]
    TrailingSlash,
    /// It has parameters.
    #[error("a path prefix has no `;`: servers read such a path in two ways")]
    Parameters,
    /// It has `//`.
    #[error("a path must not have empty segments")]
    EmptySegment,
    /// It has `.` or `..` as a segment.
    #[error("a path must not have `.` or `..` segments")]
    DotSegment,
    /// What other proxies and frameworks would take for a pattern. Taken literally, it would match no
    /// request, and a route above it would serve what it was meant to protect.
    #[error(
        "a path is not a pattern: segments are compared literally, and a path includes everything \
         below it; write `/api` for `/api/*`, `/api/**`, `/api/:id`, `/api/.*`"
    )]
    Pattern,
    /// It is not in its shortest spelling.
    #[error(
        "a path can only have the characters of RFC 3986 section 3.3, percent-encoded only if \
         necessary and with capital letters"
    )]
    Spelling,
    /// Requests with such a path are refused.
    #[error("a path that no request could have")]
    Unusable,
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let relative = text.strip_prefix('/').ok_or(PathPrefixError::NoSlash)?;
        if relative.is_empty() {
            return Ok(Self::root());
        }
        if relative.ends_with('/') {
            return Err(PathPrefixError::TrailingSlash);
        }
        if relative.contains(';') {
            return Err(PathPrefixError::Parameters);
        }
        for segment in relative.split('/') {
            match segment {
                "" => return Err(PathPrefixError::EmptySegment),
                "." | ".." => return Err(PathPrefixError::DotSegment),
                pattern if is_pattern(pattern) => return Err(PathPrefixError::Pattern),
                segment if !is_shortest(segment) => return Err(PathPrefixError::Spelling),
                _ => {}
            }
        }
        Self::parse(text).map_err(|_| PathPrefixError::Unusable)
    }
}

impl<'de> Deserialize<'de> for PathPrefix {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

fn is_pattern(segment: &str) -> bool {
    let is_name =
        |name: &str| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    segment.contains('*')
        || segment.contains(".+")
        || segment.strip_prefix(':').is_some_and(is_name)
        || (segment.len() > 1 && segment.ends_with('$'))
        || (segment.starts_with('(') && segment.ends_with(')'))
}

/// Whether a segment encodes only what it must (RFC 3986 section 6.2.2).
fn is_shortest(segment: &str) -> bool {
    let is_pchar = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let mut parts = segment.split('%');
    let plain = parts.next().unwrap_or_default();
    plain.bytes().all(is_pchar)
        && parts.all(|part| {
            let Some((digits, plain)) = part.split_at_checked(2) else {
                return false;
            };
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
            let Ok(byte) = u8::from_str_radix(digits, 16) else {
                return false;
            };
            let is_needed = !is_pchar(byte) && !byte.is_ascii_control() && !b"/\\".contains(&byte);
            digits.bytes().all(is_hex) && is_needed && plain.bytes().all(is_pchar)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What people write by mistake is refused by the message that says what to write instead.
    #[test]
    fn a_path_is_refused_for_what_is_wrong_with_it() {
        use PathPrefixError::*;
        for path in [
            "/",
            "/api",
            "/api/v1.2",
            "/caf%C3%A9",
            "/a..b/~x",
            "/a%20b",
            // None of these is a pattern.
            "/:80",
            "/a:b",
            "/$",
            "/a$b",
            "/(a",
            "/a)",
            "/+.",
        ] {
            let prefix: PathPrefix = path.parse().unwrap();
            assert_eq!(prefix.as_str(), path);
        }
        for (error, paths) in [
            (NoSlash, &["", "api"][..]),
            (TrailingSlash, &["/api/", "//"]),
            (Parameters, &["/a;b", "/a/;x=1"]),
            (EmptySegment, &["/a//b"]),
            (DotSegment, &["/a/../b", "/a/."]),
            (
                Pattern,
                &[
                    "/api/*",
                    "/api/**",
                    "/api/:id",
                    "/api/:_id",
                    "/api/.*",
                    "/a.+",
                    "/api$",
                    "/(a|b)",
                ],
            ),
            (
                Spelling,
                &[
                    "/a b",
                    "/a?b",
                    "/a#b",
                    "/a\\b",
                    "/é",
                    "/caf%c3%A9",
                    "/%ff",
                    "/%61pi",
                    "/%2F",
                    "/%5C",
                    "/%00",
                    "/%",
                    "/%4",
                    "/%+1",
                ],
            ),
            (Unusable, &["/%C0%AE", "/%FF"]),
        ] {
            for path in paths {
                assert_eq!(path.parse::<PathPrefix>(), Err(error), "{path}");
            }
        }
    }

    #[test]
    fn other_paths_are_appended_to_a_prefix() {
        for (path, base, is_root) in [("/", "", true), ("/api", "/api", false)] {
            let prefix: PathPrefix = path.parse().unwrap();
            assert_eq!((prefix.as_base(), prefix.is_root()), (base, is_root));
            let below = prefix.below("/well/known");
            assert_eq!(below.as_str(), format!("/well/known{base}"));
            assert_eq!(below, PathPrefix::parse(below.as_str()).unwrap());
        }
        assert_eq!(PathPrefix::of_word("api"), "/api".parse().unwrap());
    }
}
