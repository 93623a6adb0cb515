//! Login pages that send the browser straight back, and the way out.

use serde_json::json;

use super::{Jar, NAVIGATION, deleted, log_out, navigate, with_login};
use crate::support::{Message, TestGateway};

/// Opens a page until the browser is redirected no more; the page that it sees then, and how often it was.
async fn circle(site: &TestGateway, jar: &mut Jar) -> (Message, u32) {
    for redirects in 0..20 {
        let answer = navigate(site, "/a", &jar.field()).await;
        jar.take(&answer);
        if answer.status() != 302 {
            assert_eq!(answer.status(), 401, "{}", answer.text());
            return (answer, redirects);
        }
    }
    panic!("ERR_TOO_MANY_REDIRECTS");
}

/// A browser whose session has ended, and that still has the issuer's cookie.
async fn ended(site: &TestGateway) -> Jar {
    let mut jar = Jar::default();
    let token = site.acme.token().sign();
    jar.0.insert("acme_token".to_owned(), token);
    assert_eq!(navigate(site, "/a", &jar.field()).await.status(), 200);
    log_out(site, &jar.field(), &[]).await;
    jar
}

/// Presses the button of a page's form, which sends its hidden fields.
async fn press(site: &TestGateway, page: &str, cookies: &str) -> Message {
    let form = page
        .split_once("<form method=\"post\" action=\"")
        .unwrap()
        .1;
    let (action, rest) = form.split_once('"').unwrap();
    let hidden = rest.split("type=\"hidden\" name=\"").skip(1);
    let pairs = hidden.map(|field| {
        let mut texts = field.split('"').step_by(2);
        format!("{}={}", texts.next().unwrap(), texts.next().unwrap())
    });
    let content = pairs.collect::<Vec<_>>().join("&");
    let (own, length) = (
        format!("http://{}", site.gateway.public),
        content.len().to_string(),
    );
    let fields = [
        ("Cookie", cookies),
        ("Origin", &own),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Length", &length),
    ];
    let mut request = site.gateway.bytes("POST", action, &fields);
    request.extend_from_slice(content.as_bytes());
    site.gateway.send(request).await
}

/// The session has ended, the issuer's cookie is still valid, and the login page sends whoever has it on.
#[tokio::test]
async fn a_circle_ends_with_a_page_that_leads_out() {
    let site = TestGateway::with(with_login).await;
    let mut jar = ended(&site).await;
    let (page, redirects) = circle(&site, &mut jar).await;
    assert_eq!(redirects, 3, "{}", page.text());
    let id = page.field("content-type");
    assert_eq!(id.as_deref(), Some("text/html; charset=utf-8"));
    assert!(
        page.contains("action=\"/_vestibule/logout\""),
        "{}",
        page.text()
    );
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.contains("form-action *"), "{policy}");
    // The page ends the count: whoever follows its link is redirected again.
    assert_eq!(navigate(&site, "/a", &jar.field()).await.status(), 302);
    // Several tabs at once are no circle.
    for path in ["/b", "/c", "/d", "/e", "/f"] {
        let answer = navigate(&site, path, &jar.field()).await;
        assert_eq!(answer.status(), 302, "{path}");
        jar.take(&answer);
    }
    assert!(jar.field().len() < 8192);
    // The counter is nobody else's business.
    let seen = navigate(&site, "/optional", &format!("a=1; {}", jar.field())).await;
    assert_eq!(seen.status(), 200);
    let forwarded = site.upstream.last().field("cookie");
    assert_eq!(forwarded.as_deref(), Some("a=1"));
    // The button takes the cookie away that the login page was wrong about.
    let out = press(&site, &page.text(), &jar.field()).await;
    let back = out.field("location");
    assert_eq!((out.status(), back.as_deref()), (303, Some("/a")));
    assert_eq!(deleted(&out), 2);
    jar.take(&out);
    let next = navigate(&site, "/a", &jar.field()).await;
    let location = next.field("location");
    assert_eq!(location.as_deref(), Some("/optional/login?return_to=%2Fa"));
}

/// The gateway does not know how the issuer's cookie is set, so it cannot delete it.
#[tokio::test]
async fn the_way_out_may_lead_to_the_provider_and_is_offered_only_if_it_leads_out() {
    for at_provider in [true, false] {
        let site = TestGateway::with(|config| {
            config["login_url"] = json!("/optional/login");
            config["logout"] = json!({ "at_provider": at_provider });
            config["issuers"][0]["end_session_endpoint"] = json!("https://id.test/out");
        })
        .await;
        let mut jar = ended(&site).await;
        let (page, redirects) = circle(&site, &mut jar).await;
        assert_eq!(redirects, 3);
        assert!(page.contains("href=\"/optional/login?"), "{}", page.text());
        assert_eq!(page.contains("<form"), at_provider, "{}", page.text());
        let policy = page.field("content-security-policy").unwrap();
        assert_eq!(policy.contains("form-action *"), at_provider, "{policy}");
        if at_provider {
            let out = press(&site, &page.text(), &jar.field()).await;
            let location = out.field("location").expect("a redirect");
            assert!(location.starts_with("https://id.test/out?"), "{location}");
        }
    }
}

/// Four tabs of one address, restored at once, are no login that was refused.
#[tokio::test]
async fn nobody_is_called_signed_in_who_brings_no_login() {
    let site = TestGateway::with(with_login).await;
    let (page, redirects) = circle(&site, &mut Jar::default()).await;
    assert_eq!(redirects, 5);
    let text = page.text();
    assert!(text.contains("href=\"/optional/login?"), "{text}");
    for claim in ["signed in", "Sign out", "<form"] {
        assert!(!text.contains(claim), "{text}");
    }
}

/// Requests to the login page itself come here, each with the address of the one before in its query.
#[tokio::test]
async fn a_login_page_that_is_here_after_all_makes_no_endless_loop() {
    let site = TestGateway::with(|config| {
        config["public_url"] = json!("http://app.test");
        config["login_url"] = json!("http://127.0.0.1:1/login");
    })
    .await;
    let mut jar = Jar::default();
    let mut visit = async |path: &str, query: usize| {
        let head: String = NAVIGATION
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .concat();
        let cookies = jar.field();
        let target = format!("{path}?return_to={query}");
        let fields = format!("Host: app.test\r\nCookie: {cookies}\r\n{head}\r\n");
        let answer = site
            .gateway
            .send(format!("GET {target} HTTP/1.1\r\n{fields}"))
            .await;
        jar.take(&answer);
        answer.status()
    };
    for (path, last) in [("/other", 302), ("/login", 401)] {
        for query in 0..5 {
            assert_eq!(visit(path, query).await, 302, "{path}");
        }
        assert_eq!(visit(path, 5).await, last, "{path}");
    }
}
