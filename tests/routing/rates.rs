//! How often clients and users may do what costs the gateway work.

use serde_json::{Value, json};

use crate::api::sdk::{Sdk, bearer, is_error, seen};
use crate::support::{Message, TestGateway, TokenBuilder};

#[tokio::test]
async fn sign_ins_are_bounded_for_each_client_and_user() {
    let sdk = start(json!({ "sign_in_per_client": "4/1h", "sign_in_per_user": "2/1h" })).await;
    let sign_in = async |client: &str, token: TokenBuilder| {
        let fields = [("X-Forwarded-For", client)];
        let content = json!({ "jwt": token.sign() });
        sdk.post("externalAuth/signin", &fields, &content).await
    };
    let token = |sub: &str, login: &str| sdk.site.acme.token().sub(sub).claim("sid", login);
    seen(&sign_in("192.0.2.1", token("ada", "1")).await);
    seen(&sign_in("192.0.2.2", token("ada", "2")).await);
    let answer = sign_in("192.0.2.3", token("ada", "3")).await;
    is_limited(&answer);
    is_error(&answer, 429, "too_many_requests");
    // Somebody else who says to be ada does not count as her, nor does another's limit.
    seen(&sign_in("192.0.2.1", token("bob", "1")).await);
    seen(&sign_in("192.0.2.1", token("eve", "1")).await);
    seen(&sign_in("192.0.2.1", token("joe", "1")).await);
    let answer = sign_in("192.0.2.1", token("kim", "1")).await;
    is_limited(&answer);
    seen(&sign_in("192.0.2.4", token("kim", "1")).await);
    // Sessions that there are go on.
    sdk.site.passes(&token("zoe", "1").sign()).await;
}

#[tokio::test]
async fn exchanges_count_as_sign_ins() {
    let sdk = start(json!({ "sign_in_per_client": "1/1h" })).await;
    let exchange = async |sub: &str| {
        let token = sdk.site.acme.token().sub(sub).sign();
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
             &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
        );
        post_form(&sdk.site, "token", &form).await
    };
    let granted = exchange("ada").await;
    assert_eq!(granted.status(), 200, "{}", granted.text());
    let token = granted.json()["access_token"].as_str().unwrap().to_owned();
    crate::support::remember_session_token(&token);
    let answer = exchange("bob").await;
    is_limited(&answer);
    assert_eq!(answer.json()["error"], "too_many_requests");
}

#[tokio::test]
async fn step_ups_are_bounded_for_each_user() {
    let sdk = start(json!({ "step_up_per_user": "1/1h" })).await;
    let signed_in = sdk.signed_in(&sdk.site.acme.token().sign()).await;
    let other = sdk
        .signed_in(&sdk.site.acme.token().sub("bob").sign())
        .await;
    let verify = async |signed_in: &Value| {
        let fields = [("Authorization", &*bearer(signed_in))];
        sdk.post("externalAuth/verify", &fields, &json!({ "jwt": "a.b.c" }))
            .await
    };
    is_error(&verify(&signed_in).await, 422, "invalid_external_auth");
    is_limited(&verify(&signed_in).await);
    is_error(&verify(&other).await, 422, "invalid_external_auth");
}

#[tokio::test]
async fn a_client_that_fails_too_often_is_not_listened_to() {
    let sdk = start(json!({ "failed_per_client": "2/1h" })).await;
    let site = &sdk.site;
    let get = async |client: &str, token: &str| {
        let authorization = format!("Bearer {token}");
        let fields = [
            ("X-Forwarded-For", client),
            ("Authorization", &*authorization),
        ];
        site.gateway.get("/", &fields).await
    };
    let known = site.acme.token().sign();
    assert_eq!(get("192.0.2.1", &known).await.status(), 200);
    // What was good once is no attempt at anything.
    let expired = site.acme.token().expires_in(-60).sign();
    for _ in 0..3 {
        assert_eq!(get("192.0.2.1", &expired).await.status(), 401);
    }
    let forged = |sub: &str| {
        site.acme
            .token()
            .sub(sub)
            .forged_by(&crate::support::Key::p256("acme-1"))
            .sign()
    };
    for sub in ["mallory", "malory"] {
        assert_eq!(get("192.0.2.1", &forged(sub)).await.status(), 401);
    }
    let answer = get("192.0.2.1", &forged("trudy")).await;
    is_limited(&answer);
    site.is_refusal(&answer, 429, "too_many_requests", "client_failed_too_often")
        .await;
    let new = site.acme.token().sub("new").sign();
    is_limited(&get("192.0.2.1", &new).await);
    let sign_in = json!({ "jwt": new });
    let fields = [("X-Forwarded-For", "192.0.2.1")];
    is_limited(&sdk.post("externalAuth/signin", &fields, &sign_in).await);
    // Who is known goes on, and so does everybody else.
    assert_eq!(get("192.0.2.1", &known).await.status(), 200);
    assert_eq!(get("192.0.2.2", &new).await.status(), 200);
}

/// Which of two cookies counts is no question that may be asked for nothing.
#[tokio::test]
async fn twin_cookies_that_fail_are_counted() {
    let sdk = start(json!({ "failed_per_client": "2/1h" })).await;
    let site = &sdk.site;
    let expired = site.acme.token().sub("bob").expires_in(-60).sign();
    let forged = |sub: &str| {
        let key = crate::support::Key::p256("acme-1");
        site.acme.token().sub(sub).forged_by(&key).sign()
    };
    for (client, other, limited) in [
        ("192.0.2.1", forged("malory"), true),
        ("192.0.2.2", expired, false),
    ] {
        let twins = format!("acme_token={}; acme_token={other}", forged("mallory"));
        let fields = [("X-Forwarded-For", client), ("Cookie", &*twins)];
        let answer = site.gateway.get("/optional", &fields).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let new = site.acme.token().sub(client).sign();
        let bearer = format!("Bearer {new}");
        let fields = [("X-Forwarded-For", client), ("Authorization", &*bearer)];
        let answer = site.gateway.get("/", &fields).await;
        assert_eq!(answer.status(), if limited { 429 } else { 200 });
    }
}

/// Browsers send what they were once given, also after their provider has other keys. That keeps nobody
/// out who comes from the same address, and those browsers are kept out by nobody.
#[tokio::test]
async fn cookies_past_their_end_lock_nobody_out() {
    let sdk = start(json!({ "failed_per_client": "2/1h" })).await;
    let site = &sdk.site;
    let by = async |path: &str, name: &str, value: &str| {
        let fields = [("X-Forwarded-For", "192.0.2.1"), (name, value)];
        site.gateway.get(path, &fields).await
    };
    let forged = |sub: &str| {
        let key = crate::support::Key::p256("acme-1");
        site.acme.token().sub(sub).forged_by(&key)
    };
    let lapsed = |sub: &str| format!("acme_token={}", forged(sub).expires_in(-3600).sign());
    let known = format!("globex_token={}", site.globex.token().sign());
    assert_eq!(by("/", "Cookie", &known).await.status(), 200);
    for sub in ["ada", "bob", "eve", "joe"] {
        // Also twice by one name.
        let (cookie, twins) = (lapsed(sub), format!("{}; {}", lapsed(sub), lapsed(sub)));
        for cookies in [&cookie, &cookie, &twins] {
            let answer = by("/optional", "Cookie", cookies).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
        }
    }
    let new = |sub: &str| format!("Bearer {}", site.acme.token().sub(sub).sign());
    assert_eq!(by("/", "Authorization", &new("kim")).await.status(), 200);

    // Until their end they are attempts.
    for sub in ["ada", "bob"] {
        let cookie = format!("acme_token={}", forged(sub).sign());
        assert_eq!(by("/optional", "Cookie", &cookie).await.status(), 401);
    }
    is_limited(&by("/", "Authorization", &new("zoe")).await);
    let returning = lapsed("zoe");
    let answer = by("/optional", "Cookie", &returning).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let both = format!("{returning}; {known}");
    assert_eq!(by("/", "Cookie", &both).await.status(), 200);
}

/// Nobody can tell a made-up session cookie without the store, which others need.
#[tokio::test]
async fn made_up_session_cookies_are_looked_up_a_few_times() {
    let sdk = Sdk::start(|config| {
        config["trusted_proxies"] = json!(["127.0.0.0/8"]);
        config["session"] = json!({ "cookie": true });
        config["limits"] = json!({ "rates": { "failed_per_client": "2/1h" } });
    })
    .await;
    let site = &sdk.site;
    let by = async |client: &str, name: &str, value: &str| {
        let fields = [("X-Forwarded-For", client), (name, value)];
        site.gateway.get("/", &fields).await
    };
    let (mallory, ada) = ("192.0.2.1", "192.0.2.2");
    let cookie_of = async |sub: &str| {
        let token = format!("acme_token={}", site.acme.token().sub(sub).sign());
        let answer = by(ada, "Cookie", &token).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let set = answer.field("set-cookie").expect("a session cookie");
        set.split(';').next().unwrap_or_default().to_owned()
    };
    let (known, new) = (cookie_of("ada").await, cookie_of("bob").await);
    assert_eq!(by(mallory, "Cookie", &known).await.status(), 200);
    let made_up = |letter: &str| format!("vestibule={}", letter.repeat(43));
    for letter in ["a", "b"] {
        // What is remembered costs the store nothing.
        for _ in 0..2 {
            let answer = by(mallory, "Cookie", &made_up(letter)).await;
            site.is_refusal(&answer, 401, "login_required", "session_cookie_unknown")
                .await;
        }
    }
    for cookie in [&made_up("c"), &new] {
        let answer = by(mallory, "Cookie", cookie).await;
        is_limited(&answer);
        assert_eq!(answer.field("set-cookie"), None, "it may be a live one");
    }
    // Sessions that are known here continue, and so does whatever needs no such look, or comes from elsewhere.
    assert_eq!(by(mallory, "Cookie", &known).await.status(), 200);
    let bearer = format!("Bearer {}", site.acme.token().sub("eve").sign());
    assert_eq!(by(mallory, "Authorization", &bearer).await.status(), 200);
    assert_eq!(by(ada, "Cookie", &new).await.status(), 200);
    // Of several by one name, each is looked up.
    let trudy = "192.0.2.3";
    let twins = format!("{}; {}", made_up("d"), made_up("e"));
    let fields = [("X-Forwarded-For", trudy), ("Cookie", &*twins)];
    let answer = site.gateway.get("/optional", &fields).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    is_limited(&by(trudy, "Cookie", &made_up("f")).await);
}

/// However many cookies are looked at: a browser signs in once for each request, and fails by none of
/// those that it was once given.
#[tokio::test]
async fn a_sign_in_by_one_of_several_cookies_counts_once() {
    let sdk = start(json!({ "sign_in_per_client": "4/1h", "failed_per_client": "1/1h" })).await;
    let token = |number: i32| sdk.site.acme.token().sub(&number.to_string());
    let live = sdk.site.globex.token().sub("bob").sign();
    let sign_in = async |first: String| {
        let cookies = format!("acme_token={first}; globex_token={live}");
        let fields = [("X-Forwarded-For", "192.0.2.1"), ("Cookie", &*cookies)];
        sdk.post("externalAuth/signin", &fields, &json!({})).await
    };
    for number in 0..4 {
        let lapsed = token(number).expires_in(-3600);
        let lapsed = lapsed.forged_by(&crate::support::Key::p256("acme-1"));
        seen(&sign_in(lapsed.sign()).await);
    }
    is_limited(&sign_in(token(4).expires_in(-3600).sign()).await);
}

#[tokio::test]
async fn secrets_of_programs_can_not_be_guessed_for_long() {
    let sdk = start(json!({ "failed_per_client": "2/1h" })).await;
    let ask = async || {
        post_form(
            &sdk.site,
            "introspect",
            "client_id=a&client_secret=b&token=c",
        )
        .await
    };
    for _ in 0..2 {
        assert_eq!(ask().await.status(), 401);
    }
    is_limited(&ask().await);
}

async fn start(rates: Value) -> Sdk {
    Sdk::start(|config| {
        config["limits"] = json!({ "rates": rates });
        config["trusted_proxies"] = json!(["127.0.0.1/32"]);
    })
    .await
}

async fn post_form(site: &TestGateway, endpoint: &str, form: &str) -> Message {
    let length = form.len().to_string();
    let fields = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &*length),
    ];
    let path = format!("/_vestibule/oauth/{endpoint}");
    let mut bytes = site.gateway.bytes("POST", &path, &fields);
    bytes.extend(form.as_bytes());
    site.gateway.send(bytes).await
}

fn is_limited(answer: &Message) {
    assert_eq!(answer.status(), 429, "{}", answer.text());
    let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
}
