//! Logout of a browser that has several cookies of one name: it ends the sessions of all of them.

use serde_json::{Value, json};

use crate::api::sdk::{PAGE, Sdk, is_error};
use crate::support::{Message, TestGateway, base64url, refusal_id, remember_session_token};

#[tokio::test]
async fn the_gateways_own_twins_are_logged_out() {
    let site = TestGateway::with(|config| config["session"] = json!({ "cookie": true })).await;
    let unknown = "A".repeat(43);
    for (number, other) in ["x", &*unknown].into_iter().enumerate() {
        for first in [true, false] {
            let sid = format!("{number} {first}");
            let token = site.acme.token().claim("sid", sid).sign();
            let own = own_cookie(&get(&site, "/", &format!("acme_token={token}")).await);
            assert_eq!(get(&site, "/", &own).await.status(), 200);
            let cookies = match first {
                true => format!("{own}; vestibule={other}"),
                false => format!("vestibule={other}; {own}"),
            };
            let out = log_out(&site, &cookies).await;
            assert_eq!(out.status(), 204, "{}", out.text());
            assert_eq!(get(&site, "/", &own).await.status(), 401, "{cookies}");
        }
    }
}

#[tokio::test]
async fn the_gateways_own_twins_lock_nobody_out() {
    let site = TestGateway::with(|config| config["session"] = json!({ "cookie": true })).await;
    let mut own = Vec::new();
    for (sub, sid) in [("ada", "1"), ("ada", "2"), ("bea", "3")] {
        let token = site.acme.token().sub(sub).claim("sid", sid).sign();
        own.push(own_cookie(
            &get(&site, "/", &format!("acme_token={token}")).await,
        ));
    }
    let of_one = format!("{}; {}", own[0], own[1]);
    let of_two = format!("{}; {}", own[0], own[2]);
    for (cookies, path, status) in [
        (&of_one, "/optional", 200),
        (&of_one, "/", 400),
        (&of_two, "/optional", 400),
        (&of_two, "/", 400),
    ] {
        let answer = get(&site, path, cookies).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
        let gone = answer.field("set-cookie").expect("they are deleted");
        assert!(
            gone.starts_with("vestibule=;") && gone.contains("Max-Age=0"),
            "{gone}"
        );
    }
    // One of them alone is a login.
    let answer = get(&site, "/optional", &own[0]).await;
    assert_eq!((answer.status(), answer.field("set-cookie")), (200, None));
}

/// After a change of `sdk.cookie` from `true` to a domain, a browser has one of each kind.
#[tokio::test]
async fn the_sdks_twins_are_signed_out_by_the_sdk_and_by_a_logout() {
    for by_sdk in [true, false] {
        let sdk = Sdk::start(with_domain).await;
        let [ada, bea] = [
            sign_in(&sdk, "ada", "").await,
            sign_in(&sdk, "bea", "").await,
        ];
        let twins = format!("{}; {}", pair(&ada), pair(&bea));
        let fields = [("Cookie", &*twins)];
        let user = sdk.get("users", &[fields[0], ("Origin", PAGE)]).await;
        is_error(&user, 400, "conflict");
        let out = match by_sdk {
            true => sdk.post("revoke", &fields, &Value::Null).await,
            false => log_out_from(&sdk.site, &twins, PAGE).await,
        };
        assert_eq!(out.status(), 204, "{}", out.text());
        let gone = out.all("set-cookie");
        for part in ["Domain=example.com", "Domain=app.example.com"] {
            let has_part = |field: &String| field.contains(&format!("; {part}"));
            assert!(of_sdk(&gone).any(has_part), "{part}: {gone:?}");
        }
        assert!(
            of_sdk(&gone).any(|field| !field.contains("Domain")),
            "{gone:?}"
        );
        for cookie in [&ada, &bea] {
            let answer = get(&sdk.site, "/", &pair(cookie)).await;
            assert_eq!(answer.status(), 401, "{by_sdk}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_sign_in_leaves_no_twin_of_an_earlier_configuration() {
    let sdk = Sdk::start(with_domain).await;
    let first = sign_in(&sdk, "ada", "").await;
    assert_eq!(first.all("set-cookie").len(), 1);
    let second = sign_in(&sdk, "ada", &pair(&first)).await;
    let fields = second.all("set-cookie");
    // Last: to some clients, that of a host and of a domain of that name are one.
    assert!(fields.last().unwrap().starts_with("DYNAMIC_JWT_TOKEN=ey"));
    let gone = |field: &String| !field.contains("Domain") && field.contains("Max-Age=0");
    assert_eq!(fields.iter().filter(|field| gone(field)).count(), 1);
    // What is set is not deleted again.
    let deletes = |field: &&String| field.contains("Max-Age=0");
    let mut deleting = fields.iter().filter(deletes);
    assert!(!deleting.any(|field| field.contains("Domain=example.com")));
}

/// At a domain above the gateway's host.
#[tokio::test]
async fn the_cookie_of_another_deployment_is_not_deleted() {
    let sdk = Sdk::start(|config| {
        config["public_url"] = json!("https://staging.example.com");
        config["sdk"] = json!({ "cookie": true });
    })
    .await;
    let first = pair(&sign_in(&sdk, "ada", "").await);
    let second = pair(&sign_in(&sdk, "bea", "").await);
    let payload = base64url(json!({ "iss": "https://example.com/_vestibule" }).to_string());
    let theirs = format!(
        "DYNAMIC_JWT_TOKEN={}.{payload}.x",
        base64url(r#"{"alg":"ES256"}"#)
    );
    for (sub, other, deletes) in [("cy", &theirs, false), ("dan", &second, true)] {
        let twins = format!("{first}; {other}");
        let signed_in = sign_in(&sdk, sub, &twins).await;
        let refused = get(&sdk.site, "/", &twins).await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        let out = log_out_from(&sdk.site, &twins, PAGE).await;
        assert_eq!(out.status(), 204, "{}", out.text());
        for answer in [signed_in, refused, out] {
            let gone = answer.all("set-cookie");
            let is_above = |field: &String| field.contains("; Domain=example.com");
            assert_eq!(of_sdk(&gone).any(is_above), deletes, "{gone:?}");
            assert!(of_sdk(&gone).any(|field| field.contains("; Domain=staging.")));
        }
    }
}

#[tokio::test]
async fn two_sessions_of_supabase_are_two_users_and_are_both_logged_out() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["cookie_name"] = json!("sb-x-auth-token");
        config["issuers"][0]["cookie_format"] = json!("supabase_ssr");
    })
    .await;
    let cookie = |sub: &str, jti: &str| {
        let token = site.acme.token().sub(sub).claim("jti", jti).sign();
        let session = json!({ "access_token": token });
        format!("sb-x-auth-token={session}")
    };
    let (one, two, same) = (cookie("u1", "1"), cookie("u2", "2"), cookie("u1", "3"));
    for cookie in [&one, &two, &same] {
        assert_eq!(get(&site, "/", cookie).await.status(), 200);
    }
    let refused = get(&site, "/optional", &format!("{one}; {two}")).await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
    refusal_id(&refused, "conflict");
    let passed = get(&site, "/optional", &format!("{one}; {same}")).await;
    assert_eq!(passed.status(), 200, "{}", passed.text());
    let out = log_out(&site, &format!("{one}; {two}")).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    for (cookie, status) in [(&one, 401), (&two, 401), (&same, 200)] {
        assert_eq!(get(&site, "/", cookie).await.status(), status);
    }
}

/// The one in one piece counts, and once that is gone, the one in chunks.
#[tokio::test]
async fn a_session_of_supabase_in_chunks_is_logged_out_next_to_one_in_one_piece() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["cookie_name"] = json!("sb-x-auth-token");
        config["issuers"][0]["cookie_format"] = json!("supabase_ssr");
    })
    .await;
    let session = |sub: &str| {
        let token = site.acme.token().sub(sub).sign();
        json!({ "access_token": token }).to_string()
    };
    let whole = format!("sb-x-auth-token={}", session("u1"));
    let chunked = session("u2");
    let (first, second) = chunked.split_at(40);
    let chunks = format!("sb-x-auth-token.0={first}; sb-x-auth-token.1={second}");
    for cookies in [&whole, &chunks] {
        assert_eq!(get(&site, "/", cookies).await.status(), 200);
    }
    let out = log_out(&site, &format!("{whole}; {chunks}")).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    for cookies in [&whole, &chunks] {
        assert_eq!(get(&site, "/", cookies).await.status(), 401, "{cookies}");
    }
}

/// The one with the application's suffix counts, and once that is gone, the plain one.
#[tokio::test]
async fn both_cookies_of_clerk_are_logged_out() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["cookie_name"] = json!("__session");
        config["issuers"][0]["cookie_format"] = json!("clerk");
    })
    .await;
    let token = |sub: &str| site.acme.token().sub(sub).sign();
    let suffixed = format!("__session_a1b2c3d4={}", token("u1"));
    let plain = format!("__session={}", token("u2"));
    for cookies in [&suffixed, &plain] {
        assert_eq!(get(&site, "/", cookies).await.status(), 200);
    }
    let out = log_out(&site, &format!("{plain}; {suffixed}")).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    for cookies in [&suffixed, &plain] {
        assert_eq!(get(&site, "/", cookies).await.status(), 401, "{cookies}");
    }
}

/// A few decide about a request. As soon as these are over, the others would.
#[tokio::test]
async fn the_cookies_of_all_issuers_are_logged_out() {
    let issuers = 0..6;
    let iss = |number: usize| format!("https://issuer-{number}.test");
    let site = TestGateway::with(|config| {
        let acme = config["issuers"][0].clone();
        let all = issuers.clone().map(|number| {
            let mut issuer = acme.clone();
            issuer["name"] = json!(format!("issuer-{number}"));
            issuer["iss"] = json!(iss(number));
            issuer["cookie_name"] = json!(format!("token_{number}"));
            issuer["header"] = json!(format!("X-Token-{number}"));
            issuer
        });
        config["issuers"] = all.collect();
    })
    .await;
    let cookies: Vec<String> = issuers
        .map(|number| {
            let token = site.acme.token().claim("iss", iss(number));
            format!("token_{number}={}", token.sign())
        })
        .collect();
    for cookie in &cookies {
        assert_eq!(get(&site, "/", cookie).await.status(), 200);
    }
    let out = log_out(&site, &cookies.join("; ")).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    for cookie in &cookies {
        assert_eq!(get(&site, "/", cookie).await.status(), 401, "{cookie}");
    }
}

/// Behind twins no cookie counts, but once the browser is freed of them, it would.
#[tokio::test]
async fn a_cookie_behind_twins_is_logged_out_too() {
    let site = TestGateway::start().await;
    let behind = format!("globex_token={}", site.globex.token().sub("bob").sign());
    assert_eq!(get(&site, "/", &behind).await.status(), 200);
    let expired = site.acme.token().expires_in(-3600).sign();
    let twins = format!(
        "acme_token={}; acme_token={expired}",
        site.acme.token().sign()
    );
    let out = log_out(&site, &format!("{twins}; {behind}")).await;
    assert_eq!(out.status(), 204, "{}", out.text());
    assert_eq!(get(&site, "/", &behind).await.status(), 401);
}

/// What is not looked at may be somebody's session: nobody gets the answer that it has ended. It is more than
/// browsers have.
#[tokio::test]
async fn a_logout_does_not_claim_what_it_has_not_done() {
    let site = TestGateway::start().await;
    let tokens = (0..33).map(|number| {
        let token = site.acme.token().claim("sid", number.to_string());
        format!("acme_token={}", token.sign())
    });
    let tokens: Vec<_> = tokens.collect();
    for (count, status) in [(33, 400), (32, 204)] {
        let out = log_out(&site, &tokens[..count].join("; ")).await;
        assert_eq!(out.status(), status, "{}", out.text());
    }
    for (number, status) in [(0, 401), (31, 401), (32, 200)] {
        let answer = get(&site, "/", &tokens[number]).await;
        assert_eq!(answer.status(), status, "{number}: {}", answer.text());
    }
}

fn with_domain(config: &mut Value) {
    config["public_url"] = json!("https://app.example.com");
    config["sdk"] = json!({ "cookie": { "domain": "example.com" } });
}

async fn sign_in(sdk: &Sdk, sub: &str, cookies: &str) -> Message {
    let jwt = sdk.site.acme.token().sub(sub).claim("sid", sub).sign();
    let content = json!({ "jwt": jwt });
    let fields = [("Cookie", cookies)];
    let fields = &fields[usize::from(cookies.is_empty())..];
    let answer = sdk.post("externalAuth/signin", fields, &content).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    remember_session_token(pair(&answer).split_once('=').unwrap().1);
    answer
}

/// `name=value` of the first cookie that an answer sets.
fn pair(answer: &Message) -> String {
    let fields = answer.all("set-cookie");
    let set = fields.iter().find(|field| !field.contains("Max-Age=0"));
    set.unwrap().split(';').next().unwrap().to_owned()
}

fn of_sdk(fields: &[String]) -> impl Iterator<Item = &String> {
    let gone = |field: &&String| field.contains("Max-Age=0");
    let fields = fields.iter().filter(gone);
    fields.filter(|field| field.starts_with("DYNAMIC_JWT_TOKEN=;"))
}

fn own_cookie(answer: &Message) -> String {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let field = answer.field("set-cookie").expect("a session cookie");
    field.split(';').next().unwrap().to_owned()
}

async fn get(site: &TestGateway, path: &str, cookies: &str) -> Message {
    site.gateway.get(path, &[("Cookie", cookies)]).await
}

async fn log_out(site: &TestGateway, cookies: &str) -> Message {
    let own = format!("http://{}", site.gateway.public);
    log_out_from(site, cookies, &own).await
}

async fn log_out_from(site: &TestGateway, cookies: &str, origin: &str) -> Message {
    let fields = [
        ("Cookie", cookies),
        ("Origin", origin),
        ("Content-Length", "0"),
    ];
    let path = "/_vestibule/logout";
    site.gateway.request("POST", path, &fields).await
}
