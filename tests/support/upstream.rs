//! An upstream that keeps the exact bytes of each request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::token;
use super::wire::{Message, PATIENCE, Wire};

/// What the upstream does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Writes these bytes at once.
    Bytes(Vec<u8>),
    /// Writes them when the gate is opened.
    Gated(watch::Receiver<bool>, Vec<u8>),
    /// Writes the first part at once, the second when the gate is opened.
    Halves(watch::Receiver<bool>, Vec<u8>, Vec<u8>),
    /// Switches protocols and sends back whatever comes.
    Echo,
    /// Writes these bytes and closes.
    BytesAndClose(Vec<u8>),
    /// Closes without an answer.
    Close,
    /// Closes without an answer this time, and writes these bytes to each later request.
    CloseOnce(Vec<u8>),
}

impl Reply {
    /// A plain 200.
    pub fn ok(body: &str) -> Self {
        Self::Bytes(ok(body))
    }
}

/// The bytes of a plain 200.
pub fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The recording upstream. Dropped, it checks that no external token ever reached it.
pub struct RawUpstream {
    pub address: SocketAddr,
    reply: Arc<Mutex<Reply>>,
    seen: watch::Receiver<Vec<Message>>,
    record: watch::Sender<Vec<Message>>,
    ended: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let reply = Arc::new(Mutex::new(Reply::ok("hello")));
        let (record, seen) = watch::channel(Vec::new());
        let ended = watch::Sender::new(false);
        let served = serve(listener, reply.clone(), record.clone(), ended.subscribe());
        let listening = tokio::spawn(served);
        Self {
            address,
            reply,
            seen,
            record,
            ended,
            listening,
        }
    }

    /// Ends as a server does that is asked to: nothing is taken any more, what was asked is
    /// answered, and connections that wait for a request are closed.
    pub async fn end(self) {
        self.ended.send_replace(true);
        self.listening.abort();
        // The listener is closed when its task is gone.
        while !self.listening.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Changes what every further request is answered with.
    pub fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.seen.borrow().len()
    }

    /// The newest request; panics when none came.
    pub fn last(&self) -> Message {
        self.seen
            .borrow()
            .last()
            .expect("the upstream saw no request")
            .clone()
    }

    /// Waits until so many requests came.
    pub async fn reached(&self, count: usize) {
        let mut seen = self.seen.clone();
        let enough = seen.wait_for(|seen| seen.len() >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .expect("too few requests came")
            .unwrap();
    }

    /// Takes all requests out of the record.
    pub fn take(&self) -> Vec<Message> {
        let all = self.take_unchecked();
        all.iter().for_each(assert_no_external_token);
        all
    }

    /// The same, for tests that send tokens where nobody looks for them.
    pub fn take_unchecked(&self) -> Vec<Message> {
        self.record.send_replace(Vec::new())
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.seen.borrow().iter().for_each(assert_no_external_token);
        }
    }
}

fn assert_no_external_token(request: &Message) {
    for secret in token::external_secrets() {
        let head = String::from_utf8_lossy(&request.head);
        assert!(
            !request.contains(&secret),
            "an external token reached the upstream:\n{head}"
        );
    }
}

async fn serve(
    listener: TcpListener,
    reply: Arc<Mutex<Reply>>,
    record: watch::Sender<Vec<Message>>,
    ended: watch::Receiver<bool>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reply, record, ended) = (reply.clone(), record.clone(), ended.clone());
        tokio::spawn(async move {
            let mut wire = Wire::accepted(stream);
            loop {
                let asked = tokio::select! {
                    asked = wire.read_request() => asked,
                    () = reported(ended.clone()) => None,
                };
                let Some(request) = asked else { return };
                let upgrade = request.field("sec-websocket-key").is_some();
                record.send_modify(|seen| seen.push(request));
                let now = reply.lock().unwrap().clone();
                match now {
                    Reply::Bytes(bytes) => wire.write(bytes).await,
                    Reply::Gated(gate, bytes) => {
                        // A long test would run out of descriptors for those that gave up.
                        tokio::select! {
                            () = opened(gate) => wire.write(bytes).await,
                            () = wire.closed() => return,
                        }
                    }
                    Reply::Halves(gate, first, second) => {
                        wire.write(first).await;
                        opened(gate).await;
                        wire.write(second).await;
                    }
                    Reply::Echo if upgrade => return echo(wire).await,
                    Reply::Echo => wire.write(ok("no upgrade")).await,
                    Reply::BytesAndClose(bytes) => return wire.write(bytes).await,
                    Reply::Close => return,
                    Reply::CloseOnce(bytes) => {
                        *reply.lock().unwrap() = Reply::Bytes(bytes);
                        return;
                    }
                }
            }
        });
    }
}

/// Returns when it is so; never, when nobody can say so any more.
async fn reported(mut ended: watch::Receiver<bool>) {
    if ended.wait_for(|ended| *ended).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn opened(mut gate: watch::Receiver<bool>) {
    // A dropped gate is an open one: the test is over.
    let _ = gate.wait_for(|open| *open).await;
}

async fn echo(mut wire: Wire) {
    wire.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    )
    .await;
    loop {
        let byte = wire.read_exactly(1).await;
        if byte.is_empty() {
            return;
        }
        wire.write(byte).await;
    }
}
