//! The `Forwarded` field (RFC 7239 section 4).

use std::net::IpAddr;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderValue};
use pingora::http::RequestHeader;

use super::error::ForwardedError;
use super::insert;
use super::said::parse_address;

/// What one proxy says of the request as it got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// `for`: who sent it.
    pub(super) node: Option<String>,
    /// `proto`.
    pub(super) proto: Option<String>,
}

impl Element {
    /// The address in `for`, if one is in it.
    pub(super) fn address(&self) -> Option<IpAddr> {
        parse_address(self.node.as_deref()?.as_bytes())
    }
}

/// All elements, the nearest proxy's last. What cannot be read is an element that says nothing, so
/// that nothing before it is believed.
pub(super) fn elements(headers: &HeaderMap) -> Vec<Element> {
    let mut elements = Vec::new();
    for field in headers.get_all(FORWARDED) {
        match field.to_str() {
            Ok(text) => elements.extend(split(text, ',').map(element)),
            Err(_) => elements.push(Element::default()),
        }
    }
    elements
}

/// Refuses fields in which a client's part may swallow what its proxy has added: by a quote without an
/// end, or by bytes that make the field no text.
pub(super) fn check(headers: &HeaderMap) -> Result<(), ForwardedError> {
    for field in headers.get_all(FORWARDED) {
        if field.to_str().is_err() {
            return Err(ForwardedError::NoText);
        }
        if has_open_quote(field) {
            return Err(ForwardedError::OpenQuote);
        }
    }
    Ok(())
}

/// Whether an element has another `host` than the request's: servers build addresses of the first one, which
/// the client may have written.
pub(super) fn names_other_host(headers: &HeaderMap, host: &str) -> bool {
    let text = text(headers);
    let mut pairs = split(&text, ',').flat_map(|element| split(element, ';'));
    pairs.any(|pair| is_other_host(pair, host))
}

/// Takes `host` out of the elements in which it is another than the request's.
pub(super) fn forget_other_hosts(request: &mut RequestHeader, host: &str) {
    if !names_other_host(&request.headers, host) {
        return;
    }
    let text = text(&request.headers);
    let is_other = |pair: &&str| is_other_host(pair, host);
    let elements = split(&text, ',').map(|element| {
        let pairs: Vec<&str> = split(element, ';').filter(|pair| !is_other(pair)).collect();
        match pairs.iter().all(|pair| pair.trim().is_empty()) {
            // A hop of which nothing is known stays one.
            true => NOTHING.to_owned(),
            false => pairs.join(";").trim().to_owned(),
        }
    });
    let elements: Vec<String> = elements.collect();
    if let Ok(value) = HeaderValue::try_from(elements.join(", ")) {
        insert(request, "Forwarded", value);
    }
}

/// All fields in one, as far as they are text.
fn text(headers: &HeaderMap) -> String {
    let fields = headers.get_all(FORWARDED).iter();
    let texts: Vec<&str> = fields.filter_map(|field| field.to_str().ok()).collect();
    texts.join(", ")
}

fn is_other_host(pair: &str, host: &str) -> bool {
    let named = pair.split_once('=');
    named.is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("host")
            && !unquoted(value.trim()).eq_ignore_ascii_case(host)
    })
}

/// Whether a field has a quote that does not end in it.
fn has_open_quote(field: &HeaderValue) -> bool {
    let (mut in_quotes, mut escaped) = (false, false);
    for byte in field.as_bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            _ => {}
        }
    }
    in_quotes
}

fn element(text: &str) -> Element {
    let mut element = Element::default();
    for pair in split(text, ';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "for" => &mut element.node,
            "proto" => &mut element.proto,
            _ => continue,
        };
        // A parameter must not occur twice (section 4): neither is believed.
        *slot = match slot {
            None => Some(unquoted(value.trim())),
            Some(_) => Some(String::new()),
        };
    }
    element
}

/// The parts between separators outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut in_quotes, mut escaped) = (false, false);
    text.split(move |c: char| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            _ => {}
        }
        c == separator && !in_quotes
    })
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match inner {
        None => value.to_owned(),
        Some(inner) => {
            let mut escaped = false;
            let is_said = |c: &char| {
                escaped = !escaped && *c == '\\';
                !escaped
            };
            inner.chars().filter(is_said).collect()
        }
    }
}

/// An element that says nothing (section 6.2).
const NOTHING: &str = "for=unknown";

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(text: &'static str) -> Vec<Option<String>> {
        let headers = HeaderMap::from_iter([(FORWARDED, HeaderValue::from_static(text))]);
        elements(&headers).into_iter().map(|it| it.node).collect()
    }

    #[test]
    fn elements_are_read_as_the_rfc_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        for (text, read) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                vec![some("192.0.2.60")],
            ),
            (
                "For=\"[2001:db8:cafe::17]:4711\"",
                vec![some("[2001:db8:cafe::17]:4711")],
            ),
            (
                "for=192.0.2.43, for=198.51.100.17",
                vec![some("192.0.2.43"), some("198.51.100.17")],
            ),
            (
                "for=\"_a,b\";host=x, for=unknown",
                vec![some("_a,b"), some("unknown")],
            ),
            ("for=\"a\\\"b\"", vec![some("a\"b")]),
            ("proto=https", vec![None]),
            ("for=192.0.2.1;for=192.0.2.2", vec![some("")]),
        ] {
            assert_eq!(nodes(text), read, "{text}");
        }
    }

    #[test]
    fn a_host_is_the_requests_or_is_not_told() {
        for (said, told) in [
            (
                "for=192.0.2.1;host=a.example",
                "for=192.0.2.1;host=a.example",
            ),
            (
                "for=192.0.2.1; host=\"A.example\"",
                "for=192.0.2.1; host=\"A.example\"",
            ),
            (
                "for=192.0.2.1;host=evil.example;proto=http",
                "for=192.0.2.1;proto=http",
            ),
            (
                "HOST = \"evil.example\", for=192.0.2.1",
                "for=unknown, for=192.0.2.1",
            ),
            ("for=\"_host=evil;\"", "for=\"_host=evil;\""),
        ] {
            let mut request = RequestHeader::build("GET", b"/", None).unwrap();
            request.append_header(FORWARDED, said).unwrap();
            forget_other_hosts(&mut request, "a.example");
            assert_eq!(request.headers[FORWARDED], told, "{said}");
        }
    }
}
