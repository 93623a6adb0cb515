//! The gateway's session cookie: a session that outlasts the provider's cookie in the browser.

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Clock, Message, Reply, TestGateway, remember_session_token};

#[tokio::test]
async fn a_browser_stays_when_the_providers_cookie_goes() {
    let mut site = site().await;
    let token = site.acme.token().sign();
    let first = get(&site, &format!("acme_token={token}")).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.field("cache-control").as_deref(), Some("private"));
    let cookie = value(&first);
    let opened = site.session();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=3"] {
        let field = first.field("set-cookie").unwrap();
        assert!(field.contains(&format!("; {attribute}")), "{field}");
    }

    let alone = get(&site, &cookie).await;
    assert_eq!(alone.status(), 200, "{}", alone.text());
    assert_eq!(site.session().claims["sid"], opened.claims["sid"]);
    assert!(
        !site.upstream.last().contains(&cookie),
        "it goes no further"
    );
    assert_eq!(alone.field("set-cookie"), None);
    let both = get(&site, &format!("acme_token={token}; {cookie}")).await;
    assert_eq!(both.field("set-cookie"), None, "what it has will do");

    let secret = cookie.split_once('=').unwrap().1.to_owned();
    site.gateway = site.gateway.restart().await;
    let after = get(&site, &cookie).await;
    assert_eq!(after.status(), 200, "{}", after.text());
    assert_eq!(site.session().claims["sid"], opened.claims["sid"]);
    site.gateway.kill9().await;
    let file = std::fs::read(site.gateway.dir().join("vestibule.redb")).unwrap();
    let stored = file
        .windows(secret.len())
        .any(|bytes| bytes == secret.as_bytes());
    assert!(!stored, "the store knows its hash alone");
    assert!(!site.gateway.log().contains(&secret));
}

#[tokio::test]
async fn only_browsers_get_one_and_only_when_configured() {
    let site = site().await;
    let answer = site.present(&site.acme.token().sign()).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("set-cookie"), None, "a bearer keeps its token");
    let without = TestGateway::start().await;
    let token = without.acme.token().sign();
    let answer = get(&without, &format!("acme_token={token}")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.field("set-cookie"), None);
}

#[tokio::test]
async fn under_https_the_name_has_its_prefix() {
    let site = TestGateway::with(|config| {
        config["session"] = json!({"cookie": true});
        config["public_url"] = json!("https://app.example.com");
    })
    .await;
    let token = site.acme.token().sign();
    let answer = get(&site, &format!("acme_token={token}")).await;
    let field = answer.field("set-cookie").unwrap();
    assert!(field.starts_with("__Host-vestibule="), "{field}");
    assert!(field.contains("; Secure"), "{field}");
}

#[tokio::test]
async fn a_dead_cookie_is_refused_and_taken_away() {
    let site = site().await;
    let token = site.acme.token().sign();
    let cookie = value(&get(&site, &format!("acme_token={token}")).await);
    assert_eq!(get(&site, &cookie).await.status(), 200);
    let own = format!("http://{}", site.gateway.public);
    let logout = site
        .gateway
        .request(
            "POST",
            "/_vestibule/logout",
            &[("Cookie", &cookie), ("Origin", &own)],
        )
        .await;
    assert_eq!(logout.status(), 204, "{}", logout.text());
    is_cleared(&logout);

    let unknown = format!("vestibule={}", "A".repeat(43));
    for dead in [&cookie, &unknown] {
        for _ in 0..2 {
            let refused = get(&site, dead).await;
            assert_eq!(refused.status(), 401);
            is_cleared(&refused);
        }
        // Where nobody must be anybody it counts for nothing.
        let passed = site
            .gateway
            .get("/optional", &[("Cookie", dead.as_str())])
            .await;
        assert_eq!(passed.status(), 200);
        is_cleared(&passed);
        assert_eq!(site.upstream.last().bearer(), None);
    }
    // The provider's token of that login opens nothing either.
    assert_eq!(site.present(&token).await.status(), 401);
}

#[tokio::test]
async fn it_is_good_as_a_cookie_of_the_own_site_only() {
    let site = site().await;
    let token = site.acme.token().sign();
    let cookie = value(&get(&site, &format!("acme_token={token}")).await);
    assert_eq!(get(&site, &cookie).await.status(), 200);
    let as_bearer = cookie.strip_prefix("vestibule=").unwrap();
    assert_eq!(site.present(as_bearer).await.status(), 401);

    let own = format!("http://{}", site.gateway.public);
    for (origin, status) in [(own.as_str(), 200), ("https://evil.example", 403)] {
        let fields = [("Cookie", cookie.as_str()), ("Origin", origin)];
        let answer = site.gateway.request("POST", "/", &fields).await;
        assert_eq!(answer.status(), status, "{origin}");
    }
}

#[tokio::test]
async fn an_upstream_does_not_set_it() {
    let site = site().await;
    let token = site.acme.token().sign();
    site.upstream.reply(Reply::Bytes(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: vestibule=evil\r\nContent-Length: 0\r\n\r\n"
            .to_vec(),
    ));
    let answer = site.present(&token).await;
    assert_eq!(answer.all("set-cookie"), ["a=1"]);
}

#[tokio::test]
async fn its_value_is_good_under_its_own_name_only() {
    for sdk_cookie in [false, true] {
        let site = TestGateway::with(|config| {
            config["session"] = json!({"cookie": true});
            config["sdk"] = json!({"issuer": "acme", "cookie": sdk_cookie});
        })
        .await;
        let token = site.acme.token().sign();
        let cookie = value(&get(&site, &format!("acme_token={token}")).await);
        assert_eq!(get(&site, &cookie).await.status(), 200);
        let renamed = cookie.replace("vestibule=", "DYNAMIC_JWT_TOKEN=");
        assert_ne!(renamed, cookie);
        assert_eq!(get(&site, &renamed).await.status(), 401, "{sdk_cookie}");
        // A session token is what belongs there.
        let session = site.upstream.last().bearer().unwrap();
        remember_session_token(&session);
        let sdk = format!("DYNAMIC_JWT_TOKEN={session}");
        assert_eq!(get(&site, &sdk).await.status(), 200);

        let own = format!("http://{}", site.gateway.public);
        let fields = [("Cookie", &*sdk), ("Origin", &*own)];
        let logout = site
            .gateway
            .request("POST", "/_vestibule/logout", &fields)
            .await;
        assert_eq!(logout.status(), 204, "{}", logout.text());
        let gone = logout.all("set-cookie");
        for name in ["vestibule=;", "DYNAMIC_JWT_TOKEN=;"] {
            assert!(gone.iter().any(|field| field.starts_with(name)), "{gone:?}");
        }
        assert_eq!(get(&site, &cookie).await.status(), 401, "one session");
    }
}

/// A newer token moves the session's end; the cookie has to last for the rest of the session.
#[tokio::test]
async fn a_session_that_lasts_longer_gets_a_cookie_that_does() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({ "cookie": true });
    })
    .await;
    let token = |seconds| {
        let token = site.acme.token().claim("sid", "s2").expires_in(seconds);
        format!("acme_token={}", token.sign())
    };
    let first = value(&get(&site, &token(60)).await);
    // What lasts for the greater part of it will do.
    let longer = get(&site, &format!("{}; {first}", token(70))).await;
    assert_eq!((longer.status(), longer.field("set-cookie")), (200, None));

    let newer = token(3600);
    let renewed = get(&site, &format!("{newer}; {first}")).await;
    let second = value(&renewed);
    assert_ne!(second, first);
    let field = renewed.field("set-cookie").unwrap();
    let age = field.split("; Max-Age=").nth(1).unwrap();
    let age: u64 = age.split(';').next().unwrap().parse().unwrap();
    assert!(age > 3000, "{field}");
    let again = get(&site, &format!("{newer}; {second}")).await;
    assert_eq!((again.status(), again.field("set-cookie")), (200, None));

    clock.step(&site, 600).await;
    assert_eq!(get(&site, &second).await.status(), 200);
    assert_eq!(
        get(&site, &first).await.status(),
        401,
        "its time has passed"
    );
}

/// By a script, for example, while the pages come with the gateway's cookie alone.
#[tokio::test]
async fn a_session_that_lasts_longer_by_another_request_gets_a_cookie_that_does() {
    let folder = TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["session"] = json!({ "cookie": true });
    })
    .await;
    let token = |seconds| {
        let token = site.acme.token().claim("sid", "s3");
        token.expires_in(seconds).sign()
    };
    let first = value(&get(&site, &format!("acme_token={}", token(60))).await);
    // What lasts for the greater part of it will do.
    for longer in [None, Some(70)] {
        if let Some(seconds) = longer {
            let by_script = site.present(&token(seconds)).await;
            assert_eq!(
                (by_script.status(), by_script.field("set-cookie")),
                (200, None)
            );
        }
        let page = get(&site, &first).await;
        assert_eq!((page.status(), page.field("set-cookie")), (200, None));
    }
    assert_eq!(site.present(&token(3600)).await.status(), 200);
    let renewed = get(&site, &first).await;
    let second = value(&renewed);
    assert_ne!(second, first);
    let field = renewed.field("set-cookie").unwrap();
    let age = field.split("; Max-Age=").nth(1).unwrap();
    let age: u64 = age.split(';').next().unwrap().parse().unwrap();
    assert!(age > 3000, "{field}");
    let page = get(&site, &second).await;
    assert_eq!((page.status(), page.field("set-cookie")), (200, None));

    clock.step(&site, 600).await;
    assert_eq!(get(&site, &second).await.status(), 200);
    assert_eq!(
        get(&site, &first).await.status(),
        401,
        "its time has passed"
    );
}

async fn site() -> TestGateway {
    TestGateway::with(|config| config["session"] = json!({"cookie": true})).await
}

async fn get(site: &TestGateway, cookie: &str) -> Message {
    site.gateway.get("/", &[("Cookie", cookie)]).await
}

/// `name=value` of the cookie that an answer sets.
fn value(answer: &Message) -> String {
    let field = answer.field("set-cookie").expect("a cookie is set");
    let pair = field.split(';').next().unwrap();
    assert!(pair.starts_with("vestibule="), "{pair}");
    assert!(pair.len() > 50, "256 bits");
    pair.to_owned()
}

fn is_cleared(answer: &Message) {
    let field = answer.field("set-cookie").expect("it is taken away");
    assert!(
        field.starts_with("vestibule=;") && field.contains("Max-Age=0"),
        "{field}"
    );
}
