use proptest::prelude::*;

use super::*;

fn fields(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn found<'a>(headers: &'a HeaderMap, name: &'a str) -> Vec<&'a [u8]> {
    values(headers, name.as_bytes()).collect()
}

fn cut(headers: &HeaderMap, names: &[&str]) -> Remaining {
    without(headers, |name, _| {
        names.iter().any(|taken| taken.as_bytes() == name)
    })
}

fn joined(text: &[u8]) -> Remaining {
    Remaining::Joined(HeaderValue::from_bytes(text).unwrap())
}

#[test]
fn finds_values_by_exact_name() {
    for (field, expected) in [
        (&b"tok=x"[..], &[&b"x"[..]][..]),
        (b"a=1; tok=x; b=2", &[b"x"]),
        (b"a=1;tok=x;b=2", &[b"x"]),
        (b"\t tok \t=\t x \t;", &[b"x"]),
        (b"tok=x=y==", &[b"x=y=="]),
        (b"tok=", &[b""]),
        (b"tok=x; tok=y", &[b"x", b"y"]),
        (b"tok=\xe9", &[b"\xe9"]),
        (b"a=\xff; tok=x", &[b"x"]),
        (b"Tok=x", &[]),
        (b"tok2=x", &[]),
        (b"atok=x", &[]),
        (b"tok", &[]),
        (b"=tok=x", &[]),
        (b"a=1, tok=x", &[]),
        (b"a=tok=x", &[]),
        (b"a tok=x", &[]),
        (b"tok tok=x", &[]),
        (b"toktok=x;; tok=y", &[b"y"]),
        (b"tok; tok=y", &[b"y"]),
        // U+00A0 is white space to Unicode and part of a name to HTTP.
        (b"\xc2\xa0tok=x", &[]),
        (b"", &[]),
    ] {
        let headers = fields(&[field]);
        assert_eq!(found(&headers, "tok"), expected, "{}", field.escape_ascii());
    }
}

#[test]
fn reads_several_fields_as_one_list() {
    let headers = fields(&[b"a=1; tok=x", b"tok=y", b"b=2"]);
    assert_eq!(found(&headers, "tok"), [b"x", b"y"]);
    assert_eq!(found(&headers, "b"), [b"2"]);
}

#[test]
fn takes_out_and_leaves_the_rest_as_it_was() {
    for (before, after) in [
        (&b"tok=x; a=1"[..], &b"a=1"[..]),
        (b"a=1; tok=x", b"a=1"),
        (b"a=1; tok=x; b=2", b"a=1; b=2"),
        (b"a=1;tok=x;b=2", b"a=1;b=2"),
        (b"a=1;  tok=x;\tb = 2 ;", b"a=1;\tb = 2 ;"),
        (b"a=\xe9\xff; tok=x", b"a=\xe9\xff"),
        (b"lonely; tok=x; =odd; ;b", b"lonely; =odd; ;b"),
        (b"tok=x; a=\"q;tok=y\"", b"a=\"q"),
        (b"tok=1; a=1; tok=2; tok=3", b"a=1"),
        (b"tok=x; Tok=y; tok", b"Tok=y; tok"),
    ] {
        let remaining = cut(&fields(&[before]), &["tok"]);
        assert_eq!(remaining, joined(after), "{}", before.escape_ascii());
    }
}

#[test]
fn leaves_one_field_alone_when_nothing_is_taken() {
    for field in [&b"a=1; b=2"[..], b"a=1;;; b", b"\xff", b"Tok=x"] {
        assert_eq!(cut(&fields(&[field]), &["tok"]), Remaining::Unchanged);
    }
    assert_eq!(cut(&HeaderMap::new(), &["tok"]), Remaining::Unchanged);
}

#[test]
fn joins_crumbs() {
    assert_eq!(
        cut(&fields(&[b"a=1", b"b=2; c=3"]), &["tok"]),
        joined(b"a=1; b=2; c=3")
    );
    assert_eq!(
        cut(&fields(&[b"a=1", b"tok=x", b"b=2"]), &["tok"]),
        joined(b"a=1; b=2")
    );
    assert_eq!(cut(&fields(&[b"tok=x", b"a=1"]), &["tok"]), joined(b"a=1"));
}

#[test]
fn nothing_is_left_of_nothing() {
    for headers in [
        fields(&[b"tok=x"]),
        fields(&[b"tok=x; ", b" ; tok=y"]),
        fields(&[b"", b""]),
    ] {
        assert_eq!(cut(&headers, &["tok"]), Remaining::Nothing);
    }
}

proptest! {
    /// On what RFC 6265 allows, the `cookie` crate finds the same.
    #[test]
    fn agrees_with_the_cookie_crate(
        pairs in prop::collection::vec(("(tok|[a-c]{1,3})", "[!#-+\\--:<-\\[\\]-~]{0,8}"), 0..8),
        name in "(tok|[a-c]{1,3})",
    ) {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let text = text.join("; ");
        let oracle: Vec<String> = cookie::Cookie::split_parse(text.as_str())
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name)
            .map(|cookie| cookie.value().to_owned())
            .collect();
        let headers = fields(&[text.as_bytes()]);
        let ours: Vec<&[u8]> = found(&headers, &name);
        prop_assert_eq!(ours, oracle.iter().map(String::as_bytes).collect::<Vec<_>>());
    }

    /// Whatever the bytes: what is found by name is what looking at every pair finds.
    #[test]
    fn finds_by_name_what_is_in_the_pairs(
        parts in prop::collection::vec(
            prop::sample::select(vec!["tok", "=", ";", " ", "\t", "to", "k", "\u{a0}"]),
            0..24,
        )
    ) {
        let headers = fields(&[parts.concat().as_bytes()]);
        let named: Vec<&[u8]> = named(&headers)
            .filter_map(|(name, value)| (name == b"tok").then_some(value))
            .collect();
        prop_assert_eq!(found(&headers, "tok"), named);
    }

    /// Whatever the bytes: no taken cookie is left, and the others are all there, in order, as
    /// they were.
    #[test]
    fn takes_exactly_what_is_named(
        parts in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![Just(b"tok=x".to_vec()), Just(b" tok =y".to_vec()),
                            "[ -:<-~\u{a0}-\u{ff}]{0,6}".prop_map(String::into_bytes)],
                1..6,
            ),
            1..4,
        )
    ) {
        let raw: Vec<Vec<u8>> = parts.iter().map(|pairs| pairs.join(&b';')).collect();
        let headers = fields(&raw.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let is_taken = |pair: &[u8]| named_value(pair).is_some_and(|(name, _)| name == b"tok");
        let pairs_of = |text: &[u8]| -> Vec<Vec<u8>> {
            split(text).map(|pair| trim(pair).to_vec()).filter(|pair| !pair.is_empty()).collect()
        };
        let expected: Vec<Vec<u8>> =
            raw.iter().flat_map(|text| pairs_of(text)).filter(|pair| !is_taken(pair)).collect();
        let left = match cut(&headers, &["tok"]) {
            Remaining::Unchanged => pairs_of(&raw[0]),
            Remaining::Joined(value) => pairs_of(value.as_bytes()),
            Remaining::Nothing => Vec::new(),
        };
        prop_assert_eq!(left, expected);
    }
}
