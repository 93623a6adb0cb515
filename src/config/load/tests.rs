use super::*;

mod acme;
mod cookies;
mod dead_ends;
mod detours;
mod example;
mod forms;
mod hazards;
mod issuers;
mod kinds;
mod listeners;
mod no_effect;
mod routes;
mod sizes;
mod sticky;
mod trust;
mod variables;
mod whole_file;

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
            "algorithms: [RS256, HS256]",
            &[
                "9:25: issuers[0].algorithms[1]: unknown value; HS256 needs no `algorithms` but the shared \
                    secret: `hs256_secret`",
            ],
        ),
        (
            "leeway: 30s",
            "algorithms: [RS256, HS512]",
            &["9:25: issuers[0].algorithms[1]: unknown value; no setting accepts it"],
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
        [
            "23:10: admin.token: expected a reference to a secret, `env:NAME` or `file:PATH`, found a number"
        ]
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
            "11:5: issuers[1].jwks_file: expected a path, found a list",
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
        (
            "api_prefix: ${PREFIX}",
            &[
                "22:13: api_prefix: a path must start with `/`; variables are not expanded; only secrets \
               are read from the environment, by `env:NAME`",
            ],
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
            "trusted_proxies: [10.0.0.1/8, '::ffff:10.0.0.0/104']",
            &[
                "22:19: trusted_proxies[0]: the address is not the first of its network: did you mean \
                 `10.0.0.0/8`?",
                "22:31: trusted_proxies[1]: peers with IPv4 addresses are matched by IPv4 networks: \
                 write it as one",
            ],
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
        ("limits: {token_size: 32KiB}", &[]),
        ("limits: {header_size: 4KiB}", &[]),
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
