//! How the gateway learns and forgets an issuer's keys, and what the issuer is asked.

use serde_json::json;

use crate::support::{Clock, Key, TestGateway, eventually, now, refusal_id};

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_cooldown": "50ms"});
    })
    .await;
    let (new, never) = (Key::p256("acme-2"), Key::p256("acme-3"));
    let fetches = site.acme.fetches();
    site.acme.publish(&[site.acme.key.jwk(), new.jwk()]);
    site.passes(&site.acme.token().key(&new).sign()).await;
    assert!(site.acme.fetches() > fetches);
    site.refuses(&site.acme.token().key(&never).sign(), "kid_unknown")
        .await;
}

/// A provider whose only key has no `kid`, whatever its tokens say.
#[tokio::test]
async fn a_key_without_a_kid_serves_the_token_for_which_it_was_fetched() {
    let site = TestGateway::start().await;
    let new = Key::p256("acme-2");
    let mut nameless = new.jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    site.acme.publish(&[nameless]);
    site.passes(&site.acme.token().key(&new).sign()).await;
    let before = site.acme.token().sign();
    assert_eq!(site.present(&before).await.status(), 401);
}

/// A provider that was started again, with a fixed `kid`, without one, or with another algorithm.
#[tokio::test]
async fn a_key_that_took_the_place_of_another_is_fetched_when_a_token_fails_by_it() {
    let without_kid = |key: &Key| {
        let mut jwk = key.jwk();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    for case in ["same kid", "no kid", "another algorithm"] {
        let first = Key::p256("acme-1");
        let second = match case {
            "another algorithm" => Key::ed25519("acme-1"),
            _ => Key::p256("acme-1"),
        };
        let jwk = |key: &Key| match case {
            "no kid" => without_kid(key),
            _ => key.jwk(),
        };
        let signed = |site: &TestGateway, key: &_| {
            let token = site.acme.token().key(key);
            match case {
                "no kid" => token.without_header("kid").sign(),
                _ => token.sign(),
            }
        };
        let site = TestGateway::publishing(first.clone(), &[jwk(&first)], |config| {
            config["issuers"][0]["jwks"] = json!({"unknown_kid_cooldown": "50ms"});
        })
        .await;
        let before = signed(&site, &first);
        site.passes(&before).await;
        // The next tokens come before the key set says so, and are not refused for good.
        let early = signed(&site, &second);
        assert_eq!(site.present(&early).await.status(), 401, "{case}");
        site.acme.publish(&[jwk(&second)]);
        let fetches = site.acme.fetches();
        let late = signed(&site, &second);
        eventually("the new key is not asked for", async || {
            site.present(&late).await.status() == 200
        })
        .await;
        site.passes(&early).await;
        assert!(site.acme.fetches() > fetches);
        // What the key that is gone vouched for is over.
        assert_eq!(site.present(&before).await.status(), 401, "{case}");
    }
}

#[tokio::test]
async fn forgeries_do_not_multiply_fetches() {
    let site = TestGateway::start().await;
    let fetches = site.acme.fetches();
    let stranger = Key::p256("stranger");
    for number in 0..50 {
        let sub = format!("user-{number}");
        let forged = site.acme.token().sub(&sub).forged_by(&stranger).sign();
        site.refuses(&forged, "signature_invalid").await;
        site.refuses(&forged, "signature_invalid").await;
    }
    let more = site.acme.fetches() - fetches;
    assert!(more <= 1, "{more} fetches");
    site.passes(&site.acme.token().sign()).await;
}

#[tokio::test]
async fn what_time_or_new_keys_can_heal_is_not_remembered_as_refused() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = Clock::new(folder.path());
    let site = TestGateway::by(&clock.launcher(), |config| {
        config["issuers"][0]["leeway"] = json!("0s");
        config["issuers"][0]["jwks"] =
            json!({"unknown_kid_cooldown": "50ms", "unknown_kid_wait": "100ms"});
    })
    .await;
    let new = Key::p256("acme-2");
    let signed_early = site.acme.token().key(&new).sign();
    site.refuses(&signed_early, "kid_unknown").await;
    site.acme.publish(&[site.acme.key.jwk(), new.jwk()]);
    let begins = now() + 300;
    let begins_later = site.acme.token().claim("nbf", begins).sign();
    site.refuses(&begins_later, "not_yet_valid").await;

    clock.step(&site, 300).await;
    site.passes(&begins_later).await;
    site.passes(&signed_early).await;
}

#[tokio::test]
async fn discovery_finds_the_keys_of_an_issuer_by_its_name() {
    let key = Key::p256("found");
    let discovered = crate::support::TestIssuer::discoverable(key).await;
    let iss = discovered.iss.clone();
    let site = TestGateway::with(move |config| {
        let acme = config["issuers"][0].as_object_mut().unwrap();
        acme.remove("jwks_url");
        acme.insert("iss".into(), json!(iss));
        acme.insert("discovery".into(), json!(true));
    })
    .await;
    site.passes(&discovered.token().sign()).await;
    site.refuses(&site.acme.token().sign(), "issuer_unknown")
        .await;
}

#[tokio::test]
async fn unknown_kids_do_not_multiply_fetches() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] = json!({"unknown_kid_wait": "1ms"});
    })
    .await;
    let fetches = site.acme.fetches();
    for kid in 0..50 {
        let token = site
            .acme
            .token()
            .key(&Key::p256(&format!("none-{kid}")))
            .sign();
        assert_eq!(site.present(&token).await.status(), 401);
    }
    assert!(
        site.acme.fetches() <= fetches + 1,
        "{} fetches",
        site.acme.fetches() - fetches
    );
    // An issuer that no token can name is not asked at all.
    let before = (site.acme.fetches(), site.globex.fetches());
    let token = site
        .acme
        .token()
        .key(&Key::p256("none"))
        .claim("iss", "https://evil.test")
        .sign();
    site.refuses(&token, "issuer_unknown").await;
    assert_eq!((site.acme.fetches(), site.globex.fetches()), before);
}

#[tokio::test]
async fn a_cookie_that_is_past_its_end_asks_for_no_key() {
    for (expires_in, asks) in [(-3600, false), (3600, true)] {
        let site = TestGateway::with(|config| {
            config["issuers"][0]["jwks"] = json!({"unknown_kid_cooldown": "50ms"});
        })
        .await;
        let new = Key::p256("acme-2");
        site.acme.publish(&[site.acme.key.jwk(), new.jwk()]);
        let fetches = site.acme.fetches();
        let token = site.acme.token().key(&new).expires_in(expires_in).sign();
        let cookie = format!("acme_token={token}");
        let answer = site.gateway.get("/", &[("Cookie", &cookie)]).await;
        assert_eq!(site.acme.fetches() > fetches, asks);
        match asks {
            true => assert_eq!(answer.status(), 200, "{}", answer.text()),
            false => {
                site.is_refusal(&answer, 401, "token_expired", "kid_unknown")
                    .await;
            }
        }
    }
}

/// Requests that find an issuer without keys wait for the one fetch that is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_herd_does_not_multiply_fetches() {
    use crate::support::{ACME, GLOBEX, Gateway, RawUpstream, TestIssuer};
    let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
    acme.hang();
    let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
    let upstream = RawUpstream::start().await;
    let gateway = Gateway::start(crate::support::test_gateway::config(
        &acme, &globex, &upstream,
    ))
    .await;
    let waiting = (0..30).map(|user| {
        let bearer = format!(
            "Bearer {}",
            acme.token().sub(&format!("user-{user}")).sign()
        );
        let request = gateway.bytes("GET", "/", &[("Authorization", &bearer)]);
        let public = gateway.public;
        tokio::spawn(async move {
            let stream = tokio::net::TcpStream::connect(public).await.unwrap();
            let mut wire = crate::support::Wire::new(stream);
            wire.write(request).await;
            wire.read_response("GET").await.expect("an answer").status()
        })
    });
    for answered in waiting.collect::<Vec<_>>() {
        assert_eq!(answered.await.unwrap(), 503);
    }
    assert!(acme.fetches() <= 3, "{} fetches", acme.fetches());
}

#[tokio::test]
async fn requests_never_fetch() {
    let site = TestGateway::start().await;
    let fetches = (site.acme.fetches(), site.globex.fetches());
    for user in 0..50 {
        site.passes(&site.acme.token().sub(&format!("user-{user}")).sign())
            .await;
    }
    assert_eq!((site.acme.fetches(), site.globex.fetches()), fetches);
}

#[tokio::test]
async fn a_withdrawn_key_takes_its_cached_sessions_along() {
    let (stays, goes) = (Key::p256("stays"), Key::p256("goes"));
    let jwks = [stays.jwk(), goes.jwk()];
    let site = TestGateway::publishing(stays.clone(), &jwks, |config| {
        config["issuers"][0]["jwks"] = json!({
            "refresh_interval": "100ms", "min_refresh_interval": "100ms", "unknown_kid_wait": "1ms",
        });
    })
    .await;
    let kept = site.acme.token().sign();
    let withdrawn = site.acme.token().key(&goes).sign();
    site.passes(&kept).await;
    site.passes(&withdrawn).await;

    site.acme.publish(&[stays.jwk()]);
    // One fetch may have been answered before the change; after the second, the change is in.
    eventually("the withdrawn key still vouches", async || {
        site.present(&withdrawn).await.status() != 200
    })
    .await;
    site.refuses(&withdrawn, "kid_unknown").await;
    site.passes(&kept).await;
}

#[tokio::test]
async fn the_last_good_keys_serve_while_the_issuer_fails() {
    let site = TestGateway::with(|config| {
        config["issuers"][0]["jwks"] = json!({
            "refresh_interval": "50ms",
            "min_refresh_interval": "50ms",
            "min_retry_interval": "50ms",
            "max_retry_interval": "50ms",
            "timeout": "100ms",
        });
    })
    .await;
    site.passes(&site.acme.token().sub("before").sign()).await;
    for (status, body) in [
        (500, "no"),
        (200, "not JSON"),
        (404, "{}"),
        (200, "{}"),
        (200, "[]"),
    ] {
        site.acme.reply(status, body);
        let fetches = site.acme.fetches();
        site.acme.fetched_after(fetches + 1).await;
        let sub = format!("during {status} {body}");
        site.passes(&site.acme.token().sub(&sub).sign()).await;
    }
    site.acme.hang();
    let fetches = site.acme.fetches();
    site.acme.fetched_after(fetches).await;
    site.passes(&site.acme.token().sub("while it hangs").sign())
        .await;
}

#[tokio::test]
async fn an_issuer_without_keys_is_503_and_harms_nobody_else() {
    use crate::support::{ACME, GLOBEX, Gateway, RawUpstream, TestIssuer};
    let acme = TestIssuer::start(ACME, Key::p256("acme-1")).await;
    acme.reply(500, "no");
    let globex = TestIssuer::start(GLOBEX, Key::p256("globex-1")).await;
    let upstream = RawUpstream::start().await;
    let config = crate::support::test_gateway::config(&acme, &globex, &upstream);
    let gateway = Gateway::start(config).await;
    let present = async |token: String| {
        let bearer = format!("Bearer {token}");
        gateway.get("/", &[("Authorization", &bearer)]).await
    };

    eventually("the other issuer suffers", async || {
        present(globex.token().sign()).await.status() == 200
    })
    .await;
    let answer = present(acme.token().sign()).await;
    assert_eq!(answer.status(), 503, "{}", answer.text());
    refusal_id(&answer, "unavailable");
    let seconds: u64 = answer
        .field("retry-after")
        .expect("Retry-After")
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(gateway.admin("/ready").await.text().contains("degraded"));

    acme.publish(&[acme.key.jwk()]);
    let token = acme.token().claim("exp", now() + 600).sign();
    eventually("the issuer does not recover", async || {
        present(token.clone()).await.status() == 200
    })
    .await;
}
