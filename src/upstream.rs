//! The servers behind the gateway.
//!
//! Requests take an address from a published list and never resolve a name. In the background,
//! [`Resolver`] resolves names and [`HealthChecks`] probes servers; requests themselves report
//! how servers answer, and one that keeps failing is left out for a while.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::config;

mod balance;
mod ejection;
pub mod health;
pub mod resolver;

pub use health::HealthChecks;
pub use resolver::Resolver;

use balance::Balancer;
use ejection::Ejections;

/// Servers that answer alike.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    servers: Vec<Server>,
    timeouts: Timeouts,
    addresses: ArcSwap<BTreeMap<SocketAddr, NonZeroU8>>,
    balancer: Balancer,
    ejections: Ejections,
    started: Instant,
    turn: AtomicU64,
}

impl Upstream {
    /// From the configuration. Literal addresses serve at once, names after the first resolution.
    pub fn new(name: &str, settings: &config::Upstream) -> Result<Arc<Self>, UpstreamError> {
        let servers: Vec<Server> = settings
            .servers
            .iter()
            .map(Server::parse)
            .collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(UpstreamError::Empty(name.to_owned()));
        }
        let literals = servers
            .iter()
            .filter_map(|server| server.literal().map(|address| (address, server.weight)))
            .collect();
        let upstream = Arc::new(Self {
            name: name.into(),
            servers,
            timeouts: Timeouts {
                connect: settings.connect_timeout,
                read: settings.read_timeout,
                write: settings.write_timeout,
                idle: settings.idle_timeout,
            },
            addresses: ArcSwap::default(),
            balancer: Balancer::new(settings)?,
            ejections: Ejections::new(settings.ejection.clone()),
            started: Instant::now(),
            turn: AtomicU64::new(0),
        });
        upstream.publish(literals);
        Ok(upstream)
    }

    /// The name in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Bounds on talking to a server.
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// The server for a request: of `key`, such as the user's id, when requests are shared out by
    /// consistent hashing. Servers in `tried` failed this request already. Servers that keep
    /// failing are passed over unless no other is left. `None`: no name is resolved, none is
    /// healthy, or all were tried.
    pub fn pick_for(&self, key: Option<&[u8]>, tried: &[SocketAddr]) -> Option<SocketAddr> {
        let turn;
        let key = match key {
            Some(key) => key,
            None => {
                turn = self.turn.fetch_add(1, Ordering::Relaxed).to_le_bytes();
                &turn
            }
        };
        let now = self.started.elapsed();
        let is_new = |server: &SocketAddr| !tried.contains(server);
        self.balancer
            .select(key, |server| {
                is_new(server) && !self.ejections.is_ejected(server, now)
            })
            .or_else(|| self.balancer.select(key, is_new))
    }

    /// Tells how a server dealt with a request.
    pub fn report(&self, server: &SocketAddr, outcome: Outcome) {
        match outcome {
            Outcome::Answered if self.ejections.answered(server) => {
                tracing::info!(upstream = %self.name, %server, "a server answers again");
            }
            Outcome::Failed if self.ejections.failed(server, self.started.elapsed()) => {
                tracing::warn!(upstream = %self.name, %server, "a server keeps failing, left out");
            }
            Outcome::Answered | Outcome::Failed => {}
        }
    }

    /// All addresses of its servers now.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.load().keys().copied().collect()
    }

    fn needs_resolution(&self) -> bool {
        self.servers.iter().any(|server| server.literal().is_none())
    }

    fn publish(&self, addresses: BTreeMap<SocketAddr, NonZeroU8>) {
        self.ejections.set_servers(addresses.keys().copied());
        self.balancer.publish(&addresses);
        self.addresses.store(Arc::new(addresses));
    }
}

/// How a server dealt with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, with whatever status.
    Answered,
    /// No connection, no answer in time, or an answer that breaks off.
    Failed,
}

/// Bounds on talking to a server.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// On connecting.
    pub connect: Duration,
    /// On each read.
    pub read: Duration,
    /// On each write.
    pub write: Duration,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

/// Why the configuration is no upstream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No server.
    #[error("the upstream `{0}` has no servers")]
    Empty(String),
    /// Not `HOST:PORT`.
    #[error("`{0}` is not `HOST:PORT`")]
    Server(String),
    /// The probe is no request.
    #[error("`{0}` is not a path to probe, or its `host` is not a host")]
    HealthCheck(String),
    /// Probes without a pause.
    #[error("the `interval` of a health check is not zero")]
    ProbeInterval,
}

/// A configured server.
#[derive(Debug)]
struct Server {
    place: Place,
    weight: NonZeroU8,
}

#[derive(Debug)]
enum Place {
    Literal(SocketAddr),
    Name { host: String, port: u16 },
}

impl Server {
    fn parse(settings: &config::upstream::Server) -> Result<Self, UpstreamError> {
        let (text, weight) = (settings.address.as_str(), settings.weight);
        if let Ok(address) = text.parse() {
            return Ok(Self {
                place: Place::Literal(address),
                weight,
            });
        }
        let invalid = || UpstreamError::Server(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        match port.parse() {
            Ok(port) if port != 0 && !host.is_empty() && host.bytes().all(is_name) => Ok(Self {
                place: Place::Name {
                    host: host.to_owned(),
                    port,
                },
                weight,
            }),
            _ => Err(invalid()),
        }
    }

    fn literal(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Literal(address) => Some(*address),
            Place::Name { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
