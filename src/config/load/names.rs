//! The shapes of names in the file: labels, header fields, cookies, paths.
//!
//! Each check answers what is wrong, for a message, or `None`. What a room parses itself passes the
//! room's own parser here, so that nothing can pass `check` and fail when it is built.

use http::uri::PathAndQuery;
use rustls::pki_types::ServerName;

use crate::canonical::{Host, PathPrefix};

/// A name that goes into logs, metric labels and the dashboard.
pub(super) fn label_fault(name: &str) -> Option<&'static str> {
    let mut bytes = name.bytes();
    let starts = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !starts || !goes_on {
        return Some(
            "a name consists of letters, digits, `.`, `_` and `-`, and starts with a letter or a \
             digit",
        );
    }
    if name.len() > MAX_LABEL {
        return Some("a name can have at most 64 characters");
    }
    None
}

/// A token of RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// A header field that may carry a token.
pub(super) fn header_fault(name: &str) -> Option<&'static str> {
    if !is_token(name) {
        return Some("not a header field name (RFC 9110 section 5.1)");
    }
    let name = spelling(name);
    if HOP_BY_HOP.contains(&name.as_str()) {
        return Some("this field applies to one connection and is not forwarded");
    }
    let is_taken = TAKEN.contains(&name.as_str())
        || TAKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    is_taken.then_some("this field has another meaning and cannot carry a token")
}

/// A header field that the configuration may edit.
pub(super) fn edited_fault(name: &str) -> Option<&'static str> {
    if !is_token(name) {
        return Some("not a header field name (RFC 9110 section 5.1)");
    }
    let name = spelling(name);
    if HOP_BY_HOP.contains(&name.as_str()) || name == "content-length" {
        return Some("this field frames a message or applies to one connection");
    }
    (name == "x-request-id").then_some("this field carries the request id")
}

/// Header fields that applications take for the same: case and `-`/`_` do not count.
pub(super) fn spelling(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// A path in the one form in which requests are matched.
pub(super) fn path_fault(path: &str) -> Option<&'static str> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some("a path must start with `/`");
    };
    if rest.is_empty() {
        return None;
    }
    if rest.ends_with('/') {
        return Some("a path must not end with `/`; it also matches the paths below it");
    }
    if rest.contains(';') {
        return Some("a path prefix has no `;`: servers read such a path in two ways");
    }
    for segment in rest.split('/') {
        match segment {
            "" => return Some("a path must not have empty segments"),
            "." | ".." => return Some("a path must not have `.` or `..` segments"),
            _ => {}
        }
        if !is_canonical_segment(segment) {
            return Some(
                "a path can only have the characters of RFC 3986 section 3.3, percent-encoded \
                 only if necessary and with capital letters",
            );
        }
    }
    let unusable = "a path that no request could have";
    PathPrefix::parse(path).is_err().then_some(unusable)
}

fn is_canonical_segment(segment: &str) -> bool {
    let is_pchar = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let mut parts = segment.split('%');
    let plain = parts.next().unwrap_or_default();
    plain.bytes().all(is_pchar)
        && parts.all(|part| {
            let Some((digits, plain)) = part.split_at_checked(2) else {
                return false;
            };
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
            let Ok(byte) = u8::from_str_radix(digits, 16) else {
                return false;
            };
            let is_needed = !is_pchar(byte) && !byte.is_ascii_control() && !b"/\\".contains(&byte);
            digits.bytes().all(is_hex) && is_needed && plain.bytes().all(is_pchar)
        })
}

/// `HOST:PORT` of a server, IPv6 addresses in brackets, or `unix:/PATH`.
pub(super) fn server_fault(server: &str) -> Option<&'static str> {
    if let Some(path) = server.strip_prefix("unix:") {
        let fits = (2..=MAX_SOCKET_PATH).contains(&path.len()) && !path.contains('\0');
        return (!path.starts_with('/') || !fits)
            .then_some("expected `unix:` and an absolute path");
    }
    let Some((host, port)) = server.rsplit_once(':') else {
        return Some("expected `HOST:PORT`");
    };
    if port.parse::<u16>().is_ok_and(|port| port > 0) && host_fault(host).is_none() {
        return None;
    }
    Some("expected `HOST:PORT`")
}

/// The name that a server's certificate must be for.
pub(super) fn server_name_fault(name: &str) -> Option<&'static str> {
    let bare = name.trim_matches(['[', ']']).to_owned();
    let unfit = || ServerName::try_from(bare).is_err();
    host_fault(name).or_else(|| unfit().then_some("no certificate can be for this name"))
}

/// `Host` of a request: a name or an address, with or without a port.
pub(super) fn authority_fault(authority: &str) -> Option<&'static str> {
    let invalid = Host::parse(authority).is_err();
    invalid.then_some("expected a host name or an address, with or without a port")
}

/// The target of a request: a path, with or without a query.
pub(super) fn target_fault(target: &str) -> Option<&'static str> {
    if !target.starts_with('/') {
        return Some("a path must start with `/`");
    }
    // The parser drops a fragment without a word.
    let invalid = target.contains('#') || target.parse::<PathAndQuery>().is_err();
    invalid.then_some("a path and query have no spaces, controls or `#`; escape them")
}

/// A host name or address, without a port. A wildcard's `*.` is taken off before.
pub(super) fn host_fault(host: &str) -> Option<&'static str> {
    if host.contains('*') {
        return Some("a wildcard is `*.` followed by a name, and matches all hosts below it");
    }
    let is_same = |parsed: url::Host| parsed.to_string() == host.to_ascii_lowercase();
    let is_matched = Host::parse(host).is_ok_and(|host| host.port().is_none());
    if is_matched && url::Host::parse(host).is_ok_and(is_same) {
        None
    } else {
        Some("expected an ASCII host name or an address, without a port")
    }
}

const MAX_LABEL: usize = 64;
/// `sun_path` of Linux, without the zero at its end.
const MAX_SOCKET_PATH: usize = 107;

/// RFC 9110 section 7.6.1, and what older proxies take for such.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that the gateway or the protocol gives a meaning.
const TAKEN: [&str; 13] = [
    "accept",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "origin",
    "range",
    "referer",
    "set-cookie",
    "user-agent",
    "via",
    "www-authenticate",
];

const TAKEN_PREFIXES: [&str; 4] = ["content-", "sec-", "x-forwarded-", "access-control-"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for name in ["acme", "acme-eu.2_b", "9"] {
            assert_eq!(label_fault(name), None, "{name}");
        }
        for name in ["", "-acme", "a b", "a\"b", "ä", &"a".repeat(65)] {
            assert!(label_fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn headers() {
        for name in ["Authorization", "X-Platform-Session", "X-Forwarded"] {
            assert_eq!(header_fault(name), None, "{name}");
        }
        for name in [
            "",
            "X Token",
            "X-Tök",
            "TE",
            "Proxy_Connection",
            "Content-Type",
            "cookie",
            "Host",
        ] {
            assert!(header_fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn paths() {
        for path in ["/", "/api", "/api/v1.2", "/caf%C3%A9", "/a..b/~x"] {
            assert_eq!(path_fault(path), None, "{path}");
        }
        for path in [
            "",
            "api",
            "/api/",
            "//",
            "/a//b",
            "/a/../b",
            "/a/.",
            "/a b",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/caf%c3%A9",
            "/%61pi",
            "/%2F",
            "/%5C",
            "/%",
            "/%4",
            "/%00",
            "/é",
            "/%+1",
            "/a;b",
            "/a/;x=1",
            "/%ff",
            "/%C0%AE",
        ] {
            assert!(path_fault(path).is_some(), "{path}");
        }
    }

    #[test]
    fn servers() {
        for server in [
            "127.0.0.1:80",
            "app.internal:8080",
            "[::1]:443",
            "localhost:1",
            "unix:/run/app.sock",
        ] {
            assert_eq!(server_fault(server), None, "{server}");
        }
        for server in [
            "",
            "app",
            "app:",
            "app:0",
            "app:65536",
            ":80",
            "::1:80",
            "http://a:80",
            "a b:1",
            "unix:",
            "unix:/",
            "unix:run/app.sock",
            &format!("unix:/{}", "a".repeat(107)),
            "a~b:80",
            "a!b:80",
            "a..b:80",
            "-.-.:80:80",
            &format!("{}:80", "a".repeat(254)),
        ] {
            assert!(server_fault(server).is_some(), "{server}");
        }
    }

    #[test]
    fn hosts() {
        for host in ["app.example.com", "App.Example.com", "127.0.0.1", "[::1]"] {
            assert_eq!(host_fault(host), None, "{host}");
        }
        for host in [
            "",
            "app:80",
            "*.example.com",
            "münchen.example",
            "a/b",
            "a..b.example",
            ".a.example",
            "a~b.example",
            "a!b.example",
            "127.1",
            &"a".repeat(254),
        ] {
            assert!(host_fault(host).is_some(), "{host}");
        }
    }

    #[test]
    fn names_in_certificates() {
        for name in ["app.internal", "127.0.0.1", "[::1]"] {
            assert_eq!(server_name_fault(name), None, "{name}");
        }
        for name in ["", "a~b", "a..b", "a b", "app:80"] {
            assert!(server_name_fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn probes() {
        for authority in ["localhost", "app:80", "[::1]:8080", "my_service"] {
            assert_eq!(authority_fault(authority), None, "{authority}");
        }
        for authority in ["", "a b", "me@app", "a/b", "app:x", "a..b"] {
            assert!(authority_fault(authority).is_some(), "{authority}");
        }
        for target in ["/", "/up", "/up?deep=1", "/a;b"] {
            assert_eq!(target_fault(target), None, "{target}");
        }
        for target in ["", "up", "/x y", "/x#y", "/a\tb", "http://a/"] {
            assert!(target_fault(target).is_some(), "{target}");
        }
    }
}
