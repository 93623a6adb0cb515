//! Keys that requests name and that are not there.

use super::*;

#[tokio::test(start_paused = true)]
async fn one_shared_fetch_brings_a_new_key_to_all_who_ask() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["old"]))).await;
    scene.provider.says(Said::Keys(jwks(&["new"])));
    let asks = (0..200).map(|_| {
        let keys = Arc::clone(&scene.keys);
        tokio::spawn(async move { keys.refetch_for(&kid("new")).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        assert!(ask.await.unwrap());
    }
    assert_eq!(scene.provider.fetches(), 2);
    assert_eq!(scene.kids(), ["new"]);
    // Nothing is left over that would cause another fetch.
    sleep(SECOND * 30).await;
    assert_eq!(scene.provider.fetches(), 2);
    assert_eq!(scene.actions(UnknownKidAction::Found), 200);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_random_kids_cost_one_fetch_a_cooldown_and_no_waiting() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    let begun = Instant::now();
    assert!(!scene.keys.refetch_for(&kid("first")).await);
    for number in 0..100_000 {
        assert!(
            !scene
                .keys
                .refetch_for(&kid(&format!("random-{number}")))
                .await
        );
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(scene.provider.fetches(), 2);
    assert_eq!(scene.actions(UnknownKidAction::Refused), 100_000);
    for number in 0..1_000 {
        scene
            .keys
            .refetch_for(&kid(&format!("later-{number}")))
            .await;
        sleep(Duration::from_millis(100)).await;
    }
    let permitted = begun.elapsed().as_secs() / 10 + 1;
    let fetches = scene.provider.fetches() as u64 - 1;
    assert!(
        fetches <= permitted && fetches + 1 >= permitted,
        "{fetches} of {permitted}"
    );
}

/// A provider that was started again with another key under the same name, or without one.
#[tokio::test(start_paused = true)]
async fn one_shared_fetch_brings_a_key_that_took_the_place_of_another() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    scene.provider.says(Said::Keys(jwks(&["a"])));
    let judged = scene.keys.generation();
    let asks = (0..200).map(|_| {
        let keys = Arc::clone(&scene.keys);
        tokio::spawn(async move { keys.refetch_for(&since(judged)).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        assert!(ask.await.unwrap());
    }
    assert_eq!(scene.provider.fetches(), 2);
    assert_ne!(scene.keys.generation(), judged);
    // Whoever judged by older keys looks again at once.
    assert!(scene.keys.refetch_for(&since(judged)).await);
    assert_eq!(scene.provider.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_forgeries_a_minute_cost_one_fetch_a_cooldown() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    let judged = scene.keys.generation();
    let begun = Instant::now();
    let mut forgeries = Vec::new();
    for _ in 0..10_000 {
        let keys = Arc::clone(&scene.keys);
        forgeries.push(tokio::spawn(async move {
            assert!(!keys.refetch_for(&since(judged)).await);
        }));
        sleep(Duration::from_millis(6)).await;
    }
    for forgery in forgeries {
        forgery.await.unwrap();
    }
    let permitted = begun.elapsed().as_secs() / 10 + 1;
    let fetches = scene.provider.fetches() as u64 - 1;
    assert!(
        (permitted - 1..=permitted).contains(&fetches),
        "{fetches} of {permitted}"
    );
    // They share the cooldown with unknown names.
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    assert!(scene.provider.fetches() as u64 - 1 <= permitted);
}

#[test]
fn as_many_unknown_kids_are_remembered_as_the_setting_says() {
    for memory in [1, 7, 5_000] {
        let settings = json!({ "jwks": { "unknown_kid_memory": memory } });
        let keys = IssuerKeys::new(fixture::settings(settings).key_settings());
        // The cache rounds a little up.
        let room = keys.unknown_kid_memory();
        assert!(
            (memory..memory * 2 + 64).contains(&room),
            "{room} for {memory}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failed_fetches_count_for_the_cooldown() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    scene.provider.says(Said::Refuse);
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    assert_eq!(scene.provider.fetches(), 2);
    scene.provider.says(Said::Keys(jwks(&["b"])));
    // Refused at once: neither the cooldown nor the retry's pause is over.
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    assert_eq!(scene.provider.fetches(), 2);
    sleep(SECOND).await;
    assert_eq!(scene.kids(), ["b"]);
}

/// Of the server's wish, not even tokens of unknown keys make an exception; an operator does.
#[tokio::test(start_paused = true)]
async fn a_server_that_wants_to_be_left_alone_is_left_alone() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    for (has_keys, asked, pause) in [
        (true, minutes(10), minutes(10)),
        (true, minutes(600), minutes(60)),
        // Nobody can sign in meanwhile.
        (false, minutes(10), minutes(1)),
        (false, SECOND * 30, SECOND * 30),
    ] {
        let busy = Said::RetryAfter(asked);
        let first = match has_keys {
            true => Said::Keys(jwks(&["a"])),
            false => busy.clone(),
        };
        let scene = Scene::fetched(json!({}), first).await;
        if has_keys {
            scene.provider.says(busy.clone());
            assert!(!scene.keys.refresh().await);
        }
        let fetches = scene.provider.fetches();
        assert!(!scene.keys.refetch_for(&kid("c")).await);
        sleep(pause - SECOND * 2).await;
        let begun = Instant::now();
        assert!(!scene.keys.refetch_for(&kid("c")).await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(scene.provider.fetches(), fetches, "{has_keys} {asked:?}");
        // At most a tenth later.
        sleep(SECOND * 2 + pause.mul_f64(0.11)).await;
        assert_eq!(
            scene.provider.fetches(),
            fetches + 1,
            "{has_keys} {asked:?}"
        );
        // Once the keys have come after all, the wish is none any more.
        scene.provider.says(Said::Keys(jwks(&["a"])));
        assert!(scene.keys.refresh().await);
        scene.provider.says(Said::Keys(jwks(&["b"])));
        assert!(scene.keys.refetch_for(&kid("b")).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_a_fetch_that_is_near() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    scene.provider.says(Said::Keys(jwks(&["b"])));
    sleep(Duration::from_millis(8_900)).await;
    // 1.1 s to go: not within the wait of 1 s.
    let begun = Instant::now();
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    sleep(Duration::from_millis(300)).await;
    assert!(scene.keys.refetch_for(&kid("b")).await);
    assert!(begun.elapsed() >= SECOND);
    assert_eq!(scene.provider.fetches(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_no_longer_than_it_may() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["a"]))).await;
    scene.provider.says(Said::Hang);
    let begun = Instant::now();
    assert!(!scene.keys.refetch_for(&kid("b")).await);
    assert_eq!(begun.elapsed(), SECOND);
    assert_eq!(scene.actions(UnknownKidAction::TimedOut), 1);
    // Others wait for the same fetch.
    assert!(!scene.keys.refetch_for(&kid("c")).await);
    assert_eq!(scene.provider.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cold_start_under_load_fetches_once() {
    let scene = Scene::start(json!({}), Said::Keys(jwks(&["a"])), None);
    let asks = (0..30).map(|_| {
        let keys = Arc::clone(&scene.keys);
        tokio::spawn(async move { keys.refetch_for(&kid("a")).await })
    });
    for ask in asks.collect::<Vec<_>>() {
        assert!(ask.await.unwrap());
    }
    sleep(SECOND * 30).await;
    let fetches = scene.provider.fetches();
    assert!(fetches <= 2, "{fetches}");
}

#[tokio::test(start_paused = true)]
async fn without_keys_a_request_without_kid_waits_for_them() {
    let scene = Scene::fetched(json!({}), Said::Refuse).await;
    scene.provider.says(Said::Keys(jwks(&["a"])));
    assert!(scene.keys.refetch_for(&since(0)).await);
    assert_eq!(scene.kids(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_of_keys_that_nobody_fetches() {
    let inline = json!({ "jwks_url": null, "keys": jwks(&["a"]) });
    let keys = IssuerKeys::new(fixture::settings(inline).key_settings());
    assert!(keys.snapshot().has_kid("a"));
    let never = async {
        assert!(!keys.refetch_for(&kid("b")).await);
        assert!(!keys.refresh().await);
        keys.first_fetch().await;
    };
    assert!(timeout(Duration::from_millis(1), never).await.is_ok());
}

/// An entry without a `kid`.
fn nameless() -> Value {
    let mut jwk = Signer::new("ES256").jwk("");
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}

#[tokio::test(start_paused = true)]
async fn the_first_fetch_brings_a_key_without_a_kid_to_tokens_that_name_one() {
    for (keys, is_found) in [
        (json!([nameless()]), true),
        (jwks(&["named"]), true),
        // It is known that it is another one.
        (jwks(&["other"]), false),
    ] {
        let scene = Scene::start(json!({}), Said::Keys(keys), None);
        let asks: Vec<_> = (0..4)
            .map(|_| {
                let keys = Arc::clone(&scene.keys);
                tokio::spawn(async move { keys.refetch_for(&kid("named")).await })
            })
            .collect();
        for ask in asks {
            assert_eq!(ask.await.unwrap(), is_found);
        }
        if is_found {
            assert_eq!(scene.provider.fetches(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_without_a_kid_may_take_the_place_of_one_with_a_kid() {
    let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["old"]))).await;
    scene.provider.says(Said::Keys(json!([nameless()])));
    assert!(scene.keys.refetch_for(&kid("new")).await);
    assert_eq!(scene.provider.fetches(), 2);
}

/// Which of several keys it is, a fetch that brings no others does not say.
#[tokio::test(start_paused = true)]
async fn keys_under_which_a_token_was_judged_are_not_found_again() {
    let both = json!([nameless(), nameless()]);
    let scene = Scene::fetched(json!({}), Said::Keys(both)).await;
    let Wanted::Key { named, .. } = kid("new") else {
        panic!("no key");
    };
    let since = scene.keys.generation();
    let wanted = Wanted::Key { named, since };
    assert!(!scene.keys.refetch_for(&wanted).await);
    assert_eq!(scene.provider.fetches(), 2);
    assert_eq!(scene.actions(UnknownKidAction::Absent), 1);
    scene.provider.says(Said::Keys(json!([nameless()])));
    sleep(SECOND * 30).await;
    assert!(scene.keys.refetch_for(&wanted).await);
}

/// A `kid` that no key has leaves it to the thumbprint to say which key it is.
#[tokio::test(start_paused = true)]
async fn a_key_is_found_by_the_certificate_that_a_token_names() {
    let by_certificate = |x5t: &str| match kid("new") {
        Wanted::Key { named, since } => Wanted::Key {
            named: NamedKey {
                thumbprints: Some(Thumbprints::new(Some(x5t), None)),
                ..named
            },
            since,
        },
        change => change,
    };
    let mut keys = jwks(&["one", "two"]);
    keys[1]["x5t"] = json!("certified");
    for (x5t, is_found) in [("certified", true), ("another", false)] {
        let scene = Scene::fetched(json!({}), Said::Keys(jwks(&["old"]))).await;
        scene.provider.says(Said::Keys(keys.clone()));
        let wanted = by_certificate(x5t);
        assert_eq!(scene.keys.refetch_for(&wanted).await, is_found, "{x5t}");
        assert_eq!(scene.provider.fetches(), 2);
    }
}
