//! What stands behind the first credential.

use super::*;

/// What is found, place after place, until nothing is looked for any more.
fn all(
    token_sources: &TokenSources,
    fields: &[(&'static str, &str)],
) -> Vec<Result<(String, Source), CredentialError>> {
    let headers = headers(fields);
    collected(candidates(&headers, token_sources, Reading::default()))
}

/// The same of issuers' cookies alone.
fn of_issuers(
    token_sources: &TokenSources,
    fields: &[(&'static str, &str)],
) -> Vec<Result<(String, Source), CredentialError>> {
    let headers = headers(fields);
    collected(issuers_cookies(&headers, token_sources))
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn collected(found: Candidates<'_>) -> Vec<Result<(String, Source), CredentialError>> {
    found
        .map(|found| found.map(|found| (found.token.expose().to_owned(), found.source)))
        .collect()
}

fn one(token: &str, source: Source) -> Result<(String, Source), CredentialError> {
    Ok((token.to_owned(), source))
}

#[test]
fn cookies_come_in_the_order_of_the_configuration_and_our_own_last() {
    let cookies = format!("{SESSION_COOKIE}=own; tok2={B}; x=1; tok1={A}");
    assert_eq!(
        all(&token_sources(), &[("cookie", &cookies)]),
        [
            one(A, Source::Cookie),
            one(B, Source::Cookie),
            one("own", Source::SessionCookie),
        ]
    );
    let alone = format!("tok2={B}");
    let only = [one(B, Source::Cookie)];
    assert_eq!(all(&token_sources(), &[("cookie", &alone)]), only);
    assert!(all(&token_sources(), &[]).is_empty());
}

#[test]
fn where_only_issuers_cookies_count_nothing_else_is_looked_for() {
    let (bearer, cookies) = (
        bearer_field(A),
        format!("{SESSION_COOKIE}=own; tok2={B}; tok1={A}"),
    );
    let fields = [("authorization", &*bearer), ("cookie", &*cookies)];
    assert_eq!(
        of_issuers(&token_sources(), &fields),
        [one(A, Source::Cookie), one(B, Source::Cookie)]
    );
    let own = format!("{SESSION_COOKIE}=own");
    let without = [("authorization", &*bearer), ("cookie", &*own)];
    assert!(of_issuers(&token_sources(), &without).is_empty());
    let twins = format!("tok1={A}; tok1={B}; tok2={B}");
    assert_eq!(
        of_issuers(&token_sources(), &[("cookie", &twins)]),
        [Err(CredentialError::TwinCookies)]
    );
}

#[test]
fn an_explicit_field_is_the_only_one() {
    let (bearer, cookie) = (bearer_field(A), format!("tok1={B}"));
    let fields = [("authorization", &*bearer), ("cookie", &*cookie)];
    let only = [one(A, Source::Authorization)];
    assert_eq!(all(&token_sources(), &fields), only);
    let conflict = [("x-token", A), ("x-token", B), ("cookie", &*cookie)];
    assert_eq!(
        all(&token_sources(), &conflict),
        [Err(CredentialError::Conflict)]
    );
}

/// Which of two values counts is a guess, and so is what is behind them.
#[test]
fn behind_what_cannot_be_read_nothing_is_looked_for() {
    for (bad, error) in [
        (format!("tok1={A}; tok1={B}"), CredentialError::TwinCookies),
        (
            "tok1=a b".to_owned(),
            CredentialError::Malformed(Source::Cookie),
        ),
    ] {
        let cookies = format!("{bad}; tok2={B}");
        let found = all(&token_sources(), &[("cookie", &cookies)]);
        assert_eq!(found, [Err(error)], "{bad}");
    }
    let cookies = format!("tok1={A}; tok2={A}; tok2={B}; {SESSION_COOKIE}=own");
    assert_eq!(
        all(&token_sources(), &[("cookie", &cookies)]),
        [one(A, Source::Cookie), Err(CredentialError::TwinCookies)]
    );
}

#[test]
fn of_many_issuers_cookies_a_few_count() {
    let issuers: Vec<Value> = (0..9)
        .map(|number| {
            json!({
                "name": format!("i{number}"), "iss": format!("https://i{number}"),
                "jwks_url": format!("https://i{number}/keys"), "cookie_name": format!("tok{number}"),
            })
        })
        .collect();
    let token_sources = TokenSources::new(&config(json!(issuers)).token_sources());
    let cookies: Vec<_> = (0..9).map(|number| format!("tok{number}={A}")).collect();
    let cookies = format!("{SESSION_COOKIE}=own; {}", cookies.join("; "));
    let found = all(&token_sources, &[("cookie", &cookies)]);
    assert_eq!(found.len(), 5);
    assert_eq!(found.last(), Some(&one("own", Source::SessionCookie)));
}

/// The same token in a field that the client sets is no proof that a proxy did not add it.
#[test]
fn a_field_that_a_proxy_sets_says_so() {
    let token_sources = TokenSources::new(
        &config(json!([
            { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys",
              "header": "X-Token", "header_from_cookie": true },
            { "name": "two", "iss": "https://two", "jwks_url": "https://two/keys", "header": "X-Other" },
        ]))
        .token_sources(),
    );
    let bearer = format!("Bearer {A}");
    for (fields, source) in [
        (&[("x-token", A)][..], Source::ProxyHeader),
        (&[("x-other", A)], Source::Header),
        (&[("authorization", bearer.as_str())], Source::Authorization),
        (
            &[("authorization", bearer.as_str()), ("x-token", A)],
            Source::ProxyHeader,
        ),
        (
            &[("authorization", bearer.as_str()), ("x-other", A)],
            Source::Authorization,
        ),
    ] {
        assert_eq!(all(&token_sources, fields), [one(A, source)], "{fields:?}");
    }
}
