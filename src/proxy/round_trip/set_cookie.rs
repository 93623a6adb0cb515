//! The `Set-Cookie` fields of an upstream's answer: the gateway's own cookie is the gateway's.

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue, SET_COOKIE};
use pingora::Result;
use pingora::http::ResponseHeader;

use crate::proxy::list_field::lists;

/// Removes fields with which the upstream would set one of the gateway's own cookies (`names`), and
/// adds `ours`. With `ours`, makes the response private and removes targeted cache fields.
pub(super) fn keep_ours(
    response: &mut ResponseHeader,
    names: &[Box<str>],
    ours: Vec<HeaderValue>,
) -> Result<()> {
    let fields = response.headers.get_all(SET_COOKIE);
    let sets_ours = |field: &HeaderValue| sets_any(field, names);
    if fields.iter().any(sets_ours) {
        let kept: Vec<HeaderValue> = fields
            .iter()
            .filter(|field| !sets_ours(field))
            .cloned()
            .collect();
        response.remove_header(&SET_COOKIE);
        for field in kept {
            response.append_header(SET_COOKIE, field)?;
        }
    }
    if ours.is_empty() {
        return Ok(());
    }
    for field in ours {
        response.append_header(SET_COOKIE, field)?;
    }
    let is_private =
        lists(response, &CACHE_CONTROL, "private") || lists(response, &CACHE_CONTROL, "no-store");
    if !is_private {
        // A shared cache would hand one browser's session to all.
        response.insert_header(CACHE_CONTROL, "private")?;
    }
    let names = response.headers.keys();
    let targeted: Vec<HeaderName> = names.filter(|name| is_targeted(name)).cloned().collect();
    for name in &targeted {
        response.remove_header(name);
    }
    Ok(())
}

/// What tells one kind of shared cache something else than `Cache-Control` tells the others (RFC 9213, and
/// what caches had before).
fn is_targeted(name: &HeaderName) -> bool {
    name.as_str().ends_with("cdn-cache-control")
        || ["surrogate-control", "edge-control", "x-accel-expires"].contains(&name.as_str())
}

/// Browsers compare names as they are, but the prefix in any case (RFC 6265bis section 5.7). A
/// cookie without a name goes back as its bare value, so `=vestibule=x` sets ours too.
fn sets_any(field: &HeaderValue, names: &[Box<str>]) -> bool {
    let pair = field.as_bytes().split(|byte| *byte == b';').next();
    let mut parts = pair.unwrap_or_default().split(|byte| *byte == b'=');
    let name = parts
        .by_ref()
        .map(<[u8]>::trim_ascii)
        .find(|part| !part.is_empty());
    name.is_some_and(|name| {
        names
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> [Box<str>; 2] {
        ["vestibule", "__Host-vestibule"].map(Box::from)
    }

    #[test]
    fn an_upstream_sets_its_own_cookies_only() {
        let mut response = ResponseHeader::build(200, None).unwrap();
        for field in [
            "a=1; Path=/",
            "vestibule=x",
            "__Host-vestibule=x; Secure",
            " __host-VESTIBULE =x",
            "=vestibule=x",
            " = =vestibule=x",
            "b=vestibule=2",
        ] {
            response.append_header("Set-Cookie", field).unwrap();
        }
        keep_ours(
            &mut response,
            &own(),
            vec![HeaderValue::from_static("vestibule=ours")],
        )
        .unwrap();
        let fields: Vec<_> = response.headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(fields, ["a=1; Path=/", "b=vestibule=2", "vestibule=ours"]);
        assert_eq!(response.headers["cache-control"], "private");
    }

    #[test]
    fn without_a_cookie_of_ours_caching_is_the_upstreams() {
        let mut response = ResponseHeader::build(200, None).unwrap();
        let fields = ["Cache-Control", "CDN-Cache-Control", "X-Accel-Expires"];
        for name in fields {
            response.append_header(name, "public").unwrap();
        }
        keep_ours(&mut response, &own(), Vec::new()).unwrap();
        for name in fields {
            assert_eq!(response.headers[name], "public");
        }
        keep_ours(
            &mut response,
            &own(),
            vec![HeaderValue::from_static("vestibule=ours")],
        )
        .unwrap();
        assert_eq!(response.headers["cache-control"], "private");
        for targeted in &fields[1..] {
            assert!(!response.headers.contains_key(*targeted), "{targeted}");
        }
    }

    #[test]
    fn a_response_with_our_cookie_stays_as_private_as_it_is() {
        for (fields, expected) in [
            (&["max-age=60, private"][..], &["max-age=60, private"][..]),
            (&["max-age=60, x=\"private\""], &["private"]),
            (&["max-age=60", "No-Store"], &["max-age=60", "No-Store"]),
            (&["max-age=60", "x=no-store"], &["private"]),
        ] {
            let mut response = ResponseHeader::build(200, None).unwrap();
            for field in fields {
                response.append_header(CACHE_CONTROL, *field).unwrap();
            }
            let ours = vec![HeaderValue::from_static("vestibule=ours")];
            keep_ours(&mut response, &own(), ours).unwrap();
            let found: Vec<_> = response.headers.get_all(CACHE_CONTROL).iter().collect();
            assert_eq!(found, expected, "{fields:?}");
        }
    }
}
