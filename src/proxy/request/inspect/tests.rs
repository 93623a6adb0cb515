use bytesize::ByteSize;

use super::*;

fn request(method: &str, target: &str, fields: &[(&'static str, &str)]) -> RequestHeader {
    let mut request = RequestHeader::build(method, target.as_bytes(), None).unwrap();
    for (name, value) in fields {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.append_header(*name, value).unwrap();
    }
    request
}

fn inspected(
    method: &str,
    target: &str,
    fields: &[(&'static str, &str)],
) -> Result<String, InspectError> {
    let request = request(method, target, fields);
    let found = inspect(&request, &Limits::default())?;
    Ok(format!(
        "{} {}",
        found.host.name(),
        String::from_utf8_lossy(found.target)
    ))
}

const HOST_A: (&str, &str) = ("Host", "a.example");

fn with(fields: &[(&'static str, &str)]) -> Result<(), InspectError> {
    let mut all = vec![HOST_A];
    all.extend_from_slice(fields);
    inspected("POST", "/x", &all).map(|_| ())
}

#[test]
fn passes_a_plain_request_with_its_parts() {
    let request = request(
        "POST",
        "/x/y?q=1",
        &[("Host", "a.example:80"), ("Content-Length", "5")],
    );
    let found = inspect(&request, &Limits::default()).unwrap();
    assert_eq!(
        (found.host.name(), found.host.port()),
        ("a.example", Some(80))
    );
    assert_eq!(found.path.as_str(), "/x/y");
    assert_eq!(found.query, Some(&b"q=1"[..]));
    assert_eq!(found.target, b"/x/y?q=1");
    assert_eq!(found.content_length, Some(5));
    assert!(!found.is_absolute);
}

#[test]
fn knows_methods() {
    // Routes decide about methods of extensions.
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X",
    ] {
        assert!(inspected(method, "/", &[HOST_A]).is_ok(), "{method}");
    }
    for method in ["TRACE", "CONNECT", "PRI", "get"] {
        assert_eq!(
            inspected(method, "/", &[HOST_A]),
            Err(InspectError::Method),
            "{method}"
        );
    }
}

#[test]
fn knows_versions() {
    let mut request = request("GET", "/", &[HOST_A]);
    for (version, passes) in [
        (Version::HTTP_09, false),
        (Version::HTTP_10, true),
        (Version::HTTP_11, true),
        (Version::HTTP_2, true),
        (Version::HTTP_3, false),
    ] {
        request.set_version(version);
        assert_eq!(
            inspect(&request, &Limits::default()).is_ok(),
            passes,
            "{version:?}"
        );
    }
}

#[test]
fn wants_one_host() {
    let get = |fields: &[_]| inspected("GET", "/", fields).map(|_| ());
    assert_eq!(get(&[HOST_A]), Ok(()));
    assert_eq!(get(&[]), Err(InspectError::HostMissing));
    assert_eq!(get(&[("Host", "")]), Err(InspectError::HostMissing));
    assert_eq!(get(&[HOST_A, HOST_A]), Err(InspectError::HostRepeated));
    assert_eq!(
        get(&[("Host", "a.example/x")]),
        Err(InspectError::Host(HostError))
    );
    assert_eq!(
        get(&[("Host", "\u{e9}")]),
        Err(InspectError::Host(HostError))
    );
}

/// Over HTTP/1 the parser takes the white space off, and nobody else sees it.
#[test]
fn values_of_http2_have_no_white_space_around_them() {
    let padded = |version, value: &str| {
        let mut request = request("GET", "/x", &[HOST_A, ("X-Any", value)]);
        request.set_version(version);
        inspect(&request, &Limits::default()).map(|_| ())
    };
    for value in ["", "a", "a b", "a\tb"] {
        assert_eq!(padded(Version::HTTP_2, value), Ok(()), "{value:?}");
    }
    for value in [" ", " a", "a ", "\ta", "a\t"] {
        let refused = Err(InspectError::FieldValue);
        assert_eq!(padded(Version::HTTP_2, value), refused, "{value:?}");
        assert_eq!(padded(Version::HTTP_11, value), Ok(()), "{value:?}");
    }
}

#[test]
fn takes_the_authority_of_http2() {
    let mut request = request("GET", "/", &[]);
    request.set_version(Version::HTTP_2);
    request.set_uri("https://a.example/x?y".parse().unwrap());
    let found = inspect(&request, &Limits::default()).unwrap();
    assert_eq!(found.host.name(), "a.example");
    assert_eq!(found.target, b"/x?y");
    request.append_header("host", "A.example").unwrap();
    assert!(inspect(&request, &Limits::default()).is_ok());
    request.insert_header("host", "b.example").unwrap();
    let refused = inspect(&request, &Limits::default()).unwrap_err();
    assert_eq!(refused, InspectError::HostRepeated);
}

#[test]
fn an_absolute_target_is_for_its_host() {
    let get = |target, host: &str| inspected("GET", target, &[("Host", host)]);
    assert_eq!(
        get("http://a.example/x?y", "a.example").unwrap(),
        "a.example /x?y"
    );
    assert_eq!(
        get("HTTPS://A.example:8443/x", "a.example:8443").unwrap(),
        "a.example /x"
    );
    assert_eq!(get("http://a.example", "a.example").unwrap(), "a.example /");
    let request = request("GET", "http://a.example/x", &[HOST_A]);
    assert!(inspect(&request, &Limits::default()).unwrap().is_absolute);

    for target in [
        "http://b.example/x",
        "http://a.example:80/x",
        "ftp://a.example/x",
        "http:a.example/x",
    ] {
        assert_eq!(
            get(target, "a.example"),
            Err(InspectError::Target),
            "{target}"
        );
    }
    for target in ["*", "a.example:443", "x"] {
        let refused = get(target, "a.example");
        assert_eq!(
            refused,
            Err(InspectError::Path(PathError::NotOriginForm)),
            "{target}"
        );
    }
    let dots = get("http://a.example/x/../y", "a.example");
    assert_eq!(dots, Err(InspectError::Path(PathError::DotSegment)));
}

#[test]
fn refuses_paths_and_queries_with_two_readings() {
    let get = |target| inspected("GET", target, &[HOST_A]).map(|_| ());
    assert_eq!(
        get("/a/%2e%2e/b"),
        Err(InspectError::Path(PathError::DotSegment))
    );
    assert_eq!(get("/a?../b//c"), Ok(()));
    assert_eq!(get("/a?b?c"), Ok(()));
    assert_eq!(get("/a?\u{e9}"), Ok(()));
    assert_eq!(get("/a?{|}^`[]\\"), Ok(()));
    assert_eq!(get("/a?%C3%A9"), Ok(()));
    assert_eq!(get("/\u{e9}"), Err(InspectError::Path(PathError::NotAscii)));
}

#[test]
fn wants_one_length() {
    assert_eq!(with(&[("Content-Length", "5")]), Ok(()));
    assert_eq!(with(&[("Transfer-Encoding", "chunked")]), Ok(()));
    assert_eq!(with(&[("Transfer-Encoding", "Chunked ")]), Ok(()));
    for fields in [
        &[("Content-Length", "5"), ("Content-Length", "5")][..],
        &[("Content-Length", "5"), ("Content-Length", "6")],
        &[("Content-Length", "5, 5")],
        &[("Content-Length", "+5")],
        &[("Content-Length", "-5")],
        &[("Content-Length", "")],
        &[("Content-Length", "0x5")],
        &[("Content-Length", "5 ")],
        &[("Content-Length", "99999999999999999999")],
        &[("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
        &[
            ("Transfer-Encoding", "chunked"),
            ("Transfer-Encoding", "chunked"),
        ],
        &[("Transfer-Encoding", "gzip, chunked")],
        &[("Transfer-Encoding", "xchunked")],
        &[("Transfer-Encoding", "")],
    ] {
        assert_eq!(with(fields), Err(InspectError::Framing), "{fields:?}");
    }
    let mut old = request("POST", "/", &[HOST_A, ("Transfer-Encoding", "chunked")]);
    old.set_version(Version::HTTP_10);
    assert_eq!(
        inspect(&old, &Limits::default()).unwrap_err(),
        InspectError::Framing
    );
}

#[test]
fn refuses_imitations_of_framing_fields() {
    for name in [
        "Content_Length",
        "transfer_encoding",
        "Transfer.Encoding",
        "content~length",
    ] {
        assert_eq!(with(&[(name, "5")]), Err(InspectError::FieldName), "{name}");
    }
    for name in ["Content_Lengths", "X_Content_Length", "Content-Type"] {
        assert_eq!(with(&[(name, "5")]), Ok(()), "{name}");
    }
}

#[test]
fn bounds_sizes() {
    let limits = Limits {
        header_size: ByteSize::b(100),
        header_count: 3,
        uri_size: ByteSize::b(10),
        body_size: Some(ByteSize::b(5)),
        ..Limits::default()
    };
    let check = |target: &str, fields: &[(&'static str, &str)]| {
        inspect(&request("POST", target, fields), &limits).map(|_| ())
    };
    assert_eq!(check("/234567890", &[HOST_A]), Ok(()));
    assert_eq!(
        check("/2345678901", &[HOST_A]),
        Err(InspectError::TargetTooLong)
    );
    let (one, two) = (("a", "1"), ("b", "2"));
    assert_eq!(check("/", &[HOST_A, one, two]), Ok(()));
    assert_eq!(
        check("/", &[HOST_A, one, one, two]),
        Err(InspectError::TooManyFields)
    );
    // Cookies are one field, wherever they are divided.
    let crumbs = [HOST_A, one, ("cookie", "a=1"), ("cookie", "b=2")];
    assert_eq!(check("/", &crumbs), Ok(()));
    assert_eq!(
        check("/", &[&crumbs[..], &[two]].concat()),
        Err(InspectError::TooManyFields)
    );
    for cookies in [3, 4] {
        // "POST" + "/" + "Host: a.example" with its line end, and "Cookie: " with its own.
        let joined = 100 - 4 - 1 - (4 + 9 + 4) - (6 + 4);
        let crumb = "x".repeat((joined + 2) / cookies - 2);
        let filled = cookies * (crumb.len() + 2) - 2;
        let last = "x".repeat(crumb.len() + joined - filled);
        let with = |last: &str| {
            let mut fields = vec![("cookie", &*crumb); cookies - 1];
            fields.extend([HOST_A, ("cookie", last)]);
            check("/", &fields)
        };
        assert_eq!(with(&last), Ok(()), "{cookies}");
        assert_eq!(with(&format!("{last}x")), Err(InspectError::HeaderTooLarge));
    }
    // "POST" + "/" + "Host: a.example" with its line end, and "a" with its separators.
    let room = 100 - 4 - 1 - (4 + 9 + 4) - (1 + 4);
    assert_eq!(check("/", &[HOST_A, ("a", &"x".repeat(room))]), Ok(()));
    let too_large = check("/", &[HOST_A, ("a", &"x".repeat(room + 1))]);
    assert_eq!(too_large, Err(InspectError::HeaderTooLarge));
}

#[test]
fn statuses_follow_the_rfcs() {
    for (error, status) in [
        (InspectError::TargetTooLong, 414),
        (InspectError::TooManyFields, 431),
        (InspectError::HeaderTooLarge, 431),
        (InspectError::Method, 405),
        (InspectError::Version, 505),
        (InspectError::Framing, 400),
        (InspectError::FieldName, 400),
        (InspectError::FieldValue, 400),
        (InspectError::HostMissing, 400),
        (InspectError::HostRepeated, 400),
        (InspectError::Host(HostError), 400),
        (InspectError::Target, 400),
        (InspectError::Path(PathError::DotSegment), 400),
        (InspectError::Query, 400),
    ] {
        assert_eq!(Rejection::from(error).status.as_u16(), status, "{error:?}");
    }
}

#[test]
fn knows_websockets() {
    let upgrade = ("Connection", "keep-alive, Upgrade");
    let websocket = ("Upgrade", "WebSocket");
    assert!(is_websocket(&request("GET", "/", &[upgrade, websocket])));
    assert!(!is_websocket(&request("GET", "/", &[websocket])));
    assert!(!is_websocket(&request("POST", "/", &[upgrade, websocket])));
    let twice = [upgrade, websocket, websocket];
    assert!(!is_websocket(&request("GET", "/", &twice)));
    assert!(!is_websocket(&request(
        "GET",
        "/",
        &[upgrade, ("Upgrade", "h2c")]
    )));
    assert!(!is_websocket(&request("GET", "/", &[])));
}
