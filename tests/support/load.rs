//! Requests at a bounded rate while something changes, each on a connection of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

use super::certificate::Connector;
use super::wire::Wire;

/// How many requests in a second: `VESTIBULE_LOAD`, or as many as a debug build can answer next to
/// other tests.
pub fn rate() -> u64 {
    std::env::var("VESTIBULE_LOAD").map_or(100, |rate| rate.parse().unwrap())
}

/// One request on a connection of its own: its status.
pub async fn once(address: SocketAddr, request: Arc<[u8]>) -> String {
    match TcpStream::connect(address).await {
        Ok(stream) => status_of(Wire::new(stream), &request).await,
        Err(_) => "no connection".to_owned(),
    }
}

/// The same from another loopback address, which is another client.
pub async fn once_from(from: String, to: SocketAddr, request: Arc<[u8]>) -> String {
    match connect_from(&from, to).await {
        Ok(stream) => status_of(Wire::new(stream), &request).await,
        Err(_) => "no connection".to_owned(),
    }
}

async fn connect_from(from: &str, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    let address = SocketAddr::new(from.parse().unwrap(), 0);
    socket.bind(address)?;
    socket.connect(to).await
}

/// The same by TLS, from a server of this name.
pub async fn once_by_tls(
    client: Arc<Connector>,
    address: SocketAddr,
    name: &str,
    request: Arc<[u8]>,
) -> String {
    match client.connect(address, name).await {
        Ok(stream) => status_of(Wire::over(stream), &request).await,
        Err(error) => error.to_string(),
    }
}

async fn status_of(mut wire: Wire, request: &[u8]) -> String {
    wire.write(request).await;
    match wire.read_response("GET").await {
        Some(answer) => answer.status().to_string(),
        None => "no answer".to_owned(),
    }
}

/// A running load.
pub struct Load {
    stop: watch::Sender<bool>,
    running: JoinHandle<BTreeMap<String, usize>>,
}

impl Load {
    /// Starts `request` so often in a second; it returns what came of it.
    pub fn start<F>(rate: u64, request: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = String> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_nanos(1_000_000_000 / rate));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut requests = JoinSet::new();
            let mut outcomes = BTreeMap::new();
            loop {
                ticks.tick().await;
                if *stopped.borrow() {
                    break;
                }
                requests.spawn(request());
                while let Some(outcome) = requests.try_join_next() {
                    *outcomes.entry(outcome.unwrap()).or_default() += 1;
                }
            }
            while let Some(outcome) = requests.join_next().await {
                *outcomes.entry(outcome.unwrap()).or_default() += 1;
            }
            outcomes
        });
        Self { stop, running }
    }

    /// Stops, and says how often which outcome was.
    pub async fn outcomes(self) -> BTreeMap<String, usize> {
        self.stop.send_replace(true);
        self.running.await.unwrap()
    }
}
