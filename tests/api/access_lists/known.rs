//! What the gateway knows of a user counts, whichever of the user's tokens is shown.

use serde_json::json;

use super::{Sdk, add, create, is_error, sign_in, turn};

/// An ID token says the address, an access token does not.
#[tokio::test]
async fn a_block_by_address_holds_for_tokens_without_it() {
    for (entry, sub) in [
        (json!({ "email": "eve@evil.test" }), "eve"),
        (json!({ "emailDomain": "evil.test" }), "mallory"),
        (json!({ "externalUserId": "trudy" }), "trudy"),
    ] {
        let sdk = Sdk::start(|_| {}).await;
        let token = |sub: &str, login: &str| sdk.site.acme.token().sub(sub).claim("sid", login);
        let id_token = |sub: &str, login: &str| {
            let token = token(sub, login).claim("email", format!("{sub}@evil.test"));
            token.claim("emailVerified", true).sign()
        };
        sdk.signed_in(&id_token(sub, "1")).await;
        let other = token("bob", "1").claim("email", "bob@acme.test");
        sdk.signed_in(&other.claim("emailVerified", true).sign())
            .await;
        let list = create(&sdk, json!({ "name": "barred", "outcome": "block" })).await;
        add(&sdk, &list, &entry).await;
        turn(&sdk, &list, "enable").await;
        for jwt in [
            id_token(sub, "2"),
            token(sub, "2").claim("jti", "a").sign(),
            token(sub, "1").claim("jti", "b").sign(),
        ] {
            is_error(&sign_in(&sdk, &jwt).await, 403, "no_access");
            let answer = sdk.site.present(&jwt).await;
            sdk.site
                .is_refusal(&answer, 403, "no_access", "access_blocked")
                .await;
        }
        for login in ["1", "2"] {
            let jwt = token("bob", login).claim("jti", "c").sign();
            sdk.signed_in(&jwt).await;
            sdk.site.passes(&jwt).await;
        }
    }
}

/// The claims are those of the login's newest token, and the scopes go by them.
#[tokio::test]
async fn an_older_token_of_a_login_does_not_have_a_scope_that_the_login_lost() {
    let sdk = Sdk::start(|_| {}).await;
    let owners = json!({ "name": "owners", "outcome": "scope", "scope": "site:owner" });
    let list = create(&sdk, owners).await;
    let entry = json!({ "claim": { "name": "role", "value": "owner" }, "issuer": "acme" });
    add(&sdk, &list, &entry).await;
    turn(&sdk, &list, "enable").await;
    let issued = |iat: u64| {
        let token = sdk.site.acme.token().claim("sid", "1");
        token.claim("iat", iat)
    };
    let (older, newer) = (
        issued(1_700_000_000).claim("role", "owner"),
        issued(1_700_000_001),
    );
    let (older, newer) = (older.sign(), newer.sign());
    let renewed = issued(1_700_000_002).claim("role", "owner").sign();
    for (jwt, scope) in [
        (&older, "user:basic site:owner"),
        (&newer, "user:basic"),
        (&older, "user:basic"),
        (&renewed, "user:basic site:owner"),
        (&newer, "user:basic site:owner"),
    ] {
        assert_eq!(sdk.site.passes(jwt).await.claims["scope"], scope);
    }
}
