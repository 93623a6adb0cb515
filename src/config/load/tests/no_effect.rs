//! Settings that do nothing, since another one decides. Each stands next to one that does something.

use super::super::Loaded;

/// What is warned of or refused, without its places.
#[track_caller]
fn found(more: &str) -> Vec<String> {
    let text = format!(
        "\
listeners: [{{address: '127.0.0.1:8080'}}]
upstreams:
  app: {{servers: ['127.0.0.1:3000']}}
{more}
"
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    let said = |finding: String| finding.split_once(' ').unwrap().1.to_owned();
    found.iter().map(|one| said(one.to_string())).collect()
}

/// One warning at a path for the first, and nothing for the second.
#[track_caller]
fn assert_warned(path: &str, (idle, busy): (&str, &str)) {
    let warned = found(idle);
    let start = format!("warning: {path}: ");
    assert!(
        matches!(&warned[..], [only] if only.starts_with(&start)),
        "{path} {idle}: {warned:?}"
    );
    assert_eq!(found(busy), [""; 0], "{busy}");
}

#[test]
fn issuers() {
    let issuer = |more: &str| {
        format!("issuers: [{{name: a, iss: 'https://a.test', discovery: true{more}}}]")
    };
    for (key, idle, busy) in [
        (
            "cookie_path",
            ", cookie_path: /",
            ", cookie_path: /, cookie_name: at",
        ),
        (
            "cookie_format",
            ", cookie_format: clerk",
            ", cookie_format: clerk, cookie_name: at",
        ),
        (
            "header_from_cookie",
            ", header_from_cookie: true",
            ", header_from_cookie: true, header: X-At",
        ),
        (
            "authorization",
            ", authorization: ignore",
            ", authorization: ignore, header: X-At",
        ),
        (
            "authorization",
            ", authorization: ignore",
            ", authorization: ignore, cookie_name: at",
        ),
    ] {
        let path = format!("issuers[0].{key}");
        assert_warned(&path, (&issuer(idle), &issuer(busy)));
    }
    let domain = issuer(", cookie_domain: a.test");
    let of_cookie = issuer(", cookie_domain: a.test, cookie_name: at");
    let of_cookie = format!("{of_cookie}\npublic_url: 'http://a.test'");
    assert_warned("issuers[0].cookie_domain", (&domain, &of_cookie));
    // Its assertions come another way.
    let granted = issuer(", authorization: ignore") + "\ngrants: {jwt_bearer: {issuers: [a]}}";
    let found = found(&granted);
    assert!(
        !found.iter().any(|it| it.contains("authorization")),
        "{found:?}"
    );
}

#[test]
fn logout() {
    let with = |issuer: &str, logout: &str| {
        format!(
            "issuers: [{{name: a, iss: 'https://a.test', {issuer}}}]\nlogout: {{{logout}: true}}"
        )
    };
    let keys = "jwks_url: 'https://a.test/keys'";
    let cookie = format!("{keys}, cookie_name: at");
    let deletable = format!("{cookie}, cookie_path: /");
    let key = "clear_issuer_cookie";
    assert_warned(
        &format!("logout.{key}"),
        (&with(&cookie, key), &with(&deletable, key)),
    );
    let key = "at_provider";
    let page = format!("{keys}, end_session_endpoint: 'https://a.test/out'");
    for has_page in ["discovery: true", &page] {
        assert_warned(
            &format!("logout.{key}"),
            (&with(keys, key), &with(has_page, key)),
        );
    }
}

#[test]
fn routes_and_upstreams() {
    let route = |more: &str| format!("routes: [{{upstream: app}}, {{path: /x, {more}}}]");
    for (key, idle, busy) in [
        (
            "login_url",
            "upstream: app, auth: none, login_url: 'https://a.test/in'",
            "upstream: app, login_url: 'https://a.test/in'",
        ),
        (
            "challenge",
            "upstream: app, auth: none, challenge: {scope: a}",
            "upstream: app, challenge: {scope: a}",
        ),
        (
            "read_timeout",
            "respond: {status: 404}, read_timeout: 1s",
            "upstream: app, read_timeout: 1s",
        ),
        (
            "connect_timeout",
            "redirect: {to: /y}, connect_timeout: 1s",
            "upstream: app, connect_timeout: 1s",
        ),
    ] {
        let path = format!("routes[1].{key}");
        assert_warned(&path, (&route(idle), &route(busy)));
    }
    // It is not read, but one that is announced as larger is refused.
    assert_eq!(
        found(&route("respond: {status: 404}, body_size: 1KiB")),
        [""; 0]
    );

    let upstream = |more: &str| format!("  other: {{servers: ['127.0.0.1:1']{more}}}");
    let used = "\nroutes: [{upstream: app}, {path: /x, split: [{upstream: other, weight: 1}]}]";
    let unused = "\nroutes: [{upstream: app}]";
    let (idle, busy) = (upstream("") + unused, upstream("") + used);
    assert_warned("upstreams.other", (&idle, &busy));
    assert_eq!(found(&upstream("")), [""; 0], "nobody has routes yet");
    for (key, idle, busy) in [
        (
            "retry_statuses",
            ", retry_statuses: [503], retries: 0",
            ", retry_statuses: [503]",
        ),
        (
            "ejection.statuses",
            ", ejection: {statuses: [503], failures: 0}",
            ", ejection: {statuses: [503]}",
        ),
        (
            "ejection.max_percent",
            ", ejection: {max_percent: 0}",
            ", ejection: {max_percent: 0, failures: 0}",
        ),
    ] {
        let path = format!("upstreams.other.{key}");
        assert_warned(&path, (&upstream(idle), &upstream(busy)));
    }
}

#[test]
fn the_rest_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("'file:{}'", path.display())
    };
    let database = file("url", "postgres://db.test/x");
    let store = |more: &str| {
        format!(
            "store: {{postgres: {database}{more}}}\nsession: {{signing_keys: {{files: [a.pem]}}}}"
        )
    };
    let (own, other) = (store(""), store(", path: other.redb"));
    assert_warned("store.path", (&other, &own));
    let trusting = store(", postgres_authorities: a.pem");
    assert_warned(
        "store.postgres_authorities",
        ("store: {postgres_authorities: a.pem}", &trusting),
    );
    for (path, idle, busy) in [
        (
            "session.idle_timeout",
            "session: {idle_timeout: 24h}",
            "session: {idle_timeout: 23h}",
        ),
        (
            "log.access_file",
            "log: {access: false, access_file: a.log}",
            "log: {access_file: a.log}",
        ),
        (
            "log.access_fields",
            "log: {access: false, access_fields: [time]}",
            "log: {access_fields: [time]}",
        ),
        (
            "log.access_fields",
            "log: {access_fields: []}",
            "log: {access: false}",
        ),
        (
            "traces.otlp.endpoint",
            "traces: {otlp: {endpoint: 'http://127.0.0.1:4318'}}",
            "traces: {otlp: {endpoint: 'http://127.0.0.1:4318/v1/traces'}}",
        ),
    ] {
        assert_warned(path, (idle, busy));
    }
}

#[test]
fn tokens_of_operators() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("'file:{}'", path.display())
    };
    let one = file("one", "0123456789abcdef-one");
    let same = file("same", "0123456789abcdef-one\n");
    let other = file("other", "0123456789abcdef-other");
    let admin = |own: &str, named: &str, expires: &str| {
        format!("admin: {{{own}tokens: [{{name: a, token: {named}{expires}}}]}}")
    };
    let own = format!("token: {one}, ");
    let (shared, apart) = (admin(&own, &same, ""), admin(&own, &other, ""));
    assert_warned("admin.tokens[0].token", (&shared, &apart));
    let (past, future) = (", expires: 2020-01-01", ", expires: 9999-01-01");
    let (expired, valid) = (admin("", &one, past), admin("", &one, future));
    assert_warned("admin.tokens", (&expired, &valid));
    // Another one is accepted.
    assert_eq!(found(&admin(&own, &other, past)), [""; 0]);
}
