//! Copies of a credential in addition to the one that is used: in other cookies and fields, in the query.
//!
//! Whatever its place, a text that names a configured issuer, or the gateway, as the issuer of a
//! token is one. An upstream could sign in with it, or write it down where others read it.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memrchr};
use percent_encoding::percent_decode;
use pingora::http::RequestHeader;

use crate::exchange::{SHORTEST_TOKEN, may_be_claims};

/// Whether bytes carry a token, as it is or percent-encoded, also more than once: a link in a link is.
/// `is_known` says whether a text is one, verified or not, of an issuer that is known; it is asked for texts
/// of three parts only.
pub(in crate::proxy) fn carry_token(bytes: &[u8], is_known: impl Fn(&str) -> bool) -> bool {
    if !may_carry_token(bytes) {
        return false;
    }
    if holds_token(bytes, &is_known) {
        return true;
    }
    let mut escaped = Cow::Borrowed(bytes);
    for _ in 0..DEEPEST_ESCAPE {
        let Cow::Owned(unescaped) = Cow::<[u8]>::from(percent_decode(&escaped)) else {
            return false;
        };
        if holds_token(&unescaped, &is_known) {
            return true;
        }
        escaped = Cow::Owned(unescaped);
    }
    false
}

/// Of Base64's two alphabets, the one of tokens comes first (RFC 7515 section 2): what the other has in
/// addition separates words nearly everywhere, and would become part of a token that it stands next to. What
/// has nothing of the other one is found by the first already.
fn holds_token(bytes: &[u8], is_known: impl Fn(&str) -> bool) -> bool {
    let of_other = |part: &&str| memchr2(b'+', b'/', part.as_bytes()).is_some();
    token_like_parts(bytes, is_of_token).any(&is_known)
        || memchr2(b'+', b'/', bytes).is_some()
            && token_like_parts(bytes, is_of_lenient_token)
                .filter(of_other)
                .any(&is_known)
}

/// Whether a closer look is worth it: an escape, or two dots with what can be claims between them. Most
/// fields of most requests are too short, or have neither; a hundred cookies of analytics look like
/// `GS1.1.1700000000`.
fn may_carry_token(bytes: &[u8]) -> bool {
    if bytes.len() < SHORTEST_TOKEN {
        return false;
    }
    let mut last_dot: Option<usize> = None;
    for at in memchr2_iter(b'.', b'%', bytes) {
        if bytes.get(at) == Some(&b'%') {
            return true;
        }
        let between = last_dot.and_then(|last| bytes.get(last + 1..at));
        if between.is_some_and(|part| may_be_claims(part) && part.iter().all(is_of_lenient_token)) {
            return true;
        }
        last_dot = Some(at);
    }
    false
}

/// Base64url, with padding: some issuers write it.
fn is_of_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=')
}

fn is_of_lenient_token(byte: &u8) -> bool {
    is_of_token(byte) || matches!(byte, b'+' | b'/')
}

/// The parts of a text that have the outer shape of a signed token, `a.b.c` with what can be claims in the
/// middle, also with more before or after it: libraries sign cookies by appending a part of their own.
fn token_like_parts(text: &[u8], is_part: fn(&u8) -> bool) -> impl Iterator<Item = &str> {
    text.split(move |byte| !is_part(byte))
        .flat_map(threes)
        .filter_map(|part| std::str::from_utf8(part).ok())
}

/// Each three labels in a row whose second one can be claims.
fn threes(run: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(run);
    let all = std::iter::from_fn(move || {
        let run = rest?;
        let mut dots = memchr_iter(b'.', run);
        let (first, second) = (dots.next()?, dots.next()?);
        let end = dots.next().unwrap_or(run.len());
        rest = run.get(first + 1..);
        Some((run.get(..end)?, first, second))
    });
    all.filter_map(|(three, first, second)| token_in(three, first, second))
}

/// The token in three labels with dots between them, without what `=` divides from it, as in `token=a.b.c`:
/// in a part of a token it only ends that.
fn token_in(three: &[u8], first: usize, second: usize) -> Option<&[u8]> {
    let payload = three.get(first + 1..second)?;
    if !may_be_claims(payload) || memchr(b'=', without_padding(payload)).is_some() {
        return None;
    }
    let header = without_padding(three.get(..first)?);
    let start = memrchr(b'=', header).map_or(0, |at| at + 1);
    let signature = three.get(second + 1..)?;
    let bare = memchr(b'=', signature).unwrap_or(signature.len());
    let padding = signature.get(bare..)?.iter().take(LONGEST_PADDING);
    let padding = padding.take_while(|byte| **byte == b'=').count();
    three.get(start..second + 1 + bare + padding)
}

fn without_padding(mut part: &[u8]) -> &[u8] {
    while let [rest @ .., b'='] = part {
        part = rest;
    }
    part
}

/// A text for a log, without the parts of it that carry a token.
pub(in crate::proxy) fn without_token_parts(
    text: &str,
    separator: char,
    is_known: impl Fn(&str) -> bool,
) -> Cow<'_, str> {
    if !carry_token(text.as_bytes(), &is_known) {
        return Cow::Borrowed(text);
    }
    let mut is_found = false;
    let parts = text.split(separator).map(|part| {
        let carries = carry_token(part.as_bytes(), &is_known);
        is_found |= carries;
        if carries { TOKEN } else { part }
    });
    let kept = parts.collect::<Vec<_>>().join(&separator.to_string());
    // A separator can be part of a token.
    let kept = if is_found { kept } else { TOKEN.to_owned() };
    Cow::Owned(kept)
}

/// Takes out fields that carry a token, whatever they are called. `Cookie` and `Authorization` have
/// rules of their own. Of `Sec-WebSocket-Protocol`, in which pages put a token for want of another
/// place, the protocols stay.
pub(super) fn take_from_fields(request: &mut RequestHeader, is_known: impl Fn(&str) -> bool) {
    let carries = |(name, value): (&HeaderName, &HeaderValue)| {
        let has_own_rule = *name == COOKIE || *name == AUTHORIZATION;
        (!has_own_rule && carry_token(value.as_bytes(), &is_known)).then(|| name.clone())
    };
    let carriers: Vec<HeaderName> = request.headers.iter().filter_map(carries).collect();
    for name in &carriers {
        let protocols = (*name == SEC_WEBSOCKET_PROTOCOL)
            .then(|| remaining_protocols(request, &is_known))
            .flatten();
        request.remove_header(name);
        if let Some(protocols) = protocols {
            // Name and value are checked ones, so this cannot fail.
            let inserted = request.insert_header("Sec-WebSocket-Protocol", protocols);
            debug_assert!(inserted.is_ok());
        }
    }
}

fn remaining_protocols(
    request: &RequestHeader,
    is_known: impl Fn(&str) -> bool,
) -> Option<HeaderValue> {
    let fields = request.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let offered = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b','));
    let kept: Vec<&[u8]> = offered
        .map(<[u8]>::trim_ascii)
        .filter(|protocol| !protocol.is_empty() && !carry_token(protocol, &is_known))
        .collect();
    // Parts of valid values, joined by valid bytes.
    let joined = HeaderValue::from_bytes(&kept.join(&b", "[..]));
    joined.ok().filter(|value| !value.is_empty())
}

/// A query without the parameters that carry a token; `None`: nothing is left.
pub(in crate::proxy) fn without_tokens(
    query: &[u8],
    is_known: impl Fn(&str) -> bool,
) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = query
        .split(|byte| *byte == b'&')
        .filter(|pair| !carry_token(pair, &is_known))
        .collect();
    (!kept.is_empty()).then(|| kept.join(&b"&"[..]))
}

/// What is written in place of a token.
const TOKEN: &str = "[token]";
/// How often a text is unescaped.
const DEEPEST_ESCAPE: usize = 3;
/// RFC 4648 section 4.
const LONGEST_PADDING: usize = 2;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    fn is_known(text: &str) -> bool {
        text == "known-to-the-gateway-here.e.b"
    }

    #[test]
    fn a_token_is_found_in_whatever_it_is_written_in() {
        for carrier in [
            "known-to-the-gateway-here.e.b",
            "\"known-to-the-gateway-here.e.b\"",
            "Bearer known-to-the-gateway-here.e.b",
            "a, known-to-the-gateway-here.e.b",
            "known-to-the-gateway-here%2Ee%2Eb",
            "%6Bnown-to-the-gateway-here.e.b",
            "https://app.example/?t=known-to-the-gateway-here.e.b&x=1#y",
            "{\"access_token\":\"known-to-the-gateway-here.e.b\"}",
            "a=known-to-the-gateway-here.e.b;",
            "s:known-to-the-gateway-here.e.b.c2lnbmF0dXJl",
            "v1.2.known-to-the-gateway-here.e.b",
            "known-to-the-gateway-here.e.b.",
            // An address in an address.
            "https://app.example/?to=%2Fx%3Ft%3Dknown-to-the-gateway-here.e.b%26y",
            "/?to=%252Fx%253Ft%253Dknown-to-the-gateway-here%252Ee.b",
            "/a/known-to-the-gateway-here.e.b/c+d",
        ] {
            assert!(carry_token(carrier.as_bytes(), is_known), "{carrier}");
        }
        for other in [
            "known-to-the-gateway-here.e",
            "known-to-the-gateway-here..e.b",
            "xknown-to-the-gateway-here.e.b",
            "known-to-the-gateway-here.e.bc",
            "",
            "%",
            "%25252525252Eknown",
            "known-to-the-gateway-here=.e.b",
            "known-to-the-gateway-here.e=e.b",
            "1.2.3",
        ] {
            assert!(!carry_token(other.as_bytes(), is_known), "{other}");
        }
    }

    /// Which part of a text is taken for the token, as the only one.
    fn asked(text: &str) -> Vec<String> {
        let asked = RefCell::new(Vec::new());
        carry_token(text.as_bytes(), |token| {
            asked.borrow_mut().push(token.to_owned());
            false
        });
        asked.into_inner()
    }

    #[test]
    fn padding_is_part_of_a_token_and_an_equals_sign_before_it_is_not() {
        for (text, token) in [
            (
                "header-of-a-token==.eyJ=.signature==",
                "header-of-a-token==.eyJ=.signature==",
            ),
            (
                "a=header-of-a-token==.eyJ==.c=;b=1",
                "header-of-a-token==.eyJ==.c=",
            ),
            ("a==header-of-a-token.eyJ.c=b", "header-of-a-token.eyJ.c="),
            ("a=header-of-a-token.eyJ.c===", "header-of-a-token.eyJ.c=="),
            (
                "t=header-of-a-token%3D.eyJ%3d.c",
                "header-of-a-token=.eyJ=.c",
            ),
        ] {
            assert_eq!(asked(text), [token], "{text}");
        }
        for text in [
            "header-of-a-token.eyJ=a.c",
            "header-of-a-token.=.c",
            "a=b.c=d.e=f-and-some-more",
        ] {
            assert_eq!(asked(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_token_in_the_other_alphabet_is_one() {
        assert_eq!(
            asked("x=header/of+token=.ey/J+==.c/+="),
            ["header/of+token=.ey/J+==.c/+="]
        );
        // What stands next to one in the alphabet of tokens does not hide it.
        assert_eq!(
            asked("/a+header-of-a-token.eyJ.c/b"),
            ["header-of-a-token.eyJ.c", "/a+header-of-a-token.eyJ.c/b"]
        );
        // Nor is one asked for twice that stands apart from it.
        for text in [
            "a/b header-of-a-token.eyJ.c",
            "a/b+c=header-of-a-token.eyJ.c",
            "header-of-a-token.eyJ.c&a+b",
        ] {
            assert_eq!(asked(text), ["header-of-a-token.eyJ.c"], "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_token_is_found_whatever_is_around_it(
            before in "([ -~]{0,20}[ &?;,:\"(%/=])?",
            token in "[A-Za-z0-9_-]{16,24}={0,2}\\.[eICD7_A][A-Za-z0-9_-]{0,20}={0,2}\\.[A-Za-z0-9_-]{8,20}",
            after in "([ &?;,:\")/.][ -~]{0,20})?",
        ) {
            let text = format!("{before}{token}{after}");
            prop_assert!(carry_token(text.as_bytes(), |asked| asked == token), "{}", text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!carry_token(&bytes, |_| false));
        }
    }

    #[test]
    fn parameters_with_a_token_leave_a_query_and_others_stay_as_they_are() {
        for (query, left) in [
            (
                "a=1&token=known-to-the-gateway-here.e.b&b=%20+",
                Some("a=1&b=%20+"),
            ),
            ("known-to-the-gateway-here.e.b", None),
            ("a=1&b", Some("a=1&b")),
            ("x=known-to-the-gateway-here%2ee.b&&y", Some("&y")),
        ] {
            let kept = without_tokens(query.as_bytes(), is_known);
            assert_eq!(kept.as_deref(), left.map(str::as_bytes), "{query}");
        }
    }

    #[test]
    fn no_part_with_a_token_is_written_down() {
        let written = |path: &'static str| without_token_parts(path, '/', is_known);
        assert_eq!(
            written("/verify/known-to-the-gateway-here%2Ee.b/now"),
            "/verify/[token]/now"
        );
        assert_eq!(written("/a/v1.2.3/c"), "/a/v1.2.3/c");
        let is_known = |text: &str| text == "/in/the/other/alphabet.eyJ/+.c/d";
        let path = "/in/the/other/alphabet.eyJ/+.c/d";
        assert_eq!(without_token_parts(path, '/', is_known), "[token]");
        assert_eq!(
            without_token_parts("/x.eyJ/+.c/d-and-some-more", '/', is_known),
            "/x.eyJ/+.c/d-and-some-more"
        );
    }

    #[test]
    fn of_offered_protocols_the_token_alone_leaves() {
        let offers = |value: &'static str| {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            let value = HeaderValue::from_static(value);
            let inserted = request.insert_header("Sec-WebSocket-Protocol", value);
            inserted.unwrap();
            take_from_fields(&mut request, is_known);
            let left = request.headers.get(SEC_WEBSOCKET_PROTOCOL);
            left.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            offers("bearer,known-to-the-gateway-here.e.b,  chat").as_deref(),
            Some("bearer, chat")
        );
        assert_eq!(offers("known-to-the-gateway-here.e.b"), None);
        assert_eq!(offers("chat,v2").as_deref(), Some("chat,v2"));
    }
}
