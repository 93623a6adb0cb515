//! The servers behind the gateway.
//!
//! Requests take a server from a published list and never resolve a name. In the background,
//! [`Resolver`] resolves names and [`HealthChecks`] probes servers; requests themselves report
//! how servers answer, and one that keeps failing is left out for a while.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
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
mod in_flight;
mod members;
mod peers;
mod probe;
mod publish;
mod report;
mod request_limit;
pub mod resolver;
pub mod resolver_settings;
mod retry_budget;
pub mod server;
mod server_override;
pub mod settings;
mod sticky;
pub mod sticky_settings;
mod tls;

pub use failure::Failure;
pub use health::HealthChecks;
pub use in_flight::RequestInFlight;
pub use report::Outcome;
pub use request_limit::UpstreamPermit;
pub use resolver::Resolver;
pub use resolver_settings::ResolverSettings;
pub use server::{Server, ServerAddress};
pub use server_override::{ServerOverride, ServerState};
pub use settings::Settings;
pub use sticky::{ServerTag, Sticky, StickySeen, StickySigner};
pub use tls::TlsError;

use balance::Balancer;
use counters::Counters;
use ejection::Ejections;
use in_flight::Load;
use members::Members;
use peers::Peers;
use request_limit::RequestLimit;
use retry_budget::RetryBudget;
use server::Place;
use settings::{Balance, RetryStatus};

/// A group of servers that serve the same content.
#[derive(Debug)]
pub struct Upstream {
    name: Arc<str>,
    settings: Settings,
    peers: Peers,
    members: Arc<ArcSwap<Members>>,
    /// What operators say of each server, in the order of the configuration. Held while members are
    /// published, so that no two change them at once; requests never take it.
    overrides: Mutex<Vec<ServerOverride>>,
    /// Whether any server is drained.
    has_drained: AtomicBool,
    balancer: Balancer,
    ejections: Ejections,
    counters: Counters,
    request_limit: RequestLimit,
    retry_budget: RetryBudget,
    /// The cookie that keeps clients at a server.
    sticky: Option<Sticky>,
    started: Instant,
    turn: AtomicU64,
    /// Whether clients are asked to sign in their connections.
    signs_in_connections: AtomicBool,
}

impl Upstream {
    /// From the configuration. Literal addresses serve at once, names after the first resolution.
    pub fn new(
        name: &str,
        settings: &Settings,
        signer: &StickySigner,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, UpstreamError> {
        let upstream = Self::without_addresses(name, settings, signer, metrics)?;
        upstream.publish(|_, _| Vec::new(), |_| true);
        Ok(Arc::new(upstream))
    }

    fn without_addresses(
        name: &str,
        settings: &Settings,
        signer: &StickySigner,
        metrics: &Metrics,
    ) -> Result<Self, UpstreamError> {
        let tls_error = |error| UpstreamError::Tls(name.to_owned(), error);
        let members = Arc::default();
        Ok(Self {
            name: name.into(),
            peers: Peers::new(name, settings).map_err(tls_error)?,
            balancer: Balancer::new(settings, Arc::clone(&members)),
            members,
            overrides: Mutex::default(),
            has_drained: AtomicBool::new(false),
            ejections: Ejections::new(settings.ejection.clone()),
            counters: Counters::new(
                metrics,
                name,
                settings
                    .servers
                    .iter()
                    .map(|server| server.address.as_str()),
            ),
            request_limit: RequestLimit::new(
                settings,
                metrics.upstream_waiting.with_label_values(&[name]),
            ),
            retry_budget: RetryBudget::new(settings.retry_budget.0),
            sticky: settings
                .sticky_cookie
                .as_ref()
                .map(|cookie| Sticky::new(name, cookie, signer)),
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
        signer: &StickySigner,
        metrics: &Metrics,
    ) -> Result<Arc<Self>, UpstreamError> {
        let renewed = Self::without_addresses(&previous.name, settings, signer, metrics)?;
        let cookies = renewed.sticky.iter().zip(&previous.sticky);
        let is_same = renewed.settings == previous.settings
            && renewed.peers.group() == previous.peers.group()
            && cookies.into_iter().all(|(new, old)| new.is_same(old));
        if is_same {
            return Ok(Arc::clone(previous));
        }
        if previous.asks_connections_to_sign_in() {
            renewed.asked_to_sign_in();
        }
        let before = previous.members.load();
        let has_changed = renewed.publish(
            |host, port| previous.known(host, port),
            |server| before.contains_key(server),
        );
        if has_changed {
            renewed.log_servers();
        }
        Ok(Arc::new(renewed))
    }

    /// The name in the configuration.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The server for a request: of `key`, such as the user's id, when requests are shared out by
    /// consistent hashing. Servers in `tried` failed this request already. Servers that keep
    /// failing are passed over unless no other is left; those that are drained are never picked.
    /// `None`: no name is resolved, none is healthy, or all others were tried.
    pub fn pick_for(&self, key: Option<&[u8]>, tried: &[Address]) -> Option<Address> {
        self.pick_at(key, tried, self.started.elapsed())
    }

    /// The same at a moment, counted from the upstream's start.
    fn pick_at(&self, key: Option<&[u8]>, tried: &[Address], now: Duration) -> Option<Address> {
        let turn;
        let key = match key {
            Some(key) => key,
            None => {
                turn = self.turn.fetch_add(1, Ordering::Relaxed).to_le_bytes();
                &turn
            }
        };
        let is_new = |server: &Address| !tried.contains(server) && !self.is_drained(server);
        let stands = |server: &Address| is_new(server) && !self.ejections.is_ejected(server, now);
        let members = self.members.load();
        let is_fallback = |server: &Address| members.get(server).is_some_and(|it| it.is_fallback);
        let is_first = |server: &Address| stands(server) && !is_fallback(server);
        let is_warm = |server: &Address| is_first(server) && self.takes_share(server, now);
        let select = |fit: &dyn Fn(&Address) -> bool| match self.settings.balance {
            Balance::LeastRequests => self.balancer.least(fit, |server| {
                let member = members.get(server)?;
                Some(Load {
                    requests: member.in_flight.count(),
                    weight: usize::from(member.weight.get()),
                })
            }),
            _ => self.balancer.select(key, fit),
        };
        members::fallback_of(&members, tried)
            .or_else(|| {
                let has_slow_start = self.settings.slow_start.is_some();
                has_slow_start.then(|| select(&is_warm)).flatten()
            })
            .or_else(|| select(&is_first))
            .or_else(|| select(&stands))
            .or_else(|| select(&is_new))
    }

    /// Counts a request at a server, where that decides who gets the next one.
    pub fn begin(&self, server: &Address) -> Option<RequestInFlight> {
        if self.settings.balance != Balance::LeastRequests {
            return None;
        }
        let members = self.members.load();
        members.get(server).map(|member| member.in_flight.begin())
    }

    /// Whether a server gets this request although its share still grows: by chance.
    fn takes_share(&self, server: &Address, now: Duration) -> bool {
        let age = self.ejections.age(server, now);
        match (age, self.settings.slow_start) {
            (Some(age), Some(whole)) if age < whole => {
                let share = age.as_secs_f64() / whole.as_secs_f64();
                fastrand::f64() < share.max(SMALLEST_SHARE)
            }
            _ => true,
        }
    }

    /// How a picked server is connected to; `None` when it has just left.
    pub fn peer(&self, address: &Address) -> Option<HttpPeer> {
        let members = self.members.load();
        let mut peer = members.get(address).map(|member| member.peer.clone())?;
        self.peers.pace(&mut peer);
        Some(peer)
    }

    /// Prepares a peer for a request that asks to become a WebSocket; whether its server can be asked, over HTTP/1.1.
    pub fn suits_websocket(&self, peer: &mut HttpPeer) -> bool {
        self.peers.suit_websocket(peer)
    }

    /// Takes a permit for one of the requests that the upstream has at once, and waits for one
    /// where there is none.
    ///
    /// # Errors
    ///
    /// Too many wait already, or none became free in time.
    pub async fn permit(&self) -> Result<UpstreamPermit, Overload> {
        if !self.settings.retry_statuses.is_empty() {
            self.retry_budget.earn();
        }
        self.request_limit.take().await
    }

    /// Whether its servers may show the certificate with this SHA-256 digest; `None` for no
    /// certificate.
    pub fn accepts(&self, certificate: Option<&[u8]>) -> bool {
        self.peers.accepts(certificate)
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

    /// Whether a request that could not be sent to any of these may be sent to another. Counts it
    /// when it may. All addresses of one server are one attempt.
    pub fn grant_other(&self, tried: &[Address]) -> bool {
        let members = self.members.load();
        if members::fallback_of(&members, tried).is_some() {
            return true;
        }
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

    /// Whether a request that was answered with this status may be repeated at a server that is not
    /// among these; if so, counts the retry.
    pub fn grant_other_after(&self, status: StatusCode, tried: &[Address]) -> bool {
        let statuses = &self.settings.retry_statuses;
        statuses.contains(&RetryStatus(status.as_u16()))
            && self.has_other(tried)
            && tried.len() <= self.settings.retries
            && self.retry_budget.spend()
            && self.grant_retry(tried.len())
    }

    /// Whether there is a server that is neither drained nor among these.
    pub fn has_other(&self, tried: &[Address]) -> bool {
        let members = self.members.load();
        let mut members = members.iter();
        members.any(|(server, member)| !member.is_drained && !tried.contains(server))
    }

    /// All addresses of its servers now.
    pub fn addresses(&self) -> Vec<Address> {
        self.members.load().keys().cloned().collect()
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
        members::known(&self.members.load(), &self.settings, (host, port))
    }
}

/// What a server gets at once, as a part of its share.
const SMALLEST_SHARE: f64 = 0.1;

/// Why the configuration is no upstream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Certificates or keys.
    #[error("the upstream `{0}`: {1}")]
    Tls(String, #[source] TlsError),
}

#[cfg(test)]
mod tests;
