//! Any text as a path and as an authority: what is accepted has one reading.

use vestibule::canonical::{CanonicalPath, Host, PathPrefix};

pub fn check(text: &str) {
    let _ = Host::parse(text).map(|host| assert!(host.authority().contains(host.name())));
    let Ok(path) = CanonicalPath::parse_for_routes(text) else {
        assert!(CanonicalPath::parse(text).is_err());
        return;
    };
    assert_eq!(
        path.as_str(),
        text,
        "the bytes that are judged are forwarded"
    );
    assert_eq!(
        CanonicalPath::parse(text).is_err(),
        path.has_escaped_slash() || path.has_empty_segment()
    );
    let everything = PathPrefix::parse("/").expect("a prefix");
    assert!(everything.contains(&path));
    if !path.has_parameters() && !path.has_escaped_slash() {
        let own = PathPrefix::parse(text);
        assert!(
            own.is_err() || own.is_ok_and(|own| own.contains(&path)),
            "{text:?}"
        );
    }
    // An upstream that decodes before it looks finds no other place.
    let decoded = decoded(text.as_bytes());
    let segments = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    let last = segments.clone().count();
    for (at, segment) in segments.enumerate().skip(1) {
        assert!(segment != b"." && segment != b"..", "{text:?}");
        let may_be_empty = path.has_empty_segment() || at + 1 == last;
        assert!(!segment.is_empty() || may_be_empty, "{text:?}");
    }
    assert!(decoded.iter().all(|byte| *byte >= b' '), "{text:?}");
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::new();
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if let ([high, low, after @ ..], b'%') = (after, *first)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            decoded.push((high * 16 + low) as u8);
            rest = after;
        } else {
            decoded.push(*first);
        }
    }
    decoded
}
