//! Routes on which nobody gets anywhere, and rules that nobody satisfies.

use super::super::Loaded;

/// What is found with these routes, in the words of the file.
#[track_caller]
fn found(more: &str, routes: &str) -> Vec<String> {
    let text = format!(
        "\
public_url: https://a.test
listeners:
  - {{address: '127.0.0.1:80', name: plain, redirect_to_https: true}}
  - {{address: '127.0.0.1:443', name: tls, tls: {{certificates: [{{cert: a, key: b}}]}}}}
upstreams:
  app: {{servers: ['127.0.0.1:3000']}}
{more}
routes:
  - {{path: /always, upstream: app}}
{routes}
"
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    found.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_dead(more: &str, routes: &str, part: &str) {
    let found = found(more, routes);
    assert!(
        matches!(&found[..], [only] if only.contains(part) && !only.contains("warning")),
        "{routes}: {found:?}"
    );
}

#[track_caller]
fn assert_alive(more: &str, routes: &str) {
    assert_eq!(found(more, routes), [""; 0], "{routes}");
}

#[test]
fn a_redirect_leads_somewhere_else() {
    let route = |path: &str, to: &str| format!("  - {{path: {path}, redirect: {{to: '{to}'}}}}");
    let taker = |path: &str| format!("\n  - {{path: {path}, upstream: app}}");
    let endless = "routes[1].redirect.to: leads back to this route, without end";
    for routes in [
        route("/", "/"),
        route("/a", "/a"),
        route("/a", "/a/"),
        route("/a", "/a/b"),
        route("/a", "/%61/b"),
        route("/", "https://a.test"),
        route("/a", "https://a.test:443/a/b"),
        // The other route is for other paths.
        route("/a", "/a/b") + &taker("/a/c"),
        "  - {path: /a, redirect: {to: /a, append_path: false}}".to_owned(),
        "  - {path: /a, exact: true, redirect: {to: /a}}".to_owned(),
        "  - {path: /a, methods: [POST], redirect: {to: /a}}".to_owned(),
    ] {
        assert_dead("", &routes, endless);
    }
    for routes in [
        route("/", "/app") + &taker("/app"),
        route("/a", "/b"),
        route("/a/b", "/a"),
        route("/a", "/ab"),
        route("/a", "/a/b") + &taker("/a/b"),
        route("/a", "/a/b/c") + &taker("/a/b"),
        route("/", "https://www.a.test"),
        route("/", "http://a.test"),
        route("/", "/_vestibule/logout"),
        "  - {path: /a, exact: true, redirect: {to: /a/b}}".to_owned(),
        "  - {path: /, listeners: [tls], redirect: {to: 'https://a.test'}}".to_owned(),
        // To the app's own page, and back to it from whatever is below.
        "  - {path: /a, redirect: {to: /a, append_path: false}}\n\
         \x20 - {path: /a, exact: true, upstream: app}"
            .to_owned(),
        // What follows is a GET, which is another route's.
        "  - {path: /a, methods: [POST], redirect: {to: /a, status: 303}}\n\
         \x20 - {path: /a, methods: [GET], upstream: app}"
            .to_owned(),
    ] {
        assert_alive("", &routes);
    }
    assert_dead("api_prefix: /own", &route("/", "/_vestibule"), endless);
    assert_alive("server: {health_path: /up}", &route("/", "/up"));
}

/// `https://a.test` is where clients reach the gateway.
#[test]
fn a_redirect_to_the_canonical_host_is_no_loop() {
    let redirect = |route: &str, to: &str| format!("\n  - {{{route}, redirect: {{{to}}}}}");
    let canonical = |more: &str| redirect("auth: none", &format!("to: 'https://a.test'{more}"));
    let app = |more: &str| format!("  - {{upstream: app{more}}}");
    let endless = "leads back to this route, without end";
    for status in ["", ", status: 308", ", status: 301", ", status: 303"] {
        let canonical = canonical(status);
        for host in [
            ", host: a.test",
            ", host: '*.test'",
            ", host: a.test, path: /app",
        ] {
            assert_alive("", &(app(host) + &canonical));
        }
        // Another host's, or for what comes to the redirect's own host as well.
        for other in [", host: b.test", ", path: /app"] {
            assert_dead("", &(app(other) + &canonical), endless);
        }
        assert_dead("", &canonical, endless);
    }
    let below = redirect("path: /a", "to: 'https://a.test/b'");
    assert_alive("", &below);
    let below = redirect("path: /a", "to: 'https://a.test/a/b'");
    assert_dead("", &below, endless);
    assert_alive("", &(app(", host: a.test, path: /a/b") + &below));
    // What it asks of methods.
    let (get, kept) = (
        "to: 'https://a.test/a', status: 303",
        "to: 'https://a.test/a'",
    );
    let posts = redirect("path: /a, methods: [POST, GET]", get);
    assert_dead("", &posts, endless);
    assert_alive("", &redirect("path: /a, methods: [POST]", get));
    let rest = redirect("path: /a", kept);
    assert_dead("", &(app(", methods: [GET], path: /a") + &rest), endless);
    let of_host = app(", host: a.test, methods: [GET], path: /a");
    assert_alive("", &(of_host + &rest));
}

/// What proxies in front add to a request, they add to the next one otherwise.
#[test]
fn a_redirect_by_what_a_request_carries_is_no_loop() {
    let app = "  - {upstream: app, path: /a}\n";
    let by = |matched: &str, to: &str| {
        format!("{app}  - {{path: /a, name: b, match: {{{matched}}}, redirect: {{{to}}}}}")
    };
    let https = "headers: {cloudfront-forwarded-proto: http}";
    let absolute = "to: 'https://a.test/a', status: 308";
    assert_alive("", &by(https, absolute));
    assert_alive("", &by("query: {old: '1'}", absolute));
    assert_alive("", &by("query: {old: '1'}", "to: /a, append_path: false"));
    // The very same request.
    let endless = "leads back to this route, without end";
    assert_dead("", &by(https, "to: /a, status: 308"), endless);
    assert_dead("", &by("query: {old: '1'}", "to: /a"), endless);
    // The other way round: the app gets what came by `https`.
    let app =
        "  - {upstream: app, path: /a, name: b, match: {headers: {x-forwarded-proto: https}}}\n";
    let rest = |to: &str| format!("{app}  - {{path: /a, redirect: {{{to}}}}}");
    assert_alive("", &rest(absolute));
    assert_dead("", &rest("to: /a"), endless);
}

#[test]
fn a_route_is_for_somebody() {
    let networks = |networks: &str| {
        format!("  - {{path: /a, upstream: app, client_networks: {{{networks}}}}}")
    };
    for nobody in [
        "allow: [10.1.0.0/16], deny: [10.0.0.0/8]",
        "allow: [10.1.2.3, 10.2.0.0/16], deny: [10.1.0.0/16, 10.2.0.0/16]",
    ] {
        let part = "routes[1].client_networks.allow: `deny`, which takes precedence";
        assert_dead("", &networks(nobody), part);
    }
    for somebody in [
        "allow: [10.0.0.0/8], deny: [10.1.0.0/16]",
        "allow: [10.1.2.3, 10.3.0.0/16], deny: [10.1.0.0/16, 10.2.0.0/16]",
        "deny: [10.0.0.0/8]",
    ] {
        assert_alive("", &networks(somebody));
    }
    let at = |listeners: &str| format!("  - {{path: /a, upstream: app, listeners: [{listeners}]}}");
    assert_dead(
        "",
        &at("plain"),
        "routes[1].listeners: these listeners redirect",
    );
    assert_alive("", &at("tls"));
    assert_alive("", &at("plain, tls"));
}

#[test]
fn a_rule_on_claims_is_no_pattern() {
    let route = |require: &str| format!("  - {{path: /a, upstream: app, require: {require}}}");
    // Nobody would notice whom it lets pass.
    for open in [
        "{none_of: ['*@evil.test']}",
        "{any_of: [a@a.test], none_of: ['*@evil.test', b@a.test]}",
    ] {
        let part = "routes[1].require.email: compared as it is, so that this keeps nobody out";
        assert_dead("", &route(&format!("{{email: {open}}}")), part);
    }
    for literal in [
        "{email: a@acme.test}",
        // As permissions are written.
        "{permissions: {any_of: ['orders:*', '*']}}",
        "{email_verified: true, level: 7}",
        "{email: {none_of: [a@evil.test]}}",
    ] {
        assert_alive("", &route(literal));
    }
    // A provider may have such values.
    for unlikely in [
        "{email: '*@acme.test'}",
        "{sub: 'repo:acme/web:*'}",
        "{scope: {any_of: ['api/*']}}",
        "{permissions: {all_of: [/orders, '/orders/*']}}",
        "{action: {none_of: [Microsoft.Compute/*/read]}}",
        "{role: {none_of: ['arn:aws:iam::1:role/*']}}",
        "{hd: '*.acme.test'}",
        "{role: ' admin'}",
    ] {
        let found = found("", &route(unlikely));
        assert!(
            matches!(&found[..], [only] if only.contains("warning: routes[1].require.")),
            "{unlikely}: {found:?}"
        );
    }
    let calls = |require: &str| {
        format!(
            "  - {{path: /a, upstream: app, mcp: {{calls: [{{method: tools/call, require: {require}}}]}}}}"
        )
    };
    let part = "routes[1].mcp.calls[0].require.email: compared as it is";
    assert_dead("", &calls("{email: {none_of: ['*@acme.test']}}"), part);
    assert_alive("", &calls("{email: a@acme.test}"));
    let operators = |rule: &str| {
        format!(
            "issuers: [{{name: i, iss: 'https://i.test', discovery: true}}]\n\
             admin: {{token: env:PATH, sign_in: {{issuer: i, require: {{hd: {rule}}}}}}}"
        )
    };
    let part = "admin.sign_in.require.hd: compared as it is";
    let open = "{any_of: [acme.test], none_of: ['*@acme.test']}";
    assert_dead(&operators(open), "", part);
    assert_alive(&operators("acme.test"), "");
}

#[test]
fn algorithms_are_those_of_public_keys() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s".repeat(32)).unwrap();
    let issuer = |more: &str| {
        let secret = secret.display();
        format!(
            "issuers: [{{name: i, iss: 'https://i.test', hs256_secret: 'file:{secret}'{more}}}]"
        )
    };
    let part = "issuers[0].algorithms: `algorithms` is for public keys";
    assert_dead(&issuer(", algorithms: [RS256]"), "", part);
    assert_alive(&issuer(""), "");
    assert_alive(&issuer(", algorithms: [RS256], discovery: true"), "");
}
