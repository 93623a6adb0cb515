//! A receiver of webhooks.

use std::collections::HashSet;
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

/// Receives events, and knows by their ids which it accepted before.
pub struct WebhookReceiver {
    address: SocketAddr,
    /// Accepted events, each once, in the order of their arrival.
    pub accepted: watch::Receiver<Vec<Value>>,
    secret: tempfile::NamedTempFile,
    /// Until it is served.
    waiting: Option<(TcpListener, Receiving)>,
}

#[derive(Clone)]
struct Receiving {
    accepts: Arc<dyn Fn(bool) -> bool + Send + Sync>,
    known: Arc<Mutex<Known>>,
    accepted: watch::Sender<Vec<Value>>,
}

#[derive(Default)]
struct Known {
    seen: HashSet<String>,
    accepted: HashSet<String>,
}

impl WebhookReceiver {
    /// Accepts an event if `accepts` does, which learns whether it was sent before.
    pub async fn start(accepts: impl Fn(bool) -> bool + Send + Sync + 'static) -> Self {
        let mut receiver = Self::silent(accepts).await;
        receiver.respond();
        receiver
    }

    /// Accepts connections and says nothing, until [`Self::respond`].
    pub async fn silent(accepts: impl Fn(bool) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (publish, accepted) = watch::channel(Vec::new());
        let receiving = Receiving {
            accepts: Arc::new(accepts),
            known: Arc::default(),
            accepted: publish,
        };
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        Self {
            address,
            accepted,
            secret,
            waiting: Some((listener, receiving)),
        }
    }

    /// Answers from now on.
    pub fn respond(&mut self) {
        let (listener, receiving) = self.waiting.take().expect("it is silent");
        let router = Router::new()
            .route("/", post(receive))
            .with_state(receiving);
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// A webhook for it, `app`, that does not wait long between attempts.
    pub fn settings(&self) -> Value {
        json!({
            "name": "app",
            "url": format!("http://{}/", self.address),
            "secrets": [format!("file:{}", self.secret.path().display())],
            "allow_private_networks": true,
            "timeout": "1s",
            "retry_after": "1s",
            "max_retry_after": "1s",
        })
    }

    /// Waits until it accepted so many different events, and returns their names.
    pub async fn names(&mut self, number: usize) -> Vec<String> {
        let enough = |accepted: &Vec<Value>| accepted.len() >= number;
        let accepted = self.accepted.wait_for(enough).await.unwrap();
        let name = |event: &Value| event["eventName"].as_str().unwrap().to_owned();
        accepted.iter().map(name).collect()
    }
}

async fn receive(State(receiving): State<Receiving>, body: Bytes) -> StatusCode {
    let event: Value = serde_json::from_slice(&body).unwrap();
    let id = event["eventId"].to_string();
    let mut known = receiving
        .known
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let is_known = !known.seen.insert(id.clone());
    if !(receiving.accepts)(is_known) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if known.accepted.insert(id) {
        receiving
            .accepted
            .send_modify(|accepted| accepted.push(event));
    }
    StatusCode::OK
}
