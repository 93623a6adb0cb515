//! Calls of MCP: which of them pass, by fields and content.

use serde_json::{Value, json};

use crate::api::oauth::{exchange, granted};
use crate::support::{Message, TestGateway};

#[tokio::test]
async fn a_tool_needs_its_scopes_and_claims() {
    let site = start(|_| {}).await;
    let whole = bearer(&site, "tools:read tools:write", "").await;
    let reads = bearer(&site, "tools:read", "").await;
    let none = bearer(&site, "user:basic", "").await;
    let admin = bearer(&site, "tools:read tools:write", "admin").await;
    let origin = format!("http://{}", site.gateway.public);
    let metadata =
        format!(r#"resource_metadata="{origin}/.well-known/oauth-protected-resource/mcp""#);
    for (token, tool, missing) in [
        (&reads, "list", None),
        (&reads, "delete_all", Some("tools:write")),
        (&reads, "deleted", None),
        (&none, "list", Some("tools:read")),
        (&none, "delete_all", Some("tools:read tools:write")),
        (&whole, "delete_all", None),
    ] {
        // With fields and, as clients of older revisions, without.
        for fields in [&[("Mcp-Method", "tools/call"), ("Mcp-Name", tool)][..], &[]] {
            let before = site.upstream.count();
            let answer = call(&site, token, fields, &tool_call(tool)).await;
            let Some(missing) = missing else {
                assert_eq!(answer.status(), 200, "{tool}: {}", answer.text());
                assert_eq!(site.upstream.last().text(), tool_call(tool));
                continue;
            };
            // Who lacks what every call needs is refused before the content is read.
            let lacks_all = fields.is_empty() && token == &none;
            let missing = if lacks_all { "tools:read" } else { missing };
            let challenge = format!(
                r#"Bearer realm="vestibule", error="insufficient_scope", {metadata}, scope="{missing}""#
            );
            assert_eq!(answer.field("www-authenticate"), Some(challenge), "{tool}");
            site.is_refusal(&answer, 403, "insufficient_scope", "scope_narrowed")
                .await;
            assert_eq!(site.upstream.count(), before, "{tool}");
        }
    }
    for (token, passes) in [(&whole, false), (&admin, true)] {
        let answer = call(&site, token, &[], &tool_call("grant")).await;
        match passes {
            true => assert_eq!(answer.status(), 200, "{}", answer.text()),
            false => {
                site.is_refusal(&answer, 403, "forbidden", "claim_absent")
                    .await
            }
        }
    }
    let fields = [("Mcp-Method", "tools/call"), ("Mcp-Name", "delete_all")];
    let answer = call(&site, "", &fields, &tool_call("delete_all")).await;
    let challenge =
        format!(r#"Bearer realm="vestibule", {metadata}, scope="tools:read tools:write""#);
    assert_eq!(answer.field("www-authenticate"), Some(challenge));
}

#[tokio::test]
async fn fields_and_content_say_the_same_in_one_way() {
    let site = start(|_| {}).await;
    let token = bearer(&site, "tools:read", "").await;
    let new = ("MCP-Protocol-Version", "2026-07-28");
    let (method, name) = (("Mcp-Method", "tools/call"), ("Mcp-Name", "list"));
    let list = tool_call("list");
    let twice = r#"{"method":"tools/call","method":"tools/list","params":{"name":"list"}}"#;
    let cased = r#"{"method":"tools/call","params":{"name":"list","Name":"delete_all"}}"#;
    let batch = format!("[{list}]");
    for (fields, content, refused) in [
        (&[method, name, new][..], &*list, None),
        (
            &[method, ("Mcp-Name", "=?base64?bGlzdA==?="), new],
            &list,
            None,
        ),
        (
            &[method, ("Mcp-Name", "other"), new],
            &list,
            Some("mcp_mismatch"),
        ),
        (
            &[method, name],
            &tool_call("delete_all"),
            Some("mcp_mismatch"),
        ),
        (
            &[("Mcp-Method", "tools/list"), new],
            &list,
            Some("mcp_mismatch"),
        ),
        (&[method, new], &list, Some("mcp_field_missing")),
        (&[new], &list, Some("mcp_field_missing")),
        (
            &[method, name, ("Mcp-Name", "list")],
            &list,
            Some("mcp_field_twice"),
        ),
        (
            &[method, name, ("Mcp_Name", "x")],
            &list,
            Some("mcp_field_spelling"),
        ),
        (&[method, name], &batch, Some("mcp_batch")),
        (&[], &batch, Some("mcp_batch")),
        (&[method, name], twice, Some("mcp_member_duplicate")),
        (&[method, name], cased, Some("mcp_member_spelling")),
        (&[method, name], "", Some("mcp_content_invalid")),
        (&[], "list", Some("mcp_content_invalid")),
    ] {
        let before = site.upstream.count();
        let answer = call(&site, &token, fields, content).await;
        match refused {
            None => assert_eq!(answer.status(), 200, "{fields:?}: {}", answer.text()),
            Some(reason) => {
                site.is_refusal(&answer, 400, "invalid_request", reason)
                    .await;
                assert_eq!(site.upstream.count(), before, "{fields:?}");
            }
        }
    }
    for (field, status) in [
        (("Content-Encoding", "gzip"), 415),
        (("Content-Encoding", "identity"), 200),
        (("Content-Type", "application/json; charset=utf-16"), 415),
        (("Content-Type", "application/json; charset=UTF-8"), 200),
    ] {
        let own = [("Authorization", &*format!("Bearer {token}")), field]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let answer = post(&site, &own, &list).await;
        assert_eq!(answer.status(), status, "{field:?}: {}", answer.text());
    }
}

/// Whatever the length and the framing: the upstream gets the same bytes.
#[tokio::test]
async fn long_messages_are_forwarded_whole() {
    let site = start(|_| {}).await;
    let token = bearer(&site, "tools:read", "").await;
    for length in [10, 65_000, 66_000, 300_000] {
        let content = long_call(length);
        let answer = call(&site, &token, &[], &content).await;
        assert_eq!(answer.status(), 200, "{length}: {}", answer.text());
        assert!(site.upstream.last().text() == content, "{length}");
    }
    let announced = ((1 << 20) + 1).to_string();
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", &*bearer), ("Content-Length", &*announced)];
    let refused = site.gateway.request("POST", "/mcp", &fields).await;
    site.is_refusal(&refused, 413, "too_large", "mcp_content_too_large")
        .await;
    for (length, status) in [(10, 200), (60_000, 200), (70_000, 411)] {
        let content = long_call(length);
        let chunks: String = content
            .as_bytes()
            .chunks(10_000)
            .map(|chunk| {
                let text = std::str::from_utf8(chunk).unwrap();
                format!("{:x}\r\n{text}\r\n", chunk.len())
            })
            .collect();
        let fields = [
            ("Authorization", &*format!("Bearer {token}")),
            ("Transfer-Encoding", "chunked"),
        ];
        let mut bytes = site.gateway.bytes("POST", "/mcp", &fields);
        bytes.extend(format!("{chunks}0\r\n\r\n").bytes());
        let answer = site.gateway.send(bytes).await;
        assert_eq!(answer.status(), status, "{length}: {}", answer.text());
        if status == 200 {
            assert!(site.upstream.last().text().contains(&content), "{length}");
        }
    }
}

#[tokio::test]
async fn what_carries_no_message_passes_as_the_route_says() {
    let site = start(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        let rules = json!({ "calls": [{ "method": "tools/list" }], "unlisted": "refuse" });
        routes.push(json!({ "path": "/strict", "upstream": "app", "mcp": rules }));
    })
    .await;
    let external = format!("Bearer {}", site.acme.token().sign());
    let by = ("Authorization", &*external);
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = [by, ("Connection", "Upgrade"), ("Upgrade", "websocket"), key];
    let refused = site.gateway.get("/strict", &upgrade).await;
    site.is_refusal(&refused, 403, "forbidden", "mcp_websocket")
        .await;
    assert_eq!(
        site.gateway.get("/strict", &[by]).await.status(),
        403,
        "no call is no listed one"
    );
    let own = [("Authorization".to_owned(), external.clone())];
    for (content, status) in [
        (r#"{"method":"tools/list"}"#, 200),
        (r#"{"method":"tools/call","params":{"name":"x"}}"#, 403),
        (r#"{"id":1,"result":{}}"#, 200),
    ] {
        let answer = post_to(&site, "/strict", &own, content).await;
        assert_eq!(answer.status(), status, "{content}: {}", answer.text());
    }
}

/// Another proxy keeps the content, so what it says cannot be compared.
#[tokio::test]
async fn forward_auth_decides_by_fields_only_where_that_is_configured() {
    let site = start(|config| {
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
        let routes = config["routes"].as_array_mut().unwrap();
        let calls =
            json!([{ "method": "tools/call", "names": ["drop"], "require": { "role": "x" } }]);
        for (path, fields_only) in [("/both", false), ("/fields", true)] {
            let mcp = json!({ "calls": calls, "fields_only": fields_only });
            routes.push(json!({ "path": path, "upstream": "app", "mcp": mcp }));
        }
    })
    .await;
    let external = format!("Bearer {}", site.acme.token().sign());
    let (method, list) = (("Mcp-Method", "tools/call"), ("Mcp-Name", "list"));
    let drop = ("Mcp-Name", "drop");
    for (path, fields, refused) in [
        (
            "/both",
            &[method, list][..],
            Some((403, "forbidden", "mcp_content_unseen")),
        ),
        ("/fields", &[method, list], None),
        (
            "/fields",
            &[method, drop],
            Some((403, "forbidden", "claim_absent")),
        ),
        (
            "/fields",
            &[],
            Some((400, "invalid_request", "mcp_field_missing")),
        ),
    ] {
        let own = [
            ("Authorization", &*external),
            ("X-Forwarded-Method", "POST"),
            ("X-Forwarded-Host", "app.test"),
            ("X-Forwarded-Uri", path),
        ];
        let fields = [&own[..], fields].concat();
        let answer = site.gateway.get("/_vestibule/check", &fields).await;
        match refused {
            None => assert_eq!(answer.status(), 200, "{}", answer.text()),
            Some((status, code, reason)) => site.is_refusal(&answer, status, code, reason).await,
        }
    }
}

/// A server without these fields would go by the content, which nobody has compared with them.
#[tokio::test]
async fn the_fields_of_a_call_reach_its_server() {
    let site = start(|config| {
        let mcp = json!({ "calls": [{ "method": "tools/call" }], "fields_only": true });
        let route = json!({ "path": "/fields", "upstream": "app", "mcp": mcp });
        config["routes"].as_array_mut().unwrap().push(route);
    })
    .await;
    let by = format!("Bearer {}", site.acme.token().sign());
    let call = |options: &str| {
        [
            ("Authorization", &*by),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "list"),
            ("Connection", options),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let content = tool_call("list");
    let answer = post_to(&site, "/fields", &call("close"), &content).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        site.upstream.last().field("mcp-name").as_deref(),
        Some("list")
    );
    let answer = post_to(&site, "/fields", &call("Mcp-Method, Mcp-Name"), &content).await;
    let reason = "connection_nominates_decisive_field";
    site.is_refusal(&answer, 400, "invalid_request", reason)
        .await;
    assert_eq!(site.upstream.count(), 1);
}

fn tool_call(name: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#
    )
}

fn long_call(length: usize) -> String {
    let text = "x".repeat(length);
    format!(r#"{{"method":"tools/call","params":{{"name":"list","text":"{text}"}}}}"#)
}

async fn bearer(site: &TestGateway, scope: &str, role: &str) -> String {
    let resource = format!("http://{}/mcp", site.gateway.public);
    let external = match role {
        "" => site.acme.token().claim("sid", scope),
        role => site.acme.token().sub("root").claim("role", role),
    };
    let more = [("scope", scope), ("resource", &resource)];
    let granted = granted(&exchange(site, &external.sign(), &more).await);
    granted["access_token"].as_str().unwrap().to_owned()
}

async fn call(site: &TestGateway, token: &str, fields: &[(&str, &str)], content: &str) -> Message {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let credential = ("Authorization".to_owned(), format!("Bearer {token}"));
    let credential = Some(credential).filter(|_| !token.is_empty());
    let fields: Vec<_> = fields.chain(credential).collect();
    post(site, &fields, content).await
}

async fn post(site: &TestGateway, fields: &[(String, String)], content: &str) -> Message {
    post_to(site, "/mcp", fields, content).await
}

async fn post_to(
    site: &TestGateway,
    path: &str,
    fields: &[(String, String)],
    content: &str,
) -> Message {
    let length = content.len().to_string();
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<_> = fields.chain([("Content-Length", &*length)]).collect();
    let mut bytes = site.gateway.bytes("POST", path, &fields);
    bytes.extend(content.as_bytes());
    site.gateway.send(bytes).await
}

async fn start(change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["session"] = json!({ "scopes": ["tools:read", "tools:write"] });
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/mcp", "upstream": "app",
            "scopes": ["tools:read"],
            "resource": { "scopes": ["tools:read", "tools:write"] },
            "mcp": { "calls": [
                { "method": "tools/call", "names": ["delete_*"], "scopes": ["tools:write"] },
                { "method": "tools/call", "names": ["grant"], "require": { "role": "admin" } },
            ] },
        }));
        change(config);
    })
    .await
}
