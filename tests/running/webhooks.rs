//! Nobody misses a user: events arrive after kill -9, and after a gateway is gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value, json};

use super::postgres::{Pair, present};
use crate::support::{Gateway, TestGateway, WebhookReceiver, eventually};

/// Waits until these users were heard of, and says in which order each of them was.
async fn heard_of(
    receiver: &mut WebhookReceiver,
    users: &BTreeSet<String>,
) -> BTreeMap<String, Vec<String>> {
    let all = |accepted: &Vec<Value>| {
        let opened = accepted
            .iter()
            .filter(|event| event["eventName"] == SESSION);
        let opened: HashSet<&str> = opened.map(subject).collect();
        users.iter().all(|user| opened.contains(user.as_str()))
    };
    let accepted = receiver.accepted.wait_for(all).await.unwrap().clone();
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in &accepted {
        let name = event["eventName"].as_str().unwrap().to_owned();
        let of_user = heard.entry(subject(event).to_owned()).or_default();
        of_user.push(name);
    }
    heard
}

fn subject(event: &Value) -> &str {
    event["data"]["externalUserId"].as_str().unwrap_or_default()
}

/// People come for the first time, `SIGHTS` before each of `KILLS` kills and after the last one, and
/// some of them in the middle of it: whoever is not answered comes again. The receiver refuses each
/// event once. Everybody is heard of, once and before their session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_a_user() {
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |number| number.parse().unwrap())
    };
    let (kills, sights) = (number("KILLS", 3), number("SIGHTS", 60));
    let mut receiver = WebhookReceiver::start(|is_known| is_known).await;
    let settings = receiver.settings();
    let mut site = TestGateway::with(|config| {
        config["webhooks"] = json!([settings]);
        config["log"] = json!({"level": "warn", "access": false});
    })
    .await;
    let mut users = BTreeSet::new();
    for round in 0..=kills {
        let names = (0..sights).map(|person| format!("{round}-{person}"));
        let people: Vec<_> = names
            .map(|name| (site.acme.token().sub(&name).sign(), name))
            .collect();
        for some in people.chunks(AT_ONCE) {
            let is_last = some.len() + users.len() == (round + 1) * sights;
            if is_last && round < kills {
                come_while_it_is_killed(&site.gateway, some).await;
                site.gateway = site.gateway.restart().await;
                site.gateway.wait_until_whole().await;
            }
            let asked = some.iter().map(|(token, _)| present(&site.gateway, token));
            let answers = join_all(asked).await;
            assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
            users.extend(some.iter().map(|(_, name)| name.clone()));
        }
        site.upstream.take_unchecked();
    }
    check(&heard_of(&mut receiver, &users).await, &users);
}

/// Presents these tokens at once, and kills the process at the first answer.
async fn come_while_it_is_killed(gateway: &Gateway, people: &[(String, String)]) {
    let ask = |token: &str| {
        let field = format!("Bearer {token}");
        async move {
            gateway
                .status("GET", "/", &[("Authorization", &field)])
                .await
        }
    };
    let mut asked: FuturesUnordered<_> = people.iter().map(|(token, _)| ask(token)).collect();
    assert_eq!(asked.next().await, Some(Some(200)));
    gateway.signal("KILL");
    while let Some(answer) = asked.next().await {
        assert!(matches!(answer, None | Some(200)), "{answer:?}");
    }
}

/// A receiver that takes connections and says nothing delays nobody's sign-in, and gets everything
/// once it responds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_receiver_costs_no_sign_in() {
    let mut receiver = WebhookReceiver::silent(|_| true).await;
    let settings = receiver.settings();
    let site = TestGateway::with(|config| config["webhooks"] = json!([settings])).await;
    let mut users = BTreeSet::new();
    for person in 0..100 {
        let name = format!("person-{person}");
        let token = site.acme.token().sub(&name).sign();
        assert_eq!(present(&site.gateway, &token).await, 200);
        users.insert(name);
    }
    eventually("it is tried", async || {
        let refused = [("webhook", "app"), ("outcome", "refused")];
        let metrics = site.gateway.metrics().await;
        metrics.sum("vestibule_webhook_attempts_total", &refused) > 0.0
    })
    .await;
    receiver.respond();
    check(&heard_of(&mut receiver, &users).await, &users);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_delivers_when_one_is_gone() {
    let mut receiver = WebhookReceiver::start(|is_known| is_known).await;
    let settings = receiver.settings();
    let mut pair = Pair::with(|config| config["webhooks"] = json!([settings])).await;
    let mut users = BTreeSet::new();
    let sign_in = async |gateway: &Gateway, token: String, name: &str| {
        assert_eq!(present(gateway, &token).await, 200);
        name.to_owned()
    };
    for name in ["ada", "bob", "eve"] {
        let token = pair.token(name, "1");
        users.insert(sign_in(&pair.one, token, name).await);
    }
    check(&heard_of(&mut receiver, &users).await, &users);
    let delivers = async |gateway: &Gateway| {
        let metrics = gateway.metrics().await;
        metrics.sum("vestibule_webhook_attempts_total", &[]) > 0.0
    };
    let (one, two) = (delivers(&pair.one).await, delivers(&pair.two).await);
    assert!(one != two, "one of them delivers");
    for name in ["mallory", "trent"] {
        let token = pair.token(name, "1");
        users.insert(sign_in(&pair.two, token, name).await);
    }
    let (gone, left) = match one {
        true => (&mut pair.one, &pair.two),
        false => (&mut pair.two, &pair.one),
    };
    gone.kill9().await;
    let token = pair.acme.token().sub("peggy").sign();
    users.insert(sign_in(left, token, "peggy").await);
    check(&heard_of(&mut receiver, &users).await, &users);
    assert!(delivers(left).await);
}

fn check(heard: &BTreeMap<String, Vec<String>>, users: &BTreeSet<String>) {
    for user in users {
        let expected = [CREATED, SESSION];
        assert_eq!(heard[user], expected, "{user}");
    }
    let heard: BTreeSet<_> = heard.keys().cloned().collect();
    assert_eq!(heard, *users);
}

/// Requests at once.
const AT_ONCE: usize = 20;
const CREATED: &str = "user.created";
const SESSION: &str = "user.session.created";
