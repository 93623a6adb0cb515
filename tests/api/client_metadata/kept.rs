//! For how long a client's document is kept, and when it is fetched again.

use serde_json::json;

use super::site::Site;
use super::with;
use crate::api::oauth::granted;
use crate::support::token::TokenBuilder;
use crate::support::{Clock, Key};

#[tokio::test]
async fn a_document_is_fetched_again_when_it_is_old_or_lacks_a_key() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = Site::by(&clock.launcher(), |config, _| {
        config["client_metadata"]["cache_time"] = json!("100s");
    })
    .await;
    let fetches = || site.agents.fetches("/agent.json");
    granted(&site.ask("/agent.json", |it| it).await);
    let newer = Key::p256("agent-2");
    let document = site.document("/agent.json");
    let keys = json!({ "keys": [newer.jwk()] });
    site.agents
        .publish("/agent.json", &with(&document, "jwks", keys));
    let by_newer = |it: TokenBuilder| it.key(&newer);
    let answer = site.ask("/agent.json", by_newer).await;
    site.refuses(&answer, "client_key_unknown").await;
    assert_eq!(fetches(), 1, "so soon it is not fetched again");
    clock.step(&site.gateway, 60).await;
    granted(&site.ask("/agent.json", by_newer).await);
    assert_eq!(fetches(), 2);
    clock.step(&site.gateway, 180).await;
    let answer = site.ask("/agent.json", |it| it.expires_in(300)).await;
    site.refuses(&answer, "client_key_unknown").await;
    assert_eq!(fetches(), 3);
}

/// Anybody can ask for a key that there is not; the client continues with what is known of it.
#[tokio::test]
async fn a_document_stays_known_while_its_host_does_not_have_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = Site::by(&clock.launcher(), |config, _| {
        config["client_metadata"]["cache_time"] = json!("100s");
    })
    .await;
    granted(&site.ask("/agent.json", |it| it).await);
    site.agents.answer("/agent.json", 503, "", "");
    clock.step(&site.gateway, 60).await;
    let nobodys = Key::p256("agent-9");
    for fetches in [2, 2] {
        let answer = site.ask("/agent.json", |it| it.key(&nobodys)).await;
        assert_eq!(answer.status(), 401, "{}", answer.text());
        assert_eq!(site.agents.fetches("/agent.json"), fetches);
        granted(&site.ask("/agent.json", |it| it).await);
    }
}
