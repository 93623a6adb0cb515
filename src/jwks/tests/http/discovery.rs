//! Where discovery leads.

use super::*;

#[tokio::test]
async fn a_doubt_asks_discovery_again_and_the_schedule_does_not() {
    install_crypto();
    let server = Server::publishing(Mode::Good).await;
    let mut settings = settings(json!({}));
    let url = server.url("/.well-known/openid-configuration");
    settings.source = issuer::KeySource::Discovery(url.parse().unwrap());
    let source = source_of(&settings);
    let none = Validators::default();
    for (basis, asked) in [
        (Basis::Nothing, 1),
        (Basis::Earlier(&none), 0),
        (Basis::Nothing, 1),
    ] {
        let before = server.requests().len();
        source.fetch(basis).await.unwrap();
        let requests = server.requests().split_off(before);
        let discoveries = requests
            .iter()
            .filter(|head| head.contains("/.well-known/"));
        assert_eq!(discoveries.count(), asked);
    }
}

/// Discovery is another service, and keys are where they were until it has said otherwise.
#[tokio::test]
async fn an_outage_of_discovery_is_none_of_the_keys() {
    install_crypto();
    for mode in [
        Mode::Status500,
        Mode::Close,
        Mode::Hang,
        Mode::HangInBody,
        Mode::Html,
        Mode::Truncated,
    ] {
        let server = Server::publishing(Mode::Good).await;
        let elsewhere = Server::publishing(Mode::Good).await;
        let mut settings = settings(json!({ "jwks": { "timeout": "400ms" } }));
        let url = server.url("/.well-known/openid-configuration");
        settings.source = issuer::KeySource::Discovery(url.parse().unwrap());
        let source = source_of(&settings);
        source.fetch(Basis::Nothing).await.unwrap();
        server.break_discovery(mode.clone());
        let none = Validators::default();
        // Somebody has a token of an unknown key.
        for basis in [Basis::Nothing, Basis::Earlier(&none), Basis::Nothing] {
            let before = server.requests().len();
            source.fetch(basis).await.unwrap();
            let asked = server.requests().split_off(before);
            assert_eq!(asked.len(), 2, "{asked:?}");
            assert!(asked[0].contains("/.well-known/") && asked[1].contains("/keys"));
        }
        // Who starts meanwhile knows of no keys.
        assert!(source_of(&settings).fetch(Basis::Nothing).await.is_err());
        // What it says at last counts, whatever that is.
        server.announce(fixture::ISS, &elsewhere.url("/keys"));
        source.fetch(Basis::Earlier(&none)).await.unwrap();
        assert_eq!(elsewhere.requests().len(), 1);
        server.announce("https://other.test", &elsewhere.url("/keys"));
        let refused = source.fetch(Basis::Nothing).await.unwrap_err();
        assert!(
            matches!(refused, FetchError::DiscoveryIssuer(_)),
            "{refused}"
        );
        assert_eq!(elsewhere.requests().len(), 1);
    }
}

/// A document elsewhere may not send the gateway around in its own network.
#[tokio::test]
async fn discovery_leads_to_another_host_in_a_private_network_only_where_that_is_allowed() {
    install_crypto();
    let server = Server::publishing(Mode::Good).await;
    // An address of this machine that is not written as loopback.
    let document = server.url("/.well-known/openid-configuration");
    let document = document.replace("127.0.0.1", "0.0.0.0");
    for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
        let keys = server.url("/keys").replace("127.0.0.1", host);
        server.announce(fixture::ISS, &keys);
        for allowed in [false, true] {
            let mut settings = settings(json!({
                "insecure_http": true, "allow_private_jwks_uri": allowed,
            }));
            settings.source = issuer::KeySource::Discovery(document.parse().unwrap());
            let before = server.requests().len();
            let answer = source_of(&settings).fetch(Basis::Nothing).await;
            let asked = server.requests().len() - before;
            if allowed || host == "0.0.0.0" {
                assert!(answer.is_ok(), "{host} {answer:?}");
                assert_eq!(asked, 2);
            } else {
                let refused = answer.unwrap_err();
                assert!(
                    matches!(refused, FetchError::DiscoveryPrivate),
                    "{host} {refused}"
                );
                assert_eq!(refused.code(), "discovery");
                assert_eq!(asked, 1, "the keys were asked for at {host}");
            }
        }
    }
}

#[tokio::test]
async fn discovery_leads_to_the_keys_of_that_issuer_alone() {
    let server = Server::publishing(Mode::Good).await;
    let at = |path: &str| {
        let mut settings = settings(json!({}));
        let url = url::Url::parse(&server.url(path)).unwrap();
        settings.source = issuer::KeySource::Discovery(url);
        settings
    };
    assert!(
        fetch(&at("/.well-known/openid-configuration"))
            .await
            .is_ok()
    );
    assert!(server.requests()[1].starts_with("GET /keys "));
    // The address is looked up again after a while that may be short.
    for (interval, asked) in [("1h", 1), ("1ns", 3)] {
        let mut settings = at("/.well-known/openid-configuration");
        settings.jwks.rediscover_interval = humantime::parse_duration(interval).unwrap();
        install_crypto();
        let source = configured::source(
            &IssuerKeys::new(settings.key_settings()),
            &Arc::default(),
            &Clients::default(),
        )
        .unwrap()
        .unwrap();
        let before = server.requests().len();
        for _ in 0..3 {
            source
                .fetch(Basis::Earlier(&Validators::default()))
                .await
                .unwrap();
        }
        let discoveries = server.requests().split_off(before);
        let discoveries = discoveries
            .iter()
            .filter(|head| head.contains("/.well-known/"));
        assert_eq!(discoveries.count(), asked, "{interval}");
    }
    let other = fetch(&at("/.well-known/other")).await.unwrap_err();
    assert!(matches!(other, FetchError::DiscoveryIssuer(_)), "{other}");
    let no_document = fetch(&at("/keys")).await.unwrap_err();
    assert!(
        matches!(no_document, FetchError::DiscoveryInvalid),
        "{no_document}"
    );
}
