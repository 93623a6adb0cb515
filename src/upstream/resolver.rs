//! Resolves servers' names in the background.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{Place, Upstream};

/// Resolves the names of all upstreams at start and every 30 s, and publishes the addresses. A
/// name that does not resolve keeps its last addresses.
#[derive(Debug)]
pub struct Resolver {
    upstreams: Vec<Arc<Upstream>>,
    last: HashMap<(String, u16), Vec<SocketAddr>>,
}

impl Resolver {
    /// Takes the upstreams that name servers; the others need no resolution.
    pub fn new(upstreams: impl IntoIterator<Item = Arc<Upstream>>) -> Self {
        let upstreams = upstreams
            .into_iter()
            .filter(|one| one.needs_resolution())
            .collect();
        Self {
            upstreams,
            last: HashMap::new(),
        }
    }

    /// Runs until `shutdown` turns true or its sender is gone.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopped = shutdown.wait_for(|stop| *stop);
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = async { ticks.tick().await; self.resolve_all().await } => {}
            }
        }
    }

    /// Resolves each name once. A server that starts listening awaits this first, so that its
    /// first requests find addresses.
    pub async fn resolve_all(&mut self) {
        for upstream in &self.upstreams {
            let mut addresses = BTreeMap::new();
            for server in &upstream.servers {
                match &server.place {
                    Place::Literal(address) => {
                        addresses.insert(*address, server.weight);
                    }
                    Place::Name { host, port } => {
                        let key = (host.clone(), *port);
                        if let Some(found) = look_up(host, *port).await {
                            self.last.insert(key.clone(), found);
                        }
                        let known = self.last.get(&key).into_iter().flatten();
                        addresses.extend(known.map(|address| (*address, server.weight)));
                    }
                }
            }
            if **upstream.addresses.load() != addresses {
                let found: Vec<_> = addresses.keys().collect();
                tracing::info!(upstream = %upstream.name, addresses = ?found, "servers changed");
                upstream.publish(addresses);
            }
        }
    }
}

async fn look_up(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let answer = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let problem = match answer {
        Ok(Ok(found)) => {
            let found: Vec<SocketAddr> = found.collect();
            if !found.is_empty() {
                return Some(found);
            }
            "no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timed out".to_owned(),
    };
    tracing::warn!(host, problem, "a server's name does not resolve");
    None
}

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(5);
