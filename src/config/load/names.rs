//! The shapes of names in the file: labels, header fields, cookies, paths.
//!
//! Each check answers what is wrong, for a message, or `None`. What a room parses itself passes the
//! room's own parser here, so that nothing can pass `check` and fail when it is built.

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
        if is_pattern(segment) {
            return Some(
                "a path is no pattern: each segment is compared as it is, and what is below the \
                 path is served as well; write `/api` for `/api/*`, `/api/**`, `/api/:id`, `/api/.*`",
            );
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

/// What other proxies and frameworks would take for a pattern. Taken literally, it would match no
/// request, and a route above it would serve what it was meant to protect.
fn is_pattern(segment: &str) -> bool {
    let is_name =
        |name: &str| name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    segment.contains('*')
        || segment.contains(".+")
        || segment.strip_prefix(':').is_some_and(is_name)
        || (segment.len() > 1 && segment.ends_with('$'))
        || (segment.starts_with('(') && segment.ends_with(')'))
}

/// A value that is compared as it is, and cannot match as it stands.
pub(super) fn literal_fault(value: &str) -> Option<&'static str> {
    if value.contains('*') {
        return Some("compared as it is: `*` is no wildcard here; write each value out");
    }
    (value.trim() != value)
        .then_some("starts or ends with a space, which no token has; take it out")
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

/// A host name or address, without a port. A wildcard's `*.` is taken off before.
pub(super) fn host_fault(host: &str) -> Option<String> {
    Host::parse_bare(host).err().map(|error| error.to_string())
}

const MAX_LABEL: usize = 64;

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
}
