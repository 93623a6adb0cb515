//! What cookies carry.

use super::*;

#[test]
fn the_session_cookie_has_its_prefix_under_https() {
    assert_eq!(
        found(&[("cookie", &cookie_field(INSECURE_SESSION_COOKIE, A))]),
        Ok(None)
    );
    let mut plain = config(json!([]));
    plain.public_url = crate::canonical::Origin::parse("http://localhost:8080").unwrap();
    let token_sources = TokenSources::new(&plain.token_sources());
    assert_eq!(token_sources.session_cookie(), INSECURE_SESSION_COOKIE);
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_static("vestibule=a.b.c"));
    assert_eq!(
        find(&headers, &token_sources).unwrap().unwrap().source,
        Source::SessionCookie
    );
}

#[test]
fn a_session_of_supabase_is_joined_from_its_chunks() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let token_sources = TokenSources::new(
        &config(json!([{
            "name": "sb", "iss": "https://sb", "jwks_url": "https://sb/keys",
            "cookie_name": "sb-auth", "cookie_format": "supabase_ssr",
        }]))
        .token_sources(),
    );
    let session = URL_SAFE_NO_PAD.encode(json!({ "access_token": A }).to_string());
    let whole = format!("base64-{session}");
    let (first, second) = whole.split_at(20);
    let credential = |cookies: &str| {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(cookies).unwrap());
        let found = find(&headers, &token_sources)?;
        Ok(found.map(|credential| credential.token.expose().to_owned()))
    };
    let token = Ok(Some(A.to_owned()));
    assert_eq!(credential(&format!("sb-auth={whole}")), token);
    assert_eq!(
        credential(&format!("sb-auth.1={second}; sb-auth.0={first}")),
        token
    );
    assert_eq!(credential(&format!("sb-auth.1={second}")), Ok(None));
    assert_eq!(
        credential(&format!(
            "sb-auth.0={first}; sb-auth.0=x; sb-auth.1={second}"
        )),
        Err(CredentialError::TwinCookies)
    );
    let malformed = Err(CredentialError::Malformed(Source::Cookie));
    assert_eq!(credential(&format!("sb-auth={session}")), malformed);
}

#[test]
fn twins_are_different_values_of_one_name() {
    let twins = |cookies: &[&str]| {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        let sources = token_sources();
        let found = sources.twins(&headers);
        found
            .iter()
            .flat_map(|values| &values.credentials)
            .map(|twin| twin.token.expose().to_owned())
            .collect::<Vec<_>>()
    };
    let one = format!("tok1={A}");
    assert_eq!(twins(&[&one]), [""; 0]);
    assert_eq!(twins(&[&one, &one]), [""; 0], "the same value twice");
    assert_eq!(twins(&[&one, "tok1="]), [""; 0], "an empty one");
    assert_eq!(twins(&[&one, &format!("tok2={B}")]), [""; 0], "two names");
    assert_eq!(twins(&[&one, &format!("tok1={B}")]), [A, B]);
    let many: Vec<_> = (0..9).map(|number| format!("tok1=a.b.c{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(twins(&many).len(), 4);
    // The gateway's own, too, and each cookie for itself.
    let own = format!("__Host-vestibule={A}; __Host-vestibule={B}");
    assert_eq!(twins(&[&own]), [A, B]);
    assert_eq!(twins(&[&own, &format!("tok1={B}"), &one]), [B, A, A, B]);
}

#[test]
fn all_values_of_a_cookie_are_those_that_could_decide() {
    let token_sources = TokenSources::new(
        &config(json!([
            { "name": "sb", "iss": "https://sb", "jwks_url": "https://sb/keys",
              "cookie_name": "sb-auth", "cookie_format": "supabase_ssr" },
            { "name": "one", "iss": "https://one", "jwks_url": "https://one/keys", "cookie_name": "tok1" },
        ]))
        .token_sources(),
    );
    let all = |cookies: &str| {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, cookies.parse().unwrap());
        let every = token_sources.every_cookie(&headers);
        let texts = every.iter().flat_map(|values| &values.credentials);
        let texts = texts.map(|one| one.token.expose().to_owned());
        let are_all = every.iter().all(|values| !values.has_more);
        (texts.collect::<Vec<_>>(), are_all)
    };
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let session = |token| json!({ "access_token": token }).to_string();
    let (first, second) = (session(A), session(B));
    let cookies = format!("sb-auth={first}; tok1={B}; sb-auth={second}; __Host-vestibule={A}");
    assert_eq!(all(&cookies), (texts(&[A, B, B, A]), true));
    // What can be no token is no value, and what is too much is not passed over.
    assert_eq!(all(&format!("tok1=a b; tok1={A}")), (texts(&[A]), true));
    let many: Vec<_> = (0..33)
        .map(|number| format!("tok1=a.b.c{number}"))
        .collect();
    assert!(!all(&many.join("; ")).1);
    assert!(all(&many[..32].join("; ")).1);
}
