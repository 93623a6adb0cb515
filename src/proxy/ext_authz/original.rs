//! The request that Envoy asks about, from what it says of it.

use http::Method;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use pingora::http::RequestHeader;

use super::messages::{Attributes, CheckRequest, HttpRequest};
use crate::proxy::request::inspect;

/// The request as it would have come here; `None`: what is said is no request.
pub(super) fn of(asked: CheckRequest) -> Option<RequestHeader> {
    let Attributes { source, request } = asked.attributes?;
    let http = request?.http?;
    // Both are empty, or whoever asks means something else by `path`.
    if !http.path.starts_with('/') || !http.query.is_empty() || !http.fragment.is_empty() {
        return None;
    }
    // A fragment is no part of a target, and would be dropped here.
    if http.path.contains('#') {
        return None;
    }
    let target = inspect::with_escaped_query(http.path.as_bytes());
    let method = Method::from_bytes(http.method.as_bytes()).ok()?;
    let mut request = RequestHeader::build(method, &target, Some(http.headers.len())).ok()?;
    let scheme = http.scheme.clone();
    let host = http.host.clone();
    for (name, value) in fields(http) {
        append(&mut request, &name, &value)?;
    }
    request.insert_header(HOST, host).ok()?;
    if request.headers.contains_key(WEBSOCKET_KEY) || request.headers.contains_key(UPGRADE) {
        let websocket = HeaderValue::from_static("websocket");
        request.insert_header(UPGRADE, websocket).ok()?;
        request.append_header(CONNECTION, UPGRADE.as_str()).ok()?;
    }
    let client = source.and_then(|source| source.address?.socket);
    // Envoy may be configured not to add these fields.
    let derived = [
        (FORWARDED_FOR, client.map(|client| client.address)),
        (FORWARDED_PROTO, Some(scheme)),
    ];
    for (name, value) in derived {
        if let Some(value) = value.filter(|value| !value.is_empty())
            && !request.headers.contains_key(&name)
        {
            request.insert_header(name, value).ok()?;
        }
    }
    Some(request)
}

/// The fields, in one of the two ways in which Envoy says them.
fn fields(http: HttpRequest) -> Vec<(String, Vec<u8>)> {
    let raw = http.header_map.map(|map| map.headers).unwrap_or_default();
    let raw = raw.into_iter().map(|field| {
        let value = match field.raw_value.is_empty() {
            true => field.value.into_bytes(),
            false => field.raw_value,
        };
        (field.key, value)
    });
    let joined = http.headers.into_iter();
    let joined = joined.map(|(name, value)| (name, value.into_bytes()));
    raw.chain(joined).collect()
}

fn append(request: &mut RequestHeader, name: &str, value: &[u8]) -> Option<()> {
    // Pseudo-fields are said elsewhere, too.
    if name.starts_with(':') {
        return Some(());
    }
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    // What the client's `Connection` nominates is checked like that of every other request.
    if name != CONNECTION && OF_THE_CONNECTION.contains(&name) {
        return Some(());
    }
    let value = HeaderValue::from_bytes(value).ok()?;
    request.append_header(name, value).ok()?;
    Some(())
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");

/// Envoy's to write, whatever the answer: they are of its connections. `Host` is said elsewhere.
pub(super) const OF_THE_CONNECTION: [HeaderName; 4] =
    [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING];

#[cfg(test)]
mod tests {
    use super::super::messages::{Address, Field, Peer, RawHeaders, Request, SocketAddress};
    use super::*;

    fn get(path: &str, headers: &[(&str, &str)]) -> HttpRequest {
        HttpRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            host: "app.example".to_owned(),
            scheme: "https".to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..HttpRequest::default()
        }
    }

    fn asked(http: HttpRequest) -> CheckRequest {
        let socket = SocketAddress {
            address: "192.0.2.7".to_owned(),
        };
        let address = Address {
            socket: Some(socket),
        };
        CheckRequest {
            attributes: Some(Attributes {
                source: Some(Peer {
                    address: Some(address),
                }),
                request: Some(Request { http: Some(http) }),
            }),
        }
    }

    #[test]
    fn a_request_is_rebuilt_from_either_form() {
        let joined = get(
            "/a?b=c",
            &[("accept", "*/*"), (":path", "/a?b=c"), ("host", "x")],
        );
        let raw = HttpRequest {
            headers: Default::default(),
            header_map: Some(RawHeaders {
                headers: vec![Field {
                    key: "accept".to_owned(),
                    raw_value: b"*/*".to_vec(),
                    ..Field::default()
                }],
            }),
            ..joined.clone()
        };
        for http in [joined, raw] {
            let request = of(asked(http)).unwrap();
            assert_eq!(request.uri, "/a?b=c");
            let fields = [
                ("accept", "*/*"),
                ("host", "app.example"),
                ("x-forwarded-for", "192.0.2.7"),
                ("x-forwarded-proto", "https"),
            ];
            assert_eq!(request.headers.len(), fields.len());
            for (name, value) in fields {
                assert_eq!(request.headers[name], value, "{name}");
            }
        }
        let fields = [
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
        ];
        let request = of(asked(get("/", &fields))).unwrap();
        assert_eq!(request.headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(request.headers["x-forwarded-proto"], "http");
    }

    #[test]
    fn what_is_no_request_is_not_asked_about() {
        assert!(of(asked(get("/", &[]))).is_some());
        let method = HttpRequest {
            method: "G T".to_owned(),
            ..get("/", &[])
        };
        let query = HttpRequest {
            query: "a=b".to_owned(),
            ..get("/", &[])
        };
        for wrong in [
            get("", &[]),
            get("http://x/", &[]),
            get("/a#b", &[]),
            get("/", &[("a b", "c")]),
            get("/", &[("a", "b\r\nc: d")]),
            method,
            query,
        ] {
            assert!(of(asked(wrong.clone())).is_none(), "{wrong:?}");
        }
        assert!(of(CheckRequest::default()).is_none());
    }
}
