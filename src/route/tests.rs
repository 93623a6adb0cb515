use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::canonical::Host;
use crate::config::Config;
use crate::rejection::Rejection;
use crate::upstream::{StickySigner, Upstream};

mod lowered;
mod spellings;

fn table(routes: Value) -> Result<RouteTable, RouteTableError> {
    table_of(routes, json!({ "up": { "servers": ["127.0.0.1:1"] } }))
}

fn config(routes: Value, upstreams: Value) -> serde_json::Result<Config> {
    serde_json::from_value(json!({
        "public_url": "https://app.example.com",
        "allowed_origins": ["https://spa.example.com"],
        "listeners": [{ "address": "127.0.0.1:0" }],
        "upstreams": upstreams,
        "routes": routes,
    }))
}

fn table_of(routes: Value, upstreams: Value) -> Result<RouteTable, RouteTableError> {
    let config = config(routes, upstreams).unwrap();
    let metrics = crate::metrics::Metrics::new().unwrap();
    let upstreams = config
        .upstreams
        .iter()
        .map(|(name, settings)| {
            (
                name.clone(),
                Upstream::new(name, settings, &StickySigner::new(&[0; 32], true), &metrics)
                    .unwrap(),
            )
        })
        .collect();
    RouteTable::new(&config.route_table(), &upstreams)
}

fn find<'a>(table: &'a RouteTable, host: &str, path: &str) -> Option<&'a str> {
    find_by(table, &Method::GET, host, path).ok()
}

fn find_by<'a>(
    table: &'a RouteTable,
    method: &Method,
    host: &str,
    path: &str,
) -> Result<&'a str, RouteMiss> {
    let path = CanonicalPath::parse(path).unwrap();
    let route = table.find(&Host::parse(host).unwrap(), &path, method)?;
    Ok(&route.name)
}

#[test]
fn the_most_specific_route_wins() {
    let table = table(json!([
        { "name": "any", "upstream": "up" },
        { "name": "any-api", "path": "/api", "upstream": "up" },
        { "name": "app", "host": "app.example.com", "path": "/", "upstream": "up" },
        { "name": "app-api-v2", "host": "app.example.com", "path": "/api/v2", "upstream": "up" },
        { "name": "shop", "host": "Shop.example.com", "path": "/cart", "upstream": "up" },
    ]))
    .unwrap();
    for (host, path, name) in [
        ("app.example.com", "/", "app"),
        ("app.example.com", "/api", "app"),
        ("app.example.com", "/api/v2", "app-api-v2"),
        ("app.example.com", "/api/v2/users", "app-api-v2"),
        ("app.example.com", "/api/v22", "app"),
        ("app.example.com", "/%61pi/v%32", "app-api-v2"),
        ("APP.Example.com.:8443", "/api/v2", "app-api-v2"),
        ("other.example.com", "/", "any"),
        ("other.example.com", "/api/x", "any-api"),
        ("other.example.com", "/apix", "any"),
        ("shop.example.com", "/cart/1", "shop"),
        // A host's own routes leave the rest to those for any host.
        ("shop.example.com", "/api", "any-api"),
    ] {
        assert_eq!(find(&table, host, path), Some(name), "{host}{path}");
    }
}

#[test]
fn nothing_is_found_where_nothing_is_configured() {
    let table = table(json!([{ "host": "a.example", "path": "/x", "upstream": "up" }])).unwrap();
    assert_eq!(find(&table, "a.example", "/x"), Some("a.example/x"));
    assert_eq!(find(&table, "b.example", "/x"), None);
    assert_eq!(find(&table, "a.example", "/y"), None);
    assert_eq!(find(&table, "xa.example", "/x"), None);
}

/// `/admin;x` is `/admin` to some servers and not to others.
#[test]
fn parameters_that_change_the_route_have_none() {
    let table = table(json!([
        { "name": "open", "auth": "none", "upstream": "up" },
        { "name": "admin", "path": "/admin", "upstream": "up" },
    ]))
    .unwrap();
    assert_eq!(find(&table, "a", "/admin;x"), None);
    assert_eq!(find(&table, "a", "/admin%3Bx/users"), None);
    assert_eq!(find(&table, "a", "/admin/users;x"), Some("admin"));
    assert_eq!(find(&table, "a", "/shop;x/admin"), Some("open"));
}

#[test]
fn wildcards_stand_between_exact_and_any_host() {
    let table = table(json!([
        { "name": "any", "upstream": "up" },
        { "name": "wide", "host": "*.example.com", "upstream": "up" },
        { "name": "narrow", "host": "*.eu.Example.com", "path": "/x", "upstream": "up" },
        { "name": "exact", "host": "a.eu.example.com", "path": "/y", "upstream": "up" },
    ]))
    .unwrap();
    for (host, path, name) in [
        ("a.eu.example.com", "/y", "exact"),
        ("a.eu.example.com", "/x", "narrow"),
        ("A.b.EU.example.com", "/x", "narrow"),
        ("a.eu.example.com", "/z", "wide"),
        ("eu.example.com", "/x", "wide"),
        ("b.example.com.", "/", "wide"),
        ("example.com", "/", "any"),
        ("badexample.com", "/", "any"),
        ("b.example.com.evil", "/", "any"),
    ] {
        assert_eq!(find(&table, host, path), Some(name), "{host}{path}");
    }
}

#[test]
fn an_exact_path_wins_over_a_prefix() {
    let table = table(json!([
        { "name": "prefix", "path": "/a", "upstream": "up" },
        { "name": "exact", "path": "/a", "exact": true, "upstream": "up" },
        { "name": "deep", "path": "/a/b/c", "exact": true, "upstream": "up" },
    ]))
    .unwrap();
    for (path, name) in [
        ("/a", Some("exact")),
        ("/a/", Some("exact")),
        ("/%61", Some("exact")),
        ("/a/b", Some("prefix")),
        ("/a/b/c", Some("deep")),
        ("/a/b/c/d", Some("prefix")),
        ("/b", None),
    ] {
        assert_eq!(find(&table, "h", path), name, "{path}");
    }
}

#[test]
fn methods_divide_a_path_and_never_open_a_shorter_one() {
    let table = table(json!([
        { "name": "open", "auth": "none", "upstream": "up" },
        { "name": "read", "path": "/admin", "methods": ["GET"], "upstream": "up" },
        { "name": "write", "path": "/admin", "methods": ["POST", "PUT"], "upstream": "up" },
        { "name": "rest", "path": "/shop", "upstream": "up" },
        { "name": "buy", "path": "/shop", "methods": ["POST"], "upstream": "up" },
    ]))
    .unwrap();
    let by = |method, path| find_by(&table, &method, "h", path);
    assert_eq!(by(Method::GET, "/admin/x"), Ok("read"));
    assert_eq!(by(Method::HEAD, "/admin/x"), Ok("read"));
    assert_eq!(by(Method::PUT, "/admin/x"), Ok("write"));
    let Err(RouteMiss::Method(allowed)) = by(Method::DELETE, "/admin/x") else {
        panic!("DELETE fell through to the open route");
    };
    assert_eq!(allowed.to_string(), "GET, HEAD, POST, PUT");
    assert_eq!(by(Method::DELETE, "/adminx"), Ok("open"));
    assert_eq!(by(Method::POST, "/shop"), Ok("buy"));
    assert_eq!(by(Method::DELETE, "/shop"), Ok("rest"));
    assert_eq!(Rejection::from(RouteMiss::Method(allowed)).status, 405);
    assert_eq!(Rejection::from(RouteMiss::Nowhere).status, 404);
}

#[test]
fn a_prefix_is_replaced_and_the_rest_kept_byte_for_byte() {
    let rewritten = |prefix: &str, replacement: Value, path: &str| {
        let table = table(json!([
            { "path": prefix, "replace_prefix": replacement, "upstream": "up" },
        ]))
        .unwrap();
        let path = CanonicalPath::parse(path).unwrap();
        let host = Host::parse("h").unwrap();
        table
            .find(&host, &path, &Method::GET)
            .unwrap()
            .rewritten(&path)
    };
    for (prefix, replacement, path, expected) in [
        ("/api", "/", "/api", "/"),
        ("/api", "/", "/api/", "/"),
        ("/api", "/", "/api/v%31/x/", "/v%31/x/"),
        ("/api", "/", "/%61pi/x", "/x"),
        ("/api/v1", "/v2", "/api/v1/x;y", "/v2/x;y"),
        ("/api", "/v2", "/api", "/v2"),
        ("/", "/app", "/x", "/app/x"),
        ("/", "/app", "/", "/app/"),
    ] {
        let found = rewritten(prefix, json!(replacement), path);
        assert_eq!(
            found.as_deref(),
            Some(expected),
            "{prefix} {replacement} {path}"
        );
    }
    assert_eq!(rewritten("/api", json!(null), "/api/x"), None);
    for (replacement, is_read) in [("/x", true), ("/../x", false), ("/v2/", false)] {
        let route = json!({ "replace_prefix": replacement, "upstream": "up" });
        assert_eq!(config(json!([route]), json!({})).is_ok(), is_read);
    }
}

#[test]
fn routes_carry_their_settings() {
    let table = table(json!([{
        "auth": "optional", "upstream": "up", "allowed_origins": ["https://docs.example.com"],
    }]))
    .unwrap();
    let [route] = table.routes() else {
        panic!("one route")
    };
    assert_eq!(&*route.name, "/");
    assert_eq!(route.access, Access::Optional);
    assert_eq!(route.destination.to_string(), "up");
    let origins = route.allowed_origins.iter().map(ToString::to_string);
    let origins: Vec<_> = origins.collect();
    assert_eq!(
        origins,
        [
            "https://app.example.com",
            "https://spa.example.com",
            "https://docs.example.com"
        ]
    );
}

#[test]
fn refuses_what_is_ambiguous_or_can_not_match() {
    let two = |first: Value, second: Value| table(json!([first, second])).map(|_| ());
    let a = || json!({ "name": "a", "host": "h.example", "path": "/x", "upstream": "up" });
    let with = |key: &str, value: &str| {
        let mut route = a();
        route["name"] = json!("b");
        route[key] = json!(value);
        route
    };
    let ambiguous = Err(RouteTableError::Ambiguous("a".into(), "b".into()));
    assert_eq!(two(a(), with("host", "h.example")), ambiguous);
    assert_eq!(two(a(), with("host", "H.EXAMPLE.")), ambiguous);
    assert_eq!(two(a(), with("host", "i.example")), Ok(()));
    assert_eq!(two(a(), with("path", "/y")), Ok(()));

    // Other spellings of a path, and what no request could be for, do not get this far.
    for (key, value, is_read) in [
        ("host", "h", true),
        ("host", "h:80", false),
        ("path", "/x", true),
        ("path", "/x/", false),
        ("path", "/%78", false),
        ("path", "/../x", false),
        ("path", "/%5Fvestibule/", false),
    ] {
        let read = config(json!([with(key, value)]), json!({}));
        assert_eq!(read.is_ok(), is_read, "{key}: {value}");
    }
    assert!(matches!(
        two(a(), with("upstream", "down")),
        Err(RouteTableError::Upstream(_))
    ));
    for path in ["/_vestibule", "/_vestibule/x"] {
        let reserved = two(a(), with("path", path));
        assert!(
            matches!(reserved, Err(RouteTableError::Reserved(_))),
            "{path}"
        );
    }
    assert_eq!(two(a(), with("path", "/_vestibules")), Ok(()));
}

#[test]
fn claim_rules_need_a_session() {
    let with = |access: &str| {
        table(json!([{ "auth": access, "require": { "a": true }, "upstream": "up" }])).map(|_| ())
    };
    assert_eq!(with("required"), Ok(()));
    for access in ["optional", "none"] {
        assert_eq!(
            with(access),
            Err(RouteTableError::RulesWithoutSession("/".to_owned()))
        );
    }
}

#[test]
fn finds_each_of_a_thousand_routes() {
    let routes: Vec<Value> = (0..1000)
        .map(|n| {
            json!({ "name": format!("r{n}"), "host": format!("h{}.example", n % 40),
                    "path": format!("/p{}/q{n}", n % 7), "upstream": "up" })
        })
        .collect();
    let table = table(json!(routes)).unwrap();
    for n in 0..1000 {
        let (host, path) = (
            format!("h{}.example", n % 40),
            format!("/p{}/q{n}/more", n % 7),
        );
        assert_eq!(find(&table, &host, &path), Some(format!("r{n}").as_str()));
    }
    assert_eq!(table.routes().len(), 1000);
}
