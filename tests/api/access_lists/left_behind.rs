//! What is left of a request for a scope that its user does not get: nothing.

use serde_json::json;

use super::super::oauth::{exchange, granted};
use super::super::sdk::Sdk;
use super::{add, create, turn};

#[tokio::test]
async fn a_scope_that_is_refused_opens_no_session() {
    let sdk = Sdk::start(|_| {}).await;
    let list = json!({ "name": "beta", "outcome": "scope", "scope": "beta:use" });
    let list = create(&sdk, list).await;
    let ada = json!({ "externalUserId": "ada", "issuer": "acme" });
    add(&sdk, &list, &ada).await;
    turn(&sdk, &list, "enable").await;
    let bob = sdk.site.acme.token().sub("bob").sign();
    let count = async |what: &str| {
        let gateway = &sdk.site.gateway;
        let page = gateway.admin(&format!("/admin/api/{what}")).await.json();
        page[what].as_array().expect("a page").len()
    };
    let ask = async |scope: &str| exchange(&sdk.site, &bob, &[("scope", scope)]).await;
    for (scope, opens) in [
        ("beta:use", 0),
        ("user:basic beta:use", 0),
        ("user:basic", 1),
    ] {
        let answer = ask(scope).await;
        match opens {
            0 => {
                assert_eq!(answer.status(), 400, "{scope}: {}", answer.text());
                assert_eq!(answer.json()["error"], "invalid_scope", "{scope}");
            }
            _ => assert_eq!(granted(&answer)["scope"], scope),
        }
        assert_eq!(count("sessions").await, opens, "{scope}");
        assert_eq!(count("users").await, opens, "{scope}");
    }
    // A session that is open stays as it is, and a refusal is no reason to refuse something else.
    assert_eq!(ask("beta:use").await.json()["error"], "invalid_scope");
    assert_eq!(granted(&ask("user:basic").await)["scope"], "user:basic");
    assert_eq!(count("sessions").await, 1);
    // As soon as the user is listed, the same token gets it.
    let entry = json!({ "externalUserId": "bob", "issuer": "acme" });
    add(&sdk, &list, &entry).await;
    assert_eq!(granted(&ask("beta:use").await)["scope"], "beta:use");
    assert_eq!(count("sessions").await, 1);
}
