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
