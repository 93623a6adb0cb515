//! Routes that lead past what another one protects.

use super::super::Loaded;

fn warnings(routes: &[&str]) -> Vec<String> {
    let routes: Vec<String> = routes
        .iter()
        .map(|route| format!("- {{{route}}}\n"))
        .collect();
    let text = format!(
        "public_url: http://a.test\n\
         listeners: [{{address: '127.0.0.1:8080'}}]\n\
         upstreams:\n  app: {{servers: ['127.0.0.1:3000']}}\n  next: {{servers: ['127.0.0.1:3001']}}\n\
         routes:\n{}",
        routes.concat()
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    let found = found.iter().map(ToString::to_string);
    found.filter(|it| it.contains("routes[")).collect()
}

const SECRET: &str = "path: /secret, upstream: app";
const ADMIN: &str = "path: /admin, upstream: app, require: {role: admin}";

#[test]
fn a_rewritten_path_that_leads_past_a_protected_one_is_warned_of() {
    for (routes, part) in [
        (
            &[
                "path: /pub, auth: none, replace_prefix: /, upstream: app",
                SECRET,
            ][..],
            "routes[0].replace_prefix: `/pub/secret` leads to what routes[1] protects as `/secret`",
        ),
        (
            &["path: /app, replace_prefix: /, upstream: app", ADMIN],
            "routes[0].replace_prefix: `/app/admin` leads to what routes[1] protects as `/admin`",
        ),
        (
            &[
                "path: /a, auth: none, replace_prefix: /secret/b, upstream: app",
                SECRET,
            ][..],
            "",
        ),
        (
            // What it protects has another name for its servers.
            &[
                "path: /, auth: none, upstream: app",
                "path: /admin, upstream: app, replace_prefix: /internal",
            ],
            "routes[0].path: `/internal` leads to what routes[1] protects as `/admin`",
        ),
    ] {
        let found = warnings(routes);
        if part.is_empty() {
            // Only a part of what is protected is open, which may be what is wanted.
            assert_eq!(found, [""; 0], "{routes:?}");
            continue;
        }
        let [warning] = &found[..] else {
            panic!("{routes:?}: {found:?}");
        };
        assert!(warning.contains(part), "{warning}");
    }
    for routes in [
        // Other servers.
        &[
            "path: /pub, auth: none, replace_prefix: /, upstream: next",
            SECRET,
        ][..],
        // It leads elsewhere.
        &[
            "path: /pub, auth: none, replace_prefix: /public, upstream: app",
            SECRET,
        ],
        // Whoever passes here passes there.
        &["path: /old, replace_prefix: /, upstream: app", SECRET],
        &[
            "path: /app, replace_prefix: /, upstream: app, require: {role: admin}",
            ADMIN,
        ],
        // Another route is before it, and asks for as much.
        &[
            "path: /pub, auth: none, replace_prefix: /, upstream: app",
            SECRET,
            "path: /pub/secret, replace_prefix: /secret, upstream: app",
        ],
        // Other methods.
        &[
            "path: /pub, methods: [GET], auth: none, replace_prefix: /, upstream: app",
            "path: /secret, methods: [POST], upstream: app",
        ],
        // As usual.
        &["path: /, auth: none, upstream: app", SECRET, ADMIN],
    ] {
        assert_eq!(warnings(routes), [""; 0], "{routes:?}");
    }
}

#[test]
fn another_host_that_leads_past_a_protected_path_is_warned_of() {
    for (routes, part) in [
        (
            [
                "host: app.test, path: /admin, upstream: app",
                "path: /, auth: none, upstream: app",
            ],
            "routes[1].host: whoever names another host gets by `/admin` to what routes[0] protects",
        ),
        (
            [
                SECRET,
                "host: blog.test, path: /, auth: none, upstream: app",
            ],
            "routes[1].host: at `blog.test`, `/secret` is on this route, which asks for less than routes[0]",
        ),
    ] {
        let found = warnings(&routes);
        let [warning] = &found[..] else {
            panic!("{routes:?}: {found:?}");
        };
        assert!(warning.contains(part), "{warning}");
    }
    for routes in [
        [
            "host: app.test, path: /admin, upstream: app",
            "path: /, upstream: app",
        ],
        [
            "host: app.test, path: /admin, upstream: app",
            "path: /, auth: none, upstream: next",
        ],
        // Everything at one host is open on purpose.
        [
            "path: /, upstream: app",
            "host: blog.test, path: /, auth: none, upstream: app",
        ],
        // Two hosts, each with its own rules.
        [
            "host: app.test, path: /, upstream: app",
            "host: blog.test, path: /, auth: none, upstream: app",
        ],
    ] {
        assert_eq!(warnings(&routes), [""; 0], "{routes:?}");
    }
}
