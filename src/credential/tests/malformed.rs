//! What is no token.

use super::*;

#[test]
fn malformed_tokens_are_refused() {
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \u{e9}",
    ] {
        let malformed = Err(CredentialError::Malformed(Source::Authorization));
        assert_eq!(found(&[("authorization", value)]), malformed, "{value}");
    }
    assert_eq!(
        found(&[("authorization", "Bearer a-._~+/b==")]),
        some("a-._~+/b==", "bearer", &[])
    );
    assert_eq!(
        found(&[("cookie", "tok1=a b")]),
        Err(CredentialError::Malformed(Source::Cookie))
    );
    assert_eq!(
        found(&[("x-token", "Bearer a b")]),
        Err(CredentialError::Malformed(Source::Header))
    );
}

/// Many clients put the scheme, quotes or both into a field or cookie of their own.
#[test]
fn scheme_and_quotes_in_an_issuers_own_place_are_no_part_of_the_token() {
    for value in [
        "Bearer a.b.c",
        "\"Bearer a.b.c\"",
        "Bearer%20a.b.c",
        "\"a.b.c\"",
        "%22a.b.c%22",
    ] {
        assert_eq!(
            found(&[("x-token", value)]),
            some("a.b.c", "header", &["one"])
        );
        let cookie = cookie_field("tok1", value);
        assert_eq!(
            found(&[("cookie", &cookie)]),
            some("a.b.c", "cookie", &["one"])
        );
        // However it is written, it is the same token.
        assert_eq!(
            found(&[("x-token", value), ("authorization", "Bearer a.b.c")]),
            some("a.b.c", "bearer", &["one"])
        );
    }
    for value in ["Bearer Bearer a.b.c", "Bearer \"a.b.c\""] {
        assert_eq!(
            found(&[("authorization", value)]),
            some("a.b.c", "bearer", &[])
        );
    }
}

#[test]
fn each_part_may_be_padded_and_none_has_padding_inside() {
    assert_eq!(
        found(&[("x-token", "YQ==.YWI=.YWJj")]),
        some("YQ==.YWI=.YWJj", "header", &["one"])
    );
    for value in ["Y=Q.b.c", "a.=.c", "=.b.c", "a=..c"] {
        let malformed = Err(CredentialError::Malformed(Source::Header));
        assert_eq!(found(&[("x-token", value)]), malformed, "{value}");
    }
}

#[test]
fn a_route_may_take_what_is_no_jwt_for_nothing() {
    let token_sources = token_sources();
    let reading = Reading {
        jwt_only: true,
        ..Reading::default()
    };
    let jwt = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
    let found = |fields: &[(&'static str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let found = find_as(&headers, &token_sources, reading);
        found.map(|it| it.map(|it| (it.token.expose().to_owned(), it.source)))
    };
    for nothing in ["null", "undefined", "", "sk-proj-1", "a b", "a.b.c"] {
        let bearer = bearer_field(nothing);
        let cookie = cookie_field("tok1", nothing);
        let fields = [
            ("authorization", bearer.as_str()),
            ("x-token", nothing),
            ("cookie", cookie.as_str()),
        ];
        assert_eq!(found(&fields), Ok(None), "{nothing}");
        let cookie = cookie_field("tok2", jwt);
        let both = [("authorization", bearer.as_str()), ("cookie", &cookie)];
        assert_eq!(found(&both), Ok(Some((jwt.to_owned(), Source::Cookie))));
    }
    let bearer = bearer_field(jwt);
    let token = Ok(Some((jwt.to_owned(), Source::Authorization)));
    assert_eq!(found(&[("authorization", &bearer)]), token);
    // Our own cookie is opaque.
    let own = [("cookie", "__Host-vestibule=opaque")];
    let session = Ok(Some(("opaque".to_owned(), Source::SessionCookie)));
    assert_eq!(found(&own), session);
}

#[test]
fn tokens_are_bounded() {
    let (fits, too_long) = ("a".repeat(64), "a".repeat(65));
    assert_eq!(
        found(&[("x-token", &fits)]),
        some(&fits, "header", &["one"])
    );
    assert_eq!(
        found(&[("x-token", &too_long)]),
        Err(CredentialError::TooLong(Source::Header))
    );
}
