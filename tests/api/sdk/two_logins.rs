//! A browser in which the gateway's cookie and the SDK are of two logins, and what ends neither.

use super::*;
use crate::support::{Clock, Message, TestGateway};

fn cookies(config: &mut Value) {
    config["session"] = json!({ "cookie": true });
    config["sdk"] = json!({ "cookie": true });
}

/// The pairs that an answer sets, each with its name.
fn set(answer: &Message) -> Vec<String> {
    let fields = answer.all("set-cookie");
    let pairs = fields.iter().map(|field| field.split(';').next().unwrap());
    pairs.map(str::to_owned).collect()
}

fn of_name(answer: &Message, name: &str) -> Option<String> {
    let begins = format!("{name}=");
    set(answer)
        .into_iter()
        .find(|pair| pair.starts_with(&begins))
}

/// The gateway's cookie of a login.
async fn visit(site: &TestGateway, token: &str) -> String {
    let cookie = format!("acme_token={token}");
    let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let pair = of_name(&answer, "vestibule").expect("a cookie");
    remember_session_token(&pair);
    pair
}

async fn sign_in(sdk: &Sdk, token: &str, cookies: &str) -> (Value, Message) {
    let fields = [("Cookie", cookies)];
    let content = json!({ "jwt": token });
    let answer = sdk.post("externalAuth/signin", &fields, &content).await;
    let body = seen(&answer);
    if let Some(pair) = of_name(&answer, "DYNAMIC_JWT_TOKEN") {
        remember_session_token(&pair);
    }
    (body["user"]["id"].clone(), answer)
}

#[tokio::test]
async fn whoever_signs_in_by_the_sdk_uses_the_browser() {
    let sdk = Sdk::start(cookies).await;
    let token = |sub: &str| sdk.site.acme.token().sub(sub).claim("sid", sub).sign();
    let alice = token("alice");
    let of_alice = visit(&sdk.site, &alice).await;

    // Her own sign-in keeps the cookie, since it is of the same session.
    let (_, answer) = sign_in(&sdk, &alice, &of_alice).await;
    assert_eq!(of_name(&answer, "vestibule"), None);

    let (bob, answer) = sign_in(&sdk, &token("bob"), &of_alice).await;
    assert_eq!(of_name(&answer, "vestibule").as_deref(), Some("vestibule="));
    // Also while the browser has both.
    let of_bob = of_name(&answer, "DYNAMIC_JWT_TOKEN").unwrap();
    let both = format!("{of_alice}; {of_bob}");
    let fields = [("Cookie", &*both)];
    assert_eq!(sdk.get("users", &fields).await.json()["id"], bob);
    let refreshed = seen(&sdk.post("refresh", &fields, &Value::Null).await);
    assert_eq!(refreshed["user"]["id"], bob);
}

#[tokio::test]
async fn a_dead_session_cookie_keeps_nobody_from_the_sdk() {
    let sdk = Sdk::start(cookies).await;
    let token = |sid: &str| sdk.site.acme.token().claim("sid", sid).sign();
    let first = token("one");
    let of_gateway = visit(&sdk.site, &first).await;
    let (_, answer) = sign_in(&sdk, &first, &of_gateway).await;
    let of_sdk = of_name(&answer, "DYNAMIC_JWT_TOKEN").unwrap();

    // The SDK's logout takes both away, and ends what they stand for.
    let both = format!("{of_gateway}; {of_sdk}");
    let fields = [("Cookie", &*both)];
    let answer = sdk.post("revoke", &fields, &Value::Null).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    for name in ["vestibule", "DYNAMIC_JWT_TOKEN"] {
        assert_eq!(of_name(&answer, name), Some(format!("{name}=")), "{name}");
    }
    // A browser that kept the former nevertheless signs in again.
    let (user, answer) = sign_in(&sdk, &token("two"), &of_gateway).await;
    assert_eq!(of_name(&answer, "vestibule").as_deref(), Some("vestibule="));
    let of_sdk = of_name(&answer, "DYNAMIC_JWT_TOKEN").unwrap();
    let both = format!("{of_gateway}; {of_sdk}");
    let fields = [("Cookie", &*both)];
    assert_eq!(sdk.get("users", &fields).await.json()["id"], user);
}

/// The SDK forgets a token by itself, and says why. Its user did not ask for the end of the login.
#[tokio::test]
async fn a_token_that_is_forgotten_ends_no_login() {
    let sdk = Sdk::start(cookies).await;
    for (reason, is_over) in [
        ("token-expired", false),
        ("session-refresh-unauthorized", false),
        ("user-intent", true),
        ("anything-else", true),
    ] {
        let token = sdk.site.acme.token().claim("sid", reason).sign();
        let of_gateway = visit(&sdk.site, &token).await;
        let (_, answer) = sign_in(&sdk, &token, &of_gateway).await;
        let of_sdk = of_name(&answer, "DYNAMIC_JWT_TOKEN").unwrap();
        let both = format!("{of_gateway}; {of_sdk}");
        let fields = [("Cookie", &*both), ("x-dyn-logout-reason", reason)];
        let answer = sdk.post("revoke", &fields, &Value::Null).await;
        assert_eq!(answer.status(), 204, "{reason}: {}", answer.text());
        let gone = of_name(&answer, "DYNAMIC_JWT_TOKEN");
        assert_eq!(gone.as_deref(), Some("DYNAMIC_JWT_TOKEN="), "{reason}");
        assert_eq!(of_name(&answer, "vestibule").is_some(), is_over, "{reason}");
        let page = sdk.site.gateway.get("/", &[("Cookie", &*of_gateway)]).await;
        assert_eq!(page.status() == 401, is_over, "{reason}: {}", page.status());
    }
}

/// As the SDK does it two hours after a sign-in.
#[tokio::test]
async fn a_login_continues_after_the_end_of_the_sdks_token() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new(folder.path());
    let sdk = Sdk::by(&clock.launcher(), |config| {
        config["session"] = json!({ "token_ttl": "10m" });
    })
    .await;
    let token = |expires_in| {
        let token = sdk.site.acme.token().claim("sid", "one");
        token.expires_in(expires_in).sign()
    };
    let old = bearer(&sdk.signed_in(&token(3600)).await);
    clock.step(&sdk.site, 900).await;
    let fields = [
        ("Authorization", &*old),
        ("x-dyn-logout-reason", "token-expired"),
    ];
    let answer = sdk.post("revoke", &fields, &Value::Null).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    sdk.signed_in(&token(7200)).await;
    // By hand it is the end.
    let answer = sdk.post("revoke", &fields[..1], &Value::Null).await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
    let content = json!({ "jwt": token(7200) });
    let refused = sdk.post("externalAuth/signin", &[], &content).await;
    is_error(&refused, 422, "invalid_external_auth");
}

/// Its origin is nothing to the servers behind the gateway.
#[tokio::test]
async fn a_pages_token_is_for_the_usual_audience_upstream() {
    let sdk = Sdk::start(|_| {}).await;
    let token = sdk.site.acme.token().sign();
    let signed_in = sdk.signed_in(&token).await;
    let own = bearer(&signed_in);
    let claims = decode(own.strip_prefix("Bearer ").unwrap()).claims;
    assert_eq!(claims["aud"], PAGE);
    let passed = sdk.site.passes(own.strip_prefix("Bearer ").unwrap()).await;
    let usual = sdk.site.passes(&token).await;
    assert_eq!(passed.claims["aud"], usual.claims["aud"]);
    assert_ne!(passed.claims["aud"], claims["aud"]);
    for claim in ["sub", "sid", "exp", "scope", "iat"] {
        assert_eq!(passed.claims[claim], claims[claim], "{claim}");
    }
}
