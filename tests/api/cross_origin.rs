//! Which pages may call the API, with what (Fetch standard, "CORS protocol").

use serde_json::json;

use super::sdk::{PAGE, Sdk, is_error};
use crate::support::Message;

#[tokio::test]
async fn listed_pages_read_every_answer_and_others_none() {
    let sdk = Sdk::start(|_| {}).await;
    let answers = [
        preflight(&sdk, "externalAuth/signin", PAGE, "POST", "content-type").await,
        sdk.get("settings", &[("Origin", PAGE)]).await,
        sdk.get("users", &[("Origin", PAGE)]).await,
        sdk.get("unheard", &[("Origin", PAGE)]).await,
        sdk.get("revoke", &[("Origin", PAGE)]).await,
    ];
    for (answer, status) in answers.iter().zip([204, 200, 401, 404, 405]) {
        assert_eq!(answer.status(), status, "{}", answer.text());
        assert_eq!(
            answer.field("access-control-allow-origin").as_deref(),
            Some(PAGE)
        );
        assert_eq!(
            answer.field("access-control-allow-credentials").as_deref(),
            Some("true")
        );
        assert_eq!(answer.field("vary").as_deref(), Some("Origin"));
    }
    let evil = "https://evil.test";
    let answers = [
        preflight(&sdk, "settings", evil, "GET", "content-type").await,
        sdk.get("settings", &[("Origin", evil)]).await,
    ];
    for answer in answers {
        for field in ["origin", "headers", "methods", "credentials"] {
            let field = format!("access-control-allow-{field}");
            assert_eq!(answer.field(&field), None, "{field}");
        }
        assert_eq!(answer.field("vary").as_deref(), Some("Origin"));
    }
    let jwt = json!({ "jwt": sdk.site.acme.token().sign() }).to_string();
    let json = ("Content-Type", "application/json");
    let fields = [("Origin", evil), json];
    let answer = sdk.ask("POST", "externalAuth/signin", &fields, &jwt).await;
    is_error(&answer, 403, "forbidden");
}

/// Clients of MCP in browsers send their protocol's version with each request.
#[tokio::test]
async fn any_page_reads_public_documents_with_fields_of_its_own() {
    let sdk = Sdk::start(|_| {}).await;
    let of_sdk = format!("/_vestibule/api/v0/sdk/{}/.well-known", sdk.environment);
    for path in [
        "/_vestibule/.well-known/openid-configuration",
        "/_vestibule/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server/_vestibule",
        &*format!("{of_sdk}/jwks"),
        &*format!("{of_sdk}/jwks.json"),
    ] {
        let fields = [
            ("Origin", "https://inspector.test"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "mcp-protocol-version"),
        ];
        let answer = sdk.site.gateway.request("OPTIONS", path, &fields).await;
        assert_eq!(answer.status(), 204, "{path}");
        for name in ["origin", "headers"] {
            let granted = answer.field(&format!("access-control-allow-{name}"));
            assert_eq!(granted.as_deref(), Some("*"), "{path}");
        }
        // Reading is all that there is.
        assert_eq!(
            sdk.site.gateway.request("POST", path, &[]).await.status(),
            405
        );
        assert_eq!(sdk.site.gateway.get(path, &fields[..1]).await.status(), 200);
    }
}

/// Each release of the clients sends other fields.
#[tokio::test]
async fn a_listed_page_may_send_what_it_asks_for() {
    let sdk = Sdk::start(|_| {}).await;
    let fields = "x-dyn-device-fingerprint,x-dyn-is-global-wallet-popup, X-Of-Tomorrow";
    let answer = preflight(&sdk, "settings", PAGE, "GET", fields).await;
    assert_eq!(answer.status(), 204);
    let granted = answer.field("access-control-allow-headers");
    assert_eq!(
        granted.as_deref(),
        Some("x-dyn-device-fingerprint, x-dyn-is-global-wallet-popup, x-of-tomorrow")
    );
    let many: Vec<_> = (0..65).map(|number| format!("x-{number}")).collect();
    for refused in ["x-good, not a name", &many.join(",")] {
        let answer = preflight(&sdk, "settings", PAGE, "GET", refused).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.field("access-control-allow-headers"), None);
    }
}

#[tokio::test]
async fn a_preflight_says_which_methods_its_path_has() {
    let sdk = Sdk::start(|_| {}).await;
    for (endpoint, has, lacks) in [
        ("settings", &["GET"][..], &["POST", "PUT", "DELETE"][..]),
        ("refresh", &["POST"], &["GET", "PUT"]),
    ] {
        let answer = preflight(&sdk, endpoint, PAGE, has[0], "content-type").await;
        let methods = answer.field("access-control-allow-methods").unwrap();
        let listed: Vec<_> = methods.split(',').map(str::trim).collect();
        assert!(
            has.iter().all(|method| listed.contains(method)),
            "{endpoint}: {methods}"
        );
        assert!(
            !lacks.iter().any(|method| listed.contains(method)),
            "{endpoint}: {methods}"
        );
    }
    let fields = [("Origin", PAGE), ("Access-Control-Request-Method", "POST")];
    let gateway = &sdk.site.gateway;
    let answer = gateway
        .request("OPTIONS", "/_vestibule/oauth/token", &fields)
        .await;
    let methods = answer.field("access-control-allow-methods");
    assert_eq!(methods.as_deref(), Some("POST"));
}

/// Its session has ended by then, so the page had better not see a network error.
#[tokio::test]
async fn a_listed_page_logs_out_by_a_script_and_reads_the_answer() {
    let sdk = Sdk::start(|_| {}).await;
    let gateway = &sdk.site.gateway;
    for (page, is_listed) in [(PAGE, true), ("https://evil.test", false)] {
        let granted = is_listed.then(|| page.to_owned());
        let asks = [
            ("Origin", page),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let answer = gateway.request("OPTIONS", LOGOUT, &asks).await;
        assert_eq!(answer.status(), 204, "{page}");
        let fields = answer.field("access-control-allow-headers");
        assert_eq!(fields.is_some(), is_listed, "{page}");
        assert_eq!(answer.field("access-control-allow-origin"), granted);

        let signed = |sub: &str| sdk.site.acme.token().sub(sub).sign();
        let cookie = format!("acme_token={}", signed(page));
        let bearer = format!("Bearer {}", signed(&format!("app {page}")));
        let form = "application/x-www-form-urlencoded";
        let most = "x".repeat((64 << 10) + 1);
        for (method, fields, content, status) in [
            ("POST", &[("Cookie", &*cookie)][..], "", [204, 403]),
            ("POST", &[("Authorization", &*bearer)], "", [204, 204]),
            ("POST", &[("Content-Type", form)], "return_to=x", [400, 400]),
            // These are refused before the endpoint is asked.
            ("POST", &[("Content-Type", form)], &*most, [413, 413]),
            ("GET", &[], "", [405, 405]),
        ] {
            let length = content.len().to_string();
            let sent = [fields, &[("Origin", page), ("Content-Length", &*length)]].concat();
            let mut request = gateway.bytes(method, LOGOUT, &sent);
            request.extend(content.as_bytes());
            let answer = gateway.send(request).await;
            let expected = if is_listed { status[0] } else { status[1] };
            assert_eq!(answer.status(), expected, "{}", answer.text());
            let readable = answer.field("access-control-allow-origin");
            assert_eq!(readable, granted, "{method} {fields:?}");
            assert_eq!(answer.field("vary").as_deref(), Some("Origin"));
        }
    }
}

const LOGOUT: &str = "/_vestibule/logout";

pub async fn preflight(
    sdk: &Sdk,
    endpoint: &str,
    page: &str,
    method: &str,
    fields: &str,
) -> Message {
    let asks = [
        ("Origin", page),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", fields),
    ];
    sdk.ask("OPTIONS", endpoint, &asks, "").await
}
