//! A database that is away, or was set back.

use super::*;
use crate::support::webhook_receiver::WebhookReceiver;

/// The database is killed and started three times while people who are known come to both
/// gateways, and others sign in and out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_comes_and_goes_under_load_loses_nothing() {
    let mut pair = Pair::start().await;
    let known: Vec<_> = (0..10)
        .map(|number| pair.token("known", &number.to_string()))
        .collect();
    for token in &known {
        pair.passes(&pair.one, token).await;
        pair.passes(&pair.two, token).await;
    }
    let (stop, stopped) = watch::channel(false);
    let (progress, mut admitted) = watch::channel((0, 0));
    let mut workers = Vec::new();
    for worker in 0..4 {
        let public = [&pair.one, &pair.two][worker % 2].public;
        let (stopped, progress, known) = (stopped.clone(), progress.clone(), known.clone());
        let (iss, key) = (pair.acme.iss.clone(), pair.acme.key.clone());
        workers.push(tokio::spawn(async move {
            let mut reported = Vec::new();
            let mut number = 0;
            while !*stopped.borrow() {
                number += 1;
                let sub = format!("{worker}-{number}");
                let token = TokenBuilder::new(&iss, &key).sub(&sub).sign();
                let regular = &known[number % known.len()];
                assert_eq!(ask(public, "GET", "/known", regular).await, 200, "known");
                let path = format!("/{sub}");
                match ask(public, "GET", &path, &token).await {
                    200 => progress.send_modify(|(good, _)| *good += 1),
                    503 => {
                        progress.send_modify(|(_, refused)| *refused += 1);
                        continue;
                    }
                    other => panic!("{other}"),
                }
                let signed_out = number % 2 == 0
                    && match ask(public, "POST", "/_vestibule/logout", &token).await {
                        204 => true,
                        // Refused, or made but not answered: it may be either.
                        503 => continue,
                        other => panic!("{other}"),
                    };
                reported.push((path, token, signed_out));
            }
            reported
        }));
    }
    for _ in 0..3 {
        let (good, refused) = *admitted.borrow();
        admitted.wait_for(|now| now.0 > good + 10).await.unwrap();
        pair.server.stop().await;
        admitted.wait_for(|now| now.1 > refused + 10).await.unwrap();
        pair.server.start_again().await;
    }
    let (good, _) = *admitted.borrow();
    admitted.wait_for(|now| now.0 > good + 10).await.unwrap();
    stop.send(true).unwrap();
    let mut reported = Vec::new();
    for worker in workers {
        reported.extend(worker.await.unwrap());
    }
    let before = users(&pair.upstream.take_unchecked());
    assert!(reported.iter().any(|(.., signed_out)| *signed_out));
    for gateway in [&pair.one, &pair.two] {
        for (path, token, signed_out) in &reported {
            let status = ask(gateway.public, "GET", path, token).await;
            assert_eq!(status, if *signed_out { 401 } else { 200 }, "{path}");
        }
    }
    for (path, user) in users(&pair.upstream.take_unchecked()) {
        assert_eq!(before[&path], user, "{path}");
    }
}

#[tokio::test]
async fn while_the_database_is_away_the_known_pass_and_nobody_else() {
    let mut pair = Pair::start().await;
    let known = pair.token("alice", "1");
    pair.passes(&pair.one, &known).await;
    pair.server.stop().await;
    for _ in 0..20 {
        assert_eq!(present(&pair.one, &known).await, 200);
    }
    let stranger = pair.token("bob", "1");
    assert_eq!(present(&pair.one, &stranger).await, 503);
    assert_eq!(logout(&pair.one, &known).await, 503, "refused, not lost");
    assert_eq!(present(&pair.one, &known).await, 200);

    pair.server.start_again().await;
    let deadline = Instant::now() + 3 * PATIENCE;
    while present(&pair.one, &stranger).await != 200 {
        assert!(Instant::now() < deadline, "no recovery");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A database that takes questions and does not answer them: probes do not wait for its timeouts.
#[tokio::test]
async fn probes_hear_of_a_database_that_hangs_before_they_give_up() {
    let receiver = WebhookReceiver::silent(|_| true).await;
    let settings = receiver.settings();
    let pair = Pair::with(|config| config["webhooks"] = json!([settings])).await;
    let asked = async || {
        let begun = Instant::now();
        let ready = pair.one.admin("/ready").await;
        assert!(begun.elapsed() < Duration::from_secs(2), "as probes wait");
        assert_eq!(ready.status(), 200);
        ready.json()["degraded"].take()
    };
    assert_eq!(asked().await, json!([]));

    let mut client = pair.server.client("postgres").await;
    let lock = client.transaction().await.unwrap();
    let all = "LOCK TABLE vestibule.deliveries IN ACCESS EXCLUSIVE MODE";
    lock.batch_execute(all).await.unwrap();
    for _ in 0..3 {
        let degraded = asked().await.to_string();
        assert!(degraded.contains("the store responds slowly"), "{degraded}");
    }
    lock.rollback().await.unwrap();
    eventually("it is still reported", async || asked().await == json!([])).await;
}

/// A failover that sends connections to a server that takes no writes, until it is the primary: no
/// gateway stays on one of them.
#[tokio::test]
async fn sign_ins_continue_once_the_database_takes_writes_again() {
    let pair = Pair::start().await;
    let known = pair.token("alice", "1");
    for gateway in [&pair.one, &pair.two] {
        pair.passes(gateway, &known).await;
    }
    let client = pair.server.client("postgres").await;
    let read_only = "ALTER DATABASE postgres SET default_transaction_read_only = on";
    client.batch_execute(read_only).await.unwrap();
    let cut_off = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.query(cut_off, &[]).await.unwrap();
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(present(gateway, &known).await, 200);
        assert_eq!(present(gateway, &pair.token("bob", "1")).await, 503);
        let ready = gateway.admin("/ready").await.json();
        let degraded = ready["degraded"].to_string();
        assert!(degraded.contains("the database is read-only"), "{ready}");
    }

    let writable = "ALTER DATABASE postgres RESET default_transaction_read_only";
    client.batch_execute(writable).await.unwrap();
    for gateway in [&pair.one, &pair.two] {
        eventually("no recovery", async || {
            present(gateway, &pair.token("bob", "1")).await == 200
        })
        .await;
        let ready = gateway.admin("/ready").await.json();
        assert!(
            !ready["degraded"].to_string().contains("the store"),
            "{ready}"
        );
    }
}

/// A failover to a server that lacked the latest writes, or a restore from a copy: the numbers of
/// changes start again below what both have read.
#[tokio::test]
async fn an_end_is_heard_of_after_the_database_was_set_back() {
    let pair = Pair::start().await;
    for login in 0..8 {
        let token = pair.token("alice", &login.to_string());
        pair.passes(&pair.one, &token).await;
        // It holds the session from now on, so that it has to read the change to refuse it.
        pair.passes(&pair.two, &token).await;
        assert_eq!(logout(&pair.one, &token).await, 204);
        eventually("the other does not hear of an end", async || {
            present(&pair.two, &token).await == 401
        })
        .await;
    }
    let (ended, lasting) = (pair.token("bob", "1"), pair.token("bob", "2"));
    for token in [&ended, &lasting] {
        pair.passes(&pair.one, token).await;
        pair.passes(&pair.two, token).await;
    }
    let client = pair.server.client("postgres").await;
    let set_back = "DELETE FROM vestibule.changes WHERE sequence > 2; \
         UPDATE vestibule.change_counter SET latest = 2";
    client.batch_execute(set_back).await.unwrap();
    for gateway in [&pair.one, &pair.two] {
        gateway.logged(&["the store was set back"]).await;
        pair.passes(gateway, &lasting).await;
        pair.passes(gateway, &ended).await;
    }
    assert_eq!(logout(&pair.one, &ended).await, 204);
    eventually("the other does not hear of an end", async || {
        present(&pair.two, &ended).await == 401
    })
    .await;
    pair.passes(&pair.two, &lasting).await;
}

/// Events of a database that was set back have numbers that were delivered before.
#[tokio::test]
async fn events_are_delivered_after_the_database_was_set_back() {
    let mut receiver = WebhookReceiver::start(|_| true).await;
    let settings = receiver.settings();
    let pair = Pair::with(|config| config["webhooks"] = json!([settings])).await;
    for sub in ["alice", "bob"] {
        pair.passes(&pair.one, &pair.token(sub, "1")).await;
    }
    receiver.names(4).await;
    let client = pair.server.client("postgres").await;
    eventually("what was delivered is not stored", async || {
        let up_to = "SELECT up_to FROM vestibule.webhooks";
        client.query_one(up_to, &[]).await.unwrap().get::<_, i64>(0) == 4
    })
    .await;

    let set_back = "DELETE FROM vestibule.events WHERE sequence > 1; \
         DELETE FROM vestibule.deliveries WHERE sequence > 1; \
         UPDATE vestibule.event_counter SET latest = 1; \
         UPDATE vestibule.webhooks SET up_to = 1";
    client.batch_execute(set_back).await.unwrap();
    pair.passes(&pair.one, &pair.token("carol", "1")).await;
    let names = receiver.names(6).await;
    assert_eq!(names[4..], ["user.created", "user.session.created"]);
}

/// With a bound on staleness a gateway that hears nothing serves nobody, streams included, and
/// continues with the same sessions when the database is back.
#[tokio::test]
async fn nobody_is_trusted_for_longer_than_configured_without_news() {
    let mut pair = Pair::with(|config| {
        config["session"]["revocation_max_staleness"] = json!("1s");
    })
    .await;
    let known = pair.token("alice", "1");
    let before = pair.passes(&pair.one, &known).await;
    pair.upstream.reply(Reply::Echo);
    let field = format!("Bearer {known}");
    let mut tunnel = tunnel(&pair.one, &known).await;

    pair.server.stop().await;
    assert_eq!(tunnel.read_to_end().await, b"", "the stream is cut");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = pair.one.get("/", &[("Authorization", &field)]).await;
        if answer.status() == 503 {
            assert!(answer.field("retry-after").is_some());
            break;
        }
        assert!(Instant::now() < deadline, "it is trusted for ever");
        sleep(Duration::from_millis(20)).await;
    }

    pair.upstream.reply(Reply::ok("hello"));
    pair.server.start_again().await;
    let deadline = Instant::now() + 3 * PATIENCE;
    while present(&pair.one, &known).await != 200 {
        assert!(Instant::now() < deadline, "no recovery");
        sleep(Duration::from_millis(50)).await;
    }
    let after = pair.passes(&pair.one, &known).await;
    assert_eq!(after.claims["sid"], before.claims["sid"]);
}
