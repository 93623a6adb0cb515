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
    ] {
        assert!(hidden(PROXY, fields), "{fields:?}");
        assert!(!hidden(CLIENT, fields), "{fields:?}");
    }
    for fields in [
        &[][..],
        &[("X-Forwarded-For", "unknown, 203.0.113.7")],
        &[
            ("X-Forwarded-For", "unknown"),
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
