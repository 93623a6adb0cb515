//! Issuers.

use super::*;

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
            &[
                "11:10: issuers[1].iss: the same as issuers[0].iss; one issuer verifies all tokens \
                 with an `iss`, whatever their kind; remove one of the two",
            ],
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
            "iss: legacy",
            "iss: https://login.example/{tenantid}",
            &[
                "11:10: issuers[1].iss: compared as it is; write `iss_template`, with the trusted \
                 `tenants`",
            ],
        ),
        (
            "jwks_file: keys.json",
            "jwks_file: keys.json\n    iss_aliases: 'https://*.example'",
            &[
                "13:18: issuers[1].iss_aliases: compared as it is: `*` is no wildcard here; write each \
                 value out",
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
            &["6:15: issuers[0].jwks_url: `jwks_url` must not contain a user name or password"],
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
fn keys_are_fetched_again_before_they_are_too_old() {
    let found = |source: &str, settings: &str| -> Vec<String> {
        let text = GOOD.replace("leeway: 30s", &format!("jwks: {{{settings}}}"));
        let text = text.replace("jwks_url: https://id.acme.example/keys", source);
        let found = match Loaded::parse(text.as_bytes()) {
            Ok(loaded) => loaded.warnings,
            Err(found) => found,
        };
        found.iter().map(ToString::to_string).collect()
    };
    let (url, file) = (
        "jwks_url: https://id.acme.example/keys",
        "jwks_file: a.json",
    );
    let dropped = |key: &str| {
        format!(
            "`max_stale` must be longer than `{key}`: the keys would be dropped before they are fetched again"
        )
    };
    let bounded = "warning: issuers[0].jwks.max_stale: `max_refresh_interval` is not shorter than `max_stale`";
    for (source, settings, expected) in [
        (url, "refresh_interval: 48h, max_stale: 49h", String::new()),
        (
            url,
            "refresh_interval: 48h",
            format!(
                "9:30: issuers[0].jwks.refresh_interval: {}",
                dropped("refresh_interval")
            ),
        ),
        (
            url,
            "max_refresh_interval: 2h, max_stale: 3h",
            String::new(),
        ),
        (
            url,
            "max_refresh_interval: 2h, max_stale: 2h",
            "warning: issuers[0].jwks.max_refresh_interval: ".to_owned(),
        ),
        // The default of the other one is not in the file.
        (url, "max_stale: 30m", format!("9:23: {bounded}")),
        (
            url,
            "max_stale: 5m, max_refresh_interval: 4m",
            format!(
                "9:23: issuers[0].jwks.max_stale: {}",
                dropped("refresh_interval")
            ),
        ),
        // Nobody says how long a file is fresh.
        (file, "max_stale: 30m", String::new()),
        (file, "refresh_interval: 24h", dropped("refresh_interval")),
    ] {
        let found = found(source, settings);
        match &*expected {
            "" => assert_eq!(found, [""; 0], "{settings}"),
            expected => assert!(
                found.len() == 1 && found[0].contains(expected),
                "{settings}: {found:?}"
            ),
        }
    }
}

#[test]
fn a_required_claim_is_compared_literally() {
    let warned = |claims: &str| -> Vec<String> {
        let text = GOOD.replace("leeway: 30s", &format!("required_claims: {claims}"));
        let loaded = Loaded::parse(text.as_bytes()).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect()
    };
    for literal in [
        "{repository_owner: acme, email: [a@acme.example, b@acme.example]}",
        // As permissions are written.
        "{permissions: ['orders:*', '*']}",
        "[repository]",
    ] {
        assert_eq!(warned(literal), [""; 0], "{literal}");
    }
    // A provider may have such values, and a writer may mean a pattern.
    for (claims, place) in [
        ("{email: '*@acme.example'}", "email"),
        ("{permissions: ['/orders/*']}", "permissions"),
        ("{roles: Microsoft.Compute/*/read}", "roles"),
    ] {
        let found = warned(claims);
        let said = format!("warning: issuers[0].required_claims.{place}: compared literally");
        assert!(found.len() == 1 && found[0].contains(&said), "{found:?}");
    }
}
