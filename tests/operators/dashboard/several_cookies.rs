//! Operators whose browsers have several cookies, some of which count no more.

use serde_json::json;

use super::sign_in::{continued, held, page_of};
use crate::support::{Key, TestGateway};

#[tokio::test]
async fn an_operator_continues_by_the_cookie_that_decides_on_routes() {
    let site = site().await;
    let staff = || json!(["staff"]);
    let of = |cookie: &str, token: String| format!("{cookie}_token={token}");
    let operator = site.globex.token().sub("vera").claim("groups", staff());
    let live = of("globex", operator.sign());
    let guest = of("globex", site.globex.token().sub("gus").sign());
    let expired = site.acme.token().claim("groups", staff()).expires_in(-3600);
    let expired = of("acme", expired.sign());
    let ended = site.acme.token().claim("groups", staff()).sign();
    site.passes(&ended).await;
    log_out(&site, &ended).await;
    let ended = of("acme", ended);
    let lapsed = site.globex.token().claim("groups", staff());
    let lapsed = of("globex", lapsed.expires_in(-3600).sign());

    is_operator(&site, &live).await;
    for over in [&expired, &ended] {
        is_operator(&site, &format!("{over}; {live}")).await;
        // As whom: somebody for whom no rule holds, or nobody.
        for (other, status) in [(&guest, 403), (&lapsed, 401), (over, 401)] {
            is_refused(&site, &format!("{over}; {other}"), status).await;
        }
    }
    // What is made up is not past, and who is signed in first is who signs in.
    let forged = site.acme.token().claim("groups", staff());
    let forged = of("acme", forged.forged_by(&Key::p256("acme-1")).sign());
    is_refused(&site, &format!("{forged}; {live}"), 401).await;
    let first = of("acme", site.acme.token().sub("gus").sign());
    is_refused(&site, &format!("{first}; {live}"), 403).await;
}

/// A site with a rule for the users of both issuers.
async fn site() -> TestGateway {
    TestGateway::with(|config| {
        let staff = json!({"groups": {"any_of": ["staff"]}});
        config["admin"] = json!({ "sign_in": [
            {"issuer": "acme", "require": staff},
            {"issuer": "globex", "require": staff},
        ]});
    })
    .await
}

async fn is_operator(site: &TestGateway, cookies: &str) {
    let cookie = held(&continued(site, cookies).await);
    let page = page_of(site, "/dashboard/users", &cookie).await;
    assert_eq!(page.status(), 200, "{}", page.text());
    let page = page_of(site, "/dashboard/external/issuer/globex", &cookie).await;
    assert!(page.contains("(viewer)"), "{}", page.text());
}

async fn is_refused(site: &TestGateway, cookies: &str, status: u16) {
    let refused = continued(site, cookies).await;
    assert_eq!(refused.status(), status, "{}", refused.text());
    assert_eq!(refused.field("set-cookie"), None);
}

async fn log_out(site: &TestGateway, token: &str) {
    let bearer = format!("Bearer {token}");
    let fields = [("Authorization", &*bearer), ("Content-Length", "0")];
    let answer = site
        .gateway
        .request("POST", "/_vestibule/logout", &fields)
        .await;
    assert_eq!(answer.status(), 204, "{}", answer.text());
}
