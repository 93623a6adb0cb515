use super::{Diagnostic, Index, Position};

fn at(line: usize, column: usize) -> Position {
    Position { line, column }
}

fn faults(text: &str) -> Vec<Diagnostic> {
    Index::of(text).expect_err("the text is faulty")
}

const TEXT: &str = "\
listeners:
  - address: 127.0.0.1:8080
issuers:
  - name: acme
    jwksUrl: https://id.acme.example/keys
    aud: [web, \"mobile\"]
shared: &shared
  read_timeout: 5s
upstreams:
  app: *shared
";

#[test]
fn keys_values_and_items_are_found() {
    let index = Index::of(TEXT).unwrap();
    let cases = [
        ("listeners", at(1, 1), at(1, 1)),
        ("listeners[0]", at(2, 5), at(2, 5)),
        ("listeners[0].address", at(2, 5), at(2, 14)),
        ("issuers[0].name", at(4, 5), at(4, 11)),
        ("issuers[0].aud", at(6, 5), at(6, 5)),
        ("issuers[0].aud[1]", at(6, 16), at(6, 16)),
        ("upstreams.app", at(10, 3), at(10, 8)),
    ];
    for (path, key, value) in cases {
        let place = index.find(path).unwrap();
        assert_eq!(
            (place.path.as_str(), place.key, place.value),
            (path, key, value)
        );
    }
}

#[test]
fn an_alias_of_a_key_is_found_by_the_keys_name() {
    let index = Index::of(TEXT).unwrap();
    let place = index.find("issuers[0].jwks_url").unwrap();
    assert_eq!(place.path, "issuers[0].jwksUrl");
    assert_eq!((place.key, place.value), (at(5, 5), at(5, 14)));
}

#[test]
fn what_is_not_in_the_text_is_where_its_parent_is() {
    let index = Index::of(TEXT).unwrap();
    assert_eq!(index.find("issuers[0].iss").unwrap().path, "issuers[0]");
    assert_eq!(
        index.find("upstreams.app.read_timeout").unwrap().path,
        "upstreams.app"
    );
    assert_eq!(index.find("routes[3].path"), None);
}

#[test]
fn keys_that_differ_only_in_case_keep_their_places() {
    let index = Index::of("upstreams:\n  userApi: 1\n  user_api: 2\n").unwrap();
    assert_eq!(index.find("upstreams.userApi").unwrap().key, at(2, 3));
    assert_eq!(index.find("upstreams.user_api").unwrap().key, at(3, 3));
}

#[test]
fn every_duplicate_key_is_told_at_the_second() {
    let found = faults("log:\n  level: info\n  level: warn\nadmin: {}\nlog: {}\n");
    let reported: Vec<_> = found
        .iter()
        .map(|f| (f.position.unwrap(), f.path.as_str(), f.message.as_str()))
        .collect();
    assert_eq!(
        reported,
        [
            (at(3, 3), "log.level", "duplicate key, first on line 2"),
            (at(5, 1), "log", "duplicate key, first on line 1"),
        ]
    );
}

#[test]
fn one_document_of_plain_keys() {
    assert!(Index::of("---\na: 1\n...\n").is_ok());
    assert_eq!(
        faults("a: 1\n---\nb: 2\n")[0].message,
        "a second YAML document; a configuration is a single document"
    );
    assert_eq!(
        faults("? [a]\n: 1\n")[0].message,
        "a key must be a plain string"
    );
}

#[test]
fn syntax_is_told_with_its_place() {
    let found = faults("listeners:\n  - address: \"127.0.0.1\n");
    assert!(
        found[0].message.starts_with("not YAML: "),
        "{}",
        found[0].message
    );
    assert_eq!(found[0].position.unwrap(), at(2, 14));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Index::of(&nested(32)).is_ok());
    assert_eq!(faults(&nested(33))[0].message, "nested too deeply");
}

#[test]
fn expansion_by_aliases_is_bounded() {
    let levels = |count: usize| {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..count {
            let below = format!("*a{}", level - 1);
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                [below.as_str(); 10].join(", ")
            ));
        }
        text
    };
    assert!(Index::of(&levels(4)).is_ok());
    let found = faults(&levels(7));
    assert_eq!(found[0].message, "aliases expand to too many values");
    assert_eq!(
        (found[0].position.unwrap().line, found[0].path.as_str()),
        (6, "a5")
    );
    assert_eq!(
        faults("a: &a [*a]\n")[0].message,
        "an alias refers to an anchor that contains it"
    );
}

#[test]
fn tags_of_other_programs_are_no_part_of_a_configuration() {
    for text in [
        "iss: !!str https://id.acme.example\n",
        "iss: \"!env ISS\"\n",
        "routes: !!seq\n  - !!map {path: /, exact: !!bool true}\n",
    ] {
        assert!(Index::of(text).is_ok(), "{text}");
    }
    for (text, path, line) in [
        ("iss: !env ISS\n", "iss", 1),
        ("admin:\n  token: !hunter2\n", "admin.token", 2),
        ("routes:\n  - !include {path: /}\n", "routes[0]", 2),
        ("routes: !join [a, b]\n", "routes", 1),
        ("key: !!binary aGk=\n", "key", 1),
        ("key: !<tag:acme.example,2026:x> y\n", "key", 1),
    ] {
        let found = faults(text);
        let [fault] = found.as_slice() else {
            panic!("{text}: {found:?}");
        };
        assert_eq!(fault.path, path, "{text}");
        assert_eq!(fault.position.unwrap().line, line, "{text}");
        assert!(
            fault.message.starts_with("a tag of YAML"),
            "{text}: {fault}"
        );
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
}

#[test]
fn a_key_is_a_text() {
    for text in [
        "upstreams:\n  '1': {}\n",
        "upstreams:\n  one: {}\n  no: {}\n  1st: {}\n  10.0.0.1: {}\n",
        "x-notes:\n  2026: {}\n",
    ] {
        assert!(Index::of(text).is_ok(), "{text}");
    }
    for key in ["1", "0x1f", "1e3", "true", "False", "~", "null"] {
        let found = faults(&format!("upstreams:\n  {key}: {{}}\n"));
        let [fault] = found.as_slice() else {
            panic!("{key}: {found:?}");
        };
        assert_eq!(fault.position, Some(at(2, 3)), "{key}");
        assert_eq!(fault.path, format!("upstreams.{key}"));
        assert_eq!(fault.hint.as_deref(), Some("put it in quotes"), "{key}");
    }
}
