//! Logout by a form: where the browser goes then, and the provider's own logout.

use serde_json::{Value, json};

use crate::support::{Key, Message, TestGateway, TestIssuer};

const PROVIDER: &str = "https://id.test/logout?tenant=1";

fn with_pages(config: &mut Value) {
    config["allowed_origins"] = json!(["https://www.test"]);
    config["login_url"] = json!("https://login.test/in?next={return_to}");
}

async fn post(site: &TestGateway, cookie: &str, body: &str) -> Message {
    let own = format!("http://{}", site.gateway.public);
    let length = body.len().to_string();
    let fields = [
        ("Cookie", cookie),
        ("Origin", &own),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &length),
    ];
    let mut request = site.gateway.bytes("POST", "/_vestibule/logout", &fields);
    request.extend_from_slice(body.as_bytes());
    site.gateway.send(request).await
}

#[tokio::test]
async fn a_form_says_where_to_go_within_what_is_known() {
    let site = TestGateway::with(with_pages).await;
    for (number, (to, location)) in [
        ("%2Fgoodbye%3Fa%3Db", "/goodbye?a=b"),
        ("https%3A%2F%2Fwww.test%2F", "https://www.test/"),
        ("https%3A%2F%2Flogin.test%2Fout", "https://login.test/out"),
    ]
    .into_iter()
    .enumerate()
    {
        let token = site.acme.token().claim("sid", number.to_string()).sign();
        let cookie = format!("acme_token={token}");
        let answer = post(&site, &cookie, &format!("return_to={to}")).await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        assert_eq!(answer.field("location").as_deref(), Some(location));
        let after = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        site.is_refusal(&after, 401, "login_required", "session_ended")
            .await;
    }
    let cookie = format!("acme_token={}", site.acme.token().claim("sid", "x").sign());
    for to in [
        "https%3A%2F%2Fevil.test%2F",
        "http%3A%2F%2Fwww.test%2F",
        "https%3A%2F%2Fwww.test%40evil.test%2F",
        "%2F%2Fevil.test",
        "%2F%5Cevil.test",
        "javascript%3Aalert(1)",
        "%2Fa%0D%0AX%3A+y",
        "goodbye",
    ] {
        let answer = post(&site, &cookie, &format!("return_to={to}")).await;
        assert_eq!(answer.status(), 400, "{to}: {}", answer.text());
        assert_eq!(answer.field("location"), None);
        let after = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(after.status(), 200, "nobody is logged out");
    }
    assert_eq!(post(&site, &cookie, "").await.status(), 204);
}

#[tokio::test]
async fn a_checkbox_deletes_the_issuers_cookie() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["cookie_path"] = json!("/");
    })
    .await;
    for (body, deletes) in [
        ("delete_issuer_cookie=on", true),
        ("delete_issuer_cookie=true", true),
        ("delete_issuer_cookie=1", true),
        ("delete_issuer_cookie=false", false),
        ("delete_issuer_cookie=0", false),
        ("delete_issuer_cookie=", false),
        ("", false),
    ] {
        let token = site.acme.token().claim("sid", format!("of {body}")).sign();
        let cookie = format!("acme_token={token}");
        assert_eq!(
            site.gateway.get("/", &[("Cookie", &cookie)]).await.status(),
            200
        );
        let answer = post(&site, &cookie, body).await;
        assert_eq!(answer.status(), 204, "{body}: {}", answer.text());
        let gone = answer.all("set-cookie");
        let gone = gone.iter().any(|field| field.starts_with("acme_token=;"));
        assert_eq!(gone, deletes, "{body}");
        let after = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(after.status(), 401, "{body}");
    }
}

#[tokio::test]
async fn a_form_leads_on_to_the_provider() {
    for (at_provider, location) in [
        (
            true,
            "https://id.test/logout?tenant=1&client_id=app&post_logout_redirect_uri=https%3A%2F%2Fwww.test%2F",
        ),
        (false, "https://www.test/"),
    ] {
        let site = TestGateway::with(|config| {
            with_pages(config);
            config["logout"] = json!({ "at_provider": at_provider });
            config["issuers"][0]["end_session_endpoint"] = json!(PROVIDER);
            config["issuers"][0]["end_session_client_id"] = json!("app");
        })
        .await;
        let cookie = format!("acme_token={}", site.acme.token().sign());
        let answer = post(&site, &cookie, "return_to=https%3A%2F%2Fwww.test%2F").await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        let found = answer.field("location").expect("a location");
        assert_eq!(found, location);
        assert!(!found.contains("id_token_hint"));
        // A path is of the host that was asked.
        let again = format!("acme_token={}", site.acme.token().claim("sid", "2").sign());
        let answer = post(&site, &again, "return_to=%2Fbye").await;
        let found = answer.field("location").expect("a location");
        let host = site.gateway.public.to_string().replace(':', "%3A");
        let back = format!("post_logout_redirect_uri=http%3A%2F%2F{host}%2Fbye");
        assert_eq!(found.ends_with(&back), at_provider, "{found}");
        // A script stays where it is.
        let third = format!("acme_token={}", site.acme.token().claim("sid", "3").sign());
        let own = format!("http://{}", site.gateway.public);
        let fields = [
            ("Cookie", &*third),
            ("Origin", &own),
            ("Content-Length", "0"),
        ];
        let path = "/_vestibule/logout";
        let answer = site.gateway.request("POST", path, &fields).await;
        assert_eq!((answer.status(), answer.field("location")), (204, None));
        // One that has ended here may be alive there.
        let answer = post(&site, &again, "return_to=%2Fbye").await;
        let found = answer.field("location").expect("a location");
        assert_eq!(
            found.starts_with("https://id.test/"),
            at_provider,
            "{found}"
        );
        // Whoever had no session has no provider.
        let answer = post(&site, "a=1", "return_to=%2Fbye").await;
        assert_eq!(answer.field("location").as_deref(), Some("/bye"));
    }
}

#[tokio::test]
async fn each_host_of_ours_is_led_back_to_itself() {
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("http://a.example.com");
        config["logout"] = json!({ "at_provider": true });
        config["issuers"][0]["end_session_endpoint"] = json!(PROVIDER);
        let routes = config["routes"].as_array_mut().unwrap();
        routes.push(json!({ "host": "b.example.com", "path": "/", "upstream": "app" }));
    })
    .await;
    for (number, (host, to, back)) in [
        (
            "b.example.com",
            "%2Fgoodbye",
            Some("http://b.example.com/goodbye"),
        ),
        (
            "a.example.com",
            "%2Fgoodbye",
            Some("http://a.example.com/goodbye"),
        ),
        (
            "unknown.example",
            "%2Fgoodbye",
            Some("http://a.example.com/goodbye"),
        ),
        (
            "b.example.com",
            "http%3A%2F%2Fb.example.com%2Fx",
            Some("http://b.example.com/x"),
        ),
        (
            "a.example.com",
            "http%3A%2F%2Fb.example.com%2Fx",
            Some("http://b.example.com/x"),
        ),
        ("b.example.com", "http%3A%2F%2Fb.example.com%3A81%2Fx", None),
        ("b.example.com", "http%3A%2F%2Fc.example.com%2Fx", None),
        ("unknown.example", "http%3A%2F%2Funknown.example%2Fx", None),
    ]
    .into_iter()
    .enumerate()
    {
        let token = site.acme.token().claim("sid", number.to_string()).sign();
        let body = format!("return_to={to}");
        let request = format!(
            "POST /_vestibule/logout HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nCookie: acme_token={token}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = site.gateway.send(request).await;
        let Some(back) = back else {
            assert_eq!(answer.status(), 400, "{host} {to}: {}", answer.text());
            continue;
        };
        assert_eq!(answer.status(), 303, "{host} {to}: {}", answer.text());
        let location = url::Url::parse(&answer.field("location").unwrap()).unwrap();
        let mut pairs = location.query_pairs();
        let found = pairs.find(|(name, _)| name == "post_logout_redirect_uri");
        assert_eq!(found.unwrap().1, back, "{host} {to}");
    }
}

#[tokio::test]
async fn discovery_finds_the_providers_logout() {
    let issuer = TestIssuer::discoverable(Key::p256("found")).await;
    for named in [false, true] {
        let iss = issuer.iss.clone();
        let site = TestGateway::with(move |config| {
            with_pages(config);
            config["logout"] = json!({ "at_provider": true });
            let acme = config["issuers"][0].as_object_mut().unwrap();
            acme.remove("jwks_url");
            acme.insert("iss".into(), json!(iss));
            acme.insert("discovery".into(), json!(true));
            if named {
                acme.insert("end_session_endpoint".into(), json!(PROVIDER));
            }
        })
        .await;
        let cookie = format!("acme_token={}", issuer.token().sign());
        let answer = post(&site, &cookie, "return_to=https%3A%2F%2Fwww.test%2F").await;
        assert_eq!(answer.status(), 303, "{}", answer.text());
        let found = answer.field("location").expect("a location");
        let back = "post_logout_redirect_uri=https%3A%2F%2Fwww.test%2F";
        let expected = match named {
            // What the file says comes first.
            true => format!("{PROVIDER}&{back}"),
            false => format!("{}/logout?{back}", issuer.iss),
        };
        assert_eq!(found, expected);
    }
}
