//! A challenge that leads on: the parameters that a route adds to `WWW-Authenticate`.

use serde_json::json;

use crate::support::{Key, TestGateway};

#[tokio::test]
async fn a_route_says_where_a_token_is_to_be_had() {
    let metadata = "https://app.test/.well-known/oauth-protected-resource/mcp";
    let site = TestGateway::with(|config| {
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/mcp", "upstream": "app",
            "challenge": { "resource_metadata": metadata, "scope": "read write" },
        }));
    })
    .await;
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let bearer = format!("Bearer {forged}");
    for (path, fields, expected) in [
        (
            "/mcp",
            &[][..],
            format!(
                r#"Bearer realm="vestibule", resource_metadata="{metadata}", scope="read write""#
            ),
        ),
        (
            "/mcp/x",
            &[("Authorization", &*bearer)],
            format!(
                r#"Bearer realm="vestibule", error="invalid_token", resource_metadata="{metadata}", scope="read write""#
            ),
        ),
        ("/", &[], r#"Bearer realm="vestibule""#.to_owned()),
    ] {
        let answer = site.gateway.get(path, fields).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.field("www-authenticate"), Some(expected), "{path}");
    }
}
