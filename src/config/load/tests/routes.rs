//! Routes, and what they lead to.

use super::*;

#[test]
fn routes_lead_somewhere_and_are_one_each() {
    assert_all(&[
        (
            "upstream: app",
            "upstream: ap",
            &["18:15: routes[0].upstream: no upstream is named `ap`; did you mean `app`?"],
        ),
        (
            "/public",
            "/api",
            &["19:11: routes[1].path: matches the same requests as routes[0]"],
        ),
        ("/public", "/api\n    host: app.example.com", &[]),
        (
            "/public",
            "/_vestibule",
            &[
                "19:11: routes[1].path: `/_vestibule` and the paths below it are reserved for the \
                 gateway",
            ],
        ),
        (
            "/public",
            "/_vestibule/x",
            &[
                "19:11: routes[1].path: `/_vestibule` and the paths below it are reserved for the \
                 gateway",
            ],
        ),
        ("/public", "/_vestibules", &[]),
        (
            "/public",
            "public",
            &["19:11: routes[1].path: a path must start with `/`"],
        ),
        (
            "/public",
            "/public\n    host: 'a.*.example.com'",
            &[
                "20:11: routes[1].host: a wildcard is `*.` followed by a name, and matches all \
                 hosts below it",
            ],
        ),
        (
            "/public",
            "/public\n    name: a b",
            &[
                "20:11: routes[1].name: a name consists of letters, digits, `.`, `_` and `-`, and \
                 starts with a letter or a digit",
            ],
        ),
        (
            "[127.0.0.1:3000]",
            "[]",
            &["15:5: upstreams.app.servers: at least one server is needed"],
        ),
        (
            "[127.0.0.1:3000]",
            "[app.internal:80, app]",
            &["15:32: upstreams.app.servers[1]: expected `HOST:PORT`"],
        ),
        (
            "[127.0.0.1:3000]",
            "[a:1]\n    ejection: {max_percent: 101, duration: 0s}",
            &[
                "16:29: upstreams.app.ejection.max_percent: must not be more than 100",
                "16:44: upstreams.app.ejection.duration: must be greater than zero",
            ],
        ),
        (
            "[127.0.0.1:3000]",
            "[a:1]\n    health_check: {path: up, interval: 0s}",
            &[
                "16:26: upstreams.app.health_check.path: a path must start with `/`",
                "16:40: upstreams.app.health_check.interval: must be greater than zero",
            ],
        ),
        (
            "[127.0.0.1:3000]",
            "[a:1]\n    read_timeout: 0s",
            &["16:19: upstreams.app.read_timeout: must be greater than zero"],
        ),
    ]);
    assert_all(&[
        ("/public", "/api\n    exact: true", &[]),
        ("/public", "/api\n    methods: [GET]", &[]),
        ("/public", "/api\n    host: '*.example.com'", &[]),
        ("/public", "/public\n    replace_prefix: /", &[]),
        (
            "/public",
            "/public\n    replace_prefix: x",
            &["20:21: routes[1].replace_prefix: a path must start with `/`"],
        ),
        (
            "    auth: none",
            "    auth: none\n    require: {role: admin}",
            &["21:5: routes[1].require: rules on claims require a session: set `auth: required`"],
        ),
        ("    auth: none", "    require: {role: admin}", &[]),
    ]);
    let route = |settings: &str| with(&format!("  - {{path: /x, upstream: app, {settings}}}"));
    for (settings, expected) in [
        (
            "request_headers: {set: {X-A: '{user.id}'}, remove: [Cookie]}",
            "",
        ),
        (
            "auth: none, request_headers: {set: {X-A: '{request.id}'}}",
            "",
        ),
        (
            "request_headers: {set: {X-A: '{user.name}'}}",
            "request_headers.set.X-A: unknown placeholder",
        ),
        (
            "auth: none, request_headers: {set: {X-A: '{user.id}'}}",
            "request_headers.set.X-A: refers to a session",
        ),
        (
            "request_headers: {add: {authorization: x}}",
            "add.authorization: this field carries",
        ),
        (
            "request_headers: {add: {Cookie: x}}",
            "add.Cookie: cookies belong to the client",
        ),
        (
            "request_headers: {set: {Content-Length: '1'}}",
            "this field frames a message",
        ),
        (
            "request_headers: {remove: ['X Y']}",
            "remove[0]: not a header field name",
        ),
        (
            "response_headers: {set: {X-A: a, x_a: b}}",
            "another spelling of a field",
        ),
        (
            "response_headers: {remove: [Transfer-Encoding]}",
            "this field frames a message",
        ),
        ("login_url: //evil.test", "login_url: expected a path"),
        ("login_url: /login", ""),
        ("audience: https://billing.test", ""),
        ("audience: ''", "audience: empty"),
        (
            "audience: https://billing.test, auth: none",
            "audience: `auth: none` forwards no session token",
        ),
        ("body_size: 0", "body_size: must be greater than zero"),
        ("timeout: 30s", ""),
        ("timeout: 0s", "timeout: must be greater than zero"),
        (
            "read_timeout: 0s",
            "read_timeout: must be greater than zero",
        ),
        ("rate_per_client: 10/1s", ""),
        ("rate_per_client: 10", "rate_per_client: "),
        (
            "auth: none, rate_per_user: 10/1s",
            "rate_per_user: counts users",
        ),
    ] {
        let found = route(settings);
        match expected {
            "" => assert_eq!(found, [""; 0], "{settings}"),
            expected => assert!(
                found.len() == 1 && found[0].contains(expected),
                "{settings}: {found:?}"
            ),
        }
    }
    let methods = |one: &str, other: &str| {
        let route = |methods| format!("  - {{path: /, methods: [{methods}], upstream: app}}\n");
        with(&format!("{}{}", route(one), route(other)))
    };
    assert_eq!(methods("GET", "POST, DELETE"), [""; 0]);
    assert_eq!(methods("GET", ""), [""; 0]);
    let overlap = ["23:12: routes[3].path: matches the same requests as routes[2]"];
    assert_eq!(methods("GET", "POST, HEAD"), overlap);
    let dot = "  - {path: /, host: a.example, upstream: app}\n  - {path: /, host: a.example., upstream: app}";
    assert_eq!(with(dot), overlap);
    let hosts = "  - {path: /, host: A.example, name: x, upstream: app}\n  - {path: /, host: a.example, name: x, upstream: app}";
    assert_eq!(
        with(hosts),
        [
            "23:12: routes[3].path: matches the same requests as routes[2]",
            "23:38: routes[3].name: the same as routes[2].name",
        ]
    );
}

#[test]
fn what_a_room_would_refuse_is_refused_with_its_position() {
    let host = "expected an ASCII host name or an address, without a port";
    for name in ["a..b.example", "a~b.example", "a!b", "'*.a..b'"] {
        let to = format!("/public\n    host: {name}");
        let expected = format!("20:11: routes[1].host: {host}");
        assert_eq!(changed("/public", &to), [expected], "{name}");
    }
    assert_eq!(
        changed("/public", "/public\n    host: a.b.example"),
        [""; 0]
    );
    for server in ["a~b:80", "a!b:80", "a..b:80"] {
        let expected = "15:15: upstreams.app.servers[0]: expected `HOST:PORT`";
        assert_eq!(changed("127.0.0.1:3000", server), [expected], "{server}");
    }
    assert_eq!(changed("127.0.0.1:3000", "a_b:80"), [""; 0]);
    let parameters = "a path prefix has no `;`: servers read such a path in two ways";
    assert_eq!(
        changed("/public", "/a;b"),
        [format!("19:11: routes[1].path: {parameters}")]
    );
    assert_eq!(
        changed("/public", "/public\n    replace_prefix: /a;b"),
        [format!("20:21: routes[1].replace_prefix: {parameters}")]
    );
    assert_eq!(
        with("api_prefix: /a;b"),
        [format!("22:13: api_prefix: {parameters}")]
    );
    assert_eq!(
        changed("/public", "/%FF"),
        ["19:11: routes[1].path: a path that no request could have"]
    );
    let upstream = |more: &str| changed("[127.0.0.1:3000]", &format!("[a:1]\n    {more}"));
    let target = "a path and query have no spaces, controls or `#`; escape them";
    for path in ["/x y", "/x#y"] {
        assert_eq!(
            upstream(&format!("health_check: {{path: \"{path}\"}}")),
            [format!("16:26: upstreams.app.health_check.path: {target}")],
            "{path}"
        );
    }
    for host in ["a b", "me@a", "a..b", ""] {
        assert_eq!(
            upstream(&format!("health_check: {{host: \"{host}\"}}")),
            [
                "16:26: upstreams.app.health_check.host: expected a host name or an address, with or without a port"
            ],
            "{host}"
        );
    }
    assert_eq!(
        upstream("health_check: {path: /x?y, host: 'a:80'}"),
        [""; 0]
    );
    assert_eq!(
        upstream("tls: {server_name: a~b}"),
        [format!("16:24: upstreams.app.tls.server_name: {host}")]
    );
    assert_eq!(upstream("tls: {server_name: a.b}"), [""; 0]);
    let socket = format!("unix:/{}", "a".repeat(107));
    assert_eq!(
        changed("127.0.0.1:8080", &format!("{socket}\npublic_url: http://a")),
        ["2:14: listeners[0].address: not a path that a socket can have: at most 107 bytes"]
    );
    assert_eq!(
        with("public_url: https://a~b.example\ntrusted_proxies: [10.0.0.0/8]"),
        ["22:13: public_url: no request could name this host"]
    );
    assert_eq!(
        with("log: {level: 'info,[x=debug'}"),
        [
            "22:14: log.level: `info,[x=debug` is not a log filter such as `info` or `info,vestibule::jwks=debug`"
        ]
    );
}

#[test]
fn requests_of_a_route_end_in_one_place() {
    let missing = "18:5: routes[0].upstream: missing key; or `split`, `redirect` or `respond`, if requests \
                   do not go to one upstream";
    let route = "  - path: /api\n    upstream: app\n";
    for (to, expected) in [
        ("redirect: {to: /new}", &[][..]),
        ("respond: {status: 404}", &[]),
        ("split: [{upstream: app, weight: 2}]", &[]),
        (
            "redirect: {to: /new, status: 200}",
            &["routes[0].redirect.status: not the status of a redirect: 301, 302, 303, 307 or 308"],
        ),
        (
            "respond: {status: 204, body: x}",
            &["routes[0].respond.body: an answer with this status has no content"],
        ),
        (
            "split: [{upstream: app, weight: 0}]",
            &["routes[0].split[0].weight: "],
        ),
        (
            "split: [{upstream: ap, weight: 1}]",
            &["routes[0].split[0].upstream: no upstream is named `ap`; did you mean `app`?"],
        ),
        (
            "split: [{upstream: app, weight: 1}, {upstream: app, weight: 1}]",
            &["routes[0].split[1].upstream: named twice; add the weights up"],
        ),
        (
            "upstream: app\n    redirect: {to: /new}",
            &["routes[0].redirect: the route has `upstream`, so leave one of the two out"],
        ),
        (
            "redirect: {to: /new}\n    replace_prefix: /x",
            &[
                "routes[0].replace_prefix: is for requests that go to an upstream, and here the gateway answers",
            ],
        ),
        (
            "upstream: app\n    client_networks: {allow: [10.0.0.1/8]}",
            &[
                "routes[0].client_networks.allow[0]: the address is not the first of its network: did you mean \
               `10.0.0.0/8`?",
            ],
        ),
    ] {
        let found = changed(route, &format!("  - path: /api\n    {to}\n"));
        assert_eq!(found.len(), expected.len(), "{to}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{to}: {found}");
        }
    }
    let found = changed(route, "  - path: /api\n    auth: none\n");
    assert!(
        found[0].ends_with(missing.split_once(": ").unwrap().1),
        "{found:?}"
    );
}

#[test]
fn a_match_stands_next_to_a_route_without_one() {
    let route = "  - path: /api\n    upstream: app\n";
    let next = |more: &str| format!("{route}  - path: /api\n    upstream: app\n    {more}\n");
    let headers = "match: {headers: {X-Version: '2'}}";
    for (to, expected) in [
        (next(&format!("name: next\n    {headers}")), &[][..]),
        (
            next(headers),
            &[
                "routes[1].name: a route with `match` needs a name, by which logs and metrics tell it apart",
            ],
        ),
        (
            next("name: next\n    match: {}"),
            &["routes[1].match: empty"],
        ),
        (
            next(&format!("name: next\n    methods: [GET]\n    {headers}")),
            &["routes[1].match: no route is for the same requests without it"],
        ),
        (
            format!(
                "{}  - path: /api\n    upstream: app\n    name: twice\n    {headers}\n",
                next(&format!("name: next\n    {headers}"))
            ),
            &["routes[2].match: the same as routes[1].match"],
        ),
        (
            next("name: next\n    match: {headers: {Cookie: a}}"),
            &["routes[1].match.headers.Cookie: credentials do not decide about the route"],
        ),
    ] {
        let found = changed(route, &to);
        assert_eq!(found.len(), expected.len(), "{to}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{to}: {found}");
        }
    }
}
