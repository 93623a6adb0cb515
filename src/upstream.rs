//! The servers behind the gateway.
//!
//! Requests take a server from a published list and never resolve a name. In the background,
//! [`Resolver`] resolves names and [`HealthChecks`] probes servers; requests themselves report
//! how servers answer, and one that keeps failing is left out for a while.

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::StatusCode;
pub use pingora::protocols::l4::socket::SocketAddr as Address;
use pingora::upstreams::peer::HttpPeer;

use crate::metrics::Metrics;
use crate::rejection::Overload;

mod balance;
mod check;
mod counters;
mod ejection;
mod failure;
pub mod health;
mod peers;
mod probe;
mod request_limit;
pub mod resolver;
pub mod resolver_settings;
pub mod server;
pub mod settings;
mod tls;

pub use failure::Failure;
pub use health::HealthChecks;
pub use request_limit::UpstreamPermit;
pub use resolver::Resolver;
pub use resolver_settings::ResolverSettings;
pub use server::{Server, ServerAddress};
pub use settings::Settings;
pub use tls::TlsError;

use balance::Balancer;
use counters::Counters;
use ejection::Ejections;
use peers::Peers;
use request_limit::RequestLimit;
use server::Place;

/// A group of servers that serve the same content.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    settings: Settings,
    peers: Peers,
    members: Arc<ArcSwap<Members>>,
    balancer: Balancer,
    ejections: Ejections,
    counters: Counters,
    request_limit: RequestLimit,
    started: Instant,
    turn: AtomicU64,
    /// Whether clients are asked to sign in their connections.
    signs_in_connections: AtomicBool,
}

/// The servers at their addresses of now.
type Members = BTreeMap<Address, Member>;

/// One address of a server.
#[derive(Clone, Debug)]
struct Member {
    /// Which of [`Settings::servers`].
    server: usize,
    /// Of a server with addresses of both families, one of the second: tried when those of the first
    /// fail.
    is_fallback: bool,
    weight: NonZeroU8,
    peer: HttpPeer,
    /// The digest of the one certificate that it may show.
    pin: Option<[u8; 32]>,
}

impl Upstream {
    /// From the configuration. Literal addresses serve at once, names after the first resolution.
    pub fn new(
        name: &str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, UpstreamError> {
        let upstream = Self::without_addresses(name, settings, metrics)?;
        upstream.publish_resolved(|_, _| Vec::new());
        Ok(Arc::new(upstream))
    }

    fn without_addresses(
        name: &str,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Self, UpstreamError> {
        let tls_error = |error| UpstreamError::Tls(name.to_owned(), error);
        let members = Arc::default();
        Ok(Self {
            name: name.into(),
            peers: Peers::new(name, settings).map_err(tls_error)?,
            balancer: Balancer::new(settings, Arc::clone(&members)),
            members,
            ejections: Ejections::new(settings.ejection.clone()),
            counters: Counters::new(metrics, name),
            request_limit: RequestLimit::new(
                settings,
                metrics.upstream_waiting.with_label_values(&[name]),
            ),
            started: Instant::now(),
            turn: AtomicU64::new(0),
            signs_in_connections: AtomicBool::new(false),
            settings: settings.clone(),
        })
    }

    /// The same after a change of the configuration: `previous` itself when nothing of it changed,
    /// certificates included, so that its connections, its health and its turn stay. Otherwise a
    /// new one, which starts with the addresses that the names resolved to last.
    pub fn renewed(
        previous: &Arc<Self>,
        settings: &Settings,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, UpstreamError> {
        let renewed = Self::without_addresses(&previous.name, settings, metrics)?;
        let is_same = renewed.settings == previous.settings
            && renewed.peers.group() == previous.peers.group();
        if is_same {
            return Ok(Arc::clone(previous));
        }
        if previous.asks_connections_to_sign_in() {
            renewed.asked_to_sign_in();
        }
        renewed.publish_resolved(|host, port| previous.known(host, port));
        Ok(Arc::new(renewed))
    }

    /// The name in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The server for a request: of `key`, such as the user's id, when requests are shared out by
    /// consistent hashing. Servers in `tried` failed this request already. Servers that keep
    /// failing are passed over unless no other is left. `None`: no name is resolved, none is
    /// healthy, or all were tried.
    pub fn pick_for(&self, key: Option<&[u8]>, tried: &[Address]) -> Option<Address> {
        let turn;
        let key = match key {
            Some(key) => key,
            None => {
                turn = self.turn.fetch_add(1, Ordering::Relaxed).to_le_bytes();
                &turn
            }
        };
        let now = self.started.elapsed();
        let is_new = |server: &Address| !tried.contains(server);
        let stands = |server: &Address| is_new(server) && !self.ejections.is_ejected(server, now);
        let members = self.members.load();
        let is_fallback = |server: &Address| members.get(server).is_some_and(|it| it.is_fallback);
        self.fallback_of(tried)
            .or_else(|| {
                self.balancer
                    .select(key, |server| stands(server) && !is_fallback(server))
            })
            .or_else(|| self.balancer.select(key, stands))
            .or_else(|| self.balancer.select(key, is_new))
    }

    /// The address of the other family of the server that was tried last, unless it was tried, too.
    fn fallback_of(&self, tried: &[Address]) -> Option<Address> {
        let members = self.members.load();
        let server = members.get(tried.last()?)?.server;
        let is_next = |(address, member): &(&Address, &Member)| {
            member.server == server && member.is_fallback && !tried.contains(address)
        };
        members
            .iter()
            .find(is_next)
            .map(|(address, _)| address.clone())
    }

    /// How a picked server is connected to; `None` when it has just left.
    pub fn peer(&self, address: &Address) -> Option<HttpPeer> {
        let members = self.members.load();
        let mut peer = members.get(address).map(|member| member.peer.clone())?;
        self.peers.pace(&mut peer);
        Some(peer)
    }

    /// Takes a permit for one of the requests that the upstream has at once, and waits for one
    /// where there is none.
    ///
    /// # Errors
    ///
    /// Too many wait already, or none became free in time.
    pub async fn permit(&self) -> Result<UpstreamPermit, Overload> {
        self.request_limit.take().await
    }

    /// Whether its servers may show the certificate with this SHA-256 digest; `None` for no
    /// certificate.
    pub fn accepts(&self, certificate: Option<&[u8]>) -> bool {
        self.peers.accepts(certificate)
    }

    /// Tells how a server dealt with a request.
    pub fn report(&self, server: &Address, outcome: Outcome) {
        let failure = match outcome {
            Outcome::Failed(failure) => failure,
            Outcome::Answered(status) if self.is_failure(status) => Failure::Status,
            Outcome::Answered(_) => {
                if self.ejections.answered(server) {
                    tracing::info!(upstream = %self.name, %server, "a server is healthy again");
                }
                return;
            }
        };
        self.counters.failed(failure);
        self.ejections.note(server, failure, self.started.elapsed());
        if self.ejections.failed(server, self.started.elapsed()) {
            let kind = failure.label();
            tracing::warn!(
                upstream = %self.name, %server, kind, "a server keeps failing and is ejected"
            );
        }
    }

    /// Whether its servers tell paths apart that differ in letter case, and in suffixes.
    pub fn tells_apart(&self) -> (bool, bool) {
        (self.settings.case_sensitive, self.settings.suffix_sensitive)
    }

    /// Whether a server has asked a client to sign in its connection, as NTLM does.
    pub fn asks_connections_to_sign_in(&self) -> bool {
        self.signs_in_connections.load(Ordering::Relaxed)
    }

    /// Says that a server has. From then on no two clients share a connection.
    pub fn asked_to_sign_in(&self) {
        if !self.signs_in_connections.swap(true, Ordering::Relaxed) {
            tracing::info!(
                upstream = %self.name,
                "the servers sign in connections (NTLM, Negotiate): each client has its own"
            );
        }
    }

    /// Counts how long a server took for the head of its answer.
    pub fn answered_after(&self, time: Duration) {
        self.counters.duration.observe(time.as_secs_f64());
    }

    /// Whether a request that could not be sent to any of these may be sent to another. Counts it
    /// when it may. All addresses of one server are one attempt.
    pub fn grant_other(&self, tried: &[Address]) -> bool {
        if self.fallback_of(tried).is_some() {
            return true;
        }
        let members = self.members.load();
        let is_fallback = |server: &&Address| members.get(*server).is_some_and(|it| it.is_fallback);
        let others = tried.iter().filter(is_fallback).count();
        self.grant_retry((tried.len() - others).max(1))
    }

    /// Whether a request that was sent this many times may be retried; if so, counts the retry.
    pub fn grant_retry(&self, sent: usize) -> bool {
        let is_granted = sent <= self.settings.retries;
        if is_granted {
            self.counters.retries.inc();
        }
        is_granted
    }

    /// All addresses of its servers now.
    pub fn addresses(&self) -> Vec<Address> {
        self.members.load().keys().cloned().collect()
    }

    /// How an address of each server, by its text in the configuration, failed a request the last
    /// time, and how long ago; only servers that did.
    pub fn last_failures(&self) -> Vec<(&str, Failure, Duration)> {
        let now = self.started.elapsed();
        let mut last: BTreeMap<usize, (Failure, Duration)> = BTreeMap::new();
        for (address, member) in self.members.load().iter() {
            if let Some((failure, at)) = self.ejections.last_failure(address) {
                let kept = last.entry(member.server).or_insert((failure, at));
                if kept.1 < at {
                    *kept = (failure, at);
                }
            }
        }
        let named = |(server, (failure, at)): (usize, (Failure, Duration))| {
            let server = self.settings.servers.get(server)?;
            Some((server.address.as_str(), failure, now.saturating_sub(at)))
        };
        last.into_iter().filter_map(named).collect()
    }

    /// How many addresses of each server, by its text in the configuration, take requests now.
    pub fn healthy(&self) -> Vec<(&str, u64)> {
        let mut counts: Vec<(&str, u64)> = self
            .settings
            .servers
            .iter()
            .map(|server| (server.address.as_str(), 0))
            .collect();
        let now = self.started.elapsed();
        for (address, member) in self.members.load().iter() {
            let takes_requests =
                self.balancer.is_healthy(address) && !self.ejections.is_ejected(address, now);
            if let (true, Some((_, count))) = (takes_requests, counts.get_mut(member.server)) {
                *count += 1;
            }
        }
        counts
    }

    fn is_failure(&self, status: StatusCode) -> bool {
        self.settings.ejection.statuses.contains(&status.as_u16())
    }

    /// Names of servers that have to be resolved.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        self.settings
            .servers
            .iter()
            .filter_map(|server| match &server.address.place {
                Place::Literal(_) => None,
                Place::Name { host, .. } => Some(host.as_str()),
            })
    }

    /// The addresses of a named server now.
    fn known(&self, host: &str, port: u16) -> Vec<Address> {
        let is_meant = |server: &Server| match &server.address.place {
            Place::Name {
                host: name,
                port: at,
            } => name == host && *at == port,
            Place::Literal(_) => false,
        };
        let at = self.settings.servers.iter().position(is_meant);
        let members = self.members.load();
        let of_server = members
            .iter()
            .filter(|(_, member)| Some(member.server) == at);
        of_server.map(|(address, _)| address.clone()).collect()
    }

    /// Takes the addresses that `resolve` knows for each name in place of all before.
    fn publish_resolved(&self, resolve: impl Fn(&str, u16) -> Vec<Address>) {
        let mut members = Members::new();
        for (number, server) in self.settings.servers.iter().enumerate() {
            let addresses = match &server.address.place {
                Place::Literal(address) => vec![address.clone()],
                Place::Name { host, port } => resolve(host, *port),
            };
            let has_v4 = addresses.iter().any(|address| !is_v6(address));
            for address in addresses {
                let peer = self.peers.peer(&address, server);
                let member = Member {
                    server: number,
                    is_fallback: has_v4 && is_v6(&address),
                    weight: server.weight,
                    peer,
                    pin: self.peers.pin(),
                };
                members.insert(address, member);
            }
        }
        let shape = |members: &Members| -> Vec<(Address, usize)> {
            let places = members.iter();
            places
                .map(|(address, member)| (address.clone(), member.server))
                .collect()
        };
        if shape(&members) == shape(&self.members.load()) {
            return;
        }
        let found: Vec<_> = members.keys().map(ToString::to_string).collect();
        // Requests pick by the balancer and then look here: what they may still pick stays until
        // they no longer can.
        let mut both = Members::clone(&self.members.load());
        both.extend(members.clone());
        self.members.store(Arc::new(both));
        self.ejections.set_servers(members.keys().cloned());
        self.balancer.publish(&members);
        self.members.store(Arc::new(members));
        tracing::info!(upstream = %self.name, addresses = ?found, "servers changed");
    }
}

fn is_v6(address: &Address) -> bool {
    address.as_inet().is_some_and(std::net::SocketAddr::is_ipv6)
}

/// How a server dealt with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered to the end.
    Answered(StatusCode),
    /// It did not.
    Failed(Failure),
}

/// Why the configuration is no upstream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Certificates or keys.
    #[error("the upstream `{0}`: {1}")]
    Tls(String, #[source] TlsError),
}

#[cfg(test)]
mod tests;
