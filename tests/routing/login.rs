//! Browsers on their way to the login page and back: why, how often, and with which cookies.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Key, Message, TestGateway};

mod circle;

const NAVIGATION: [(&str, &str); 2] = [
    ("Sec-Fetch-Mode", "navigate"),
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
];

/// Cookies as a browser keeps them, of one host and path.
#[derive(Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn take(&mut self, answer: &Message) {
        for field in answer.all("set-cookie") {
            let (name, rest) = field.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match field.contains("Max-Age=0") {
                true => self.0.remove(name),
                false => self.0.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    fn field(&self) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }
}

fn with_login(config: &mut Value) {
    config["login_url"] = json!("/optional/login");
    config["issuers"][0]["cookie_domain"] = json!("acme.test");
    config["issuers"][0]["cookie_path"] = json!("/");
}

async fn navigate(site: &TestGateway, path: &str, cookies: &str) -> Message {
    let fields = [&NAVIGATION[..], &[("Cookie", cookies)]].concat();
    site.gateway.get(path, &fields).await
}

async fn log_out(site: &TestGateway, cookies: &str, fields: &[(&str, &str)]) -> Message {
    let own = format!("http://{}", site.gateway.public);
    let all = [
        ("Cookie", cookies),
        ("Origin", &own),
        ("Content-Length", "0"),
    ];
    let all = [&all[..], fields].concat();
    site.gateway
        .request("POST", "/_vestibule/logout", &all)
        .await
}

#[tokio::test]
async fn the_login_page_is_told_why() {
    let site = TestGateway::with(with_login).await;
    let lasting = format!("acme_token={}", site.acme.token().sign());
    assert_eq!(navigate(&site, "/a", &lasting).await.status(), 200);
    assert_eq!(log_out(&site, &lasting, &[]).await.status(), 204);
    let expired = site.acme.token().expires_in(-3600);
    // The provider has other keys by now.
    let unverifiable = expired.clone().header("kid", "of last year").sign();
    let unverifiable = format!("acme_token={unverifiable}");
    let expired = format!("acme_token={}", expired.sign());
    for (cookies, reason) in [
        (&*lasting, "&reason=session_ended"),
        (&*expired, "&reason=expired"),
        (&*unverifiable, "&reason=expired"),
        ("a=1", ""),
    ] {
        let answer = navigate(&site, "/a", cookies).await;
        let location = answer.field("location");
        let expected = format!("/optional/login?return_to=%2Fa{reason}");
        assert_eq!(location, Some(expected));
    }
}

/// Browsers take `//` for the beginning of another host.
#[tokio::test]
async fn the_login_page_sends_nobody_to_another_host() {
    let site = TestGateway::with(|config| {
        with_login(config);
        config["routes"][0]["allow_empty_segments"] = json!(true);
    })
    .await;
    for (path, back) in [
        ("//evil.test/x", "%2F%2E%2F%2Fevil%2Etest%2Fx"),
        ("/a//b", "%2Fa%2F%2Fb"),
    ] {
        let location = navigate(&site, path, "a=1").await.field("location");
        let expected = format!("/optional/login?return_to={back}");
        assert_eq!(location, Some(expected), "{path}");
    }
}

#[tokio::test]
async fn a_blocked_user_is_led_to_the_login_page_with_a_reason() {
    let site = TestGateway::with(with_login).await;
    let cookie = format!("acme_token={}", site.acme.token().sign());
    assert_eq!(navigate(&site, "/a", &cookie).await.status(), 200);
    let user = site.session().claims["sub"].as_str().unwrap().to_owned();
    let path = format!("/admin/api/users/{user}/blocked");
    let block = json!({ "blocked": true });
    let blocked = site.gateway.admin_send("PUT", &path, &[], &block).await;
    assert_eq!(blocked.status(), 200, "{}", blocked.text());
    let next = site.acme.token().claim("jti", "the next login").sign();
    let answer = navigate(&site, "/a", &format!("acme_token={next}")).await;
    let location = answer.field("location");
    let expected = "/optional/login?return_to=%2Fa&reason=blocked";
    assert_eq!(location.as_deref(), Some(expected));
    // A program is refused as before.
    let answer = site.present(&next).await;
    site.is_refusal(&answer, 403, "forbidden", "user_blocked")
        .await;
}

/// A browser may load a page as often as it likes before somebody clicks on the link to it.
#[tokio::test]
async fn a_page_that_is_loaded_in_advance_is_no_step_of_a_circle() {
    let site = TestGateway::with(with_login).await;
    let mut jar = Jar::default();
    for purpose in [
        "prefetch",
        "prefetch;prerender",
        "prefetch;anonymous-client-ip",
        "prefetch",
    ] {
        let cookies = jar.field();
        let advance = [("Sec-Purpose", purpose), ("Cookie", &*cookies)];
        let fields = [&NAVIGATION[..], &advance].concat();
        let answer = site.gateway.get("/a", &fields).await;
        assert_eq!(answer.status(), 401, "{purpose}");
        assert_eq!(answer.all("set-cookie"), [""; 0], "{purpose}");
        jar.take(&answer);
    }
    // The click leads to the login page, and so does a navigation for another purpose.
    assert_eq!(navigate(&site, "/a", &jar.field()).await.status(), 302);
    let other = [("Sec-Purpose", "preview")];
    let fields = [&NAVIGATION[..], &other].concat();
    assert_eq!(site.gateway.get("/a", &fields).await.status(), 302);
}

#[tokio::test]
async fn an_ended_login_takes_the_issuers_cookie_along_by_choice() {
    for clears in [true, false] {
        let site = TestGateway::with(|config| {
            with_login(config);
            config["logout"] = json!({ "clear_issuer_cookie": clears });
        })
        .await;
        let cookie = format!("acme_token={}", site.acme.token().sign());
        assert_eq!(navigate(&site, "/a", &cookie).await.status(), 200);
        let out = log_out(&site, &cookie, &[]).await;
        let back = navigate(&site, "/a", &cookie).await;
        assert_eq!((out.status(), back.status()), (204, 302));
        for answer in [out, back] {
            assert_eq!(deleted(&answer), if clears { 2 } else { 0 });
        }
        // Of a login that holds nothing is taken away.
        let other = format!("acme_token={}", site.acme.token().sub("other").sign());
        let answer = navigate(&site, "/a", &other).await;
        assert_eq!((answer.status(), deleted(&answer)), (200, 0));
    }
}

#[tokio::test]
async fn twin_cookies_lock_nobody_out() {
    let site = TestGateway::with(with_login).await;
    let token = site.acme.token().sign();
    let old = site.acme.token().expires_in(-3600).sign();
    let forged = site.acme.token().forged_by(&Key::p256("x")).sign();
    for other in [&old, &forged] {
        let twins = format!("acme_token={token}; acme_token={other}");
        let anonymous = site.gateway.get("/optional", &[("Cookie", &twins)]).await;
        assert_eq!(anonymous.status(), 200, "{}", anonymous.text());
        assert_eq!(site.upstream.last().field("authorization"), None);
        // The upstream may have set one of them in this answer.
        assert_eq!(deleted(&anonymous), 0);
        let refused = site.gateway.get("/", &[("Cookie", &twins)]).await;
        site.is_refusal(&refused, 400, "conflict", "cookie_twins")
            .await;
        assert_eq!(deleted(&refused), 0);
        let led = navigate(&site, "/a", &twins).await;
        assert_eq!((led.status(), deleted(&led)), (302, 2));
        let out = log_out(&site, &twins, &[]).await;
        assert_eq!((out.status(), deleted(&out)), (204, 2));
    }
    // One cookie, twice, is one.
    let fresh = site.acme.token().sub("fresh").sign();
    let same = format!("acme_token={fresh}; acme_token={fresh}");
    let answer = site.gateway.get("/", &[("Cookie", &same)]).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn two_valid_tokens_of_different_users_are_refused_everywhere() {
    let site = TestGateway::with(with_login).await;
    let [one, two, same] = ["u1", "u2", "u1"].map(|sub| site.acme.token().sub(sub));
    let (one, two) = (one.sign(), two.sign());
    let same = same.claim("jti", "another").sign();
    for (other, optional) in [(&two, 400), (&same, 200)] {
        let twins = format!("acme_token={one}; acme_token={other}");
        let answer = site.gateway.get("/optional", &[("Cookie", &twins)]).await;
        assert_eq!(answer.status(), optional, "{}", answer.text());
        assert_eq!(deleted(&answer), if optional == 400 { 2 } else { 0 });
        let expected = if optional == 400 { 400 } else { 302 };
        assert_eq!(navigate(&site, "/a", &twins).await.status(), expected);
    }
}

#[tokio::test]
async fn a_login_application_behind_the_gateway_gets_its_cookie() {
    let site = TestGateway::with(|config| {
        config["routes"].as_array_mut().unwrap().extend([
            json!({ "path": "/auth", "auth": "optional", "upstream": "app",
                    "forward_issuer_cookie": ["acme"] }),
            json!({ "path": "/other", "auth": "optional", "upstream": "app",
                    "forward_issuer_cookie": ["globex"] }),
        ]);
    })
    .await;
    // Expired, as it may well be where it is refreshed.
    let token = site.acme.token().expires_in(-3600).foreign().sign();
    let cookies = format!("a=1; acme_token={token}; vestibule=x");
    for (path, expected) in [
        ("/auth/refresh", format!("a=1; acme_token={token}")),
        ("/other", "a=1".to_owned()),
        ("/optional", "a=1".to_owned()),
        ("/open", "a=1".to_owned()),
    ] {
        let answer = site.gateway.get(path, &[("Cookie", &cookies)]).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let seen = site.upstream.last().field("cookie");
        assert_eq!(seen, Some(expected), "{path}");
    }
}

/// Its refresh token, and what the provider's library keeps besides, are its own as well.
#[tokio::test]
async fn a_login_application_gets_all_cookies_of_its_issuer_and_no_other() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["strip_cookies"] = json!(["acme_refresh", "acme_state_*", "vesti*"]);
        config["issuers"][1]["strip_cookies"] = json!(["globex_refresh", "acme_state_both"]);
        config["routes"].as_array_mut().unwrap().push(
            json!({ "path": "/auth", "auth": "optional", "upstream": "app",
                    "forward_issuer_cookie": ["acme"] }),
        );
    })
    .await;
    let refresh = site.acme.token().expires_in(-3600).foreign().sign();
    let other = site.globex.token().expires_in(-3600).foreign().sign();
    let theirs =
        format!("acme_refresh=opaque; acme_state_1=x; kept={refresh}; acme_globex=%22{refresh}%22");
    let cookies = format!(
        "a=1; acme_token={refresh}; {theirs}; globex_refresh=y; acme_state_both=z; vestibule=s; vestibule_admin=t; \
         copy={other}"
    );
    for (path, expected) in [
        (
            "/auth/refresh",
            format!("a=1; acme_token={refresh}; {theirs}"),
        ),
        ("/optional", "a=1".to_owned()),
        ("/open", "a=1".to_owned()),
    ] {
        let answer = site.gateway.get(path, &[("Cookie", &cookies)]).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text());
        let seen = site.upstream.last().field("cookie");
        assert_eq!(seen, Some(expected), "{path}");
    }
}

fn deleted(answer: &Message) -> usize {
    let fields = answer.all("set-cookie").into_iter();
    let deleted: Vec<String> = fields
        .filter(|field| field.starts_with("acme_token=;") && field.contains("Max-Age=0"))
        .collect();
    if let [host, domain] = &deleted[..] {
        assert!(!host.contains("Domain"), "{host}");
        assert!(domain.contains("Domain=acme.test"), "{domain}");
    }
    deleted.len()
}
