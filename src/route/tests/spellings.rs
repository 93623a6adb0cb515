//! Paths that servers read in several ways.

use super::*;

/// `/Admin` is `/admin` to Express and IIS, `/admin.json` to Rails.
#[test]
fn no_spelling_leads_past_a_protected_route() {
    let table = table(json!([
        { "name": "site", "auth": "optional", "upstream": "up" },
        { "name": "admin", "path": "/admin", "upstream": "up", "require": { "role": "admin" } },
        { "name": "users", "path": "/api/users", "upstream": "up" },
        { "name": "login", "path": "/login", "auth": "none", "upstream": "up" },
        { "name": "report", "path": "/admin.css", "auth": "none", "exact": true, "upstream": "up" },
        { "name": "writes", "path": "/posts", "auth": "optional", "methods": ["GET"], "upstream": "up" },
    ]))
    .unwrap();
    let letters = Err(RouteMiss::Spelling(Spelling::Letters));
    let suffix = Err(RouteMiss::Spelling(Spelling::Suffix));
    for (path, refusal) in [
        ("/Admin", letters),
        ("/ADMIN/delete", letters),
        ("/%41dmin/delete", letters),
        ("/adm%49n", letters),
        ("/%2561dmin", letters),
        ("/admin%2E%20/x", letters),
        ("/admin./x", letters),
        ("/%20admin", letters),
        ("/adm%C4%B1n", letters),
        ("/%EF%BD%81dmin", letters),
        ("/x%252f..%252fadmin", letters),
        ("/x%255C%252e%252e%255Cadmin", letters),
        ("/admin%EF%BC%8Fx", letters),
        ("/x%EF%BC%8F%EF%BC%8E%EF%BC%8E%EF%BC%8Fadmin", letters),
        ("/x/%E2%80%A5/admin", letters),
        ("/api%E2%88%95users", letters),
        ("/admin%C2%85", letters),
        ("/API/users", letters),
        ("/api/Users/1", letters),
        ("/api/user%C5%BF", letters),
        ("/admin.json", suffix),
        ("/admin%3fa", suffix),
        ("/admin%23a", suffix),
        ("/admin.css.json", suffix),
        ("/admin:batch", suffix),
        ("/admin::$INDEX_ALLOCATION/x", suffix),
        ("/Api/users.xml", suffix),
    ] {
        assert_eq!(find_by(&table, &Method::GET, "a", path), refusal, "{path}");
    }
    for (path, name) in [
        ("/admin/Delete.json", "admin"),
        ("/%61dmin", "admin"),
        ("/administrator", "site"),
        ("/Shop/Admin", "site"),
        ("/apis/Users", "site"),
        ("/admin.css", "report"),
        // The site asks for more than the login page.
        ("/Login", "site"),
        ("/100%25/A", "site"),
        ("/1%E2%81%842/x", "site"),
        ("/x%EF%BC%8Fy", "site"),
    ] {
        assert_eq!(find_by(&table, &Method::GET, "a", path), Ok(name), "{path}");
    }
    // `/posts` takes no DELETE.
    assert_eq!(find_by(&table, &Method::DELETE, "a", "/Posts"), letters);
    assert_eq!(find_by(&table, &Method::GET, "a", "/Posts"), Ok("site"));
}

#[test]
fn routes_that_differ_in_spelling_alone_shadow_each_other() {
    let table = table(json!([
        { "name": "upper", "path": "/API", "auth": "none", "upstream": "up" },
        { "name": "lower", "path": "/api", "upstream": "up" },
    ]))
    .unwrap();
    assert_eq!(find(&table, "a", "/API"), None);
    assert_eq!(find(&table, "a", "/api"), Some("lower"));
    assert_eq!(find(&table, "a", "/Api"), None);
}

#[test]
fn servers_that_tell_spellings_apart_are_believed() {
    let routes = |upstream: &str| {
        json!([
            { "name": "site", "auth": "none", "upstream": upstream },
            { "name": "admin", "path": "/admin", "upstream": upstream },
        ])
    };
    let strict = json!({ "case_sensitive": true, "suffix_sensitive": true });
    for (settings, upper, suffix) in [
        (json!({}), None, None),
        (json!({ "case_sensitive": true }), Some("site"), None),
        (json!({ "suffix_sensitive": true }), None, Some("site")),
        (strict, Some("site"), Some("site")),
    ] {
        let mut upstream = settings.clone();
        upstream["servers"] = json!(["127.0.0.1:1"]);
        let table = table_of(routes("one"), json!({ "one": upstream })).unwrap();
        assert_eq!(find(&table, "a", "/Admin"), upper, "{settings}");
        assert_eq!(find(&table, "a", "/admin.json"), suffix, "{settings}");
        assert_eq!(find(&table, "a", "/admin"), Some("admin"));
    }
}

#[test]
fn a_loose_reading_stays_on_its_host() {
    let table = table(json!([
        { "name": "any", "auth": "none", "upstream": "up" },
        { "name": "guarded", "path": "/admin", "host": "a.example", "upstream": "up" },
    ]))
    .unwrap();
    assert_eq!(find(&table, "a.example", "/Admin"), None);
    assert_eq!(find(&table, "b.example", "/Admin"), Some("any"));
}

/// Servlet containers end a name at `;`, others divide it at `%2F`, and may then ignore case or suffixes.
#[test]
fn looseness_is_looked_for_in_every_reading() {
    let routes = json!([
        { "name": "site", "auth": "none", "allow_encoded_slash": true, "upstream": "up" },
        { "name": "admin", "path": "/admin", "upstream": "up" },
        { "name": "keys", "path": "/users/keys", "upstream": "up" },
    ]);
    let find = |upstream: &Value, path: &str| {
        let mut upstream = upstream.clone();
        upstream["servers"] = json!(["127.0.0.1:1"]);
        let table = table_of(routes.clone(), json!({ "up": upstream })).unwrap();
        let path = CanonicalPath::parse_for_routes(path).unwrap();
        let found = table.find(&Host::parse("a").unwrap(), &path, &Method::GET);
        found.map(|route| route.name.to_string())
    };
    let letters = json!({ "suffix_sensitive": true });
    let suffixes = json!({ "case_sensitive": true });
    for (upstream, path) in [
        (&letters, "/Admin;x=1"),
        (&letters, "/Admin;x=1/delete"),
        (&suffixes, "/users%2fkeys.json"),
        (&suffixes, "/users%2fkeys.json;x=1"),
    ] {
        let found = find(upstream, path);
        assert!(
            matches!(found, Err(RouteMiss::Spelling(_))),
            "{path} {found:?}"
        );
    }
    for (upstream, path) in [
        (&suffixes, "/Admin;x=1"),
        (&letters, "/users%2fkeys.json"),
        (&letters, "/Shop;x=1"),
        (&suffixes, "/users%2flist.json"),
    ] {
        assert_eq!(find(upstream, path).as_deref(), Ok("site"), "{path}");
    }
}

/// A route that answers by itself keeps its requests from every server.
#[test]
fn no_spelling_leads_past_an_answer_of_the_gateway() {
    let table = table(json!([
        { "name": "site", "auth": "none", "upstream": "up" },
        { "name": "closed", "path": "/internal", "auth": "none", "respond": { "status": 404 } },
        { "name": "moved", "path": "/about", "auth": "none", "redirect": { "to": "/info" } },
    ]))
    .unwrap();
    let letters = Err(RouteMiss::Spelling(Spelling::Letters));
    let suffix = Err(RouteMiss::Spelling(Spelling::Suffix));
    for (path, found) in [
        ("/internal/x", Ok("closed")),
        ("/Internal/x", letters),
        ("/internal.json", suffix),
        ("/internals", Ok("site")),
        // Whoever is not sent elsewhere is served by the same site.
        ("/About", Ok("site")),
        ("/about.html", Ok("site")),
    ] {
        assert_eq!(find_by(&table, &Method::GET, "a", path), found, "{path}");
    }
}
