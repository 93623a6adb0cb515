//! Issuers' cookies that browsers would not take as they are set.

use super::super::Loaded;

/// What is found with these settings of an issuer's cookie, and with these routes.
#[track_caller]
fn found(cookie: &str, routes: &str) -> Vec<String> {
    let text = format!(
        "\
public_url: https://app.acme.example
listeners: [{{address: '127.0.0.1:8080'}}]
issuers: [{{name: a, iss: 'https://a.test', jwks_url: 'https://a.test/keys', {cookie}}}]
upstreams:
  app: {{servers: ['127.0.0.1:3000']}}
routes: [{routes}]
"
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    let about = found.iter().map(ToString::to_string);
    about
        .filter(|it| it.contains("issuers[0].cookie_"))
        .collect()
}

const ANY_HOST: &str = "{path: /, upstream: app}";

#[test]
fn the_domain_of_an_issuers_cookie_is_one_that_somebody_owns() {
    for domain in ["acme.example", ".Acme.example", "app.acme.example"] {
        let cookie = format!("cookie_name: at, cookie_domain: {domain}");
        assert_eq!(found(&cookie, ANY_HOST), [""; 0], "{domain}");
    }
    for (domain, part) in [
        ("com", "anybody can have a host below this"),
        ("localhost", "anybody can have a host below this"),
        ("127.0.0.1", "not a domain"),
    ] {
        let cookie = format!("cookie_name: at, cookie_domain: {domain}");
        let [only] = &found(&cookie, ANY_HOST)[..] else {
            panic!("{domain}");
        };
        assert!(only.contains("issuers[0].cookie_domain: "), "{only}");
        assert!(only.contains(part) && !only.contains("warning"), "{only}");
    }
}

#[test]
fn an_issuers_cookie_is_of_a_host_that_the_configuration_names() {
    let cookie = "cookie_name: at, cookie_domain: other.example";
    let [warned] = &found(cookie, ANY_HOST)[..] else {
        panic!("nothing found");
    };
    assert!(warned.contains("warning: issuers[0].cookie_domain: no host"));
    let on = |host: &str| {
        let only_there = format!("{{path: /, host: '{host}', upstream: app}}");
        found(cookie, &only_there)
    };
    // Where no route serves other hosts, the cookie never comes.
    let [refused] = &on("app.acme.example")[..] else {
        panic!("nothing found");
    };
    assert!(!refused.contains("warning"), "{refused}");
    for host in ["other.example", "App.Other.example", "*.other.example"] {
        assert_eq!(on(host), [""; 0], "{host}");
    }
    assert_eq!(on("*.another.example").len(), 1);
    let below = "cookie_name: at, cookie_domain: eu.other.example";
    let wildcard = "{path: /, host: '*.other.example', upstream: app}";
    assert_eq!(found(below, wildcard), [""; 0]);
}

#[test]
fn a_cookie_keeps_to_the_prefix_of_its_name() {
    for (settings, key) in [
        ("cookie_name: __Host-at, cookie_path: /", None),
        ("cookie_name: at, cookie_path: /app", None),
        ("cookie_name: __Secure-at, cookie_path: /app", None),
        (
            "cookie_name: __Secure-at, cookie_domain: acme.example",
            None,
        ),
        (
            "cookie_name: __Host-at, cookie_path: /app",
            Some("cookie_path"),
        ),
        (
            "cookie_name: __host-at, cookie_path: /app",
            Some("cookie_path"),
        ),
        (
            "cookie_name: __HOST-at, cookie_domain: acme.example",
            Some("cookie_domain"),
        ),
    ] {
        let found = found(settings, ANY_HOST);
        let Some(key) = key else {
            assert_eq!(found, [""; 0], "{settings}");
            continue;
        };
        let [only] = &found[..] else {
            panic!("{settings}: {found:?}");
        };
        let start = format!("issuers[0].{key}: browsers take a `__Host-` cookie");
        assert!(only.contains(&start), "{only}");
        assert!(!only.contains("warning"), "{only}");
    }
}
