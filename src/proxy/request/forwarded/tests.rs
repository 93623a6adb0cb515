use super::*;

mod hidden;
mod trusted;

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
        sender: Sender::Peer,
        trusted_proxies,
    }
}

fn trusted() -> TrustedProxies {
    speaking(ForwardedFields::Auto)
}

fn speaking(language: ForwardedFields) -> TrustedProxies {
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
    TrustedProxies::new(networks.to_vec(), language)
}

/// What each kind of proxy sends, and what is made of it.
#[test]
fn a_trusted_proxy_may_speak_either_language() {
    let trusted = trusted();
    let proxy = peer(PROXY, &trusted);
    for (fields, address, is_https) in [
        (
            vec![("Forwarded", "for=203.0.113.7;proto=https")],
            CLIENT,
            true,
        ),
        (
            vec![("Forwarded", "for=\"[2001:db8::7]:4711\";proto=http")],
            "2001:db8::7",
            false,
        ),
        (
            vec![("Forwarded", "for=1.1.1.1, for=203.0.113.7, for=10.0.0.2")],
            CLIENT,
            false,
        ),
        (
            vec![("Forwarded", "for=1.1.1.1, for=unknown")],
            PROXY,
            false,
        ),
        (
            vec![("X-Forwarded-For", "[2001:db8::7]")],
            "2001:db8::7",
            false,
        ),
        (
            vec![("X-Forwarded-For", "[2001:db8::7]:4711")],
            "2001:db8::7",
            false,
        ),
        (
            vec![("X-Forwarded-For", CLIENT), ("X-Forwarded-Ssl", "on")],
            CLIENT,
            true,
        ),
        (
            vec![("X-Forwarded-For", CLIENT), ("X-Forwarded-Scheme", "https")],
            CLIENT,
            true,
        ),
        (
            vec![
                ("X-Forwarded-For", CLIENT),
                ("Forwarded", "for=203.0.113.7;proto=https"),
            ],
            CLIENT,
            true,
        ),
    ] {
        let request = request(&fields);
        assert_eq!(proxy.check(&request.headers), Ok(()), "{fields:?}");
        let client = proxy.client(&request.headers);
        assert_eq!(client.address.to_string(), address, "{fields:?}");
        assert_eq!(client.is_https, is_https, "{fields:?}");
    }
}

#[test]
fn contradictions_are_refused_unless_one_language_counts() {
    let contradictions = [
        [
            ("X-Forwarded-For", "203.0.113.7"),
            ("Forwarded", "for=1.1.1.1"),
        ],
        [
            ("X-Forwarded-Proto", "https"),
            ("Forwarded", "for=203.0.113.7;proto=http"),
        ],
        [("X-Forwarded-Proto", "http"), ("X-Forwarded-Ssl", "on")],
        [
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Scheme", "http"),
        ],
    ];
    for fields in contradictions {
        let mut request = request(&fields);
        let auto = trusted();
        assert_eq!(
            peer(PROXY, &auto).check(&request.headers),
            Err(ForwardedError::Contradiction)
        );
        // Nobody believes another peer, so it cannot contradict itself.
        assert_eq!(peer(CLIENT, &auto).check(&request.headers), Ok(()));
        for language in [ForwardedFields::XForwarded, ForwardedFields::Forwarded] {
            let only = speaking(language);
            assert_eq!(peer(PROXY, &only).check(&request.headers), Ok(()));
        }
        // What does not count does not go further either.
        let only = speaking(ForwardedFields::XForwarded);
        peer(PROXY, &only).rewrite(&mut request, "a.example", None, &LastForwarded::default());
        let fields = field(&request, "forwarded");
        assert_eq!(fields.len(), 1);
        assert!(fields[0].starts_with("for=10.0.0.1;"), "{fields:?}");
    }
    let both = [
        ("X-Forwarded-For", "1.1.1.1"),
        ("Forwarded", "for=203.0.113.7"),
    ];
    let mut request = request(&both);
    let address = |language| {
        let only = speaking(language);
        let client = peer(PROXY, &only).client(&request.headers);
        client.address.to_string()
    };
    assert_eq!(address(ForwardedFields::XForwarded), "1.1.1.1");
    assert_eq!(address(ForwardedFields::Forwarded), CLIENT);
    let only = speaking(ForwardedFields::Forwarded);
    peer(PROXY, &only).rewrite(&mut request, "a.example", None, &LastForwarded::default());
    assert_eq!(
        field(&request, "x-forwarded-for"),
        ["203.0.113.7, 10.0.0.1"]
    );
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
        ("Remote-User", "admin"),
        ("REMOTE_USER", "admin"),
        ("X-Forwarded-User", "admin"),
        ("X-Auth-Request-Email", "admin@example.com"),
        ("X-WebAuth-User", "admin"),
        ("X-SSL-Client-Verify", "SUCCESS"),
        ("SSL_CLIENT_S_DN", "CN=admin"),
        ("Client-Cert", ":AAAA:"),
        ("X-MS-Client-Principal-Name", "admin"),
        ("Tailscale-User-Login", "admin"),
        ("Proxy", "http://evil.example"),
    ];
    let mut request = request(&claims);
    request.append_header("X-Other", "kept").unwrap();
    peer(CLIENT, &trusted()).rewrite(
        &mut request,
        "a.example",
        Some(8080),
        &LastForwarded::default(),
    );
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
fn an_ipv6_node_is_quoted() {
    let mut request = request(&[]);
    let nobody = TrustedProxies::default();
    peer("2001:db8::1", &nobody).rewrite(
        &mut request,
        "a.example",
        None,
        &LastForwarded::default(),
    );
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

/// What recipes for other proxies remove is what leaves here, too.
#[test]
fn well_known_fields_of_other_proxies_leave() {
    // Tokens and methods leave by rules of their own.
    let by_others = [
        "x-access-token",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    ];
    for name in well_known() {
        assert!(is_one(&name) || by_others.contains(&&*name), "{name}");
    }
    for name in [
        "X-Remote-Group",
        "X_Remote_Extra_Scopes",
        "X-Consumer-Username",
        "OIDC_CLAIM_sub",
        "X-Amzn-Mtls-Clientcert-Leaf",
        "X-Forwarded",
        "X-Originating-IP",
        "WL-Proxy-Client-Keysize",
        "Proxy_Remote_User",
        "CloudFront-Viewer-Country",
        "SM_USER",
        "SM-Universalid",
        "iv-user",
        "IV_GROUPS",
        "OAM_REMOTE_USER",
        "Osso-User-Dn",
        "Shib-Session-ID",
        "CAS_email",
        "$WSRU",
        "DO-Connecting-IP",
        "CF-IPCountry",
        "Cf-Access-Jwt-Assertion",
        "Teleport-Jwt-Assertion",
        "Tailscale-App-Capabilities",
        "X-Goog-IAP-JWT-Assertion",
        "X-MS-TOKEN-AAD-ID-TOKEN",
        "X-Authelia-URL",
        "X-Envoy-Peer-Metadata",
        "X-Middleware-Rewrite",
        "x-matched-path",
        "X-Accel-Mapping",
        "Impersonate-Group",
        "X-Proxy-Roles",
    ] {
        assert!(is_one(name), "{name}");
    }
    for name in [
        "X-Request-Id",
        "X-Requested-With",
        "Oidc-Client",
        "Fly-Region",
        "Proxy-Connection",
        "X-Middleware-Prefetch",
    ] {
        assert!(!is_one(name), "{name}");
    }
}

fn is_one(name: &str) -> bool {
    is_provenance(&HeaderName::from_bytes(name.as_bytes()).unwrap())
}

/// Of what clients have a use of their own for, nothing is a proxy's word.
#[test]
fn what_clients_may_say_stays_and_nothing_else() {
    let claims = [
        ("X-Host", "of-a-client"),
        ("x_host", "of-a-client"),
        ("Entitlement", "of-a-client"),
        ("X-Scheme", "of-a-client"),
        ("Proxy", "of-a-client"),
    ];
    for (own, kept) in [
        (&[][..], &[][..]),
        (
            &["X-Host", "entitlement"][..],
            &["x-host", "x_host", "entitlement"][..],
        ),
    ] {
        let proxies = trusted().beside(own.iter().copied());
        for address in [CLIENT, PROXY] {
            let mut request = request(&claims);
            peer(address, &proxies).rewrite(
                &mut request,
                "a.example",
                None,
                &LastForwarded::default(),
            );
            for (name, value) in claims {
                let name = name.to_lowercase();
                let told = field(&request, &name);
                let is_kept = kept.contains(&&*name);
                assert_eq!(told == [value], is_kept, "{address} {name} {told:?}");
            }
        }
    }
}
