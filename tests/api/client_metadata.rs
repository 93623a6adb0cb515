//! Clients of the identity assertion grant that describe themselves by Client ID Metadata Documents.

use serde_json::{Value, json};

use crate::api::oauth::{granted, post};
use crate::support::token::{TokenBuilder, now};
use crate::support::{Key, TestGateway, decode};

mod agents;
mod kept;
mod site;

use site::{GRANT, KIND, Site};

#[tokio::test]
async fn a_client_that_describes_itself_authenticates_with_its_key() {
    let site = Site::start(|_| {}).await;
    let agents = &site.agents;
    let by_address = site.document("/by-address.json");
    let by_address = without(&by_address, "jwks");
    agents.publish("/keys.json", &json!({ "keys": [site.key.jwk()] }));
    let address = agents.url("/keys.json");
    agents.publish("/by-address.json", &with(&by_address, "jwks_uri", address));
    for path in ["/agent.json", "/by-address.json"] {
        for typ in ["JWT", "client-authentication+jwt"] {
            let token = granted(&site.ask(path, |it| it.header("typ", typ)).await);
            let claims = decode(token["access_token"].as_str().unwrap()).claims;
            assert_eq!(claims["client_id"], agents.url(path));
            let token = token["access_token"].as_str().unwrap();
            assert_eq!(site.gateway.present(token).await.status(), 200);
        }
        assert_eq!(agents.fetches(path), 1, "{path} is kept");
    }
    assert_eq!(agents.fetches("/keys.json"), 1);
    // The assertion can name its client alone (RFC 7521 section 4.2).
    let id = agents.url("/agent.json");
    let own = site.own(&id).sign();
    granted(&site.present(&site.about(&id), None, Some(&own)).await);
    // It proves no more than who presents an identity assertion.
    let form = [("token", "x"), ("client_assertion", &own)];
    for endpoint in ["oauth/introspect", "oauth/revoke"] {
        let form = [&form[..], &[("client_assertion_type", KIND)]].concat();
        let answer = post(&site.gateway, endpoint, &form, &[]).await;
        assert_eq!(answer.status(), 401, "{endpoint}");
    }
}

#[tokio::test]
async fn every_claim_of_a_clients_own_assertion_counts() {
    let site = Site::start(|_| {}).await;
    let (iss, elsewhere) = (site.iss(), "https://elsewhere.test");
    let token_endpoint = format!("{iss}/oauth/token");
    let other = Key::p256("agent-1");
    let nobodys = Key::p256("agent-2");
    for (change, reason) in [
        (
            &(|it: TokenBuilder| it) as &dyn Fn(TokenBuilder) -> TokenBuilder,
            None,
        ),
        (&|it| it.claim("aud", json!([iss])), None),
        (&|it| it.without_header("typ"), None),
        (&|it| it.without_header("kid"), None),
        (&|it| it.without("iat"), None),
        (
            &|it| it.claim("aud", json!([iss, elsewhere])),
            Some("client_assertion_audience"),
        ),
        (
            &|it| it.claim("aud", &*token_endpoint),
            Some("client_assertion_audience"),
        ),
        (&|it| it.without("aud"), Some("client_assertion_audience")),
        (
            &|it| it.claim("iss", elsewhere),
            Some("client_assertion_of_another"),
        ),
        (&|it| it.sub(elsewhere), Some("client_assertion_of_another")),
        (&|it| it.expires_in(-60), Some("client_assertion_expired")),
        (&|it| it.expires_in(3600), Some("client_assertion_too_long")),
        (&|it| it.without("exp"), Some("client_assertion_invalid")),
        (&|it| it.without("jti"), Some("client_assertion_invalid")),
        (
            &|it| it.claim("nbf", now() + 120),
            Some("client_assertion_not_yet_valid"),
        ),
        (
            &|it| it.header("typ", "oauth-id-jag+jwt"),
            Some("client_assertion_invalid"),
        ),
        (&|it| it.forged_by(&other), Some("client_signature_invalid")),
        (&|it| it.key(&nobodys), Some("client_key_unknown")),
    ] {
        let answer = site.ask("/agent.json", change).await;
        match reason {
            None => drop(granted(&answer)),
            Some(reason) => site.refuses(&answer, reason).await,
        }
    }
    assert_eq!(site.agents.fetches("/agent.json"), 1);
}

#[tokio::test]
async fn a_clients_own_assertion_is_valid_once() {
    let site = Site::start(|_| {}).await;
    let id = site.agents.url("/agent.json");
    let own = site.own(&id).sign();
    // What brought nothing is not used up.
    let foreign = site.assertion("https://elsewhere.test").sign();
    let answer = site.present(&foreign, Some(&id), Some(&own)).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    let first = site.present(&site.about(&id), Some(&id), Some(&own)).await;
    granted(&first);
    let again = site.about(&id);
    let answer = site.present(&again, Some(&id), Some(&own)).await;
    site.refuses(&answer, "client_assertion_replayed").await;
    let fresh = site.own(&id).sign();
    granted(&site.present(&again, Some(&id), Some(&fresh)).await);
    // By two methods, by another kind of assertion, by none.
    let fresh = site.own(&id).sign();
    let secret = [("client_secret", "x")];
    let answer = site
        .present_with(&again, Some(&id), Some(&fresh), &secret)
        .await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let answer = site.present(&again, Some(&id), None).await;
    site.refuses(&answer, "client_method_mismatch").await;
}

#[tokio::test]
async fn a_document_is_its_clients_own_and_says_how_it_authenticates() {
    let site = Site::start(|_| {}).await;
    let private = with(&site.key.jwk(), "d", "AA");
    let shared = json!({ "kty": "oct", "k": "c2VjcmV0" });
    let elsewhere = "https://elsewhere.test/keys.json";
    let grants = ["authorization_code", GRANT];
    for (at, (change, reason)) in [
        (&(|it: Value| it) as &dyn Fn(Value) -> Value, None),
        (&|it| with(&it, "grant_types", json!(grants)), None),
        (
            &|it| with(&it, "token_endpoint_auth_signing_alg", "ES256"),
            None,
        ),
        (
            &|it| with(&it, "token_endpoint_auth_signing_alg", "ES384"),
            Some("client_assertion_invalid"),
        ),
        (
            &|it| with(&it, "grant_types", json!(["authorization_code"])),
            Some("client_metadata_grant"),
        ),
        (
            &|it| with(&it, "client_id", elsewhere),
            Some("client_metadata_of_another"),
        ),
        (
            &|it| without(&it, "client_id"),
            Some("client_metadata_of_another"),
        ),
        (
            &|it| without(&it, "token_endpoint_auth_method"),
            Some("client_metadata_method"),
        ),
        (
            &|it| with(&it, "token_endpoint_auth_method", "client_secret_post"),
            Some("client_metadata_method"),
        ),
        (
            &|it| with(&it, "token_endpoint_auth_method", "none"),
            Some("client_not_confidential"),
        ),
        (
            &|it| with(&it, "client_secret", "x"),
            Some("client_metadata_invalid"),
        ),
        (&|it| without(&it, "jwks"), Some("client_metadata_keys")),
        (
            &|it| with(&it, "jwks", json!({ "keys": [] })),
            Some("client_metadata_keys"),
        ),
        (
            &|it| with(&it, "jwks", json!({ "keys": [private] })),
            Some("client_metadata_private_key"),
        ),
        (
            &|it| with(&it, "jwks", json!({ "keys": [shared] })),
            Some("client_metadata_private_key"),
        ),
        (
            &|it| with(&it, "jwks_uri", elsewhere),
            Some("client_metadata_keys"),
        ),
        (
            &|it| with(&without(&it, "jwks"), "jwks_uri", elsewhere),
            Some("client_host_not_allowed"),
        ),
        (&|_| json!([]), Some("client_metadata_invalid")),
        (
            &|it| with(&it, "padding", "x".repeat(6000)),
            Some("client_metadata_too_large"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{at}.json");
        site.agents.publish(&path, &change(site.document(&path)));
        let answer = site.ask(&path, |it| it).await;
        match reason {
            None => drop(granted(&answer)),
            Some(reason) => site.refuses(&answer, reason).await,
        }
    }
}

#[tokio::test]
async fn a_document_comes_from_its_address_alone() {
    let site = Site::start(|config| {
        config["client_metadata"]["timeout"] = json!("1s");
    })
    .await;
    let agents = &site.agents;
    let text = |path: &str| site.document(path).to_string();
    let json = "Content-Type: application/json\r\n";
    let to = format!("Location: {}\r\n", agents.url("/agent.json"));
    agents.answer("/moved.json", 302, &to, "");
    agents.answer("/gone.json", 404, json, &text("/gone.json"));
    agents.answer(
        "/page.json",
        200,
        "Content-Type: text/html\r\n",
        &text("/page.json"),
    );
    for (path, reason) in [
        ("/moved.json", "client_metadata_unavailable"),
        ("/gone.json", "client_metadata_unavailable"),
        ("/silent.json", "client_metadata_unavailable"),
        ("/page.json", "client_metadata_invalid"),
    ] {
        site.refuses(&site.ask(path, |it| it).await, reason).await;
        // What was refused is asked for again.
        agents.answer(
            path,
            200,
            "Content-Type: application/client+json\r\n",
            &text(path),
        );
        granted(&site.ask(path, |it| it).await);
        assert_eq!(agents.fetches(path), 2, "{path}");
    }
    for (id, reason) in [
        (
            "https://elsewhere.test/agent.json".to_owned(),
            "client_host_not_allowed",
        ),
        (
            agents.url("/agent.json").replace("https", "http"),
            "client_invalid",
        ),
        (agents.url("/agent.json#x"), "client_invalid"),
        (agents.url("/x/../agent.json"), "client_invalid"),
        ("agent".to_owned(), "client_invalid"),
    ] {
        let own = site.own(&id).sign();
        let answer = site.present(&site.about(&id), Some(&id), Some(&own)).await;
        site.refuses(&answer, reason).await;
    }
}

#[tokio::test]
async fn documents_in_private_networks_are_not_fetched() {
    for allowed in [false, true] {
        let site = Site::start(|config| {
            config["client_metadata"]["allow_private_networks"] = json!(allowed);
        })
        .await;
        let answer = site.ask("/agent.json", |it| it).await;
        match allowed {
            true => drop(granted(&answer)),
            false => site.refuses(&answer, "client_metadata_private").await,
        }
        assert_eq!(site.agents.fetches("/agent.json"), usize::from(allowed));
    }
}

#[tokio::test]
async fn a_public_client_is_accepted_where_the_configuration_says_so() {
    let site = Site::start(|config| {
        config["client_metadata"]["public_clients"] = json!(true);
    })
    .await;
    let document = site.document("/public.json");
    let document = with(&document, "token_endpoint_auth_method", "none");
    site.agents.publish("/public.json", &document);
    let id = site.agents.url("/public.json");
    granted(&site.present(&site.about(&id), Some(&id), None).await);
    // Whoever authenticates is not the public client, and one with a key has to use it.
    let own = site.own(&id).sign();
    let answer = site.present(&site.about(&id), Some(&id), Some(&own)).await;
    site.refuses(&answer, "client_method_mismatch").await;
    let id = site.agents.url("/agent.json");
    let answer = site.present(&site.about(&id), Some(&id), None).await;
    site.refuses(&answer, "client_method_mismatch").await;
}

#[tokio::test]
async fn a_client_of_the_configuration_does_not_describe_itself() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut secret, b"correct horse battery staple").unwrap();
    let file = format!("file:{}", secret.path().display());
    let site = Site::with(|config, agents| {
        let id = agents.url("/agent.json");
        config["clients"] = json!([{ "id": id, "secret": file }]);
    })
    .await;
    let answer = site.ask("/agent.json", |it| it).await;
    site.refuses(&answer, "client_invalid").await;
    assert_eq!(site.agents.fetches("/agent.json"), 0);
    let id = site.agents.url("/agent.json");
    let secret = [("client_secret", "correct horse battery staple")];
    let answer = site
        .present_with(&site.about(&id), Some(&id), None, &secret)
        .await;
    granted(&answer);
}

#[tokio::test]
async fn metadata_say_whether_clients_can_describe_themselves() {
    let path = "/.well-known/oauth-authorization-server/_vestibule";
    let site = Site::start(|_| {}).await;
    let metadata = site.gateway.gateway.get(path, &[]).await.json();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    assert!(
        methods
            .as_array()
            .unwrap()
            .contains(&json!("private_key_jwt"))
    );
    let algorithms = &metadata["token_endpoint_auth_signing_alg_values_supported"];
    assert!(algorithms.as_array().unwrap().contains(&json!("ES256")));
    let without = TestGateway::start().await;
    let metadata = without.gateway.get(path, &[]).await.json();
    for member in [
        "client_id_metadata_document_supported",
        "token_endpoint_auth_signing_alg_values_supported",
    ] {
        assert!(metadata.get(member).is_none(), "{member}");
    }
}

fn with(document: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut document = document.clone();
    document[name] = value.into();
    document
}

fn without(document: &Value, name: &str) -> Value {
    let mut document = document.clone();
    document.as_object_mut().unwrap().remove(name);
    document
}
