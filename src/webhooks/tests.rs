//! Delivery, with a real store and a real receiver.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::*;
use crate::store::{
    DeliveryState, Description, Email, EventKind, Identifier, NewUser, PageRequest, TestStore,
};

/// Receives, and answers with what `decide` says of each attempt at an event.
struct Receiver {
    address: SocketAddr,
    seen: watch::Receiver<Vec<Seen>>,
    server: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Seen {
    headers: HeaderMap,
    body: Value,
    status: u16,
}

type Decide = Arc<dyn Fn(&Value, usize) -> u16 + Send + Sync>;

#[derive(Clone)]
struct Receiving {
    decide: Decide,
    attempts: Arc<Mutex<HashMap<String, usize>>>,
    seen: watch::Sender<Vec<Seen>>,
}

impl Receiver {
    async fn start(decide: impl Fn(&Value, usize) -> u16 + Send + Sync + 'static) -> Self {
        // The program does at its start.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, seen) = watch::channel(Vec::new());
        let receiving = Receiving {
            decide: Arc::new(decide),
            attempts: Arc::default(),
            seen: publish,
        };
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(receiving);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            seen,
            server,
        }
    }

    fn webhook(&self) -> Webhook {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let settings = json!({
            "name": "app",
            "url": format!("http://{}/hook", self.address),
            "secrets": [format!("file:{}", secret.path().display())],
            "allow_private_networks": true,
            "retry_after": "1s",
            "max_retry_after": "1s",
        });
        serde_json::from_value(settings).unwrap()
    }

    /// Waits until so many requests were accepted, and returns all.
    async fn accepted(&mut self, count: usize) -> Vec<Seen> {
        let accepted = |seen: &Vec<Seen>| {
            let good = seen.iter().filter(|seen| seen.status == 200);
            good.count() >= count
        };
        self.seen.wait_for(accepted).await.unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(receiving): State<Receiving>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let body: Value = serde_json::from_slice(&body).unwrap();
    let attempt = {
        let mut attempts = receiving
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.entry(body["eventId"].to_string()).or_default();
        *attempt += 1;
        *attempt
    };
    let status = (receiving.decide)(&body, attempt);
    receiving.seen.send_modify(|seen| {
        seen.push(Seen {
            headers,
            body,
            status,
        });
    });
    StatusCode::from_u16(status).unwrap()
}

/// A store, and what delivers from it.
struct TestDeliverer {
    _test_store: TestStore,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl TestDeliverer {
    async fn start(webhook: &Webhook) -> Self {
        let test_store = TestStore::new();
        let store = test_store.store();
        // It starts with the next event, so that it is known before there is any.
        let lease = store.lease_webhook(&webhook.name, Uuid::nil(), Duration::ZERO);
        lease.await.unwrap();
        let mut site = Self {
            _test_store: test_store,
            store,
            metrics: Arc::new(Metrics::new().unwrap()),
            stop: watch::channel(false).0,
            task: None,
        };
        site.deliver(webhook.clone());
        site
    }

    fn deliver(&mut self, webhook: Webhook) {
        let webhooks = Webhooks {
            store: Arc::clone(&self.store),
            metrics: Arc::clone(&self.metrics),
            environment_id: Uuid::nil(),
        };
        let (stop, stopped) = watch::channel(false);
        self.stop = stop;
        let configured = move || vec![webhook.clone()];
        self.task = Some(tokio::spawn(webhooks.run(configured, stopped)));
    }

    /// Ends as a crash does.
    async fn kill(&mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        let _ = task.await;
    }

    async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take() {
            task.await.unwrap();
        }
        self.store.close().await;
    }

    async fn create(&self, sub: &str) -> Uuid {
        let user = NewUser {
            iss: "https://issuer.example".to_owned(),
            sub: Identifier::parse(sub),
            email: Email::parse(&format!("{sub}@example.com")),
            description: Description::default(),
            now: UnixTime::now(),
        };
        self.store.create_user(user).await.unwrap().id
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_sent_signed_and_with_an_address_only_where_it_is_wanted() {
    let mut receiver = Receiver::start(|_, _| 200).await;
    let webhook = receiver.webhook();
    let site = TestDeliverer::start(&webhook).await;
    let user = site.create("ada").await;
    let seen = receiver.accepted(1).await.remove(0);
    assert_eq!(seen.body["eventName"], "user.created");
    assert_eq!(seen.body["userId"], user.to_string());
    assert_eq!(seen.body["data"]["externalUserId"], "ada");
    assert_eq!(seen.body["data"].get("email"), None);
    let id = seen.headers["webhook-id"].to_str().unwrap();
    assert_eq!(seen.body["eventId"], id);
    assert!(
        seen.headers["webhook-signature"]
            .as_bytes()
            .starts_with(b"v1,")
    );
    assert!(seen.headers.contains_key("x-dynamic-signature-256"));
    site.stop().await;

    let mut receiver = Receiver::start(|_, _| 200).await;
    let webhook = Webhook {
        include_email: true,
        events: [EventKind::UserCreated].into(),
        ..receiver.webhook()
    };
    let site = TestDeliverer::start(&webhook).await;
    let user = site.create("bob").await;
    site.store
        .set_blocked(user, true, UnixTime::now())
        .await
        .unwrap();
    site.create("eve").await;
    let seen = receiver.accepted(2).await;
    let emails: Vec<_> = seen
        .iter()
        .map(|seen| &seen.body["data"]["email"])
        .collect();
    assert_eq!(emails.len(), 2, "only what was asked for");
    assert!(emails.contains(&&json!("bob@example.com")));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_sent_again_in_the_order_of_its_user() {
    // Each event is refused once.
    let mut receiver = Receiver::start(|_, attempt| if attempt == 1 { 503 } else { 200 }).await;
    let webhook = receiver.webhook();
    let mut site = TestDeliverer::start(&webhook).await;
    let mut users = Vec::new();
    for n in 0..10 {
        users.push(site.create(&format!("user{n}")).await);
    }
    for &user in &users {
        for blocked in [true, false] {
            let now = UnixTime::now();
            site.store.set_blocked(user, blocked, now).await.unwrap();
        }
    }
    receiver.accepted(10).await;
    site.kill().await;
    site.deliver(webhook);
    // created, blocked, session revoked, updated.
    let all = loop {
        let count = receiver.seen.borrow().len();
        let accepted = receiver.accepted(0).await;
        if first_accepted(&accepted).len() == 40 {
            break accepted;
        }
        receiver
            .seen
            .wait_for(|seen| seen.len() > count)
            .await
            .unwrap();
    };
    let accepted = first_accepted(&all);
    for user in users {
        let user = user.to_string();
        let of_user = accepted.iter().filter(|body| body["userId"] == *user);
        let names: Vec<_> = of_user
            .map(|body| body["eventName"].as_str().unwrap())
            .collect();
        let expected = [
            "user.created",
            "user.blocked",
            "user.session.revoked",
            "user.updated",
        ];
        assert_eq!(names, expected);
    }
    site.stop().await;
}

/// What a receiver has that knows the ids of what it accepted.
fn first_accepted(seen: &[Seen]) -> Vec<Value> {
    let mut ids = std::collections::HashSet::new();
    let accepted = seen.iter().filter(|seen| seen.status == 200);
    let first = accepted.filter(|seen| ids.insert(seen.body["eventId"].to_string()));
    first.map(|seen| seen.body.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_users_failure_holds_back_nobody_else_until_it_is_parked_and_sent_again() {
    let open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let mut receiver = Receiver::start(move |body, _| {
        let is_poison = body["data"]["externalUserId"] == "poison";
        let refused = is_poison && !is_open.load(std::sync::atomic::Ordering::Relaxed);
        if refused { 500 } else { 200 }
    })
    .await;
    let webhook = Webhook {
        give_up_after: Duration::from_secs(1),
        ..receiver.webhook()
    };
    let site = TestDeliverer::start(&webhook).await;
    let poison = site.create("poison").await;
    site.create("ada").await;
    let seen = receiver.accepted(1).await;
    assert!(
        seen.iter()
            .any(|seen| seen.body["data"]["externalUserId"] == "ada")
    );
    let parked = loop {
        let page = PageRequest::first(10);
        let page = site
            .store
            .deliveries("app", DeliveryState::Parked, page)
            .await;
        let parked = page.unwrap().items;
        if !parked.is_empty() {
            break parked;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(parked[0].user_id, Some(poison));
    assert_eq!(parked[0].answer.as_deref(), Some("500"));
    open.store(true, std::sync::atomic::Ordering::Relaxed);
    let again = site.store.resend_parked("app", 10, UnixTime::now()).await;
    assert_eq!(again.unwrap(), 1);
    let seen = receiver.accepted(2).await;
    assert_eq!(seen.last().unwrap().body["userId"], poison.to_string());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_no_acceptance_and_is_not_followed() {
    let receiver = Receiver::start(|_, _| 307).await;
    let answer = test(&receiver.webhook(), Uuid::nil()).await;
    assert_eq!((answer.is_accepted, answer.answer.as_str()), (false, "307"));
    let seen = receiver.seen.borrow();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].body["eventName"], "webhook.test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_networks_are_not_reached_without_leave() {
    let receiver = Receiver::start(|_, _| 200).await;
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let webhook = Webhook {
            url: format!("http://{host}:{port}/hook").parse().unwrap(),
            allow_private_networks: false,
            ..receiver.webhook()
        };
        let answer = test(&webhook, Uuid::nil()).await;
        assert!(!answer.is_accepted, "{host}");
        let said = "the name resolves to a private network";
        assert_eq!(answer.answer, said, "{host}");
        assert!(!settings::diagnostics(&[webhook], &EventSettings::default()).is_empty());
    }
    assert!(receiver.seen.borrow().is_empty());
    let allowed = receiver.webhook();
    assert!(test(&allowed, Uuid::nil()).await.is_accepted);
    let found = settings::diagnostics(&[allowed], &EventSettings::default());
    assert_eq!(found, []);
}
