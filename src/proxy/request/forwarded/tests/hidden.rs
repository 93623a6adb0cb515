//! Clients that nobody names, or that try not to be named.

use super::*;

#[test]
fn a_client_that_its_proxy_does_not_name_is_not_the_proxy() {
    let trusted = trusted();
    let hidden = |address: &str, fields: &[(&str, &str)]| {
        peer(address, &trusted).hides_client(&request(fields).headers)
    };
    for fields in [
        &[("X-Forwarded-For", "203.0.113.7, unknown")][..],
        &[("X-Forwarded-For", "")],
        &[("Forwarded", "for=unknown")],
        &[("Forwarded", "for=203.0.113.7;for=10.0.0.2")],
        // What comes from the trusted proxies nearer to the gateway is not their own.
        &[("X-Forwarded-For", "unknown, 10.0.0.2")],
        &[("Forwarded", "for=_hidden, for=10.0.0.2")],
        // Who is hidden in one language is not looked for in the other.
        &[
            ("X-Forwarded-For", "unknown"),
            ("Forwarded", "for=203.0.113.7"),
        ],
        &[
            ("X-Forwarded-For", "203.0.113.7"),
            ("Forwarded", "for=_hidden"),
        ],
        &[
            ("X-Forwarded-For", "203.0.113.7"),
            ("Forwarded", "for=203.0.113.8"),
        ],
    ] {
        assert!(hidden(PROXY, fields), "{fields:?}");
        assert!(!hidden(CLIENT, fields), "{fields:?}");
    }
    for fields in [
        &[][..],
        &[("X-Forwarded-For", "unknown, 203.0.113.7")],
        &[("X-Forwarded-For", "203.0.113.7, 10.0.0.2")],
        &[("Forwarded", "for=203.0.113.7, for=10.0.0.2")],
        // Trusted proxies all the way: the first of them sent it.
        &[("X-Forwarded-For", "10.0.0.3, 10.0.0.2")],
        &[
            ("X-Forwarded-For", "203.0.113.7"),
            ("Forwarded", "for=203.0.113.7"),
        ],
    ] {
        assert!(!hidden(PROXY, fields), "{fields:?}");
    }
}

/// A client's open quote would make what its proxy adds a part of what the client says.
#[test]
fn an_open_quote_of_a_client_hides_nobody() {
    let checked = |language, field: &str| {
        let trusted = speaking(language);
        let proxy = peer(PROXY, &trusted);
        proxy.check(&request(&[("Forwarded", field)]).headers)
    };
    for language in [ForwardedFields::Auto, ForwardedFields::Forwarded] {
        for field in [
            "for=\", for=203.0.113.7",
            "for=\"\\, for=203.0.113.7",
            "by=\"\\\"\", for=\", for=\"[2001:db8::7]\"",
            "host=\", for=203.0.113.7;host=\"app.test\"",
        ] {
            let refused = Err(ForwardedError::OpenQuote);
            assert_eq!(checked(language, field), refused, "{field}");
        }
        for field in ["for=\"x\", for=203.0.113.7", "for=\"\\\"\"", "for='"] {
            assert_eq!(checked(language, field), Ok(()), "{field}");
        }
    }
    assert_eq!(checked(ForwardedFields::XForwarded, "for=\""), Ok(()));
}

/// The proxy's word and its client's in two languages: whichever is whose, they have to agree.
#[test]
fn a_client_that_one_language_hides_is_not_named_by_the_other() {
    let trusted = trusted();
    let check = |usual: &str, standard: &str| {
        let fields = [("X-Forwarded-For", usual), ("Forwarded", standard)];
        peer(PROXY, &trusted).check(&request(&fields).headers)
    };
    for (usual, standard) in [
        ("1.1.1.1", "for=_hidden"),
        ("1.1.1.1", "for=unknown"),
        ("1.1.1.1", "proto=http"),
        ("1.1.1.1", "for=1.1.1.1, for=unknown"),
        ("1.1.1.1", "for=unknown, for=10.0.0.2"),
        ("unknown", "for=1.1.1.1"),
        ("unknown, 10.0.0.2", "for=1.1.1.1"),
        ("unknown, 10.0.0.2", "for=10.0.0.2"),
    ] {
        let refused = Err(ForwardedError::Contradiction);
        assert_eq!(check(usual, standard), refused, "{usual} {standard}");
    }
    for (usual, standard) in [
        ("1.1.1.1", "for=1.1.1.1"),
        ("1.1.1.1", "for=1.1.1.1, for=10.0.0.2"),
        ("unknown", "for=_hidden"),
    ] {
        assert_eq!(check(usual, standard), Ok(()), "{usual} {standard}");
    }
}

/// A field that cannot be read may have the proxy's word in it.
#[test]
fn a_field_that_is_no_text_is_refused_where_it_counts() {
    let check = |language, field: &[u8]| {
        let trusted = speaking(language);
        let mut request = request(&[("X-Forwarded-For", "1.1.1.1")]);
        let field = HeaderValue::from_bytes(field).unwrap();
        request.append_header("Forwarded", field).unwrap();
        peer(PROXY, &trusted).check(&request.headers)
    };
    let (text, no_text) = (
        &b"x=\"e\", for=1.1.1.1"[..],
        &b"x=\"\xe9\", for=1.1.1.1"[..],
    );
    for language in [ForwardedFields::Auto, ForwardedFields::Forwarded] {
        assert_eq!(check(language, no_text), Err(ForwardedError::NoText));
        assert_eq!(check(language, text), Ok(()));
    }
    assert_eq!(check(ForwardedFields::XForwarded, no_text), Ok(()));
}

#[test]
fn a_hidden_hop_stays_a_hop_in_the_other_language() {
    let trusted = trusted();
    for (said, told) in [
        ("for=1.1.1.1, for=_hidden", "1.1.1.1, unknown, 10.0.0.1"),
        ("for=1.1.1.1, for=10.0.0.2", "1.1.1.1, 10.0.0.2, 10.0.0.1"),
        ("proto=http", "unknown, 10.0.0.1"),
    ] {
        let mut request = request(&[("Forwarded", said)]);
        peer(PROXY, &trusted).rewrite(&mut request, "a.example", None, &LastForwarded::default());
        assert_eq!(field(&request, "x-forwarded-for"), [told], "{said}");
    }
}

/// Whoever asks about a request has not sent it; whom a proxy of bytes does not name has said of
/// itself whatever stands there.
#[test]
fn what_hides_a_client_depends_on_whose_requests_a_peer_sends() {
    let trusted = trusted();
    let silent: &[(&str, &str)] = &[];
    let named: &[(&str, &str)] = &[("X-Forwarded-For", CLIENT)];
    let unnamed: &[(&str, &str)] = &[("X-Forwarded-For", "unknown")];
    for (sender, fields, is_hidden, address) in [
        (Sender::Peer, silent, false, PROXY),
        (Sender::Peer, named, false, CLIENT),
        (Sender::Peer, unnamed, true, PROXY),
        (Sender::Another, silent, true, PROXY),
        (Sender::Another, named, false, CLIENT),
        (Sender::Another, unnamed, true, PROXY),
        (Sender::Unnamed, silent, true, PROXY),
        (Sender::Unnamed, named, true, PROXY),
        (Sender::Unnamed, unnamed, true, PROXY),
    ] {
        let peer = Peer {
            sender,
            ..peer(PROXY, &trusted)
        };
        let request = request(fields);
        let headers = &request.headers;
        let case = format!("{sender:?} {fields:?}");
        assert_eq!(peer.hides_client(headers), is_hidden, "{case}");
        assert_eq!(peer.client(headers).address.to_string(), address, "{case}");
        assert_eq!(peer.is_trusted_proxy(), sender != Sender::Unnamed, "{case}");
        // Asking makes nobody trusted.
        let asks = peer.asking();
        assert_eq!(asks.is_trusted_proxy(), peer.is_trusted_proxy(), "{case}");
    }
}
