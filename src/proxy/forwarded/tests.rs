use super::*;

const CLIENT: &str = "203.0.113.7";
const PROXY: &str = "10.0.0.1";

fn request(fields: &[(&str, &str)]) -> RequestHeader {
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for (name, value) in fields {
        request.append_header((*name).to_owned(), *value).unwrap();
    }
    request
}

fn peer<'a>(address: &str, trusted_proxies: &'a TrustedProxies) -> Peer<'a> {
    Peer {
        address: address.parse().unwrap(),
        is_https: false,
        trusted_proxies,
    }
}

fn trusted() -> TrustedProxies {
    TrustedProxies::new(vec![
        "10.0.0.0/8".parse().unwrap(),
        "fd00::/8".parse().unwrap(),
    ])
}

fn field<'a>(request: &'a RequestHeader, name: &str) -> Vec<&'a str> {
    request
        .headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect()
}

#[test]
fn an_untrusted_peer_is_told_as_it_is() {
    let claims = [
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-For", "2.2.2.2"),
        ("x_forwarded_for", "3.3.3.3"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "1"),
        ("X-Forwarded-Prefix", "/admin"),
        ("X-Forwarded-Uri", "/admin"),
        ("Forwarded", "for=1.1.1.1"),
        ("X-Real-IP", "1.1.1.1"),
        ("X_Real_IP", "1.1.1.1"),
        ("X-Original-URL", "/admin"),
        ("X-Rewrite-URL", "/admin"),
        ("X-Envoy-Original-Path", "/admin"),
        ("True-Client-IP", "1.1.1.1"),
    ];
    let mut request = request(&claims);
    request.append_header("X-Other", "kept").unwrap();
    peer(CLIENT, &trusted()).rewrite(&mut request, "a.example", Some(8080));
    assert_eq!(field(&request, "x-forwarded-for"), [CLIENT]);
    assert_eq!(field(&request, "x-forwarded-proto"), ["http"]);
    assert_eq!(field(&request, "x-forwarded-host"), ["a.example"]);
    assert_eq!(field(&request, "x-forwarded-port"), ["8080"]);
    assert_eq!(
        field(&request, "forwarded"),
        [r#"for=203.0.113.7;proto=http;host="a.example""#]
    );
    assert_eq!(field(&request, "x-other"), ["kept"]);
    assert_eq!(request.headers.len(), 6);
}

#[test]
fn a_trusted_peer_is_added_to() {
    let mut request = request(&[
        ("X-Forwarded-For", CLIENT),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "public.example"),
        ("X-Forwarded-Prefix", "/app"),
        ("X_Forwarded_Host", "evil.example"),
        ("Forwarded", "for=203.0.113.7"),
        ("X-Real-IP", CLIENT),
    ]);
    peer(PROXY, &trusted()).rewrite(&mut request, "a.example", None);
    assert_eq!(
        field(&request, "x-forwarded-for"),
        ["203.0.113.7, 10.0.0.1"]
    );
    assert_eq!(field(&request, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&request, "x-forwarded-host"), ["public.example"]);
    assert_eq!(field(&request, "x-forwarded-port"), ["443"]);
    assert_eq!(field(&request, "x-forwarded-prefix"), ["/app"]);
    assert_eq!(field(&request, "x-real-ip"), [CLIENT]);
    assert_eq!(
        field(&request, "forwarded"),
        [r#"for=203.0.113.7, for=10.0.0.1;proto=https;host="a.example""#]
    );
    assert!(!request.headers.contains_key("x_forwarded_host"));
}

#[test]
fn an_ipv6_node_is_quoted() {
    let mut request = request(&[]);
    let nobody = TrustedProxies::default();
    peer("2001:db8::1", &nobody).rewrite(&mut request, "a.example", None);
    assert_eq!(field(&request, "x-forwarded-for"), ["2001:db8::1"]);
    assert_eq!(
        field(&request, "forwarded"),
        [r#"for="[2001:db8::1]";proto=http;host="a.example""#]
    );
}

#[test]
fn the_client_is_the_nearest_that_is_no_trusted_proxy() {
    for (address, fields, client) in [
        (CLIENT, &[("X-Forwarded-For", "1.1.1.1")][..], CLIENT),
        (PROXY, &[("X-Forwarded-For", "1.1.1.1")], "1.1.1.1"),
        (
            PROXY,
            &[("X-Forwarded-For", "9.9.9.9, 1.1.1.1, 10.0.0.2")],
            "1.1.1.1",
        ),
        (
            PROXY,
            &[
                ("X-Forwarded-For", "9.9.9.9"),
                ("X-Forwarded-For", "1.1.1.1"),
            ],
            "1.1.1.1",
        ),
        (PROXY, &[("X-Forwarded-For", "1.1.1.1:80")], "1.1.1.1"),
        (
            PROXY,
            &[("X-Forwarded-For", "[2001:db8::1]:80")],
            "2001:db8::1",
        ),
        (PROXY, &[("X-Forwarded-For", "9.9.9.9, unknown")], PROXY),
        (
            PROXY,
            &[("X-Forwarded-For", "10.0.0.3, 10.0.0.2")],
            "10.0.0.3",
        ),
        (PROXY, &[("x_forwarded_for", "1.1.1.1")], PROXY),
        (PROXY, &[], PROXY),
        // A v4 peer on a v6 socket.
        (
            "::ffff:10.0.0.1",
            &[("X-Forwarded-For", "1.1.1.1")],
            "1.1.1.1",
        ),
    ] {
        let found = peer(address, &trusted()).client(&request(fields).headers);
        assert_eq!(
            found.address,
            client.parse::<IpAddr>().unwrap(),
            "{fields:?}"
        );
    }
}

#[test]
fn the_scheme_is_a_trusted_proxys_or_ours() {
    let claim = request(&[("X-Forwarded-Proto", "https")]);
    assert!(peer(PROXY, &trusted()).client(&claim.headers).is_https);
    assert!(!peer(CLIENT, &trusted()).client(&claim.headers).is_https);
    let nobody = TrustedProxies::default();
    assert!(!peer(PROXY, &nobody).client(&claim.headers).is_https);
    let secure = Peer {
        is_https: true,
        ..peer(PROXY, &nobody)
    };
    assert!(secure.client(&claim.headers).is_https);
    let down = request(&[("X-Forwarded-Proto", "https, http")]);
    let list = trusted();
    let secure = Peer {
        is_https: true,
        ..peer(PROXY, &list)
    };
    assert!(!secure.client(&down.headers).is_https);
}
