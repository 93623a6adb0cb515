//! The form of a token in a field or cookie: what is around it, and whether it can be one at all.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr_iter;

/// The token in the value of an issuer's own field or cookie. Quotes (RFC 6265 section 4.1.1) and the
/// scheme are no part of it, also where a cookie library has encoded them: `"Bearer T"`,
/// `Bearer%20T`, `Bearer+T`.
pub(super) fn bare(value: &[u8]) -> &[u8] {
    let value = unquoted(value);
    match value.split_at_checked(BEARER.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(BEARER) => {
            let gap = SPACES.iter().find_map(|space| rest.strip_prefix(*space));
            match (rest, gap) {
                ([], _) => rest,
                (_, Some(token)) => unquoted(token),
                (_, None) => value,
            }
        }
        _ => value,
    }
}

/// The JWT in an `Authorization` field under any scheme, or without one: `JWT T`, `T`.
pub(super) fn jwt_of_any_scheme(field: &[u8]) -> Option<&[u8]> {
    let field = field.trim_ascii();
    let gap = field.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let token = unquoted(gap.and_then(|gap| field.get(gap..)).unwrap_or(field));
    is_jwt(token).then_some(token)
}

/// A value without quotes around it.
pub(super) fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    QUOTES
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
        .trim_ascii()
}

/// Whether a text has the form of a JWT: three parts (RFC 7515 section 3.1) or, encrypted, five
/// (RFC 7516 section 3.1), the first of which is the beginning of a JSON object in base64url.
/// `null`, `undefined`, keys of other APIs and opaque tokens have another.
pub(super) fn is_jwt(text: &[u8]) -> bool {
    if ![2, 4].contains(&memchr_iter(b'.', text).count()) {
        return false;
    }
    let header = text.split(|byte| *byte == b'.').next().unwrap_or_default();
    let mut beginning = [0; 3];
    let quantum = header.get(..4).unwrap_or(header);
    match LENIENT.decode_slice(quantum, &mut beginning) {
        Ok(_) => beginning.trim_ascii_start().first() == Some(&b'{'),
        Err(_) => false,
    }
}

/// The scheme of RFC 6750.
pub(super) const BEARER: &[u8] = b"Bearer";
const SPACES: [&[u8]; 4] = [b" ", b"\t", b"%20", b"+"];
const QUOTES: [&[u8]; 2] = [b"\"", b"%22"];
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// RFC 9110 section 11.2: letters, digits, `-._~+/`, then `=`. Each part of a token may be padded,
/// as some signers do it: whether its issuer does is checked with the token.
pub(super) fn token68(value: &[u8]) -> Option<&str> {
    let end = value.iter().rposition(|byte| *byte != b'=')?;
    if !are_allowed(value.get(..=end)?) {
        // A part's own padding ends it, so that none has any inside.
        let mut parts = value.split(|byte| *byte == b'.');
        let is_whole = |part: &[u8]| {
            let end = part.iter().rposition(|byte| *byte != b'=');
            end.and_then(|end| part.get(..=end))
                .is_some_and(are_allowed)
        };
        if !parts.all(is_whole) {
            return None;
        }
    }
    std::str::from_utf8(value).ok()
}

/// Whether all bytes are allowed without padding; without an early end, so that many are looked at
/// together.
fn are_allowed(bytes: &[u8]) -> bool {
    let is_allowed = |byte: u8| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        // From `-` to `9` there are `-./` and the digits.
        is_letter
            | (byte.wrapping_sub(b'-') <= b'9' - b'-')
            | (byte == b'_')
            | (byte == b'~')
            | (byte == b'+')
    };
    let mut all = true;
    for byte in bytes {
        all &= is_allowed(*byte);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{bare, is_jwt, jwt_of_any_scheme, token68};

    #[test]
    fn each_byte_is_allowed_or_not() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            for text in [
                vec![byte],
                vec![b'a', byte, b'b'],
                [vec![byte; 40], vec![b'=']].concat(),
            ] {
                assert_eq!(token68(&text).is_some(), allowed, "{text:?}");
            }
        }
        for (text, taken) in [
            ("a=.b==.c", true),
            ("a=b.c", false),
            ("a=.=.c", false),
            ("a=..c", false),
            ("a=.b!.c", false),
            ("==", false),
            ("", false),
        ] {
            assert_eq!(token68(text.as_bytes()).is_some(), taken, "{text}");
        }
    }

    #[test]
    fn what_is_around_a_token_is_no_part_of_it() {
        for value in [
            "a.b.c",
            " a.b.c\t",
            "\"a.b.c\"",
            "%22a.b.c%22",
            "Bearer a.b.c",
            "bearer  a.b.c",
            "\"Bearer a.b.c\"",
            "%22Bearer%20a.b.c%22",
            "Bearer%20a.b.c",
            "Bearer+a.b.c",
            "Bearer \"a.b.c\"",
        ] {
            assert_eq!(bare(value.as_bytes()), b"a.b.c", "{value}");
        }
        for (value, inner) in [
            ("Bearer", ""),
            ("Bearer ", ""),
            ("\"\"", ""),
            ("Bearera.b.c", "Bearera.b.c"),
            ("Bearer.b.c", "Bearer.b.c"),
            ("Basic a.b.c", "Basic a.b.c"),
            ("\"a.b.c", "\"a.b.c"),
            ("Bearer Bearer a.b.c", "Bearer a.b.c"),
        ] {
            assert_eq!(bare(value.as_bytes()), inner.as_bytes(), "{value}");
        }
    }

    #[test]
    fn a_scheme_may_be_any_or_none_before_a_jwt_alone() {
        let found = |field: &'static str| jwt_of_any_scheme(field.as_bytes());
        for field in [
            "e30.e30.x",
            "JWT e30.e30.x",
            "Token  e30.e30.x ",
            "Bearer: \"e30.e30.x\"",
        ] {
            assert_eq!(found(field), Some(&b"e30.e30.x"[..]), "{field}");
        }
        for field in [
            "",
            "JWT",
            "Basic dXNlcjpwYXNz",
            "Token abc",
            "Digest a=1, b=e30.e30.x",
        ] {
            assert_eq!(found(field), None, "{field}");
        }
    }

    #[test]
    fn a_jwt_begins_with_a_header() {
        // `{}`, `{"alg"…`, a header with a line break first, an encrypted token.
        for text in [
            "e30.e30.x",
            "eyJhbGciOiJFUzI1NiJ9.e30.x",
            "CnsgfQ.e30.x",
            "e30.a.b.c.d",
        ] {
            assert!(is_jwt(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "null",
            "undefined",
            "[object Object]",
            "sk-proj-abc",
            "a.b",
            "..",
            "a.b.c",
            "e30.e30",
            "e30.e30.x.y",
            "W10.e30.x",
            "www.example.com",
            "hvs.CAESI.x",
        ] {
            assert!(!is_jwt(text.as_bytes()), "{text}");
        }
    }
}
