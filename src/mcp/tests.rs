use http::HeaderMap;
use serde_json::json;

use super::*;

fn read(content: &str) -> Result<Call, McpError> {
    Call::read(content.as_bytes())
}

fn fields(fields: &[(&str, &str)]) -> Result<Fields, McpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(
            name,
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    Fields::read(&headers)
}

fn call(method: &str, name: Option<&str>) -> Call {
    Call {
        method: Some(method.to_owned()),
        name: name.map(str::to_owned),
        is_answer: false,
    }
}

#[test]
fn a_message_says_what_is_called() {
    for (content, expected) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b"}}}"#,
            call("tools/call", Some("a")),
        ),
        (
            r#"{"method":"resources/read","params":{"uri":"file:///x","name":"y"}}"#,
            call("resources/read", Some("file:///x")),
        ),
        (r#"{"method":"tools/list"}"#, call("tools/list", None)),
        (
            r#"{"method":"tools/list","params":null}"#,
            call("tools/list", None),
        ),
        (
            r#"{"method":"tools/list","params":{"Method":"x"}}"#,
            call("tools/list", None),
        ),
        (
            r#"{"id":1,"result":{"name":"a"}}"#,
            Call {
                is_answer: true,
                ..Call::default()
            },
        ),
        ("{}", Call::default()),
    ] {
        assert_eq!(read(content), Ok(expected), "{content}");
    }
}

#[test]
fn a_message_with_several_readings_is_refused() {
    for (content, error) in [
        ("", McpError::NotAnObject),
        ("x", McpError::NotAnObject),
        ("\u{feff}{}", McpError::NotAnObject),
        ("{}{}", McpError::NotAnObject),
        (r#" [{"method":"tools/list"}]"#, McpError::Batch),
        (r#"{"method":"a","method":"b"}"#, McpError::Duplicate),
        (r#"{"method":"a","m\u0065thod":"b"}"#, McpError::Duplicate),
        (
            r#"{"method":"a","params":{"name":"x","name":"y"}}"#,
            McpError::Duplicate,
        ),
        (
            r#"{"method":"a","params":{"arguments":{"x":1,"x":2}}}"#,
            McpError::Duplicate,
        ),
        (r#"{"method":"a","Method":"b"}"#, McpError::MemberSpelling),
        (r#"{"METHOD":"b"}"#, McpError::MemberSpelling),
        (
            "{\"method\":\"a\",\"param\u{17f}\":{}}",
            McpError::MemberSpelling,
        ),
        (
            r#"{"method":"a","params":{"name":"x","Name":"y"}}"#,
            McpError::MemberSpelling,
        ),
        (
            r#"{"method":"resources/read","params":{"uri":"x","URI":"y"}}"#,
            McpError::MemberSpelling,
        ),
        (r#"{"method":["a"]}"#, McpError::MemberType),
        (r#"{"method":null}"#, McpError::MemberType),
        (r#"{"method":"a","params":["x"]}"#, McpError::MemberType),
        (
            r#"{"method":"a","params":{"name":7}}"#,
            McpError::MemberType,
        ),
    ] {
        assert_eq!(read(content), Err(error), "{content}");
    }
}

#[test]
fn the_fields_must_say_what_the_message_says() {
    let tool = call("tools/call", Some("a"));
    let new = ("MCP-Protocol-Version", "2026-07-28");
    let old = ("MCP-Protocol-Version", "2025-11-25");
    for (given, about, expected) in [
        (
            &[("Mcp-Method", "tools/call"), ("Mcp-Name", "a"), new][..],
            &tool,
            Ok(()),
        ),
        (
            &[
                ("Mcp-Method", "tools/call"),
                ("Mcp-Name", "=?base64?YQ==?="),
            ],
            &tool,
            Ok(()),
        ),
        (
            &[("Mcp-Method", " tools/call\t"), ("Mcp-Name", "a")],
            &tool,
            Ok(()),
        ),
        (
            &[("Mcp-Method", "tools/call"), ("Mcp-Name", "b")],
            &tool,
            Err(McpError::Mismatch),
        ),
        (
            &[("Mcp-Method", "tools/list"), ("Mcp-Name", "a")],
            &tool,
            Err(McpError::Mismatch),
        ),
        (
            &[("Mcp-Method", "Tools/call"), ("Mcp-Name", "a")],
            &tool,
            Err(McpError::Mismatch),
        ),
        (
            &[("Mcp-Method", "tools/call"), new],
            &tool,
            Err(McpError::FieldMissing),
        ),
        (
            &[("Mcp-Name", "a"), new],
            &tool,
            Err(McpError::FieldMissing),
        ),
        (&[new], &tool, Err(McpError::FieldMissing)),
        (&[("Mcp-Method", "tools/call"), old], &tool, Ok(())),
        (&[], &tool, Ok(())),
        (&[("Mcp-Method", "ping"), new], &call("ping", None), Ok(())),
        (
            &[("Mcp-Method", "ping"), ("Mcp-Name", "a")],
            &call("ping", None),
            Err(McpError::Mismatch),
        ),
        (
            &[("Mcp-Method", "ping")],
            &Call::default(),
            Err(McpError::Mismatch),
        ),
        (
            &[("Mcp-Name", "a")],
            &Call::default(),
            Err(McpError::Mismatch),
        ),
        (&[new], &Call::default(), Ok(())),
    ] {
        assert_eq!(fields(given).unwrap().compare(about), expected, "{given:?}");
    }
    for (given, error) in [
        (
            &[("Mcp-Name", "a"), ("mcp-name", "a")][..],
            McpError::FieldTwice,
        ),
        (
            &[("Mcp-Method", "a"), ("Mcp-Method", "b")],
            McpError::FieldTwice,
        ),
        (
            &[("Mcp-Method", "a"), ("Mcp_Method", "b")],
            McpError::FieldSpelling,
        ),
        (&[("Mcp.Name", "b")], McpError::FieldSpelling),
        (&[("Mcp-Name", "\u{e9}")], McpError::FieldInvalid),
        (&[("Mcp-Name", "=?base64?YQ?=")], McpError::FieldInvalid),
        (&[("Mcp-Name", "=?base64?/w==?=")], McpError::FieldInvalid),
    ] {
        assert_eq!(fields(given), Err(error), "{given:?}");
    }
}

#[test]
fn rules_are_for_a_method_and_names() {
    let calls =
        |settings: serde_json::Value| Calls::new(&serde_json::from_value(settings).unwrap());
    let rules = json!([
        { "method": "tools/call", "scopes": ["tools"] },
        { "method": "tools/call", "names": ["delete_*", "drop"], "scopes": ["admin"] },
    ]);
    let allowing = calls(json!({ "calls": rules }));
    let refusing = calls(json!({ "calls": rules, "unlisted": "refuse" }));
    let needed = |calls: &Calls, call: &Call| {
        let rules = calls.rules_for(call).ok()?.into_iter();
        Some(
            rules
                .map(|rule| rule.scopes[0].to_string())
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    for (call, scopes, is_listed) in [
        (call("tools/call", Some("read")), "tools", true),
        (call("tools/call", Some("delete_all")), "tools admin", true),
        (call("tools/call", Some("delete_")), "tools admin", true),
        (call("tools/call", Some("drop")), "tools admin", true),
        (call("tools/call", Some("dropped")), "tools", true),
        (call("tools/call", None), "tools", true),
        (call("tools/list", None), "", false),
        (call("Tools/call", Some("drop")), "", false),
    ] {
        assert_eq!(
            needed(&allowing, &call).as_deref(),
            Some(scopes),
            "{call:?}"
        );
        let strict = needed(&refusing, &call);
        assert_eq!(strict.as_deref(), is_listed.then_some(scopes), "{call:?}");
    }
    let answer = Call {
        is_answer: true,
        ..Call::default()
    };
    assert_eq!(needed(&refusing, &answer).as_deref(), Some(""));
}

/// The official servers look a resource up by its normal form, and open the file that it stands for.
#[test]
fn every_reading_of_a_uri_counts() {
    let settings: McpSettings = serde_json::from_value(serde_json::json!({
        "unlisted": "refuse",
        "calls": [
            { "method": "resources/read", "names": ["file:///hr/*"], "require": { "department": "hr" } },
            { "method": "resources/read", "names": ["file:///public/*", "memo:*", "file:///a%20b", "https://a.test"] },
            { "method": "tools/call", "names": ["file:///hr/*"] },
        ],
    }))
    .unwrap();
    let calls = Calls::new(&settings);
    let asked_of = |method: &str, name: &str| {
        let rules = calls.rules_for(&call(method, Some(name)));
        rules.map(|rules| rules.len()).ok()
    };
    for (uri, expected) in [
        ("file:///hr/salaries.csv", Some(1)),
        ("file:///public/a.txt", Some(1)),
        ("file:///a%20b", Some(1)),
        ("file:///a b", Some(1)),
        ("https://a.test", Some(1)),
        ("memo:a/../b", Some(1)),
        ("file:///other", None),
        // What is refused or asked for in one reading is so in all.
        ("file:///public/../hr/salaries.csv", Some(2)),
        ("file:///public/%2e%2e/hr/salaries.csv", Some(2)),
        ("file:///public/../other", None),
        ("FILE:///hr/salaries.csv", None),
        ("file:/hr/salaries.csv", None),
        ("file://localhost/hr/salaries.csv", None),
        ("file:///%68r/salaries.csv", None),
        ("file:///hr/a/../b", Some(1)),
    ] {
        assert_eq!(asked_of("resources/read", uri), expected, "{uri}");
    }
    assert_eq!(asked_of("tools/call", "file:///hr/a"), Some(1));
    assert_eq!(asked_of("tools/call", "file:///x/../hr/a"), None);

    let open = McpSettings {
        unlisted: Unlisted::Allow,
        ..settings
    };
    let calls = Calls::new(&open);
    for uri in [
        "FILE:///hr/a",
        "file:///x/../hr/a",
        "file:/hr/a",
        "file:///%68r/a",
    ] {
        let rules = calls.rules_for(&call("resources/read", Some(uri))).unwrap();
        assert_eq!(rules.len(), 1, "{uri}");
    }
}
