//! Cookies that keep clients at a server.

use super::*;

/// What is wrong with the file once its upstream has these settings of the cookie.
fn cookie(settings: &str) -> Vec<String> {
    let servers = "    servers: [127.0.0.1:3000]\n";
    let found = changed(
        servers,
        &format!("{servers}    sticky_cookie: {settings}\n"),
    );
    // Where they stand is not what this is about.
    let said = |problem: String| {
        let (_, message) = problem.split_once(' ').unwrap();
        message.to_owned()
    };
    found.into_iter().map(said).collect()
}

#[test]
fn a_sticky_cookie_is_one_that_browsers_take_and_nobody_else_has() {
    for valid in [
        "{}",
        "{name: app-server, path: /app, max_age: 30d, same_site: strict}",
    ] {
        assert_eq!(cookie(valid), [""; 0], "{valid}");
    }
    for (settings, key, part) in [
        ("{name: Vestibule}", "name", "holds a credential"),
        ("{name: acme_token}", "name", "holds a credential"),
        ("{name: __Host-at}", "name", "by `https` only"),
        ("{name: 'a b'}", "name", "not the name of a cookie"),
        ("{max_age: 31d}", "max_age", "30 days"),
        ("{max_age: 1s}", "max_age", "two seconds"),
        ("{same_site: none}", "same_site", "by `https` only"),
        ("{path: app}", "path", "starts with `/`"),
    ] {
        let found = cookie(settings);
        let key = format!("upstreams.app.sticky_cookie.{key}:");
        let [only] = found.as_slice() else {
            panic!("{settings}: {found:?}");
        };
        assert!(only.starts_with(&key) && only.contains(part), "{only}");
    }
    let https = GOOD.replace("upstreams:\n", "public_url: https://a.test\nupstreams:\n");
    let other = "    sticky_cookie: {name: __Host-at}\n  other:\n    servers: [127.0.0.1:2]\n";
    let servers = "    servers: [127.0.0.1:3000]\n";
    let with = |second: &str| {
        let both = format!("{servers}{other}    sticky_cookie: {second}\n");
        problems(&https.replace(servers, &both))
    };
    assert_eq!(with("{name: other, same_site: none}"), [""; 0]);
    let has = |found: &[String], part: &str| found.iter().any(|it| it.contains(part));
    let same = with("{name: __host-AT}");
    let said = "the same as upstreams.app.sticky_cookie.name";
    assert!(has(&same, said), "{same:?}");
    let path = with("{name: __Host-other, path: /x}");
    assert!(has(&path, "for the path `/` only"), "{path:?}");
}
