//! What never reaches an upstream, on any route: issuers' credentials, ours, and every spelling
//! of our own field names.

use crate::support::{ACME, Key, Message, TestGateway, remember_session_token};

/// Each kind of route, with a request that passes there.
const ROUTES: [&str; 3] = ["/", "/optional", "/open"];

#[tokio::test]
async fn all_issuers_cookies_and_headers_leave_on_every_route() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    // Tokens of other places: used or not, good or not.
    let (acme, globex) = (
        site.acme.token().sub("x").sign(),
        site.globex.token().sign(),
    );
    let cookie = format!("a=1; acme_token={acme}; b=2; globex_token={globex}; vestibule=x; c=3");
    for path in ROUTES {
        let fields = [
            ("Authorization", &*bearer),
            ("Cookie", &*cookie),
            ("X-Acme-Tokens", "kept"),
        ];
        let seen = forwarded(&site, path, &fields).await;
        assert_eq!(
            seen.field("cookie").as_deref(),
            Some("a=1; b=2; c=3"),
            "{path}"
        );
        assert_eq!(
            seen.field("x-acme-tokens").as_deref(),
            Some("kept"),
            "{path}"
        );
    }
    for path in ROUTES {
        // An explicit field must agree with the bearer token; the other issuer's as well.
        let token = bearer.strip_prefix("Bearer ").unwrap();
        let fields = [("Authorization", &*bearer), ("X-Acme-Token", token)];
        let seen = forwarded(&site, path, &fields).await;
        assert_eq!(seen.field("x-acme-token"), None, "{path}");
    }
    let seen = forwarded(
        &site,
        "/open",
        &[("X-Acme-Token", &acme), ("X-Globex-Token", "x")],
    )
    .await;
    assert!(seen.field("x-acme-token").is_none() && seen.field("x-globex-token").is_none());
}

#[tokio::test]
async fn every_spelling_of_our_field_leaves() {
    let site = TestGateway::with(|config| {
        config["forward"] = serde_json::json!({"header": "X-Platform-Session", "scheme": ""});
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for path in ROUTES {
        for name in [
            "X-Platform-Session",
            "x-platform-session",
            "X_PLATFORM_SESSION",
            "X-Platform_Session",
            "X_Platform-Session",
            "x.platform.session",
        ] {
            let seen =
                forwarded(&site, path, &[("Authorization", &bearer), (name, "forged")]).await;
            assert!(!seen.contains("forged"), "{path} {name}");
            let ours = seen.all("X-Platform-Session");
            assert_eq!(
                ours.len(),
                usize::from(path != "/open"),
                "{path} {name}: {ours:?}"
            );
        }
        for name in [
            "X-Platform-Sessions",
            "XX-Platform-Session",
            "X-PlatformSession",
        ] {
            let seen = forwarded(&site, path, &[("Authorization", &bearer), (name, "kept")]).await;
            assert_eq!(seen.field(name).as_deref(), Some("kept"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_spelling_of_an_issuers_field_leaves_too() {
    let site = TestGateway::start().await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for path in ROUTES {
        for name in ["X_Acme_Token", "x-acme_token", "X_GLOBEX_TOKEN"] {
            let seen =
                forwarded(&site, path, &[("Authorization", &bearer), (name, "forged")]).await;
            assert!(!seen.contains("forged"), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn connection_can_not_take_our_field_out() {
    let header = "X-Platform-Session";
    let site = TestGateway::with(|config| {
        config["forward"] = serde_json::json!({"header": header, "scheme": "Bearer"});
    })
    .await;
    let bearer = format!("Bearer {}", site.acme.token().sign());
    for nominated in [header.to_lowercase(), format!("close, {header}")] {
        let fields = [("Authorization", &*bearer), ("Connection", &*nominated)];
        let seen = forwarded(&site, "/", &fields).await;
        let ours = seen.field(header).expect("our field");
        assert!(ours.starts_with("Bearer ey") && ours != bearer, "{header}");
        let passed = site.upstream.count();
        // Where credentials are looked for, none is nominated.
        let fields = [fields[0], ("Connection", "Authorization")];
        let answer = site.gateway.get("/", &fields).await;
        let reason = "connection_nominates_decisive_field";
        site.is_refusal(&answer, 400, "invalid_request", reason)
            .await;
        assert_eq!(site.upstream.count(), passed);
    }
}

/// On a `none` route `Authorization` is the upstream's business, unless it names one of ours.
#[tokio::test]
async fn authorization_leaves_an_open_route_only_when_its_issuer_is_known() {
    let site = TestGateway::start().await;
    site.passes(&site.acme.token().sign()).await;
    let own = site.upstream.last().bearer().unwrap();
    remember_session_token(&own);
    let good = site.acme.token().sign();
    let expired = site.acme.token().expires_in(-3600).sign();
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    let unsigned = site.acme.token().header("alg", "none").with_signature(b"");
    for token in [&good, &expired, &forged, &unsigned, &own] {
        let field = format!("Bearer {token}");
        let seen = forwarded(&site, "/open", &[("Authorization", &field)]).await;
        assert_eq!(seen.field("authorization"), None, "{token}");
    }

    let foreign = site
        .acme
        .token()
        .claim("iss", "https://elsewhere.test")
        .foreign()
        .sign();
    for field in [
        format!("Bearer {foreign}"),
        "Bearer opaque".into(),
        "Basic YWJjOmRlZg==".into(),
    ] {
        let seen = forwarded(&site, "/open", &[("Authorization", &field)]).await;
        assert_eq!(seen.field("authorization").as_deref(), Some(&*field));
    }
    assert!(!ACME.contains("elsewhere"));
}

/// A `Basic` credential on a route with a session is not the gateway's, but its field is.
#[tokio::test]
async fn our_token_replaces_authorization_of_another_scheme() {
    let site = TestGateway::start().await;
    let cookie = format!("acme_token={}", site.acme.token().sign());
    let fields = [
        ("Authorization", "Basic YWJjOmRlZg=="),
        ("Cookie", &*cookie),
    ];
    let seen = forwarded(&site, "/", &fields).await;
    assert!(
        seen.field("authorization")
            .unwrap()
            .starts_with("Bearer ey")
    );
}

async fn forwarded(site: &TestGateway, path: &str, fields: &[(&str, &str)]) -> Message {
    let before = site.upstream.count();
    let answer = site.gateway.get(path, fields).await;
    assert_eq!(answer.status(), 200, "{path} {}", answer.text());
    assert_eq!(site.upstream.count(), before + 1);
    site.upstream.last()
}
