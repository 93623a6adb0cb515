//! The shapes of names in the file: labels, header fields.
//!
//! Each check answers what is wrong, for a message, or `None`.

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

/// A value that is compared as it is, and cannot match as it stands.
pub(super) fn literal_fault(value: &str) -> Option<&'static str> {
    if value.contains('*') {
        return Some("compared as it is: `*` is no wildcard here; write each value out");
    }
    (value.trim() != value)
        .then_some("starts or ends with a space, which no token has; take it out")
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
}
