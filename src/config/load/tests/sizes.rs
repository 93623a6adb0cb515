//! Sizes that others do not take.

use super::super::Loaded;

/// What is warned of in a configuration with `more` at the top.
fn warnings(more: &str) -> String {
    let text =
        format!("public_url: http://a.test\nlisteners: [{{address: '127.0.0.1:8080'}}]\n{more}\n");
    let loaded = Loaded::parse(text.as_bytes()).unwrap_or_else(|found| panic!("{found:?}"));
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    warnings.collect::<Vec<_>>().join("; ")
}

#[test]
fn limits_that_http1_never_reaches_are_warned_of() {
    for (limit, beyond) in [
        ("header_count: 256", ""),
        ("header_count: 257", "256 fields"),
        ("header_size: 512KiB, uri_size: 63KiB", ""),
        ("header_size: 512KiB, uri_size: 64KiB", "64 KiB of path"),
        ("header_size: 1MiB", "1 MiB of header"),
    ] {
        let found = warnings(&format!("limits: {{{limit}}}"));
        assert_eq!(
            found.contains("warning: limits."),
            !beyond.is_empty(),
            "{found}"
        );
        assert!(found.contains(beyond), "{found}");
    }
}

#[test]
fn a_token_that_no_cookie_holds_is_warned_of() {
    for (more, is_warned) in [
        ("sdk: {cookie: true}\nsession: {claims: full}", true),
        ("sdk: {cookie: true}", false),
        ("session: {claims: full}", false),
    ] {
        let found = warnings(more);
        assert_eq!(found.contains("session.claims"), is_warned, "{found}");
    }
}
