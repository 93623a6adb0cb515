//! What one request carries from phase to phase.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri, Version};
use pingora::http::RequestHeader;
use uuid::Uuid;

use super::connection::Connection;
use super::connection::request_guard::Guarded;
use super::connection::time_limit::TimeLimit;
use super::error_page::SignIn;
use super::request::id::RequestId;
use super::snapshot::Snapshot;
use crate::api::caller::Holder;
use crate::exchange::Session;
use crate::metrics::Open;
use crate::rejection::Rejection;
use crate::resources::memory::Held;
use crate::route::{Methods, Route};
use crate::telemetry::TraceContext;
use crate::upstream::{Address, RequestInFlight, StickySeen, Upstream, UpstreamPermit};

/// The right to be forwarded. Without one no upstream request is built.
#[derive(Clone, Debug)]
pub enum Pass {
    /// As a user, by the session token that the upstream is to see.
    Session(Arc<Session>, HeaderValue),
    /// As nobody, on a route that says so.
    Anonymous,
    /// As a browser's question whether another origin may ask, which has no credential.
    Preflight,
}

/// A part of the time that a request takes.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    /// When the request began.
    pub begun: Instant,
    /// How long it took.
    pub took: Duration,
}

impl Phase {
    /// What began then and ends now.
    pub fn since(begun: Instant) -> Self {
        Self {
            begun,
            took: begun.elapsed(),
        }
    }
}

/// A request as it arrived, as far as it is recorded: the framework's own is gone when a request was cut.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its version of HTTP.
    pub version: Version,
    /// Its `Host`.
    pub host: Option<HeaderValue>,
    /// Its `User-Agent`.
    pub user_agent: Option<HeaderValue>,
    /// The client's address.
    pub client: IpAddr,
}

/// One request's state. Retries use it again.
#[derive(Debug)]
pub struct RequestContext {
    /// The configuration under which the whole request is served.
    pub snapshot: Arc<Snapshot>,
    /// Its side of the guard around it.
    pub guard: Guarded,
    /// The connection on which it arrived.
    pub connection: Arc<Connection>,
    /// Told to the client and the log.
    pub id: RequestId,
    /// Its place in its trace.
    pub trace: Option<TraceContext>,
    /// When the header was complete.
    pub started: Instant,
    /// What arrived then.
    pub seen: Option<Seen>,
    /// The request that another proxy asks about by gRPC, which is what log and counters are of.
    pub asked_about: Option<Box<RequestHeader>>,
    /// It is for the gateway's own endpoints.
    pub is_for_us: bool,
    /// Where the request goes, once known.
    pub route: Option<Arc<Route>>,
    /// The upstream that it goes to, once it may; none where the gateway answers.
    pub destination: Option<Arc<Upstream>>,
    /// Path and query that the upstream sees, where they are not those of the request.
    pub target: Option<Vec<u8>>,
    /// The right to go there, once granted.
    pub pass: Option<Pass>,
    /// For a refusal, the exact reason.
    pub refused: Option<Rejection>,
    /// For a refusal, the scopes to ask for, separated by spaces.
    pub wanted_scopes: Option<String>,
    /// The methods that would be served.
    pub methods: Methods,
    /// Where its credential was found; `none` without one.
    pub source: &'static str,
    /// The issuer of a credential that was refused or that came to the API, as a label.
    pub credential_issuer: Option<Arc<str>>,
    /// Whose session the credential of a call of the API stands for.
    pub holder: Option<Holder>,
    /// From its credential to a session or a refusal.
    pub exchange: Option<Phase>,
    /// Its turn at its upstream.
    pub permit: Option<UpstreamPermit>,
    /// Interim (1xx) responses received so far.
    pub interim: u32,
    /// Its place among those that its server has, where that is counted.
    pub in_flight: Option<RequestInFlight>,
    /// What the cookie says that keeps the client at a server.
    pub sticky: Option<StickySeen>,
    /// The servers that were asked, the one that is being asked last.
    pub tried: Vec<Address>,
    /// The last of these is asked again: not it failed, but a kept connection to it.
    pub asks_again: bool,
    /// When it was asked.
    pub asked: Instant,
    /// How long it may be silent between two reads of an answer that is no stream; `None` for any time.
    pub server_silence: Option<Duration>,
    /// How long those before it were asked.
    pub failed_attempts: Vec<Duration>,
    /// From then to the head of its answer.
    pub upstream: Option<Phase>,
    /// The status that it answered with.
    pub upstream_status: Option<StatusCode>,
    /// It became a connection of another protocol.
    pub switched: Option<Open>,
    /// Where another proxy, which takes no redirect, may send the browser.
    pub login_for_proxy: Option<String>,
    /// Another proxy relays one `Set-Cookie` of a refusal, so each gets a field of its own as well.
    pub numbers_cookies: bool,
    /// What the page of a refusal says about signing in.
    pub sign_in: Option<SignIn>,
    /// `Set-Cookie` fields for the answer.
    pub set_cookies: Vec<HeaderValue>,
    /// An offer to bind the session to the browser's device, for the answer.
    pub device_offer: Option<HeaderValue>,
    /// The whole content, where it was read before the request is forwarded.
    pub held_content: Option<Bytes>,
    /// The room for it.
    pub held_memory: Option<Held>,
    /// Bytes of the body received so far.
    pub body_received: u64,
    /// Bytes of the upstream's body passed on so far.
    pub body_sent: usize,
    /// Until when the request has to arrive, and once it has, its answer to begin.
    pub time: Option<TimeLimit>,
    /// What was answered, when the gateway itself answered.
    pub answered: Option<StatusCode>,
}

impl RequestContext {
    /// Of a request that has just arrived.
    pub fn new(snapshot: Arc<Snapshot>, id: RequestId) -> Self {
        let now = Instant::now();
        let guard = Guarded::running();
        Self {
            snapshot,
            connection: guard.connection(),
            guard,
            id,
            trace: None,
            started: now,
            seen: None,
            asked_about: None,
            is_for_us: false,
            route: None,
            destination: None,
            target: None,
            pass: None,
            refused: None,
            wanted_scopes: None,
            methods: Methods::ALL,
            source: "none",
            credential_issuer: None,
            holder: None,
            exchange: None,
            permit: None,
            interim: 0,
            in_flight: None,
            sticky: None,
            tried: Vec::new(),
            asks_again: false,
            asked: now,
            server_silence: None,
            failed_attempts: Vec::new(),
            upstream: None,
            upstream_status: None,
            switched: None,
            login_for_proxy: None,
            numbers_cookies: false,
            sign_in: None,
            set_cookies: Vec::new(),
            device_offer: None,
            held_content: None,
            held_memory: None,
            body_received: 0,
            body_sent: 0,
            time: None,
            answered: None,
        }
    }

    /// Has a refusal ask for these scopes.
    pub fn want_scopes(&mut self, mut scopes: Vec<&str>) {
        let mut seen = BTreeSet::new();
        scopes.retain(|scope| seen.insert(*scope));
        self.wanted_scopes = Some(scopes.join(" ")).filter(|scopes| !scopes.is_empty());
    }

    /// The route's name for logs and metrics.
    pub fn route_name(&self) -> &str {
        match &self.route {
            Some(route) => &route.name,
            None if self.is_for_us => self.snapshot.proxy.own_route(),
            None => "none",
        }
    }

    /// The user whose credential was accepted, and the session.
    pub fn user_and_sid(&self) -> Option<(Uuid, Uuid)> {
        let forwarded = self
            .session()
            .map(|session| (session.user(), session.sid()));
        forwarded.or(self.holder.map(|Holder { user, sid }| (user, sid)))
    }

    /// The name of the issuer that vouches for the user, or whose credential was refused.
    pub fn issuer(&self) -> Option<&str> {
        let vouching = self.session().and_then(|session| session.issuer());
        vouching.or(self.credential_issuer.as_deref())
    }

    /// The session, when the request passes as a user.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match &self.pass {
            Some(Pass::Session(session, _)) => Some(session),
            _ => None,
        }
    }
}
