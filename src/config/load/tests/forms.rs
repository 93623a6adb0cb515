//! One meaning in several forms: byte order marks, line ends, merge keys, anchors at the top.

use super::*;

#[test]
fn editors_of_other_systems_write_the_same_file() {
    let plain = parse(GOOD.as_bytes()).unwrap();
    let lines = GOOD.replace('\n', "\r\n");
    for text in [
        format!("\u{feff}{GOOD}"),
        lines.clone(),
        format!("\u{feff}{lines}"),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap(), plain);
    }
    // Positions are those that an editor shows.
    let wrong = GOOD.replace("leeway: 30s", "leewy: 30s");
    let windows = format!("\u{feff}{}", wrong.replace('\n', "\r\n"));
    assert_eq!(problems(&windows), problems(&wrong));
    assert_eq!(problems(&wrong).len(), 1);
}

#[test]
fn what_is_merged_is_as_if_it_were_written_out() {
    let merging = "\
x-defaults: &defaults
  upstream: app
  require: {org: acme}
x-more: &more
  body_size: 1MiB
listeners:
  - address: 127.0.0.1:8080
issuers:
  - name: acme
    iss: https://id.acme.example
    jwks_url: https://id.acme.example/keys
upstreams:
  app:
    servers: [127.0.0.1:3000]
routes:
  - path: /api
    <<: *defaults
  - <<: [*defaults, *more]
    path: /open
    require: {}
";
    let merged = parse(merging.as_bytes()).unwrap();
    let [api, open] = merged.routes.as_slice() else {
        panic!("{:?}", merged.routes);
    };
    for route in [api, open] {
        assert_eq!(route.upstream.as_deref(), Some("app"));
    }
    assert!(!api.require.is_empty());
    assert!(open.require.is_empty(), "the key itself takes precedence");
    assert_eq!(api.body_size, None);
    assert!(open.body_size.is_some());
}

#[test]
fn only_mappings_are_merged() {
    for wrong in ["<<: app", "<<: [app]", "<<: 1"] {
        let text = GOOD.replace(
            "  - path: /api\n",
            &format!("  - path: /api\n    {wrong}\n"),
        );
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("routes[0].<<: only a mapping"),
            "{found:?}"
        );
    }
}

#[test]
fn anchors_have_a_place_at_the_top_and_nowhere_else() {
    assert_eq!(with("x-anything: {a: [1, 2]}"), [""; 0]);
    for (from, to) in [
        ("  - path: /api\n", "  - path: /api\n    x-more: 1\n"),
        ("issuers:", "y-more: 1\nissuers:"),
    ] {
        let found = changed(from, to);
        assert!(found[0].contains("unknown key"), "{found:?}");
    }
}
