//! Request paths with one reading.
//!
//! The gateway decides by the path and forwards the same bytes; so a path that an upstream may
//! read in another way than the gateway is refused. What is refused, and why, stands at
//! [`PathError`]. What is left is matched by its decoded segments: `/%61dmin` is `/admin`, as it
//! is for the upstream.

use super::path_error::PathError;

/// A path (RFC 3986 section 3.3) that passed [`CanonicalPath::parse`]. Only this can be matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a> {
    raw: &'a str,
    has_parameters: bool,
    has_escaped_slash: bool,
    has_empty_segment: bool,
    is_plain: bool,
}

impl<'a> CanonicalPath<'a> {
    /// Checks the path of a request target in origin-form (RFC 9112 section 3.2.1), without its
    /// query.
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        let path = Self::parse_for_routes(raw)?;
        if path.has_escaped_slash {
            return Err(PathError::EscapedSlash);
        }
        if path.has_empty_segment {
            return Err(PathError::EmptySegment);
        }
        Ok(path)
    }

    /// Parses as [`Self::parse`] does, except that it accepts `%2F` and `//`, and reports them by
    /// [`Self::has_escaped_slash`] and [`Self::has_empty_segment`]: only a route that allows it may serve
    /// such a path.
    /// Between escaped slashes, dot segments and empty ones are refused all the same.
    pub fn parse_for_routes(raw: &'a str) -> Result<Self, PathError> {
        let relative = raw.strip_prefix('/').ok_or(PathError::NotOriginForm)?;
        let mut path = Self {
            raw,
            has_parameters: false,
            has_escaped_slash: false,
            has_empty_segment: false,
            is_plain: true,
        };
        let mut segments = relative.split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() && segments.peek().is_none() {
                break;
            }
            if segment.is_empty() {
                path.has_empty_segment = true;
                continue;
            }
            let found = check_segment(segment)?;
            path.has_parameters |= found.parameters;
            path.has_escaped_slash |= found.escaped_slash;
            path.is_plain &= found.is_plain;
        }
        Ok(path)
    }

    /// The bytes as they came, which are the bytes that are forwarded.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// Whether a segment has a `;`. Servlet containers cut such a segment there before they
    /// match it, other servers do not: the path has two readings, and both must lead to the same
    /// route.
    pub fn has_parameters(&self) -> bool {
        self.has_parameters
    }

    /// Whether a segment has a `%2F`. Some servers read it as `/`, others as a letter, and both
    /// readings must lead to the same route.
    pub fn has_escaped_slash(&self) -> bool {
        self.has_escaped_slash
    }

    /// Whether it has a `//`. Some servers read it as `/`, and it is matched so.
    pub fn has_empty_segment(&self) -> bool {
        self.has_empty_segment
    }

    /// Whether it is of lower-case letters, digits and such, which no server takes for others.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// How servers may read it: first as it stands.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> + use<> {
        let (cuts, splits) = (self.has_parameters, self.has_escaped_slash);
        Reading::ALL.into_iter().filter(move |reading| {
            (cuts || !reading.cuts_parameters) && (splits || !reading.splits_at_escapes)
        })
    }

    /// What follows the first `count` segments, empty ones not counted, with its leading slash; empty
    /// when nothing does.
    pub(crate) fn after(&self, count: usize) -> &'a str {
        (0..count).fold(self.raw, |rest, _| {
            let segment = rest.trim_start_matches('/');
            let end = segment.find('/').unwrap_or(segment.len());
            segment.get(end..).unwrap_or_default()
        })
    }

    /// The segments in one reading; a trailing slash adds none.
    pub(crate) fn segments(&self, reading: Reading) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        self.raw
            .split('/')
            .filter(|segment| !segment.is_empty())
            .flat_map(move |segment| parts(segment, reading.splits_at_escapes))
            .map(move |text| Segment {
                text,
                cuts_parameters: reading.cuts_parameters,
            })
    }
}

/// One segment of a [`CanonicalPath`].
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    text: &'a str,
    cuts_parameters: bool,
}

impl<'a> Segment<'a> {
    /// Its bytes with percent-escapes decoded.
    pub(crate) fn decoded(self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        Decoded(self.text.bytes()).take_while(move |byte| !self.cuts_parameters || *byte != b';')
    }
}

/// How a server reads what standards leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// A segment ends at its parameters, `;` and what follows.
    cuts_parameters: bool,
    /// `%2F` is `/`.
    splits_at_escapes: bool,
}

impl Reading {
    /// Every byte is part of its segment.
    pub(crate) const PLAIN: Self = Self::new(false, false);

    const ALL: [Self; 4] = [
        Self::PLAIN,
        Self::new(true, false),
        Self::new(false, true),
        Self::new(true, true),
    ];

    const fn new(cuts_parameters: bool, splits_at_escapes: bool) -> Self {
        Self {
            cuts_parameters,
            splits_at_escapes,
        }
    }
}

/// The parts of a segment between its escaped slashes, or all of it.
fn parts(segment: &str, splits: bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(segment);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let at = if splits { escaped_slash(text) } else { None };
        let cut = at.and_then(|at| Some((text.get(..at)?, text.get(at + ESCAPE..)?)));
        let Some((part, after)) = cut else {
            return Some(text);
        };
        rest = Some(after);
        Some(part)
    })
}

fn escaped_slash(text: &str) -> Option<usize> {
    let is_slash = |at: &usize| {
        text.get(*at..at + ESCAPE)
            .is_some_and(|escape| escape.eq_ignore_ascii_case("%2F"))
    };
    text.match_indices('%').map(|(at, _)| at).find(is_slash)
}

/// Whether a byte of a path means the same in every reading, so that a path of such bytes alone
/// has but one.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase()
        || byte.is_ascii_digit()
        || (byte.is_ascii_punctuation() && !matches!(byte, b'.' | b':' | b';' | b'%' | b'?' | b'#'))
}

/// What is found in a segment.
struct Found {
    parameters: bool,
    escaped_slash: bool,
    is_plain: bool,
}

/// Checks one segment.
fn check_segment(segment: &str) -> Result<Found, PathError> {
    let mut bytes = segment.bytes();
    let mut sequence = Utf8Sequence::default();
    let mut name = Name::Empty;
    let mut found = Found {
        parameters: false,
        escaped_slash: false,
        is_plain: true,
    };
    // Since the last escaped slash.
    let mut in_parameters = false;
    while let Some(raw) = bytes.next() {
        let byte = match raw {
            b'%' => {
                let high = bytes
                    .next()
                    .and_then(hex_value)
                    .ok_or(PathError::BadEscape)?;
                let low = bytes
                    .next()
                    .and_then(hex_value)
                    .ok_or(PathError::BadEscape)?;
                high << 4 | low
            }
            b'#' => return Err(PathError::Fragment),
            b' ' => return Err(PathError::Control),
            raw if !raw.is_ascii() => return Err(PathError::NotAscii),
            raw => raw,
        };
        match byte {
            b'\\' => return Err(PathError::Backslash),
            // A segment's own bytes have none: it is an escaped one.
            b'/' => {
                sequence.end()?;
                name.check()?;
                (name, in_parameters) = (Name::Empty, false);
                found.escaped_slash = true;
                continue;
            }
            byte if byte.is_ascii_control() => return Err(PathError::Control),
            _ => {}
        }
        sequence.push(byte)?;
        found.is_plain &= is_plain(byte);
        in_parameters |= byte == b';';
        found.parameters |= in_parameters;
        if !in_parameters {
            name = name.then(byte);
        }
    }
    sequence.end()?;
    name.check()?;
    Ok(found)
}

/// What a segment is so far, its parameters left out.
#[derive(Clone, Copy)]
enum Name {
    Empty,
    Dot,
    DotDot,
    Other,
}

impl Name {
    fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Empty, b'.') => Self::Dot,
            (Self::Dot, b'.') => Self::DotDot,
            _ => Self::Other,
        }
    }

    fn check(self) -> Result<(), PathError> {
        match self {
            Self::Empty => Err(PathError::EmptySegment),
            Self::Dot | Self::DotDot => Err(PathError::DotSegment),
            Self::Other => Ok(()),
        }
    }
}

/// Checks decoded bytes for UTF-8 without keeping more than one character.
#[derive(Default)]
struct Utf8Sequence {
    bytes: [u8; 4],
    length: usize,
}

impl Utf8Sequence {
    fn push(&mut self, byte: u8) -> Result<(), PathError> {
        if self.length == 0 && byte.is_ascii() {
            return Ok(());
        }
        *self.bytes.get_mut(self.length).ok_or(PathError::NotUtf8)? = byte;
        self.length += 1;
        match std::str::from_utf8(self.bytes.get(..self.length).unwrap_or_default()) {
            Ok(_) => self.length = 0,
            // Without a length the character is only incomplete.
            Err(error) if error.error_len().is_none() => {}
            Err(_) => return Err(PathError::NotUtf8),
        }
        Ok(())
    }

    fn end(&self) -> Result<(), PathError> {
        if self.length == 0 {
            Ok(())
        } else {
            Err(PathError::NotUtf8)
        }
    }
}

/// Decodes percent-escapes that are known to be well formed.
#[derive(Clone)]
struct Decoded<'a>(std::str::Bytes<'a>);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        match self.0.next()? {
            b'%' => {
                let high = hex_value(self.0.next()?)?;
                Some(high << 4 | hex_value(self.0.next()?)?)
            }
            byte => Some(byte),
        }
    }
}

pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The length of a percent-escape.
const ESCAPE: usize = "%2F".len();

#[cfg(test)]
mod tests;
