//! A token for one route's upstream is valid on that route only (RFC 7519 section 4.1.3).

use serde_json::json;

use crate::support::{Message, TestGateway, decode, remember_session_token};

#[tokio::test]
async fn an_upstream_cannot_use_its_token_elsewhere() {
    let site = start().await;
    let external = format!("Bearer {}", site.acme.token().sign());
    let get =
        async |path: &str, bearer: &str| site.gateway.get(path, &[("Authorization", bearer)]).await;
    let given = async |path: &str| {
        assert_eq!(get(path, &external).await.status(), 200);
        let token = site.upstream.last().bearer().unwrap();
        remember_session_token(&token);
        token
    };
    let (billing, usual) = (given("/billing").await, given("/").await);
    assert_eq!(decode(&billing).claims["aud"], "https://billing.test");
    for (token, path, passes) in [
        (&billing, "/billing", true),
        (&billing, "/mail", false),
        (&billing, "/", false),
        (&billing, "/optional", false),
        (&billing, "/_vestibule/userinfo", false),
        (&usual, "/billing", true),
        (&usual, "/mail", true),
        (&usual, "/", true),
        (&usual, "/_vestibule/userinfo", true),
    ] {
        // Twice: a hit is decided as a miss is.
        for _ in 0..2 {
            let answer = get(path, &format!("Bearer {token}")).await;
            let status = if passes { 200 } else { 401 };
            assert_eq!(answer.status(), status, "{path}: {}", answer.text());
        }
    }
    for (endpoint, form) in [
        ("refresh", false),
        ("session", false),
        ("revoke", false),
        ("token", true),
    ] {
        let refused = call(&site, endpoint, form, &billing).await;
        assert!((400..500).contains(&refused.status()), "{endpoint}");
    }
    let bearer = format!("Bearer {billing}");
    let logout = site
        .gateway
        .request("POST", "/_vestibule/logout", &[("Authorization", &bearer)])
        .await;
    assert_eq!(logout.status(), 401, "{}", logout.text());
    for (endpoint, form) in [("refresh", false), ("session", false), ("token", true)] {
        let answer = call(&site, endpoint, form, &usual).await;
        assert!(answer.status() < 300, "{endpoint}: {}", answer.text());
    }
    site.passes(&usual).await;
}

#[tokio::test]
async fn a_token_of_a_route_that_is_gone_is_valid_nowhere() {
    let mut site = start().await;
    let external = format!("Bearer {}", site.acme.token().sign());
    let by = [("Authorization", &*external)];
    assert_eq!(site.gateway.get("/billing", &by).await.status(), 200);
    let token = site.upstream.last().bearer().unwrap();
    remember_session_token(&token);
    site.gateway.configure(|config| {
        let routes = config["routes"].as_array_mut().unwrap();
        routes.retain(|route| route["path"] != "/billing");
    });
    site.gateway = site.gateway.restart().await;
    site.refuses(&token, "own_audience_mismatch").await;
}

async fn call(site: &TestGateway, endpoint: &str, form: bool, token: &str) -> Message {
    let content = match form {
        true => format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token={token}\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
        ),
        false => String::new(),
    };
    let (path, method) = match endpoint {
        "token" => ("/_vestibule/oauth/token".to_owned(), "POST"),
        "session" => (
            format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/session"),
            "GET",
        ),
        endpoint => (
            format!("/_vestibule/api/v0/sdk/{ENVIRONMENT}/{endpoint}"),
            "POST",
        ),
    };
    let bearer = if form { "" } else { token };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: app.test\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{content}",
        content.len()
    );
    let request = match form {
        true => request.replace("Authorization: Bearer \r\n", ""),
        false => request,
    };
    let answer = site.gateway.send(request).await;
    if answer.status() == 200 {
        let body = answer.json();
        for member in ["minifiedJwt", "access_token"] {
            if let Some(token) = body[member].as_str() {
                remember_session_token(token);
            }
        }
    }
    answer
}

async fn start() -> TestGateway {
    TestGateway::with(|config| {
        config["environment_id"] = json!(ENVIRONMENT);
        let routes = config["routes"].as_array_mut().unwrap();
        for name in ["billing", "mail"] {
            let audience = format!("https://{name}.test");
            routes.push(json!({
                "path": format!("/{name}"), "upstream": "app", "audience": audience,
            }));
        }
    })
    .await
}

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
