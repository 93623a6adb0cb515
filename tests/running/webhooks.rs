//! Nobody misses a user: events arrive after kill -9, and after a gateway is gone.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::postgres::{Pair, present};
use crate::support::{Gateway, TestGateway};

/// A receiver that refuses each event the first time, and knows the ids of what it accepted.
struct Receiver {
    address: SocketAddr,
    /// Accepted events, each once, in the order of their arrival.
    accepted: watch::Receiver<Vec<Value>>,
    secret: tempfile::NamedTempFile,
}

#[derive(Clone)]
struct Receiving {
    known: Arc<Mutex<(HashSet<String>, HashSet<String>)>>,
    accepted: watch::Sender<Vec<Value>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, accepted) = watch::channel(Vec::new());
        let receiving = Receiving {
            known: Arc::default(),
            accepted: publish,
        };
        let router = Router::new()
            .route("/", post(receive))
            .with_state(receiving);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        Self {
            address,
            accepted,
            secret,
        }
    }

    fn settings(&self) -> Value {
        json!([{
            "name": "app",
            "url": format!("http://{}/", self.address),
            "secrets": [format!("file:{}", self.secret.path().display())],
            "allow_private_networks": true,
            "retry_after": "1s",
            "max_retry_after": "1s",
        }])
    }

    /// Waits until these users were heard of, and says in which order each of them was.
    async fn heard_of(&mut self, users: &BTreeSet<String>) -> BTreeMap<String, Vec<String>> {
        let all = |accepted: &Vec<Value>| {
            let created = accepted
                .iter()
                .filter(|event| event["eventName"] == SESSION);
            let created: HashSet<&str> = created.map(subject).collect();
            users.iter().all(|user| created.contains(user.as_str()))
        };
        let accepted = self.accepted.wait_for(all).await.unwrap().clone();
        let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in &accepted {
            let name = event["eventName"].as_str().unwrap().to_owned();
            heard
                .entry(subject(event).to_owned())
                .or_default()
                .push(name);
        }
        heard
    }
}

fn subject(event: &Value) -> &str {
    event["data"]["externalUserId"].as_str().unwrap_or_default()
}

async fn receive(State(receiving): State<Receiving>, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let id = event["eventId"].to_string();
    let mut known = receiving
        .known
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if known.0.insert(id.clone()) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if known.1.insert(id) {
        receiving
            .accepted
            .send_modify(|accepted| accepted.push(event));
    }
    StatusCode::OK
}

/// People come for the first time, and the process is killed among them, `KILLS` times. Everybody who
/// was let in is told of, once and before their session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_a_user() {
    let number = |name: &str, usual: usize| {
        std::env::var(name).map_or(usual, |number| number.parse().unwrap())
    };
    let (kills, sights) = (number("KILLS", 3), number("SIGHTS", 60));
    let mut receiver = Receiver::start().await;
    let settings = receiver.settings();
    let mut site = TestGateway::with(|config| {
        config["webhooks"] = settings;
        config["log"] = json!({"level": "warn", "access": false});
    })
    .await;
    let mut users = BTreeSet::new();
    for round in 0..=kills {
        let names = (0..sights).map(|person| format!("{round}-{person}"));
        let tokens = names.map(|name| (site.acme.token().sub(&name).sign(), name));
        for some in tokens.collect::<Vec<_>>().chunks(20) {
            let gateway = &site.gateway;
            let asked = some.iter().map(|(token, name)| async move {
                assert_eq!(present(gateway, token).await, 200);
                name.clone()
            });
            users.extend(futures::future::join_all(asked).await);
        }
        site.upstream.take_unchecked();
        if round < kills {
            site.gateway.kill9().await;
            site.gateway = site.gateway.restart().await;
            site.gateway.wait_until_whole().await;
        }
    }
    check(&receiver.heard_of(&users).await, &users);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_gateway_delivers_when_one_is_gone() {
    let mut receiver = Receiver::start().await;
    let settings = receiver.settings();
    let mut pair = Pair::with(|config| config["webhooks"] = settings).await;
    let mut users = BTreeSet::new();
    let sign_in = async |gateway: &Gateway, token: String, name: &str| {
        assert_eq!(present(gateway, &token).await, 200);
        name.to_owned()
    };
    for name in ["ada", "bob", "eve"] {
        let token = pair.token(name, "1");
        users.insert(sign_in(&pair.one, token, name).await);
    }
    check(&receiver.heard_of(&users).await, &users);
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
    check(&receiver.heard_of(&users).await, &users);
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

const CREATED: &str = "user.created";
const SESSION: &str = "user.session.created";
