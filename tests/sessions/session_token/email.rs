//! Addresses in session tokens.

use super::*;

#[tokio::test]
async fn email_only_when_the_issuer_vouches_for_it() {
    let site = TestGateway::start().await;
    let email = |sub: &str, name: &str, verified: Value| {
        let token = site
            .acme
            .token()
            .sub(sub)
            .claim("email", format!("{sub}@acme.test"));
        token.claim(name, verified).sign()
    };
    for (sub, name) in [("one", "emailVerified"), ("two", "email_verified")] {
        let session = site.passes(&email(sub, name, json!(true))).await;
        assert_eq!(session.claims["email"], format!("{sub}@acme.test"));
    }
    for (sub, verified) in [
        ("a", json!(false)),
        ("b", json!("true")),
        ("c", json!(1)),
        ("d", json!(null)),
        ("e", json!([true])),
    ] {
        for name in ["emailVerified", "email_verified"] {
            let session = site.passes(&email(sub, name, verified.clone())).await;
            assert_eq!(session.claims.get("email"), None, "{name}: {verified}");
        }
    }
    let token = site
        .acme
        .token()
        .sub("none")
        .claim("email", "none@acme.test")
        .sign();
    assert_eq!(site.passes(&token).await.claims.get("email"), None);
    let token = site.acme.token().sub("odd").claim("email", json!(["a@b"]));
    let session = site
        .passes(&token.claim("emailVerified", true).sign())
        .await;
    assert_eq!(session.claims.get("email"), None);
}

#[tokio::test]
async fn an_email_of_somebody_else_is_not_taken_over() {
    let site = TestGateway::start().await;
    let with_email = |token: crate::support::token::TokenBuilder| {
        token
            .claim("email", "shared@test")
            .claim("emailVerified", true)
            .sign()
    };
    let first = site
        .passes(&with_email(site.acme.token().sub("alice")))
        .await;
    let second = site
        .passes(&with_email(site.globex.token().sub("mallory")))
        .await;
    assert_eq!(first.claims["email"], "shared@test");
    assert_ne!(
        first.claims["sub"], second.claims["sub"],
        "accounts are not linked by email"
    );
    assert_eq!(second.claims.get("email"), None);
}
