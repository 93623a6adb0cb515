use http::HeaderValue;
use http::header::COOKIE;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::rejection::Rejection;

mod candidates;
mod cookies;
mod malformed;

const A: &str = "aaa.bbb.ccc";
const B: &str = "ddd.eee.fff";

fn config(issuers: Value) -> Config {
    read(issuers).unwrap()
}

fn read(issuers: Value) -> serde_json::Result<Config> {
    serde_json::from_value(json!({
        "public_url": "https://app.example.com",
        "listeners": [{ "address": "127.0.0.1:0" }],
        "limits": { "token_size": "64B" },
        "issuers": issuers,
    }))
}

fn token_sources() -> TokenSources {
    TokenSources::new(&config(json!([
        { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys", "cookie_name": "tok1", "header": "X-Token" },
        { "name": "two", "iss": "https://two", "jwks_url": "https://two/keys", "cookie_name": "tok2", "header": "X-Token-2" },
        { "name": "three", "iss": "https://three", "jwks_url": "https://three/keys", "cookie_name": "tok2" },
    ])).token_sources())
}

type Found = Result<Option<(String, &'static str, Vec<String>)>, CredentialError>;

fn found(fields: &[(&'static str, &str)]) -> Found {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let token_sources = token_sources();
    Ok(find(&headers, &token_sources)?.map(|credential| {
        (
            credential.token.expose().to_owned(),
            credential.source.label(),
            credential
                .issuers
                .iter()
                .map(|name| name.to_string())
                .collect(),
        )
    }))
}

fn some(token: &str, source: &'static str, issuers: &[&str]) -> Found {
    let issuers = issuers.iter().map(|name| (*name).to_owned()).collect();
    Ok(Some((token.to_owned(), source, issuers)))
}

fn bearer_field(token: &str) -> String {
    format!("Bearer {token}")
}

fn cookie_field(name: &str, value: &str) -> String {
    format!("x=1; {name}={value}; y=2")
}

#[test]
fn each_place_is_found() {
    assert_eq!(found(&[]), Ok(None));
    assert_eq!(
        found(&[("authorization", &bearer_field(A))]),
        some(A, "bearer", &[])
    );
    assert_eq!(found(&[("x-token", A)]), some(A, "header", &["one"]));
    assert_eq!(
        found(&[("cookie", &cookie_field("tok1", A))]),
        some(A, "cookie", &["one"])
    );
    // A cookie that two issuers share is either's.
    assert_eq!(
        found(&[("cookie", &cookie_field("tok2", A))]),
        some(A, "cookie", &["two", "three"])
    );
    assert_eq!(
        found(&[("cookie", &cookie_field(SESSION_COOKIE, A))]),
        some(A, "session_cookie", &[])
    );
}

#[test]
fn places_are_ranked() {
    let mut fields = vec![
        ("authorization", bearer_field(A)),
        ("cookie", cookie_field("tok1", B)),
        ("cookie", cookie_field("tok2", A)),
        ("cookie", cookie_field(SESSION_COOKIE, B)),
    ];
    for expected in [
        some(A, "bearer", &[]),
        some(B, "cookie", &["one"]),
        some(A, "cookie", &["two", "three"]),
        some(B, "session_cookie", &[]),
        Ok(None),
    ] {
        let borrowed: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(found(&borrowed), expected);
        if !fields.is_empty() {
            fields.remove(0);
        }
    }
    let cookie = cookie_field("tok1", B);
    assert_eq!(
        found(&[("x-token", A), ("cookie", &cookie)]),
        some(A, "header", &["one"])
    );
}

#[test]
fn two_values_of_one_place_conflict_and_equal_ones_are_one() {
    let conflict = Err(CredentialError::Conflict);
    let (a, b) = (bearer_field(A), bearer_field(B));
    assert_eq!(
        found(&[("authorization", &a), ("authorization", &b)]),
        conflict
    );
    assert_eq!(
        found(&[("authorization", &a), ("authorization", &a)]),
        some(A, "bearer", &[])
    );
    assert_eq!(
        found(&[("authorization", &a), ("authorization", "Basic eDp5")]),
        conflict
    );
    assert_eq!(found(&[("x-token", A), ("x-token", B)]), conflict);
    assert_eq!(
        found(&[("x-token", A), ("x-token", A)]),
        some(A, "header", &["one"])
    );
    let twins = Err(CredentialError::TwinCookies);
    assert_eq!(found(&[("cookie", "tok1=a.b.c; tok1=d.e.f")]), twins);
    assert_eq!(
        found(&[("cookie", "tok1=a.b.c"), ("cookie", "tok1=d.e.f")]),
        twins
    );
    let equal = found(&[("cookie", "tok1=a.b.c"), ("cookie", "tok1=a.b.c")]);
    assert_eq!(equal, some("a.b.c", "cookie", &["one"]));
}

#[test]
fn explicit_fields_that_differ_conflict() {
    let a = bearer_field(A);
    assert_eq!(
        found(&[("authorization", &a), ("x-token", B)]),
        Err(CredentialError::Conflict)
    );
    assert_eq!(
        found(&[("x-token", A), ("x-token-2", B)]),
        Err(CredentialError::Conflict)
    );
    // Equal ones are one, of the issuer that the stricter names.
    assert_eq!(
        found(&[("authorization", &a), ("x-token", A)]),
        some(A, "bearer", &["one"])
    );
}

/// A decided request does not care what lies in the places below.
#[test]
fn lower_places_are_not_looked_at() {
    let a = bearer_field(A);
    let conflicting = "tok1=a.b.c; tok1=d.e.f";
    assert_eq!(
        found(&[("authorization", &a), ("cookie", conflicting)]),
        some(A, "bearer", &[])
    );
    assert!(found(&[("cookie", conflicting)]).is_err());
}

#[test]
fn other_schemes_are_no_credential() {
    for value in [
        "Basic eDp5",
        "Bearerx a.b.c",
        "DPoP a.b.c",
        "a.b.c",
        "",
        "Digest bearer",
    ] {
        assert_eq!(found(&[("authorization", value)]), Ok(None), "{value}");
    }
    for value in [
        "Bearer a.b.c",
        "bearer a.b.c",
        "BEARER   a.b.c",
        "Bearer\ta.b.c ",
    ] {
        assert_eq!(
            found(&[("authorization", value)]),
            some("a.b.c", "bearer", &[]),
            "{value}"
        );
    }
}

#[test]
fn authorization_may_be_none_of_our_business() {
    let ignoring = |first: bool, second: bool| {
        let authorization = |ignored: bool| if ignored { "ignore" } else { "read" };
        TokenSources::new(
            &config(json!([
                { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys",
                  "cookie_name": "tok1", "authorization": authorization(first) },
                { "name": "two", "iss": "https://two", "jwks_url": "https://two/keys",
                  "authorization": authorization(second) },
            ]))
            .token_sources(),
        )
    };
    assert!(!ignoring(true, true).reads_authorization());
    let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"))]);
    // What one issuer leaves alone is still a place for the other's tokens.
    let some = ignoring(true, false);
    let credential = find(&headers, &some).unwrap().unwrap();
    assert!(credential.admits("two") && !credential.admits("one"));
    let all = ignoring(false, false);
    assert!(find(&headers, &all).unwrap().unwrap().admits("one"));
    // A route that ignores the field finds nothing in it.
    let reading = Reading {
        authorization: false,
        ..Reading::default()
    };
    assert!(find_as(&headers, &all, reading).unwrap().is_none());
}

#[test]
fn a_token_under_another_scheme_counts_where_that_is_chosen() {
    let token_sources = |authorization: &str| {
        TokenSources::new(
            &config(json!([
                { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys",
                  "authorization": authorization },
                { "name": "two", "iss": "https://two", "jwks_url": "https://two/keys" },
            ]))
            .token_sources(),
        )
    };
    let chosen = Reading {
        any_scheme: true,
        ..Reading::default()
    };
    for field in ["JWT e30.e30.x", "e30.e30.x"] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(field))]);
        assert!(has_other_scheme(&headers));
        let strict = token_sources("read");
        assert!(find(&headers, &strict).unwrap().is_none(), "{field}");
        let by_route = find_as(&headers, &strict, chosen).unwrap().unwrap();
        assert!(by_route.admits("one") && by_route.admits("two"), "{field}");
        let of_one = token_sources("any_scheme");
        let by_issuer = find(&headers, &of_one).unwrap().unwrap();
        assert_eq!(by_issuer.token.expose(), "e30.e30.x");
        assert!(by_issuer.admits("one") && !by_issuer.admits("two"));
        let bearer = HeaderValue::from_static("Bearer a.b.c");
        let bearer = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        assert!(!has_other_scheme(&bearer));
        assert!(find(&bearer, &of_one).unwrap().unwrap().admits("two"));
    }
}

#[test]
fn empty_values_are_absent() {
    assert_eq!(found(&[("cookie", "tok1=; tok2=\"\"")]), Ok(None));
    assert_eq!(found(&[("x-token", "")]), Ok(None));
    assert_eq!(
        found(&[("cookie", "tok1=; tok1=a.b.c")]),
        some("a.b.c", "cookie", &["one"])
    );
    assert_eq!(
        found(&[("cookie", "tok1=\"a.b.c\"")]),
        some("a.b.c", "cookie", &["one"])
    );
}

#[test]
fn an_issuers_place_admits_its_issuers_only() {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("tok2=a.b.c"));
    let token_sources = token_sources();
    let in_cookie = find(&headers, &token_sources).unwrap().unwrap();
    assert!(in_cookie.admits("two") && in_cookie.admits("three"));
    assert!(!in_cookie.admits("one"));
    headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
    assert!(
        find(&headers, &token_sources)
            .unwrap()
            .unwrap()
            .admits("one")
    );
}

#[test]
fn refuses_places_that_can_not_be() {
    let one = |key: &str, value: &str| {
        let mut issuer =
            json!({ "name": "one", "iss": "https://one", "jwks_url": "https://one/keys" });
        issuer[key] = json!(value);
        read(json!([issuer])).map_err(|error| error.to_string())
    };
    for (key, value, refused) in [
        ("header", "X-Token", None),
        ("header", "Authorization", Some("always read")),
        ("header", "Host", Some("another meaning")),
        ("header", "X_Forwarded-For", Some("another meaning")),
        ("cookie_name", "tok", None),
        ("cookie_name", SDK_COOKIE, None),
        ("cookie_name", "vestibule", Some("reserved")),
        ("cookie_name", "__Secure-Vestibule", Some("reserved")),
    ] {
        match (one(key, value), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => assert!(error.contains(part), "{value}: {error}"),
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
}

#[test]
fn refusals_have_their_status() {
    let status = |error: CredentialError| Rejection::from(error).status.as_u16();
    assert_eq!(status(CredentialError::Conflict), 400);
    assert_eq!(status(CredentialError::TwinCookies), 400);
    assert_eq!(status(CredentialError::Malformed(Source::Cookie)), 401);
    assert_eq!(status(CredentialError::TooLong(Source::Cookie)), 401);
}

#[test]
fn tokens_are_not_printed() {
    assert_eq!(format!("{:?}", Token("secret".into())), "Token(..)");
}

/// What a browser attaches by itself is under the origin rule.
#[test]
fn cookies_are_what_browsers_attach() {
    for (source, is_cookie) in [
        (Source::Authorization, false),
        (Source::Header, false),
        (Source::ProxyHeader, false),
        (Source::Cookie, true),
        (Source::SessionCookie, true),
        (Source::SdkCookie, true),
        (Source::Body, false),
    ] {
        assert_eq!(source.is_cookie(), is_cookie, "{source:?}");
    }
}

#[test]
fn what_is_no_jwt_is_no_attempt() {
    const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
    let of = |source, text| Credential {
        token: Token::from(text),
        source,
        issuers: &[],
        session_cookie: None,
    };
    for (source, text, is_attempt) in [
        (Source::Authorization, JWT, true),
        (Source::Cookie, JWT, true),
        (Source::Cookie, A, false),
        (Source::Authorization, "null", false),
        (Source::SessionCookie, "opaque", true),
    ] {
        assert_eq!(of(source, text).is_attempt(), is_attempt, "{text}");
    }
}
