use super::*;

mod example;
mod hazards;

/// A valid configuration; each test changes one thing in it.
const GOOD: &str = "\
listeners:
  - address: 127.0.0.1:8080
issuers:
  - name: acme
    iss: https://id.acme.example
    jwks_url: https://id.acme.example/keys
    cookieName: acme_token
    header: X-Acme-Token
    leeway: 30s
  - name: legacy
    iss: legacy
    jwks_file: keys.json
upstreams:
  app:
    servers: [127.0.0.1:3000]
routes:
  - path: /api
    upstream: app
  - path: /public
    auth: none
    upstream: app
";

fn problems(text: &str) -> Vec<String> {
    match parse(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(Diagnostic::to_string).collect(),
    }
}

/// What is wrong with `GOOD` once `from` is `to`.
#[track_caller]
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(
        GOOD.contains(from),
        "{from:?} is not in the good configuration"
    );
    problems(&GOOD.replacen(from, to, 1))
}

/// What is wrong with `GOOD` and more top-level keys.
fn with(more: &str) -> Vec<String> {
    problems(&format!("{GOOD}{more}\n"))
}

#[track_caller]
fn assert_all(cases: &[(&str, &str, &[&str])]) {
    assert_eq!(problems(GOOD), [""; 0]);
    for (from, to, expected) in cases {
        assert_eq!(changed(from, to), *expected, "{from:?} -> {to:?}");
    }
}

#[track_caller]
fn assert_all_with(cases: &[(&str, &[&str])]) {
    for (more, expected) in cases {
        assert_eq!(with(more), *expected, "{more:?}");
    }
}

#[test]
fn keys_that_are_unknown_missing_or_given_twice() {
    assert_all(&[
        (
            "leeway: 30s",
            "leeway_secnds: 30",
            &["9:5: issuers[0].leeway_secnds: unknown key; did you mean `leeway`?"],
        ),
        (
            "    iss: legacy\n",
            "",
            &[
                "10:5: issuers[1]: `iss` is missing: set it to the exact `iss` of this issuer's \
                 tokens",
            ],
        ),
        (
            "leeway: 30s",
            "name: acme2",
            &["9:5: issuers[0].name: duplicate key, first on line 4"],
        ),
        (
            "leeway: 30s",
            "cookie_name: x",
            &["9:5: issuers[0].cookie_name: this key is set under two names"],
        ),
        (
            "listeners:",
            "listenres:",
            &[
                "1:1: listenres: unknown key; did you mean `listeners`?",
                "1:1: listeners: missing key",
            ],
        ),
    ]);
}

#[test]
fn values_of_the_wrong_kind() {
    assert_all(&[
        (
            "leeway: 30s",
            "leeway: 30",
            &[
                "9:13: issuers[0].leeway: expected a duration, found a number; such as `500ms`, `30s` or `10m`",
            ],
        ),
        (
            "name: legacy",
            "name: 7",
            &["10:11: issuers[1].name: expected a string, found a number; put it in quotes"],
        ),
        (
            "auth: none",
            "auth: requird",
            &["20:11: routes[1].auth: unknown value; did you mean `required`?"],
        ),
        (
            "leeway: 30s",
            "algorithms: [RS256, RS255]",
            &["9:25: issuers[0].algorithms[1]: unknown value; did you mean `RS256`?"],
        ),
        (
            "leeway: 30s",
            "aud: {a: b}",
            &["9:5: issuers[0].aud: expected a string or a list of strings"],
        ),
        (
            "    servers: [127.0.0.1:3000]",
            "    - servers",
            &["14:3: upstreams.app: expected a mapping, found a list"],
        ),
    ]);
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    let expected = "22:10: admin.token: a secret must be a reference, `env:NAME` or `file:PATH`, \
        and never in the file itself";
    assert_eq!(
        with("admin:\n  token: hunter2hunter2"),
        [expected.replace("22:10", "23:10")]
    );
    assert_eq!(
        with("admin:\n  token: 31337"),
        ["23:10: admin.token: expected a string, found a number; put it in quotes"]
    );
    assert_eq!(with("admin:\n  token: env:PATH"), [""; 0]);
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let of_types = GOOD
        .replace("leeway: 30s", "leway: 30s")
        .replace("auth: none", "auth: nobody")
        .replace("jwks_file:", "jwks:");
    assert_eq!(
        problems(&of_types),
        [
            "9:5: issuers[0].leway: unknown key; did you mean `leeway`?",
            "12:11: issuers[1].jwks: expected a mapping, found text",
            "20:11: routes[1].auth: unknown value; known: `required`, `optional`, `none`",
        ]
    );
    let of_meaning = GOOD
        .replace("name: legacy", "name: acme")
        .replace("/public", "/public/")
        .replace("leeway: 30s", "leeway: 1h");
    assert_eq!(
        problems(&of_meaning),
        [
            "9:13: issuers[0].leeway: more than 5m; leeway is for clock differences, not for \
             extending the lifetime of tokens",
            "10:11: issuers[1].name: the same as issuers[0].name",
            "19:11: routes[1].path: a path must not end with `/`; it also matches the paths below \
             it",
        ]
    );
}

#[test]
fn what_was_taken_out_moves_no_place_and_makes_no_problem() {
    let text = GOOD
        .replace("    iss: https://id.acme.example\n", "")
        .replace("jwks_file: keys.json", "jwks_file: [keys.json]")
        .replace("  - path: /api\n", "  - path: [/api]\n")
        .replace(
            "    auth: none",
            "    allowed_origins: [a, \"http://b\", c]",
        );
    let no_origin = "not an origin: expected `https://host` or `http://host:port`, without a path";
    assert_eq!(
        problems(&text),
        [
            "4:5: issuers[0]: `iss` is missing: set it to the exact `iss` of this issuer's tokens",
            "11:5: issuers[1].jwks_file: expected path string, found a list",
            "16:5: routes[0].path: expected a string, found a list",
            &format!("19:23: routes[1].allowed_origins[0]: {no_origin}"),
            &format!("19:38: routes[1].allowed_origins[2]: {no_origin}"),
        ]
    );
}

#[test]
fn public_url_has_a_default_on_loopback_only() {
    let config = parse(GOOD.as_bytes()).unwrap();
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080");
    let missing =
        "public_url: missing key; it only has a default if the first listener is a loopback port";
    let message = format!("1:1: {missing}");
    assert_eq!(
        changed("127.0.0.1:8080", "0.0.0.0:8080"),
        [message.as_str()]
    );
    assert_eq!(changed("127.0.0.1:8080", "127.0.0.1:0"), [message.as_str()]);
    let public = "0.0.0.0:8080\npublic_url: https://app.example.com/";
    assert_eq!(changed("127.0.0.1:8080", public), [""; 0]);
    assert_eq!(
        with("public_url: https://app.example.com/x"),
        [
            "22:13: public_url: not an origin: expected `https://host` or `http://host:port`, without a path"
        ]
    );
}

#[test]
fn listeners() {
    assert_all(&[
        (
            "\n  - address: 127.0.0.1:8080",
            " []",
            &["1:1: listeners: at least one listener is needed"],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:8080\n  - address: 127.0.0.1:8080",
            &["3:14: listeners[1].address: another listener, or `admin`, already has this address"],
        ),
        (
            "127.0.0.1:8080",
            "127.0.0.1:9901",
            &["2:14: listeners[0].address: another listener, or `admin`, already has this address"],
        ),
        (
            "127.0.0.1:8080",
            "localhost:8080",
            &["2:14: listeners[0].address: invalid socket address syntax"],
        ),
    ]);
}

#[test]
fn issuers_differ() {
    assert_all(&[
        (
            "name: legacy",
            "name: other",
            &["10:11: issuers[1].name: `other` stands for unknown issuers in metrics"],
        ),
        (
            "iss: legacy",
            "iss: https://id.acme.example",
            &["11:10: issuers[1].iss: the same as issuers[0].iss"],
        ),
        (
            "iss: legacy",
            "iss: http://127.0.0.1:8080/_vestibule/",
            &[
                "11:10: issuers[1].iss: this is the gateway's own `iss`; its session tokens \
                 cannot be used to sign in",
            ],
        ),
        (
            "jwks_file: keys.json",
            "jwks_file: keys.json\n    cookie_name: acme_token",
            &["13:18: issuers[1].cookie_name: the same as issuers[0].cookie_name"],
        ),
        // Cookie names are compared with regard to case; a header may be shared.
        (
            "jwks_file: keys.json",
            "jwks_file: keys.json\n    cookie_name: Acme_Token",
            &[],
        ),
        (
            "jwks_file: keys.json",
            "jwks_file: keys.json\n    header: x_acme-TOKEN",
            &[],
        ),
    ]);
}

#[test]
fn names_of_cookies_and_headers() {
    assert_all(&[
        (
            "acme_token",
            "acme token",
            &["7:17: issuers[0].cookieName: `cookie_name` is not a cookie name"],
        ),
        (
            "acme_token",
            "__Host-Vestibule_session",
            &[
                "7:17: issuers[0].cookieName: cookies named `vestibule…` are reserved for the \
                 gateway",
            ],
        ),
        ("acme_token", "__Host-acme", &[]),
        (
            "X-Acme-Token",
            "authorization",
            &[
                "8:13: issuers[0].header: bearer tokens in `Authorization` are always read; \
                 remove this key",
            ],
        ),
        (
            "X-Acme-Token",
            "Connection",
            &["8:13: issuers[0].header: this field applies to one connection and is not forwarded"],
        ),
        (
            "X-Acme-Token",
            "Cookie",
            &["8:13: issuers[0].header: this field has another meaning and cannot carry a token"],
        ),
    ]);
    assert_all_with(&[
        (
            "forward: {header: X_Acme-Token}",
            &["8:13: issuers[0].header: this field carries the session token (`forward.header`)"],
        ),
        ("forward: {header: X-Platform-Session, scheme: ''}", &[]),
        (
            "forward: {header: Transfer-Encoding}",
            &["22:19: forward.header: this field applies to one connection and is not forwarded"],
        ),
        (
            "forward: {header: Content-Digest}",
            &["22:19: forward.header: this field has another meaning and cannot carry a token"],
        ),
        (
            "forward: {scheme: 'Bearer x'}",
            &["22:19: forward.scheme: expected one word, such as `Bearer`, or ``"],
        ),
        (
            "forward: {scheme: ''}",
            &[
                "22:19: forward.scheme: `Authorization` requires a scheme (RFC 9110 section \
                 11.4); use `Bearer`, or another header",
            ],
        ),
    ]);
}

#[test]
fn one_source_of_keys_each_and_safe() {
    let jwks_url = "jwks_url: https://id.acme.example/keys";
    assert_all(&[
        (
            "    jwks_file: keys.json\n",
            "",
            &[
                "10:5: issuers[1]: no keys: set one of `jwks_url`, `discovery: true`, \
                 `jwks_file`, `keys`",
            ],
        ),
        (
            jwks_url,
            "jwks_url: https://id.acme.example/keys\n    discovery: true",
            &[
                "6:15: issuers[0].jwks_url: `jwks_url`, `discovery`, `jwks_file` and `keys` \
                 cannot be used together",
            ],
        ),
        (
            jwks_url,
            "jwksUrl: http://id.acme.example/keys",
            &[
                "4:5: issuers[0]: `http://id.acme.example/keys` is not https; `insecure_http: \
                 true` allows http outside loopback",
            ],
        ),
        (
            jwks_url,
            "jwks_url: http://id.acme.example/keys\n    insecure_http: true",
            &[],
        ),
        (jwks_url, "jwks_url: http://127.0.0.1:1/keys", &[]),
        (jwks_url, "jwks_url: http://[::1]:1/keys", &[]),
        (jwks_url, "jwks_url: http://localhost:1/keys", &[]),
        (
            jwks_url,
            "jwks_url: http://localhost.example/keys",
            &[
                "4:5: issuers[0]: `http://localhost.example/keys` is not https; `insecure_http: \
                 true` allows http outside loopback",
            ],
        ),
        (
            jwks_url,
            "jwks_url: file:///keys",
            &["4:5: issuers[0]: not an http or https URL: `file:///keys`"],
        ),
        (
            jwks_url,
            "jwks_url: https://me:pw@id.acme.example/keys",
            &["4:5: issuers[0]: a key-set URL must not contain a user name or password"],
        ),
        (jwks_url, "discovery: true", &[]),
        (
            "jwks_file: keys.json",
            "discovery: true",
            &[
                "10:5: issuers[1]: not an http or https URL: `legacy/.well-known/openid-configuration`",
            ],
        ),
    ]);
}

#[test]
fn a_shared_secret_is_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let changed_to = |bytes: usize| {
        std::fs::write(&file, "s".repeat(bytes)).unwrap();
        changed(
            "jwks_file: keys.json",
            &format!("hs256_secret: file:{}", file.display()),
        )
    };
    assert_eq!(changed_to(32), [""; 0]);
    assert_eq!(
        changed_to(31),
        [
            "12:19: issuers[1].hs256_secret: `hs256_secret` must have at least 32 bytes (RFC 7518 section 3.2)"
        ]
    );
}

#[test]
fn figures_of_an_issuer() {
    assert_all(&[
        ("leeway: 30s", "leeway: 5m", &[]),
        (
            "leeway: 30s",
            "aud: ['']",
            &["9:5: issuers[0].aud: must not be an empty string"],
        ),
        (
            "leeway: 30s",
            "algorithms: []",
            &["9:5: issuers[0].algorithms: must not be empty: no token could be accepted"],
        ),
        (
            "leeway: 30s",
            "jwks: {timeout: 0s}",
            &["9:21: issuers[0].jwks.timeout: `jwks.timeout` must be greater than zero"],
        ),
        (
            "leeway: 30s",
            "jwks: {max_keys: 0, max_body: 0}",
            &[
                "9:22: issuers[0].jwks.max_keys: must be greater than zero",
                "9:35: issuers[0].jwks.max_body: must be greater than zero",
            ],
        ),
        (
            "leeway: 30s",
            "jwks: {min_refresh_interval: 2h}",
            &["9:34: issuers[0].jwks.min_refresh_interval: more than `max_refresh_interval`"],
        ),
    ]);
}

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
    for (settings, told) in [
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
        match told {
            "" => assert_eq!(found, [""; 0], "{settings}"),
            told => assert!(
                found.len() == 1 && found[0].contains(told),
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
fn the_rest_of_the_file() {
    assert_all_with(&[
        (
            "api_prefix: /",
            &["22:13: api_prefix: the gateway's own paths cannot be all paths"],
        ),
        (
            "api_prefix: auth",
            &["22:13: api_prefix: a path must start with `/`"],
        ),
        ("api_prefix: /auth/v1", &[]),
        (
            "admin: {address: '0.0.0.0:9901'}",
            &["22:18: admin.address: not on loopback, but there is no token; set `admin.token`"],
        ),
        ("admin: {address: '0.0.0.0:9901', token: env:PATH}", &[]),
        (
            "trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]",
            &["22:31: trusted_proxies[1]: all peers would be trusted proxies"],
        ),
        (
            "session: {max_age: 0s, token_ttl: 999ms, audience: ''}",
            &[
                "22:20: session.max_age: must be at least 1s",
                "22:35: session.token_ttl: must be at least 1s",
                "22:52: session.audience: empty",
            ],
        ),
        (
            "store: {path: '', cache_size: 0}",
            &[
                "22:15: store.path: empty",
                "22:31: store.cache_size: must be greater than zero",
            ],
        ),
        (
            "limits: {token_size: 64KiB}",
            &["22:22: limits.token_size: must not be more than `header_size`, which includes it"],
        ),
        (
            "limits: {h2_streams: 0, body_size: 0, header_timeout: 0s}",
            &[
                "22:22: limits.h2_streams: must be greater than zero",
                "22:36: limits.body_size: must be greater than zero",
                "22:55: limits.header_timeout: must be greater than zero",
            ],
        ),
        ("log: {level: 'info,vestibule::jwks=debug'}", &[]),
        (
            "log: {level: inof}",
            &["22:14: log.level: `inof` is not a log level; did you mean `info`?"],
        ),
        ("log: {access_fields: [status, path]}", &[]),
        (
            "log: {access_fields: [status, path, status]}",
            &["22:37: log.access_fields[2]: named twice"],
        ),
        (
            "traces: {otlp: {endpoint: 'http://localhost:4318/v1/traces'}}",
            &[],
        ),
        (
            "traces: {otlp: {endpoint: 'ftp://localhost/', timeout: 0s}}",
            &[
                "22:27: traces.otlp.endpoint: not an `http` or `https` address",
                "22:56: traces.otlp.timeout: must be greater than zero",
            ],
        ),
    ]);
}

#[test]
fn what_is_no_mapping_at_all() {
    assert_eq!(problems(""), ["1:1: empty"]);
    assert_eq!(problems("- a"), ["1:1: expected a mapping, found a list"]);
    assert_eq!(
        problems("a: b: c"),
        ["1:5: not YAML: mapping values are not allowed in this context"]
    );
    let told = parse(b"a: 1\nb: \xff\n").unwrap_err();
    assert_eq!(told[0].to_string(), "2:1: not UTF-8");
}

#[test]
fn a_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    let filled = |size: u64| {
        let mut text = GOOD.to_owned();
        text.push('#');
        text.extend(std::iter::repeat_n('x', size as usize - text.len()));
        std::fs::write(&file, text).unwrap();
        load(&file)
    };
    assert!(filled(MAX_FILE).is_ok());
    assert!(matches!(
        filled(MAX_FILE + 1),
        Err(ConfigError::TooLarge(_))
    ));
    let missing = load(&folder.path().join("none.yaml"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.ends_with("none.yaml: No such file or directory (os error 2)"),
        "{missing}"
    );
}

#[test]
fn an_error_is_one_line_a_problem_with_the_files_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    std::fs::write(
        &file,
        GOOD.replace("leeway", "leway").replace("auth:", "aut:"),
    )
    .unwrap();
    let shown = load(&file).unwrap_err().to_string();
    let shown = shown.replace(&format!("{}/", folder.path().display()), "");
    assert_eq!(
        shown,
        "config.yaml:9:5: issuers[0].leway: unknown key; did you mean `leeway`?\n\
         config.yaml:20:5: routes[1].aut: unknown key; did you mean `auth`?"
    );
}
