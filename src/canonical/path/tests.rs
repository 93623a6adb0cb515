use proptest::prelude::*;

use super::*;
use crate::canonical::PathPrefix;

fn parse(raw: &str) -> Result<CanonicalPath<'_>, PathError> {
    CanonicalPath::parse(raw)
}

/// Each refused path comes with one that differs in one respect and passes.
#[test]
fn refuses_each_path_with_two_readings_and_takes_its_twin() {
    use PathError::*;
    for (refused, why, taken) in [
        ("", NotOriginForm, "/"),
        ("a/b", NotOriginForm, "/a/b"),
        ("*", NotOriginForm, "/*"),
        ("http://a/b", NotOriginForm, "/http:/a/b"),
        ("//", EmptySegment, "/"),
        ("//evil/x", EmptySegment, "/evil/x"),
        ("/a//b", EmptySegment, "/a/b"),
        ("/a//", EmptySegment, "/a/"),
        ("/;x/admin", EmptySegment, "/a;x/admin"),
        ("/a/%3bx", EmptySegment, "/a/b%3bx"),
        ("/.", DotSegment, "/.a"),
        ("/a/..", DotSegment, "/a/..."),
        ("/a/../b", DotSegment, "/a/..b/b"),
        ("/a/./b", DotSegment, "/a/b./b"),
        ("/a/%2e%2e/b", DotSegment, "/a/%2e%2e%2e/b"),
        ("/a/%2E%2e/b", DotSegment, "/a/%2Ea/b"),
        ("/a/.%2e", DotSegment, "/a/.%2ef"),
        ("/a/%2e/b", DotSegment, "/a/%2ex/b"),
        ("/a/..;/b", DotSegment, "/a/b;../b"),
        ("/a/..;x=1/b", DotSegment, "/a/..x;=1/b"),
        ("/a/..%3Bx/b", DotSegment, "/a/a..%3Bx/b"),
        ("/a\\b", Backslash, "/a|b"),
        ("/a/..\\b", Backslash, "/a/..|b"),
        ("/a%5cb", Backslash, "/a%5bb"),
        ("/a%5Cb", Backslash, "/a%5Bb"),
        ("/a%2fb", EscapedSlash, "/a%2eb"),
        ("/a%2Fb", EscapedSlash, "/a%2Eb"),
        ("/a%00b", Control, "/a%20b"),
        ("/a%0d%0ab", Control, "/a%20%20b"),
        ("/a%7Fb", Control, "/a%7Eb"),
        ("/a\tb", Control, "/a%20b"),
        ("/a b", Control, "/a+b"),
        ("/a\0b", Control, "/a0b"),
        ("/\u{e9}", NotAscii, "/%C3%A9"),
        ("/a%", BadEscape, "/a%25"),
        ("/a%2", BadEscape, "/a%25"),
        ("/a%zz", BadEscape, "/azz"),
        ("/a%2/b", BadEscape, "/a%25/b"),
        ("/a%u0041", BadEscape, "/au0041"),
        ("/%C0%AE%C0%AE/a", NotUtf8, "/%C3%AE%C3%AE/a"),
        ("/%FF", NotUtf8, "/%C3%BF"),
        ("/%C3", NotUtf8, "/%C3%A9"),
        ("/%C3a%A9", NotUtf8, "/%C3%A9a"),
        ("/%C3/%A9", NotUtf8, "/%C3%A9"),
        ("/%ED%A0%80", NotUtf8, "/%ED%9F%BF"),
        ("/%F0%9F%98", NotUtf8, "/%F0%9F%98%80"),
        ("/a#b", Fragment, "/a%23b"),
    ] {
        assert_eq!(parse(refused), Err(why), "{refused:?}");
        assert_eq!(parse(taken).map(|path| path.as_str()), Ok(taken));
    }
}

#[test]
fn knows_parameters() {
    assert!(parse("/a;b/c").unwrap().has_parameters());
    assert!(parse("/a%3Bb/c").unwrap().has_parameters());
    assert!(!parse("/a:b/c").unwrap().has_parameters());
}

#[test]
fn an_escaped_slash_divides_like_a_slash() {
    use PathError::*;
    let parse = CanonicalPath::parse_for_routes;
    for (path, why) in [
        ("/a%2F..%2fb", DotSegment),
        ("/a/..%2fb", DotSegment),
        ("/a%2F%2E", DotSegment),
        ("/a%2f..;x", DotSegment),
        ("/a;x%2F../b", DotSegment),
        ("/a%2F", EmptySegment),
        ("/%2Fa", EmptySegment),
        ("/a%2f%2fb", EmptySegment),
        ("/a%2F;x%2Fb", EmptySegment),
        ("/%C3%2F%A9", NotUtf8),
    ] {
        assert_eq!(parse(path), Err(why), "{path}");
    }
    let split = |path: &'static str| -> Vec<Vec<u8>> {
        let path = parse(path).unwrap();
        assert!(path.has_escaped_slash());
        let segments = path.segments(Reading::new(false, true));
        segments
            .map(|segment| segment.decoded().collect())
            .collect()
    };
    assert_eq!(split("/a%2Fb%2fc/d"), [b"a", b"b", b"c", b"d"]);
    assert_eq!(split("/%252F%2Fx"), [&b"%2F"[..], b"x"]);
    assert!(!parse("/%252F").unwrap().has_escaped_slash());
    assert!(
        PathPrefix::parse("/a")
            .unwrap()
            .contains(&parse("/a%2Fb").unwrap())
    );
}

#[test]
fn an_empty_segment_is_told_of_and_not_counted() {
    let parse = CanonicalPath::parse_for_routes;
    for raw in ["//a", "/a//b", "/a//", "//"] {
        assert!(parse(raw).unwrap().has_empty_segment(), "{raw}");
        assert_eq!(CanonicalPath::parse(raw), Err(PathError::EmptySegment));
    }
    for raw in ["/", "/a", "/a/"] {
        assert!(!parse(raw).unwrap().has_empty_segment(), "{raw}");
    }
    for (raw, count, rest) in [
        ("/a//b", 0, "/a//b"),
        ("/a//b", 1, "//b"),
        ("//a/b", 1, "/b"),
        ("//a//b//", 2, "//"),
        ("/a/", 1, "/"),
        ("/a", 1, ""),
    ] {
        assert_eq!(parse(raw).unwrap().after(count), rest, "{raw} {count}");
    }
    let prefix = PathPrefix::parse("/a/b").unwrap();
    assert!(prefix.contains(&parse("//a///b/c").unwrap()));
}

#[test]
fn a_prefix_contains_whole_segments_in_any_spelling() {
    let prefix = PathPrefix::parse("/admin/x").unwrap();
    for (path, contained) in [
        ("/admin/x", true),
        ("/admin/x/", true),
        ("/admin/x/y", true),
        ("/%61dmin/%78", true),
        ("/admin;v=1/x", true),
        ("/admin/x;v=1", true),
        ("/admin/xy", false),
        ("/admin", false),
        ("/Admin/x", false),
        ("/", false),
    ] {
        assert_eq!(prefix.contains(&parse(path).unwrap()), contained, "{path}");
    }
    assert!(
        PathPrefix::parse("/")
            .unwrap()
            .contains(&parse("/").unwrap())
    );
    assert_eq!(PathPrefix::parse("/admin/x/"), Ok(prefix));
    for refused in ["/a;b", "/a?b", "a", "/a/../b"] {
        assert!(PathPrefix::parse(refused).is_err(), "{refused}");
    }
}

#[test]
fn a_prefix_covers_what_is_under_it() {
    let prefix = |text| PathPrefix::parse(text).unwrap();
    assert!(prefix("/a").covers(&prefix("/a/b")));
    assert!(prefix("/a").covers(&prefix("/a")));
    assert!(!prefix("/a/b").covers(&prefix("/a")));
    assert!(!prefix("/a").covers(&prefix("/ab")));
}

/// Decodes and normalizes as a permissive server would: slashes merged, backslashes turned,
/// parameters cut, dot segments removed.
fn as_read_elsewhere(raw: &str) -> Vec<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let escape = || {
            let mut ahead = bytes.clone();
            Some(hex_value(ahead.next()?)? << 4 | hex_value(ahead.next()?)?)
        };
        match (byte, escape()) {
            (b'%', Some(value)) => {
                decoded.push(value);
                bytes.nth(1);
            }
            _ => decoded.push(byte),
        }
    }
    let mut segments: Vec<Vec<u8>> = Vec::new();
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
        {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            name => segments.push(name.to_vec()),
        }
    }
    segments
}

proptest! {
    #[test]
    fn never_panics(raw in any::<String>()) {
        let _ = parse(&raw);
    }

    /// A permissive server reads the segments that the gateway matched.
    #[test]
    fn what_passes_has_one_reading(
        raw in "/([abM.;/\\\\%]|%2[eEfF]|%5[cC]|%3[bB]|%6[1-3]){0,12}"
    ) {
        if let Ok(path) = CanonicalPath::parse_for_routes(&raw)
            && !path.has_empty_segment()
        {
            let matched: Vec<Vec<u8>> =
                path.segments(Reading::new(true, true)).map(|segment| segment.decoded().collect()).collect();
            prop_assert_eq!(matched, as_read_elsewhere(&raw));
        }
    }

    #[test]
    fn escaped_text_passes_and_matches_itself(
        segments in prop::collection::vec("[^/\\\\\\p{Cc};.][^/\\\\\\p{Cc};]{0,6}", 0..5)
    ) {
        let escaped: String = segments
            .iter()
            .map(|segment| {
                let bytes = segment.bytes().map(|byte| format!("%{byte:02x}"));
                format!("/{}", bytes.collect::<String>())
            })
            .collect();
        let raw = if escaped.is_empty() { "/" } else { &escaped };
        let path = parse(raw).unwrap();
        let decoded: Vec<Vec<u8>> =
            path.segments(Reading::PLAIN).map(|segment| segment.decoded().collect()).collect();
        let expected: Vec<Vec<u8>> =
            segments.iter().map(|segment| segment.clone().into_bytes()).collect();
        prop_assert_eq!(decoded, expected);
    }
}
