//! When two names of protected resources are the same (RFC 8707 section 2).

/// Whether two names mean the same resource: texts that are equal, but for the `/` that is the whole path
/// of an address. URL libraries write it, and people do not (RFC 3986 section 6.2.3).
pub(super) fn same(one: &str, other: &str) -> bool {
    without_root(one) == without_root(other)
}

fn without_root(name: &str) -> &str {
    let bare = name.strip_suffix('/').unwrap_or(name);
    match bare.split_once("://") {
        Some((_, authority)) if !authority.contains('/') => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_the_root_may_be_left_out() {
        for (name, bare) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example:8443/", "https://a.example:8443"),
            ("https://a.example", "https://a.example"),
            ("https://a.example/mcp/", "https://a.example/mcp/"),
            ("https://a.example//", "https://a.example//"),
            ("urn:a/", "urn:a/"),
            ("/", "/"),
        ] {
            assert_eq!(without_root(name), bare, "{name}");
        }
        assert!(same("https://a.example", "https://a.example/"));
        assert!(!same("https://a.example/mcp", "https://a.example/mcp/"));
    }
}
