//! Paths as servers read them that do not tell every spelling apart.
//!
//! Express and IIS ignore letter case, Windows drops dots and spaces at a name's end, Rails and
//! old Spring take `/admin.json` for `/admin`. The gateway matches paths exactly and forwards the
//! bytes as they came, so such a server may run a handler that a stricter route protects. A path
//! in question is therefore also looked up in every looser reading, and none of them may lead to
//! a route that asks for more ([`super::protection`]).

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::canonical::path::hex_value;
use crate::upstream::Upstream;

/// What the servers behind a route take for one and the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looseness {
    /// Letters in upper and lower case, compatible Unicode letters, names with dots or spaces at
    /// their end, and escapes of escapes.
    pub(super) letters: bool,
    /// A name with and without what follows `.` or `:`, or an encoded `?` or `#`, where a server that
    /// decodes too early ends the path.
    pub(super) suffixes: bool,
}

impl Looseness {
    /// Of an upstream's servers, as configured.
    fn of(upstream: &Upstream) -> Self {
        let (letters, suffixes) = upstream.tells_apart();
        Self {
            letters: !letters,
            suffixes: !suffixes,
        }
    }

    /// Of all of these; none, where no server reads the path.
    pub(super) fn of_all<'a>(upstreams: impl Iterator<Item = &'a Arc<Upstream>>) -> Self {
        let none = Self {
            letters: false,
            suffixes: false,
        };
        upstreams.fold(none, |all, upstream| {
            let one = Self::of(upstream);
            Self {
                letters: all.letters || one.letters,
                suffixes: all.suffixes || one.suffixes,
            }
        })
    }

    /// Whether it is any at all.
    pub(super) fn is_any(self) -> bool {
        self.letters || self.suffixes
    }
}

/// One segment, and what it may be taken for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LooseSegment {
    text: Vec<u8>,
    /// Shorter texts that a server may take it for, as lengths: for want of dots and spaces at its
    /// end, then for want of its suffix.
    trimmed: usize,
    suffixes: [usize; 2],
}

impl LooseSegment {
    fn new(text: Vec<u8>, looseness: Looseness) -> Self {
        let whole = text.len();
        let is_trailing = |byte: &&u8| matches!(byte, b'.' | b' ');
        let trimmed = match looseness.letters {
            true => whole - text.iter().rev().take_while(is_trailing).count(),
            false => whole,
        };
        let is_begin = |byte: &u8| matches!(byte, b'.' | b':' | b';' | b' ' | b'?' | b'#');
        let suffixes = match looseness.suffixes {
            true => [
                text.iter().position(is_begin).unwrap_or(whole),
                text.iter().rposition(is_begin).unwrap_or(whole),
            ],
            false => [whole; 2],
        };
        Self {
            text,
            trimmed,
            suffixes,
        }
    }

    /// All of it, and without what ends some names on Windows.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = [self.text.len(), self.trimmed];
        self.distinct(lengths)
    }

    /// Without its suffix. Not asked for where its whole name is configured.
    pub(super) fn stems(&self) -> impl Iterator<Item = &[u8]> {
        let [first, last] = self.suffixes;
        let is_name = |length: usize| length == self.text.len() || length == self.trimmed;
        self.distinct([first, last].map(|length| if is_name(length) { 0 } else { length }))
    }

    fn distinct(&self, [one, other]: [usize; 2]) -> impl Iterator<Item = &[u8]> {
        let other = if other == one { 0 } else { other };
        [one, other]
            .into_iter()
            .filter(|length| *length > 0)
            .filter_map(|length| self.text.get(..length))
    }
}

/// The readings of a path's decoded segments: as they are divided, and once more where escapes of
/// escapes divide them further.
pub(super) fn readings(
    segments: impl Iterator<Item = Vec<u8>>,
    looseness: Looseness,
) -> Vec<Vec<LooseSegment>> {
    if !looseness.letters {
        let segments = segments.map(|segment| LooseSegment::new(segment, looseness));
        return vec![segments.collect()];
    }
    // Among what Unicode holds for other characters are slashes and dots.
    let whole: Vec<Vec<u8>> = segments
        .map(|segment| folded(&decoded_fully(segment)))
        .collect();
    let as_divided = whole
        .iter()
        .map(|segment| LooseSegment::new(segment.clone(), looseness))
        .collect();
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    let divides = |segment: &Vec<u8>| {
        segment.iter().any(is_separator) || matches!(&segment[..], b"." | b"..")
    };
    if !whole.iter().any(divides) {
        return vec![as_divided];
    }
    let mut divided: Vec<&[u8]> = Vec::new();
    for segment in whole.iter().flat_map(|segment| segment.split(is_separator)) {
        match segment {
            b"" | b"." => {}
            b".." => drop(divided.pop()),
            segment => divided.push(segment),
        }
    }
    let fold = |segment: &[u8]| LooseSegment::new(folded(segment), looseness);
    vec![as_divided, divided.into_iter().map(fold).collect()]
}

/// Without regard to letter case, to what Unicode holds for the same letter, and to white space
/// before it.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    let name = name.trim_ascii_start();
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    String::from_utf8_lossy(name)
        .nfkd()
        .map(|letter| match letter {
            // Windows turns both into `/` for programs that know no Unicode.
            '\u{2044}' | '\u{2215}' => '/',
            letter => letter,
        })
        .filter(|letter| !is_combining_mark(*letter) && !is_invisible(*letter))
        // By way of upper case, in which `\u{17f}` is `S` and `\u{131}` is `I`.
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .filter(|letter| !is_combining_mark(*letter))
        .collect::<String>()
        .into_bytes()
}

/// Characters that are not seen: that HFS+ leaves out of names, or that some programs trim.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// Decodes escapes until there are none.
fn decoded_fully(segment: Vec<u8>) -> Vec<u8> {
    if !segment.contains(&b'%') {
        return segment;
    }
    let mut decoded: Vec<u8> = Vec::with_capacity(segment.len());
    for byte in segment {
        decoded.push(byte);
        // What an escape leaves may end another one.
        while let [.., b'%', high, low] = decoded[..]
            && let (Some(high), Some(low)) = (hex_value(high), hex_value(low))
        {
            decoded.truncate(decoded.len() - 3);
            decoded.push(high << 4 | low);
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Looseness = Looseness {
        letters: true,
        suffixes: true,
    };

    fn names(text: &str) -> Vec<String> {
        let segment = LooseSegment::new(folded(text.as_bytes()), ALL);
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        segment.names().chain(segment.stems()).map(text).collect()
    }

    #[test]
    fn a_name_has_its_shorter_ones() {
        assert_eq!(names("admin"), ["admin"]);
        assert_eq!(names("Admin. ."), ["admin. .", "admin", "admin. "]);
        assert_eq!(names(" admin.json"), ["admin.json", "admin"]);
        assert_eq!(names("v1.0.json"), ["v1.0.json", "v1", "v1.0"]);
        assert_eq!(
            names("admin::$DATA."),
            ["admin::$data.", "admin::$data", "admin"]
        );
        assert_eq!(names(".well-known"), [".well-known"]);
    }

    #[test]
    fn letters_that_unicode_folds_are_folded() {
        for text in [
            "ADMIN",
            "adm\u{131}n",
            "ADM\u{130}N",
            "\u{ff41}dmin",
            "a\u{301}dmin",
            "\u{e1}dmin",
            "ad\u{200d}min",
        ] {
            assert_eq!(folded(text.as_bytes()), b"admin", "{text:?}");
        }
        assert_eq!(folded("\u{212a}ey\u{17f}".as_bytes()), b"keys");
        assert_ne!(folded("\u{430}dmin".as_bytes()), b"admin", "another letter");
    }

    #[test]
    fn escapes_of_escapes_end() {
        let decoded = |text: &str| String::from_utf8(decoded_fully(text.into())).unwrap();
        assert_eq!(decoded("%61dmin"), "admin");
        assert_eq!(decoded("%2561%252f"), "a/");
        assert_eq!(decoded("%%36%31"), "a");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz"), "%zz");

        let segments = || ["x", "%2e%2e", "%2fAdmin"].map(|text| text.as_bytes().to_vec());
        let readings = readings(segments().into_iter(), ALL);
        let last = readings.last().unwrap();
        let names: Vec<_> = last.iter().flat_map(LooseSegment::names).collect();
        assert_eq!((readings.len(), names), (2, vec![&b"admin"[..]]));
    }
}
