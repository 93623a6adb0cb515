//! What an answer to another proxy says of a request's fields, and of the way to sign in.

use serde_json::json;

use super::ways::{WAYS, ask, start};

/// Traefik would complete a path by the gateway's address, and nginx by its own port.
#[tokio::test]
async fn a_login_page_of_the_same_host_is_named_in_full() {
    let site = start(|config| {
        config["login_url"] = json!("/login");
        config["routes"][0]["host"] = json!("app.test");
        config["routes"].as_array_mut().unwrap().push(json!({
            "host": "app.test", "path": "/login", "auth": "none", "upstream": "app",
        }));
    })
    .await;
    for scheme in ["http", "https"] {
        let person = [
            ("Accept", "text/html"),
            ("Sec-Fetch-Mode", "navigate"),
            ("X-Forwarded-Proto", scheme),
        ];
        for way in WAYS {
            let answer = ask(&site, way, "GET", "/page?q=1", &person).await;
            let location = answer.field("location");
            let page = format!("{scheme}://app.test/login?return_to=%2Fpage%3Fq%3D1");
            assert_eq!(location, Some(page), "{way:?}: {}", answer.text());
        }
    }
}

/// Of a field that carries a token among others, the rest is for the upstream.
#[tokio::test]
async fn a_grant_tells_what_is_left_of_a_field() {
    let site = start(|_| {}).await;
    let token = site.acme.token().sign();
    for way in WAYS {
        for (offered, left) in [
            (format!("chat, {token}"), Some("chat")),
            ("chat, soap".to_owned(), None),
        ] {
            let fields = [("Sec-WebSocket-Protocol", &*offered)];
            let answer = ask(&site, way, "GET", "/optional", &fields).await;
            assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
            let said = answer.field("sec-websocket-protocol");
            assert_eq!(said.as_deref(), left, "{way:?}");
            assert_eq!(answer.field(REMOVES), None, "{way:?}");
        }
        let fields = [("Sec-WebSocket-Protocol", &*token)];
        let answer = ask(&site, way, "GET", "/optional", &fields).await;
        let gone = answer.field(REMOVES);
        assert_eq!(gone.as_deref(), Some("sec-websocket-protocol"), "{way:?}");
    }
}

/// Whichever proxy the application was behind before, its clients are not it.
#[tokio::test]
async fn a_grant_takes_away_what_only_a_proxy_may_say() {
    let site = start(|config| {
        config["trusted_fields"] = json!(["X-WebAuth-User"]);
        config["client_fields"] = json!(["X-Host"]);
    })
    .await;
    let ordinary = [
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Real-IP", "192.0.2.1"),
        ("X-WebAuth-User", "ada"),
        ("X-Host", "of-a-client"),
        ("X-Other", "1"),
    ];
    let forged = [
        ("Remote-User", "root"),
        ("SM_USER", "root"),
        ("X_WebAuth_User", "root"),
        ("X-Forwarded-Port", "666"),
        ("X-Rewrite-URL", "/admin"),
    ];
    for way in WAYS {
        let answer = ask(&site, way, "GET", "/optional", &ordinary).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        assert_eq!(answer.field(REMOVES), None, "{way:?}");

        let fields = [&ordinary[..], &forged].concat();
        let answer = ask(&site, way, "GET", "/optional", &fields).await;
        assert_eq!(answer.status(), 200, "{way:?}: {}", answer.text());
        let gone = answer.field(REMOVES).expect("fields to remove");
        let mut gone: Vec<&str> = gone.split(',').collect();
        gone.sort_unstable();
        let mut all = forged.map(|(name, _)| name.to_lowercase());
        all.sort_unstable();
        assert_eq!(gone, all, "{way:?}");
    }
}

const REMOVES: &str = "x-envoy-auth-headers-to-remove";
