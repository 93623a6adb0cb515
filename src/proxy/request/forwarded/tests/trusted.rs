//! What a trusted proxy may say.

use super::*;

/// What a load balancer passes on of its client is not its word.
#[test]
fn a_trusted_peer_says_where_a_request_came_from_and_nothing_else() {
    let claims = [
        ("X-Forwarded-For", CLIENT),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Port", "8443"),
        ("X-Forwarded-Prefix", "/app"),
        ("X_Forwarded_Host", "evil.example"),
        ("Forwarded", "for=203.0.113.7;host=evil.example"),
        ("X-Real-IP", CLIENT),
        ("CF-Connecting-IP", "9.9.9.9"),
        ("X-Forwarded-Scheme", "https"),
        ("X-Forwarded-Ssl", "on"),
        ("X-Original-URL", "/admin"),
        ("Remote-User", "ada"),
        ("Remote_User", "admin"),
        ("X-WebAuth-User", "admin"),
        ("Proxy", "http://evil.example"),
    ];
    let rewritten = |trusted: TrustedProxies| {
        let mut request = request(&claims);
        peer(PROXY, &trusted).rewrite(&mut request, "a.example", None, &LastForwarded::default());
        request
    };
    let strict = rewritten(trusted());
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
        ("x-forwarded-port", "443"),
        ("x-real-ip", CLIENT),
        ("x-forwarded-scheme", "https"),
        ("x-forwarded-ssl", "on"),
        (
            "forwarded",
            r#"for=203.0.113.7, for=10.0.0.1;proto=https;host="a.example""#,
        ),
    ] {
        assert_eq!(field(&strict, name), [value], "{name}");
    }
    assert_eq!(strict.headers.len(), 8);

    let named = [
        "X-Forwarded-Host",
        "Remote-User",
        "CF-Connecting-IP",
        "Proxy",
    ]
    .map(configured);
    let loose = rewritten(trusted().setting(named.iter().cloned()));
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("remote-user", "ada"),
        ("cf-connecting-ip", "9.9.9.9"),
        (
            "forwarded",
            "for=203.0.113.7;host=evil.example, for=10.0.0.1;proto=https;host=\"a.example\"",
        ),
    ] {
        assert_eq!(field(&loose, name), [value], "{name}");
    }
    for gone in ["remote_user", "x_forwarded_host", "x-webauth-user", "proxy"] {
        assert!(field(&loose, gone).is_empty(), "{gone}");
    }
    // Whoever is not trusted is not believed by the name of a field either.
    let mut request = request(&claims);
    let proxies = trusted().setting(named.iter().cloned());
    peer(CLIENT, &proxies).rewrite(&mut request, "a.example", None, &LastForwarded::default());
    assert_eq!(field(&request, "x-forwarded-host"), ["a.example"]);
    assert!(field(&request, "remote-user").is_empty());
}

#[test]
fn a_trusted_peer_may_say_the_same_as_the_gateway() {
    let trusted = trusted();
    for (said, is_kept) in [
        (("X-Forwarded-Host", "A.Example:8443"), true),
        (("X-Forwarded-Host", "a.example"), false),
        (("X-Forwarded-Port", "8443"), true),
        (("X-Forwarded-Port", "443"), false),
        (("X-Forwarded-Proto", "HTTP"), true),
        (("X-Forwarded-Proto", "https, http"), false),
    ] {
        let mut request = request(&[said, ("X-Forwarded-For", CLIENT)]);
        peer(PROXY, &trusted).rewrite(
            &mut request,
            "a.example:8443",
            Some(8443),
            &LastForwarded::default(),
        );
        let told = field(&request, &said.0.to_lowercase());
        assert_eq!(told == [said.1], is_kept, "{said:?} {told:?}");
        assert_eq!(told.len(), 1);
    }
}

fn configured(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap()
}

/// Some write their fields with `_`. Whatever the proxy does not set, its client may have written.
#[test]
fn a_field_is_a_trusted_peers_in_the_spelling_that_it_sets() {
    let claims = [
        ("SM_USER", "ada"),
        ("SM-USER", "admin"),
        ("sm.user", "admin"),
        ("$WSRU", "ada"),
    ];
    for (named, kept) in [
        (&[][..], &[][..]),
        (&["SM_USER", "$WSRU"][..], &["sm_user", "$wsru"][..]),
        (&["SM-User"][..], &["sm-user"][..]),
    ] {
        let proxies = trusted().setting(named.iter().copied().map(configured));
        let mut request = request(&claims);
        peer(PROXY, &proxies).rewrite(&mut request, "a.example", None, &LastForwarded::default());
        for (name, _) in claims {
            let name = name.to_lowercase();
            let is_kept = !field(&request, &name).is_empty();
            assert_eq!(is_kept, kept.contains(&&*name), "{named:?} {name}");
        }
    }
}

/// A question's answer takes a field out of the request or does not.
#[test]
fn who_asks_about_a_request_keeps_no_other_host() {
    let trusted = trusted();
    for (said, of_peer, of_asking) in [
        ("for=203.0.113.7;host=evil.example", "for=203.0.113.7", ""),
        (
            "for=203.0.113.7;host=a.example",
            "for=203.0.113.7;host=a.example",
            "for=203.0.113.7;host=a.example",
        ),
    ] {
        let peer = peer(PROXY, &trusted);
        let mut request = request(&[("Forwarded", said), ("X-Forwarded-For", CLIENT)]);
        peer.asking().clear(&mut request, "a.example", None);
        assert_eq!(field(&request, "forwarded").concat(), of_asking, "{said}");
        assert_eq!(field(&request, "x-forwarded-for"), [CLIENT]);

        let mut request = super::request(&[("Forwarded", said), ("X-Forwarded-For", CLIENT)]);
        peer.rewrite(&mut request, "a.example", None, &LastForwarded::default());
        let told = field(&request, "forwarded").concat();
        assert!(
            told.starts_with(&format!("{of_peer}, for=10.0.0.1")),
            "{told}"
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
    for (said, is_https) in [
        ("wss", true),
        ("WSS", true),
        ("ws", false),
        ("https+ws", false),
    ] {
        let mut socket = request(&[("X-Forwarded-Proto", said)]);
        let client = peer(PROXY, &trusted()).client(&socket.headers);
        assert_eq!(client.is_https, is_https, "{said}");
        let last = LastForwarded::default();
        peer(PROXY, &trusted()).rewrite(&mut socket, "a.example", None, &last);
        let scheme = if is_https { "https" } else { "http" };
        assert_eq!(field(&socket, "x-forwarded-proto"), [scheme], "{said}");
    }
    let down = request(&[("X-Forwarded-Proto", "https, http")]);
    let list = trusted();
    let secure = Peer {
        is_https: true,
        ..peer(PROXY, &list)
    };
    assert!(!secure.client(&down.headers).is_https);
}
