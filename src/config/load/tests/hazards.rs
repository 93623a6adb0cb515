//! Settings that work, and that hardly anybody means.

use super::super::Loaded;

/// All that is found in a configuration, with `more` at the top.
fn found(public_url: &str, listener: &str, more: &str) -> Vec<String> {
    let text = format!(
        "\
public_url: {public_url}
listeners: [{{address: '0.0.0.0:8080'{listener}}}]
upstreams:
  app: {{servers: ['127.0.0.1:3000']}}
{more}
"
    );
    let found = match Loaded::parse(text.as_bytes()) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found,
    };
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn times_that_cut_everything_are_refused() {
    for key in [
        "header_timeout",
        "body_read_timeout",
        "response_write_timeout",
        "keepalive_timeout",
    ] {
        let limits = |time: &str| found("http://a.test", "", &format!("limits: {{{key}: {time}}}"));
        assert_eq!(limits("1s"), [""; 0]);
        let [message] = &limits("0s")[..] else {
            panic!("{key}");
        };
        assert!(message.contains(&format!("limits.{key}: must be greater than zero")));
    }
}

#[test]
fn a_short_token_is_refused_beyond_loopback_and_warned_of_there() {
    let folder = tempfile::tempdir().unwrap();
    let admin = |address: &str, token: &str| {
        let file = folder.path().join("token");
        std::fs::write(&file, token).unwrap();
        let token = format!("token: 'file:{}'", file.display());
        let single = format!("admin: {{address: '{address}:9901', {token}}}");
        let named = format!("admin: {{address: '{address}:9901', tokens: [{{name: a, {token}}}]}}");
        [single, named].map(|more| found("http://a.test", "", &more).join("; "))
    };
    let (short, long) = ("15 characters..", "16 characters...");
    for (refused, key) in admin("0.0.0.0", short)
        .iter()
        .zip(["token", "tokens[0].token"])
    {
        let message = format!("admin.{key}: the token is shorter than 16 characters, and");
        assert!(refused.contains(&message), "{refused}");
        assert!(!refused.contains("warning"), "{refused}");
    }
    for warned in admin("127.0.0.1", short) {
        assert!(warned.contains("warning"), "{warned}");
    }
    for address in ["0.0.0.0", "127.0.0.1"] {
        assert_eq!(admin(address, long), ["", ""], "{address}");
    }
}

#[test]
fn what_a_way_out_costs_is_said() {
    let issuer = |more: &str| {
        format!("issuers: [{{name: a, iss: 'https://a.test', discovery: true{more}}}]")
    };
    let route = |more: &str| format!("routes: [{{upstream: app{more}}}]");
    for (path, strict, loose) in [
        (
            "sessions_outlive_issuer",
            "sessions_outlive_issuer: false".to_owned(),
            "sessions_outlive_issuer: true".to_owned(),
        ),
        (
            "step_up.allow_missing_iat",
            "step_up: {allow_missing_iat: false}".to_owned(),
            "step_up: {allow_missing_iat: true}".to_owned(),
        ),
        (
            "issuers[0].allow_private_jwks_uri",
            issuer(""),
            issuer(", allow_private_jwks_uri: true"),
        ),
        (
            "trusted_fields[0]",
            "trusted_proxies: [10.0.0.0/8]".to_owned(),
            "trusted_proxies: [10.0.0.0/8]\ntrusted_fields: [Remote-User]".to_owned(),
        ),
        (
            "client_fields[0]",
            "client_fields: []".to_owned(),
            "client_fields: [X-Host]".to_owned(),
        ),
        (
            "routes[0].query_tokens",
            route(", query_tokens: strip"),
            route(", query_tokens: forward"),
        ),
    ] {
        assert_eq!(found("http://a.test", "", &strict), [""; 0], "{strict}");
        let [warned] = &found("http://a.test", "", &loose)[..] else {
            panic!("{path}");
        };
        assert!(warned.contains(&format!("warning: {path}: ")), "{warned}");
    }
}

#[test]
fn fields_of_trusted_proxies_are_named_where_that_counts() {
    let check = |field: &str, proxies: &str| {
        let more = format!("trusted_proxies: [{proxies}]\ntrusted_fields: [{field}]");
        found("http://a.test", "", &more).join("; ")
    };
    let proxies = "10.0.0.0/8";
    for field in ["X-WebAuth-User", "x-forwarded-host", "X-Forwarded-Prefix"] {
        let said = check(field, proxies);
        assert!(
            said.contains("warning") && said.contains("upstreams believe"),
            "{said}"
        );
    }
    for (field, proxies) in [
        ("X-WebAuth-User", ""),
        ("X-Other", proxies),
        ("X-Client-Cert", proxies),
    ] {
        let said = check(field, proxies);
        assert!(
            said.contains("warning") && said.contains("no effect"),
            "{said}"
        );
    }
    let said = check("Proxy", proxies);
    assert!(
        !said.contains("warning") && said.contains("never forwarded"),
        "{said}"
    );
}

#[test]
fn people_behind_one_address_are_told_apart_or_warned_of() {
    let https = "https://a.test";
    let [warned] = &found(https, "", "")[..] else {
        panic!("nothing found");
    };
    assert!(warned.contains("listeners[0].address: "), "{warned}");
    assert!(warned.contains("count as one;"), "{warned}");
    let proxies = "trusted_proxies: [10.0.0.0/8]";
    assert_eq!(found(https, "", proxies), [""; 0]);
    assert_eq!(found("http://a.test", "", ""), [""; 0]);
    assert_eq!(found(https, ", redirect_to_https: true", ""), [""; 0]);
    // Where TLS ends says nothing of who is behind it.
    assert_eq!(found(https, ", tls_terminated: true", "").len(), 1);
}

#[test]
fn a_login_page_behind_a_login_is_warned_of() {
    let with = |login: &str, routes: &str| {
        let more = format!("login_url: {login}\nroutes:\n  - {{path: /, upstream: app}}\n{routes}");
        found("http://a.test", "", &more)
    };
    let open = "  - {path: /login, auth: none, upstream: app}";
    for login in ["/login", "/login?x=1", "http://a.test/login", "/login/deep"] {
        let [warned] = &with(login, "")[..] else {
            panic!("{login}");
        };
        let message = "login_url: the login page is on routes[0], which requires a session";
        assert!(warned.contains(message), "{warned}");
        assert_eq!(with(login, open), [""; 0], "{login}");
    }
    // Another port has another server, whatever is served here by that path.
    for login in [
        "https://id.test/login",
        "http://a.test:99/login",
        "https://a.test/login",
    ] {
        assert_eq!(with(login, ""), [""; 0], "{login}");
    }
    let on_port = |port: &str| {
        let login = format!("login_url: 'http://[::1]:{port}/login'");
        let more = format!("{login}\nroutes: [{{path: /, upstream: app}}]");
        found("'http://[::1]:81'", "", &more).len()
    };
    assert_eq!((on_port("81"), on_port("99")), (1, 0));
    let exact = "  - {path: /login, exact: true, auth: none, upstream: app}";
    assert_eq!(with("/login", exact), [""; 0]);
    assert_eq!(with("/login/deep", exact).len(), 1);
    let on_host = |host: &str| {
        let route = format!(
            "  - {{path: /, host: {host}, login_url: /in, upstream: app}}\n\
             \x20 - {{path: /in, host: {host}, auth: optional, upstream: app}}\n"
        );
        with("https://id.test/login", &route)
    };
    assert_eq!(on_host("b.test"), [""; 0]);
}

#[test]
fn routes_name_listeners_that_exist() {
    let routes = |listeners: &str| {
        let route = "path: /, upstream: app";
        found(
            "http://a.test",
            ", name: public",
            &format!("routes: [{{{route}{listeners}}}]"),
        )
    };
    assert_eq!(routes(""), [""; 0]);
    assert_eq!(routes(", listeners: [public]"), [""; 0]);
    let [message] = &routes(", listeners: [publc]")[..] else {
        panic!("nothing found");
    };
    assert!(
        message.contains("routes[0].listeners[0]: no listener is named `publc`"),
        "{message}"
    );
    assert!(message.contains("`public`"), "{message}");
    let both = "}, {path: /, upstream: app, listeners: [public]";
    assert!(routes(both)[0].contains("matches the same requests as routes[0]"));
}

#[test]
fn nobody_becomes_an_operator_by_accident() {
    let sign_in = |admin: &str, rule: &str| {
        let issuers = "issuers: [{name: corporate, iss: 'https://c', jwks_url: 'https://c/keys'}]";
        let admin = format!("{issuers}\nadmin: {{token: env:PATH, {admin}sign_in: {rule}}}");
        let found = found("https://a.test", ", tls_terminated: true", &admin);
        let found = found.into_iter();
        found
            .filter_map(|text| Some(text.split_once(": ")?.1.replace("warning: ", "")))
            .filter(|text| text.starts_with("admin"))
            .collect::<Vec<_>>()
    };
    let staff = "{issuer: corporate, require: {groups: {any_of: [staff]}}}";
    assert_eq!(sign_in("", staff), [""; 0]);
    assert_eq!(sign_in("", &format!("[{staff}]")), [""; 0]);
    let everywhere = "address: '0.0.0.0:9901', ";
    for (admin, rule, start) in [
        (
            everywhere,
            staff,
            "admin.sign_in: users' tokens and cookies would cross",
        ),
        (
            "",
            "{issuer: customers, require: {role: admin}}",
            "admin.sign_in.issuer: no issuer of this file has this name",
        ),
        (
            "",
            "[{issuer: corporate, require: {}}]",
            "admin.sign_in[0].require: every user of the issuer",
        ),
        (
            "",
            "{issuer: corporate, require: {banned: {none_of: [true]}}}",
            "admin.sign_in.require: every user of the issuer",
        ),
        (
            "",
            "{issuer: corporate}",
            "admin.sign_in.require: missing key",
        ),
        (
            "",
            "{issuer: corporate, require: {a: b}, max_age: 0s}",
            "admin.sign_in.max_age: must be at least 1s",
        ),
        (
            "",
            "{issuer: corporate, require: {email: a@c.test}}",
            "admin.sign_in.require: an address that the issuer has not verified",
        ),
    ] {
        let found = sign_in(admin, rule);
        assert!(
            matches!(&found[..], [only] if only.starts_with(start)),
            "{rule}: {found:?}"
        );
    }
    let behind = format!("{everywhere}tls_terminated: true, ");
    assert_eq!(sign_in(&behind, staff), [""; 0]);
    let verified = "{issuer: corporate, require: {email: a@c.test, email_verified: true}}";
    assert_eq!(sign_in("", verified), [""; 0]);
}

/// A page that the gateway answers itself is nobody's.
#[test]
fn a_health_path_that_hides_a_page_is_warned_of() {
    let of = |health: &str, route: &str| {
        let more =
            format!("server: {{health_path: {health}}}\nroutes: [{{{route}, upstream: app}}]");
        found("http://a.test", "", &more)
    };
    for (health, route) in [
        ("/", "path: /"),
        ("/status", "path: /status, exact: true"),
        ("/status", "path: /status, methods: [GET]"),
        ("/status", "path: /status, any_method: true"),
    ] {
        let [warning] = &of(health, route)[..] else {
            panic!("{health} {route}");
        };
        let said =
            format!("warning: server.health_path: `GET {health}` is answered by the gateway");
        assert!(warning.contains(&said), "{warning}");
    }
    for (health, route) in [
        ("/healthz", "path: /"),
        ("/", "path: /app"),
        ("/status", "path: /status, methods: [POST]"),
    ] {
        assert_eq!(of(health, route), [""; 0], "{health} {route}");
    }
}

/// Clients decide what they send, so what only one of two routes to the same servers asks for protects nothing.
#[test]
fn a_match_that_changes_the_protection_is_warned_of() {
    let of = |base: &str, matching: &str| {
        let more = format!(
            "  next: {{servers: ['127.0.0.1:3001']}}\n\
             routes:\n\
             - {{path: /, {base}}}\n\
             - {{path: /, name: other, match: {{headers: {{X-Version: '2'}}}}, {matching}}}\n\
             - {{path: /next, upstream: next}}"
        );
        found("http://a.test", "", &more)
    };
    let (open, required) = ("upstream: app, auth: none", "upstream: app");
    let ruled = "upstream: app, require: {role: admin}";
    let rated = "upstream: app, rate_per_client: 10/1m";
    for (base, matching, part) in [
        (open, required, "asks for less: whoever leaves out"),
        (required, open, "asks for more: whoever sends"),
        (required, ruled, "asks for less: whoever leaves out"),
        (ruled, required, "asks for more: whoever sends"),
        (required, rated, "asks for less: whoever leaves out"),
        (
            open,
            "split: [{upstream: next, weight: 1}, {upstream: app, weight: 1}]",
            "asks for less: whoever leaves out",
        ),
    ] {
        let [warning] = &of(base, matching)[..] else {
            panic!("{base} {matching}: {:?}", of(base, matching));
        };
        assert!(
            warning.contains("routes[1].match: routes[0] leads to"),
            "{warning}"
        );
        assert!(warning.contains(part), "{warning}");
    }
    for (base, matching) in [
        (required, required),
        (ruled, ruled),
        // Other servers, and who may go there is said there.
        (required, "upstream: next, require: {role: admin}"),
        (
            required,
            "upstream: app, request_headers: {set: {X-Variant: b}}",
        ),
        ("respond: {status: 404}", required),
    ] {
        assert_eq!(of(base, matching), [""; 0], "{base} {matching}");
    }
}

#[test]
fn fields_of_clients_are_named_where_that_counts() {
    let check = |field: &str| {
        let more = format!("client_fields: [{field}]");
        found("http://a.test", "", &more).join("; ")
    };
    for (field, is_warning, part) in [
        ("X-Host", true, "from anybody"),
        ("SM_USER", true, "from anybody"),
        ("X-Other", true, "no effect"),
        ("X-Client-Cert", true, "no effect"),
        ("Proxy", false, "never forwarded"),
        ("Forwarded", false, "believes no client"),
        ("x_forwarded_for", false, "believes no client"),
    ] {
        let said = check(field);
        assert!(said.contains("client_fields[0]"), "{said}");
        assert_eq!(said.contains("warning"), is_warning, "{said}");
        assert!(said.contains(part), "{said}");
    }
}
