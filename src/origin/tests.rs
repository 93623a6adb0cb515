use super::*;

const REFUSED_ABSENT: Result<(), OriginRefusal> = Err(OriginRefusal::Absent);
const REFUSED_FOREIGN: Result<(), OriginRefusal> = Err(OriginRefusal::Foreign);

fn check(
    method: Method,
    is_websocket: bool,
    fields: &[(&'static str, &str)],
) -> Result<(), OriginRefusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let own = OwnOrigin {
        is_https: true,
        host: Host::parse("app.example.com").unwrap(),
    };
    let allowed = [AllowedOrigin::parse("https://spa.example.com").unwrap()];
    allows(
        AttachedBy::Browser,
        &method,
        is_websocket,
        &headers,
        &own,
        &allowed,
    )
}

fn post(fields: &[(&'static str, &str)]) -> Result<(), OriginRefusal> {
    check(Method::POST, false, fields)
}

#[test]
fn safe_methods_pass_unless_they_open_a_websocket() {
    let foreign = [("origin", "https://evil.example")];
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert_eq!(check(method.clone(), false, &foreign), Ok(()));
        assert_eq!(check(method, true, &foreign), REFUSED_FOREIGN);
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        assert_eq!(check(method.clone(), false, &foreign), REFUSED_FOREIGN);
        assert_eq!(
            check(method, false, &[("origin", "https://app.example.com")]),
            Ok(())
        );
    }
    assert_eq!(
        check(Method::GET, true, &[("origin", "https://app.example.com")]),
        Ok(())
    );
    assert_eq!(check(Method::GET, true, &[]), REFUSED_ABSENT);
}

#[test]
fn only_the_own_and_listed_origins_pass() {
    for origin in [
        "https://app.example.com",
        "https://app.example.com:443",
        "https://spa.example.com",
    ] {
        assert_eq!(post(&[("origin", origin)]), Ok(()), "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://evil.example",
        "https://user@app.example.com",
        "https://app.example.com/",
        "app.example.com",
        "https://app.example.com https://evil.example",
        "\u{e9}",
    ] {
        assert_eq!(post(&[("origin", origin)]), REFUSED_FOREIGN, "{origin}");
    }
}

#[test]
fn fetch_metadata_stands_in_for_an_absent_origin() {
    assert_eq!(post(&[]), REFUSED_ABSENT);
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]), Ok(()));
    for site in ["same-site", "cross-site", "none", "", "Same-Origin"] {
        assert_eq!(post(&[("sec-fetch-site", site)]), REFUSED_FOREIGN, "{site}");
    }
}

#[test]
fn a_page_that_hides_its_address_is_known_by_fetch_metadata() {
    let null = ("origin", "null");
    assert_eq!(post(&[null, ("sec-fetch-site", "same-origin")]), Ok(()));
    for site in ["cross-site", "same-site", "none", "", "Same-Origin"] {
        let fields = [null, ("sec-fetch-site", site)];
        assert_eq!(post(&fields), REFUSED_FOREIGN, "{site}");
    }
    assert_eq!(post(&[null]), REFUSED_FOREIGN);
    let twice = [null, null, ("sec-fetch-site", "same-origin")];
    assert_eq!(post(&twice), Err(OriginRefusal::Repeated));
}

#[test]
fn both_must_agree() {
    let with = |origin, site| post(&[("origin", origin), ("sec-fetch-site", site)]);
    assert_eq!(with("https://app.example.com", "same-origin"), Ok(()));
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(
            with("https://app.example.com", site),
            Err(OriginRefusal::Disagree)
        );
    }
    // A listed origin is another one, so any site is true of it.
    assert_eq!(with("https://spa.example.com", "same-site"), Ok(()));
    assert_eq!(with("https://evil.example", "same-origin"), REFUSED_FOREIGN);
}

#[test]
fn a_field_twice_is_refused() {
    let own = ("origin", "https://app.example.com");
    assert_eq!(post(&[own, own]), Err(OriginRefusal::Repeated));
    let same = ("sec-fetch-site", "same-origin");
    assert_eq!(post(&[same, same]), Err(OriginRefusal::Repeated));
    assert_eq!(post(&[own, same]), Ok(()));
}

#[test]
fn the_own_port_counts() {
    let own = OwnOrigin {
        is_https: false,
        host: Host::parse("LocalHost:8080").unwrap(),
    };
    assert!(own.is("http://localhost:8080"));
    assert!(!own.is("http://localhost"));
    assert!(!own.is("https://localhost:8080"));
    let default = OwnOrigin {
        is_https: false,
        host: Host::parse("localhost:80").unwrap(),
    };
    assert!(default.is("http://localhost"));
}

/// Who is refused for the gateway's own settings hears of those, and not of another origin.
#[test]
fn a_page_of_the_same_host_by_https_is_no_foreign_one() {
    let check = |is_https: bool, host: &'static str, fields: &[(&'static str, &'static str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let own = OwnOrigin {
            is_https,
            host: Host::parse(host).unwrap(),
        };
        allows(
            AttachedBy::Browser,
            &Method::POST,
            false,
            &headers,
            &own,
            &[],
        )
    };
    let refused = Err(OriginRefusal::Scheme);
    let page = ("origin", "https://app.example.com");
    let same = ("sec-fetch-site", "same-origin");
    for host in ["app.example.com", "App.Example.com", "app.example.com:443"] {
        assert_eq!(check(false, host, &[page]), refused, "{host}");
        assert_eq!(check(false, host, &[page, same]), refused, "{host}");
        assert_eq!(check(true, host, &[page, same]), Ok(()), "{host}");
    }
    let with_port = [("origin", "https://app.example.com:8443")];
    assert_eq!(check(false, "app.example.com:8443", &with_port), refused);

    for (host, fields) in [
        ("other.example.com", [page, same]),
        ("app.example.com:8080", [page, same]),
        ("app.example.com", [page, ("sec-fetch-site", "cross-site")]),
        (
            "app.example.com",
            [("origin", "ftp://app.example.com"), same],
        ),
    ] {
        assert_eq!(check(false, host, &fields), REFUSED_FOREIGN, "{host}");
    }
    // A page that came in plaintext is foreign to one that did not.
    let plain = [("origin", "http://app.example.com")];
    assert_eq!(check(true, "app.example.com", &plain), REFUSED_FOREIGN);
    assert_eq!(check(false, "app.example.com", &plain), Ok(()));
    assert_eq!(
        Rejection::from(OriginRefusal::Scheme).reason,
        "origin_scheme"
    );
}

#[test]
fn refusals_are_403() {
    assert_eq!(Rejection::from(OriginRefusal::Absent).status.as_u16(), 403);
}

/// A proxy adds the login of its own cookie to whatever a browser sends, and that of a program to what has no
/// page.
#[test]
fn what_a_proxy_adds_a_login_to_comes_from_the_site_or_from_no_page() {
    let own = OwnOrigin {
        is_https: true,
        host: Host::parse("app.example.com").unwrap(),
    };
    let by_proxy = |method: Method, is_websocket, fields: &[(&'static str, &'static str)]| {
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        allows(
            AttachedBy::Proxy,
            &method,
            is_websocket,
            &fields.collect(),
            &own,
            &[],
        )
    };
    let (post, get) = (Method::POST, Method::GET);
    let (ours, foreign) = (
        ("origin", "https://app.example.com"),
        ("origin", "https://evil.example"),
    );
    for fields in [&[][..], &[ours], &[("sec-fetch-site", "same-origin")]] {
        assert_eq!(by_proxy(post.clone(), false, fields), Ok(()), "{fields:?}");
        assert_eq!(by_proxy(get.clone(), true, fields), Ok(()), "{fields:?}");
    }
    assert_eq!(by_proxy(get.clone(), false, &[foreign]), Ok(()));
    for fields in [
        &[foreign][..],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(by_proxy(post.clone(), false, fields), REFUSED_FOREIGN);
        assert_eq!(by_proxy(get.clone(), true, fields), REFUSED_FOREIGN);
    }
}
