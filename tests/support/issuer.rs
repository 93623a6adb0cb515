//! An issuer: a key set over HTTP that the test can change while the gateway reads it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::key::Key;
use super::token::TokenBuilder;
use super::wire::{PATIENCE, Wire};

/// An issuer whose tokens the gateway is configured to trust. `iss` is a name, not an address: the key
/// set is found by `jwks_url`.
pub struct TestIssuer {
    pub iss: String,
    pub key: Arc<Key>,
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    clock: Arc<Mutex<Option<i64>>>,
    fetches: watch::Receiver<u64>,
    connections: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Answer {
    Reply {
        status: u16,
        fields: String,
        body: Vec<u8>,
    },
    Silence,
}

impl TestIssuer {
    /// Publishes this key.
    pub async fn start(iss: &str, key: Arc<Key>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Answer::Silence));
        let (count, fetches) = watch::channel(0);
        let connections = Arc::new(AtomicU64::new(0));
        let clock = Arc::default();
        let told = Arc::clone(&clock);
        let counted = connections.clone();
        tokio::spawn(serve(listener, answer.clone(), told, count, counted));
        let issuer = Self {
            iss: iss.to_owned(),
            key,
            address,
            answer,
            clock,
            fetches,
            connections,
        };
        issuer.publish(&[issuer.key.jwk()]);
        issuer
    }

    /// An issuer whose `iss` is its address, under which its metadata is found (OpenID Connect
    /// Discovery 1.0 section 4).
    pub async fn discoverable(key: Arc<Key>) -> Self {
        let issuer = Self::start("", key).await;
        Self {
            iss: format!("http://{}", issuer.address),
            ..issuer
        }
    }

    /// Where the key set is.
    pub fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// Replaces the published key set.
    pub fn publish(&self, keys: &[Value]) {
        self.reply(200, json!({ "keys": keys }).to_string());
    }

    /// Says in each answer from now on what time it is, so many seconds off the truth.
    pub fn tell_time(&self, offset: i64) {
        *self.clock.lock().unwrap() = Some(offset);
    }

    /// Answers any fetch with this.
    pub fn reply(&self, status: u16, body: impl Into<Vec<u8>>) {
        let fields = "Content-Type: application/jwk-set+json\r\n".to_owned();
        *self.answer.lock().unwrap() = Answer::Reply {
            status,
            fields,
            body: body.into(),
        };
    }

    /// Accepts fetches and never answers.
    pub fn hang(&self) {
        *self.answer.lock().unwrap() = Answer::Silence;
    }

    /// How often the key set was asked for.
    pub fn fetches(&self) -> u64 {
        *self.fetches.borrow()
    }

    /// How many connections were made, whatever was asked on them.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits for the next fetch to begin.
    pub async fn fetched_after(&self, count: u64) {
        let mut fetches = self.fetches.clone();
        let more = fetches.wait_for(|fetches| *fetches > count);
        tokio::time::timeout(PATIENCE, more)
            .await
            .expect("no further fetch came")
            .unwrap();
    }

    /// A good token, to be changed or signed.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.iss, &self.key)
    }
}

async fn serve(
    listener: TcpListener,
    answer: Arc<Mutex<Answer>>,
    clock: Arc<Mutex<Option<i64>>>,
    count: watch::Sender<u64>,
    connections: Arc<AtomicU64>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (answer, count) = (answer.clone(), count.clone());
        let clock = Arc::clone(&clock);
        tokio::spawn(async move {
            let mut wire = Wire::accepted(stream);
            while let Some(request) = wire.read_request().await {
                if request
                    .start_line()
                    .contains(" /.well-known/openid-configuration ")
                {
                    let host = request.field("host").unwrap_or_default();
                    let iss = format!("http://{host}");
                    let jwks = format!("{iss}/jwks.json");
                    let logout = format!("{iss}/logout");
                    let metadata = json!({
                        "issuer": iss,
                        "jwks_uri": jwks,
                        "end_session_endpoint": logout,
                    });
                    let metadata = metadata.to_string();
                    let length = metadata.len();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                    wire.write(head + &metadata).await;
                    continue;
                }
                count.send_modify(|count| *count += 1);
                let reply = answer.lock().unwrap().clone();
                match reply {
                    Answer::Silence => std::future::pending::<()>().await,
                    Answer::Reply {
                        status,
                        fields,
                        body,
                    } => {
                        let length = body.len();
                        let date = date(*clock.lock().unwrap());
                        let head = format!(
                            "HTTP/1.1 {status} X\r\n{fields}{date}Content-Length: {length}\r\n\r\n"
                        );
                        wire.write([head.as_bytes(), &body].concat()).await;
                    }
                }
            }
        });
    }
}

/// The field that says what time it is.
fn date(clock: Option<i64>) -> String {
    let Some(offset) = clock else {
        return String::new();
    };
    let away = std::time::Duration::from_secs(offset.unsigned_abs());
    let now = std::time::SystemTime::now();
    let told = if offset < 0 { now - away } else { now + away };
    format!("Date: {}\r\n", httpdate::fmt_http_date(told))
}
