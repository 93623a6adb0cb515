//! Claims of external tokens, kept with the session: every credential of a session is judged by
//! the same ones, those of the login's newest external token.

use serde_json::{Value, json};

use crate::support::{Message, TestGateway, decode, now, remember_session_token};

#[tokio::test]
async fn rules_decide_alike_whatever_the_session_is_presented_by() {
    let site = start(|_| {}).await;
    for (role, path, passes) in [
        ("user", "/members", true),
        ("banned", "/members", false),
        ("admin", "/admins", true),
        ("user", "/admins", false),
    ] {
        let token = site.acme.token().sub(role).claim("role", role).sign();
        for (door, answer) in present_everywhere(&site, &token, path).await {
            let status = if passes { 200 } else { 403 };
            let text = answer.text();
            assert_eq!(
                answer.status(),
                status,
                "{role} at {path} by {door}: {text}"
            );
        }
    }
}

#[tokio::test]
async fn a_claim_that_the_token_did_not_have_is_absent_for_all_credentials() {
    let site = start(|_| {}).await;
    let token = site.acme.token().sign();
    for (path, status) in [("/members", 200), ("/admins", 403)] {
        for (door, answer) in present_everywhere(&site, &token, path).await {
            assert_eq!(
                answer.status(),
                status,
                "{path} by {door}: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn fields_tell_the_same_of_a_session_whatever_it_is_presented_by() {
    let site = start(|config| {
        config["forward"] = json!({"identity": {
            "X-Role": "{claims.role}", "X-Issuer": "{issuer}", "X-Email": "{user.email}",
        }});
    })
    .await;
    let token = site.acme.token().claim("role", "admin");
    let token = token
        .claim("email", "a@acme.test")
        .claim("email_verified", true);
    let credentials = credentials(&site, &token.sign()).await;
    for (door, fields) in &credentials {
        let answer = site.gateway.get("/", &borrowed(fields)).await;
        assert_eq!(answer.status(), 200, "{door}: {}", answer.text());
        let seen = site.upstream.last();
        for (name, value) in [
            ("x-role", "admin"),
            ("x-issuer", "acme"),
            ("x-email", "a@acme.test"),
        ] {
            assert_eq!(seen.field(name).as_deref(), Some(value), "{name} by {door}");
        }
    }
}

#[tokio::test]
async fn a_newer_token_of_the_login_speaks_for_all_credentials_of_the_session() {
    let site = start(|_| {}).await;
    let saying = |role: &str, age: u64| {
        let token = site.acme.token().claim("sid", "login-1");
        token.claim("role", role).claim("iat", now() - age).sign()
    };
    let first = saying("admin", 60);
    let credentials = credentials(&site, &first).await;
    for (newer, age, passes) in [("user", 50, false), ("admin", 40, true), ("user", 45, true)] {
        let newer = saying(newer, age);
        let bearer = format!("Bearer {newer}");
        let seen = site.gateway.get("/", &[("Authorization", &bearer)]).await;
        assert_eq!(seen.status(), 200);
        for (door, fields) in &credentials {
            let answer = site.gateway.get("/admins", &borrowed(fields)).await;
            let status = if passes { 200 } else { 403 };
            assert_eq!(answer.status(), status, "{door} {age}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn session_tokens_repeat_the_claims_that_they_are_to() {
    let site = start(|config| {
        config["session"]["claims_from"] = json!({"roles": "realm_access.roles", "org": "org"});
        config["limits"] = json!({"session_token_claims": "100B"});
    })
    .await;
    let saying = |roles: Value, age: u64| {
        let token = site.acme.token().claim("sid", "login-1");
        let token = token.claim("realm_access", json!({ "roles": roles }));
        token.claim("iat", now() - age).claim("org", "x").sign()
    };
    let first = saying(json!(["a", "b"]), 60);
    let credentials = credentials(&site, &first).await;
    let reported = async |fields: &[(String, String)]| {
        let answer = site.gateway.get("/", &borrowed(fields)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let session = site.upstream.last().bearer().unwrap();
        remember_session_token(&session);
        let claims = decode(&session).claims;
        (claims["roles"].clone(), claims["org"].clone())
    };
    for (door, fields) in &credentials {
        assert_eq!(
            reported(fields).await,
            (json!(["a", "b"]), json!("x")),
            "{door}"
        );
    }
    // What is newer comes with older credentials, too; what is too large by none.
    for (roles, age, seen) in [
        (json!(["c"]), 50, json!(["c"])),
        (json!(["x".repeat(100)]), 40, Value::Null),
    ] {
        site.passes(&saying(roles, age)).await;
        for (door, fields) in &credentials {
            assert_eq!(reported(fields).await, (seen.clone(), json!("x")), "{door}");
        }
    }
}

#[tokio::test]
async fn what_is_too_large_to_keep_satisfies_no_rule() {
    let site = start(|config| config["limits"] = json!({"session_claims": "100B"})).await;
    for (role, status) in [("user".to_owned(), 200), ("x".repeat(100), 403)] {
        let token = site.acme.token().claim("role", role).sign();
        for (door, answer) in present_everywhere(&site, &token, "/members").await {
            assert_eq!(answer.status(), status, "by {door}: {}", answer.text());
            if status == 403 && door != "forward auth" {
                site.is_refusal(&answer, 403, "forbidden", "claim_unknown")
                    .await;
            }
        }
    }
}

#[tokio::test]
async fn a_rule_that_is_newer_than_the_session_refuses_until_a_token_is_seen() {
    let mut site = start(|_| {}).await;
    let token = site.acme.token().claim("plan", "paid").sign();
    let credentials = credentials(&site, &token).await;
    site.gateway.configure(|config| {
        config["routes"].as_array_mut().unwrap().push(json!({
            "path": "/paid", "upstream": "app", "require": { "plan": "paid" },
        }));
    });
    site.gateway = site.gateway.restart().await;
    let status = async |fields: &[(String, String)]| {
        let answer = site.gateway.get("/paid", &borrowed(fields)).await;
        answer.status()
    };
    let of_ours = |door: &str| door.starts_with("session");
    for (door, fields) in credentials.iter().filter(|(door, _)| of_ours(door)) {
        assert_eq!(status(fields).await, 403, "{door}");
    }
    for (door, fields) in credentials.iter().filter(|(door, _)| !of_ours(door)) {
        assert_eq!(status(fields).await, 200, "{door}");
    }
    for (door, fields) in &credentials {
        assert_eq!(
            status(fields).await,
            200,
            "{door}, now that the token was seen"
        );
    }
}

#[tokio::test]
async fn an_address_that_the_issuer_takes_back_is_told_no_longer() {
    let unverified = json!({ "email": "a@acme.test", "email_verified": false });
    for (strict, newer, reported) in [
        (false, unverified, false),
        (false, json!({ "email": "b@acme.test" }), false),
        (false, json!({ "email": "a@acme.test" }), true),
        (false, json!({ "email": null }), false),
        (false, json!({ "email_verified": false }), false),
        (false, json!({ "email_verified": true }), true),
        (false, json!({}), true),
        (true, json!({}), false),
        (true, json!({ "email": "a@acme.test" }), false),
    ] {
        let site = start(|config| {
            if strict {
                config["issuers"][0]["keep_absent_email"] = json!(false);
            }
            config["forward"] = json!({"identity": { "X-Email": "{user.email}" }});
        })
        .await;
        let token = |age: u64| {
            let token = site.acme.token().claim("sid", "login-1");
            token.claim("iat", now() - age)
        };
        let first = token(60).claim("email", "a@acme.test");
        let first = first.claim("email_verified", true).sign();
        let credentials = credentials(&site, &first).await;
        let mut second = token(30);
        for (name, value) in newer.as_object().unwrap() {
            second = second.claim(name, value.clone());
        }
        site.passes(&second.sign()).await;
        let address = reported.then_some("a@acme.test");
        for (door, fields) in &credentials {
            let answer = site.gateway.get("/", &borrowed(fields)).await;
            assert_eq!(answer.status(), 200, "{door}: {}", answer.text());
            let seen = site.upstream.last();
            assert_eq!(seen.field("x-email").as_deref(), address, "{door} {newer}");
            let session = seen.bearer().unwrap();
            remember_session_token(&session);
            let claims = decode(&session).claims;
            assert_eq!(claims["email"].as_str(), address, "{door} {newer}");
        }
    }
}

/// The answers to requests for `path` by every credential of the session of a token.
async fn present_everywhere(
    site: &TestGateway,
    token: &str,
    path: &str,
) -> Vec<(&'static str, Message)> {
    let mut answers = Vec::new();
    for (door, fields) in credentials(site, token).await {
        let direct = site.gateway.get(path, &borrowed(&fields)).await;
        let mut asked = borrowed(&fields);
        asked.extend([("X-Original-Method", "GET"), ("X-Original-URI", path)]);
        asked.push(("X-Original-Host", "app.test"));
        let asked = site.gateway.get("/_vestibule/check", &asked).await;
        answers.extend([(door, direct), ("forward auth", asked)]);
    }
    answers
}

type Fields = Vec<(String, String)>;

/// The header fields that present the session of a token, by each kind of credential.
async fn credentials(site: &TestGateway, token: &str) -> Vec<(&'static str, Fields)> {
    let by_cookie = format!("acme_token={token}");
    let entered = site.gateway.get("/", &[("Cookie", &by_cookie)]).await;
    assert_eq!(entered.status(), 200, "{}", entered.text());
    let cookie = entered.field("set-cookie").expect("a session cookie");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let minted = site.upstream.last().bearer().unwrap();
    remember_session_token(&minted);
    let exchanged = exchanged(site, token).await;
    let narrowed = self::exchanged(site, &exchanged).await;
    let of_sdk = signed_in(site, token).await;
    let field = |name: &str, value: String| vec![(name.to_owned(), value)];
    let bearer = |token: &str| field("Authorization", format!("Bearer {token}"));
    vec![
        ("issuer's token", bearer(token)),
        ("issuer's cookie", field("Cookie", by_cookie)),
        ("session cookie", field("Cookie", cookie)),
        ("session token", bearer(&minted)),
        ("session token exchanged", bearer(&exchanged)),
        ("session token narrowed", bearer(&narrowed)),
        ("session token of the SDK", bearer(&of_sdk)),
    ]
}

async fn exchanged(site: &TestGateway, subject: &str) -> String {
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token={subject}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    );
    let request = format!(
        "POST /_vestibule/oauth/token HTTP/1.1\r\nHost: app.test\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{form}",
        form.len()
    );
    let answer = site.gateway.send(request).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    remember_session_token(&token);
    token
}

async fn signed_in(site: &TestGateway, token: &str) -> String {
    let content = json!({ "jwt": token }).to_string();
    let request = format!(
        "POST /_vestibule/api/v0/sdk/{ENVIRONMENT}/externalAuth/signin HTTP/1.1\r\n\
         Host: app.test\r\nOrigin: {PAGE}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{content}",
        content.len()
    );
    let answer = site.gateway.send(request).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let token = answer.json()["minifiedJwt"].as_str().unwrap().to_owned();
    remember_session_token(&token);
    token
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    let fields = fields.iter();
    fields.map(|(name, value)| (&**name, &**value)).collect()
}

async fn start(change: impl FnOnce(&mut Value)) -> TestGateway {
    TestGateway::with(|config| {
        config["environment_id"] = json!(ENVIRONMENT);
        config["allowed_origins"] = json!([PAGE]);
        config["session"] = json!({"cookie": true});
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["listeners"] = json!([{ "forward_auth": true }]);
        let routes = config["routes"].as_array_mut().unwrap();
        for (path, rule) in [
            ("/members", json!({ "none_of": ["banned"] })),
            ("/admins", json!("admin")),
        ] {
            routes.push(json!({ "path": path, "upstream": "app", "require": { "role": rule } }));
        }
        change(config);
    })
    .await
}

const ENVIRONMENT: &str = "6f1d2c3b-4a59-4e82-8f4a-523c7e4b7c9d";
const PAGE: &str = "https://page.test";
