//! What a configuration means to a request; replaced as a whole by a reload.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Router;
use http::HeaderName;
use pingora::protocols::l4::socket::SocketAddr;
use prometheus::IntCounter;

use super::connection::Connection;
use super::counters::{Granted, OWN_ROUTE, OWN_ROUTE_OTHERWISE, RouteCounters, SELF_ISSUED};
use super::error_page::{ErrorPage, ErrorPageError};
use super::request::forwarded::{Peer, Sender, TrustedProxies};
use super::request::headers::Rewrite;
use super::request::nominated::DecisiveFields;
use super::request::trace::TraceRules;
use super::settings::Settings;
use super::vary::Varying;
use crate::api::discovery::AUTHORIZATION_SERVER;
use crate::canonical::{AllowedOrigin, CanonicalPath, Host, Origin, OwnHosts, PathPrefix};
use crate::credential::TokenSources;
use crate::exchange::Exchange;
use crate::limit::{Limits, Sharing};
use crate::metrics::{Metrics, OTHER};
use crate::route::{RouteTable, RouteTableError};
use crate::telemetry::settings::AccessField;
use crate::upstream::{Sticky, StickySigner, Upstream, UpstreamError};

/// Everything that requests read of the configuration. A request takes it once and keeps it, so that
/// no request sees a half of one and a half of another.
#[derive(Debug)]
pub struct Snapshot {
    /// Tokens to sessions, by the issuers and settings of this configuration.
    pub exchange: Arc<Exchange>,
    /// The gateway's own endpoints.
    pub api: Router,
    /// What the proxy itself reads.
    pub proxy: ProxySettings,
}

/// What the proxy itself reads of the configuration: routes, header rules, limits.
#[derive(Debug)]
pub struct ProxySettings {
    /// Which route a request is on.
    pub routes: RouteTable,
    /// Where tokens are looked for.
    pub token_sources: TokenSources,
    /// Whether a logout leads on to the provider's.
    pub logs_out_at_provider: bool,
    /// What leaves a request, and what comes in.
    pub rewrite: Rewrite,
    /// What no `Connection` may nominate.
    pub decisive_fields: DecisiveFields,
    /// The names of the cookies that nobody but the gateway sets, that of the dashboard first.
    own_cookies: Vec<Box<str>>,
    /// What answers depend on.
    pub varying: Varying,
    /// What people see of refusals.
    pub error_page: ErrorPage,
    /// Limits on sizes and times.
    pub limits: Limits,
    /// Origins that are allowed wherever a route does not say more.
    pub own_origins: Vec<AllowedOrigin>,
    /// Where load balancers ask on the public listeners.
    pub health_path: Option<String>,
    /// The fields of the access log; `None` if it is off.
    pub access_log: Option<Vec<AccessField>>,
    /// Whose traces are continued.
    pub traces: TraceRules,
    /// Whose word on clients is taken.
    pub trusted_proxies: TrustedProxies,
    api_prefix: PathPrefix,
    /// Where other proxies ask: `{api}/check`.
    check: String,
    /// Where RFC 8414 looks for the gateway's metadata.
    metadata: PathPrefix,
    public_url: Origin,
    /// The hosts to which browsers may be sent back.
    own_hosts: OwnHosts,
    upstreams: BTreeMap<String, Arc<Upstream>>,
    counters: BTreeMap<Arc<str>, RouteCounters>,
    own_route: &'static str,
    own: RouteCounters,
    unrouted: RouteCounters,
    granted: BTreeMap<String, Granted>,
    anonymous: IntCounter,
}

/// Why a configuration cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// An upstream's settings are invalid.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The routes are invalid.
    #[error(transparent)]
    Routes(#[from] RouteTableError),
    /// The file of the error page cannot be used.
    #[error(transparent)]
    ErrorPage(#[from] ErrorPageError),
}

impl ProxySettings {
    /// Builds everything or nothing, after an earlier one if there is any. `sticky_secret` signs cookies, and
    /// all gateways share it. Upstreams that stay the same, certificates included, are taken
    /// from there with what is known of their servers, and so is how often routes were asked. With
    /// `sharing`, gateways count that together.
    pub fn succeeding(
        config: &Settings<'_>,
        sticky_secret: &[u8; 32],
        metrics: &Metrics,
        sharing: Option<&Arc<Sharing>>,
        earlier: Option<&Self>,
    ) -> Result<Self, SnapshotError> {
        let signer = StickySigner::new(sticky_secret, config.public_url.is_https());
        let mut upstreams = BTreeMap::new();
        let share = u32::try_from(config.requests_per_upstream).unwrap_or(u32::MAX);
        let share = NonZeroU32::new(share);
        for (name, settings) in config.upstreams {
            let mut settings = settings.clone();
            settings.max_requests = settings.max_requests.or(share);
            let upstream = match earlier.and_then(|earlier| earlier.upstreams.get(name)) {
                Some(previous) => Upstream::renewed(previous, &settings, &signer, metrics)?,
                None => Upstream::new(name, &settings, &signer, metrics)?,
            };
            upstreams.insert(name.clone(), upstream);
        }
        let earlier_routes = earlier.map(|earlier| &earlier.routes);
        let routes = RouteTable::succeeding(&config.routes, &upstreams, sharing, earlier_routes)?;
        let own_route = match routes
            .routes()
            .iter()
            .any(|route| *route.name == *OWN_ROUTE)
        {
            true => OWN_ROUTE_OTHERWISE,
            false => OWN_ROUTE,
        };
        let counters = routes
            .routes()
            .iter()
            .map(|route| {
                (
                    Arc::clone(&route.name),
                    RouteCounters::new(metrics, &route.name),
                )
            })
            .collect();
        let issuers = config
            .token_sources
            .issuers
            .iter()
            .map(|issuer| issuer.name.as_str());
        let granted = issuers
            .chain([SELF_ISSUED])
            .map(|name| (name.to_owned(), Granted::new(metrics, name)));
        let token_sources = TokenSources::new(&config.token_sources);
        let sticky_cookies = || {
            let sticky = upstreams.values().filter_map(|upstream| upstream.sticky());
            sticky.map(Sticky::name)
        };
        let credentials = token_sources.fields();
        let of_routes = config.routes.routes.iter();
        let own_hosts = of_routes.filter_map(|route| route.host.as_ref());
        let matches = config.routes.routes.iter().flat_map(|route| &route.matches);
        let matched = matches.flat_map(|wanted| wanted.fields());
        Ok(Self {
            decisive_fields: DecisiveFields::new(
                credentials.iter().map(HeaderName::as_str).chain(matched),
            ),
            rewrite: Rewrite::new(config.forward, config.routes.routes, &token_sources)
                .without_cookies(sticky_cookies()),
            own_cookies: token_sources
                .own_cookies()
                .iter()
                .copied()
                .chain(sticky_cookies())
                .map(Box::from)
                .collect(),
            varying: Varying::new(token_sources.fields()),
            error_page: ErrorPage::load(config)?,
            token_sources,
            logs_out_at_provider: config.logs_out_at_provider,
            counters,
            own_route,
            own: RouteCounters::new(metrics, own_route),
            unrouted: RouteCounters::new(metrics, "none"),
            granted: granted.collect(),
            anonymous: metrics
                .decisions
                .with_label_values(&[OTHER, "none", "anonymous", "ok"]),
            limits: config.routes.limits.clone(),
            own_origins: config.routes.allowed_origins.clone(),
            health_path: config.health_path.map(ToString::to_string),
            access_log: (config.log.access).then(|| config.log.access_fields.clone()),
            traces: TraceRules::new(config.traces),
            api_prefix: config.routes.api_prefix.clone(),
            check: format!("{}/check", config.routes.api_prefix.as_base()),
            metadata: config.routes.api_prefix.below(AUTHORIZATION_SERVER),
            trusted_proxies: TrustedProxies::new(
                config.trusted_proxies.to_vec(),
                config.forwarded_fields,
            )
            .setting(
                config
                    .trusted_fields
                    .iter()
                    .map(|field| field.name().clone()),
            )
            .beside(config.client_fields.iter().map(|field| field.as_str())),
            public_url: config.public_url.clone(),
            own_hosts: OwnHosts::new(config.public_url, own_hosts),
            routes,
            upstreams,
        })
    }

    /// The servers behind the gateway.
    pub fn upstreams(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.values()
    }

    /// The names of the cookies that nobody but the gateway sets. On the way from the admin listener,
    /// its own is not among them.
    pub fn own_cookies(&self, is_dashboard: bool) -> &[Box<str>] {
        match self.own_cookies.split_first() {
            Some((_, others)) if is_dashboard => others,
            _ => &self.own_cookies,
        }
    }

    /// Whether the path belongs to the gateway itself.
    pub fn reserves(&self, path: &CanonicalPath<'_>) -> bool {
        self.api_prefix.contains(path) || self.metadata.contains(path)
    }

    /// What the paths of the gateway's own endpoints begin with.
    pub fn api_prefix(&self) -> &str {
        self.api_prefix.as_base()
    }

    /// Whether `public_url` names this host, on whichever port the request came.
    pub fn is_public_host(&self, host: &Host<'_>) -> bool {
        self.own_hosts.is_public(host)
    }

    /// Whether `public_url` or a route names this host, so that browsers may be sent back to it.
    pub fn names_host(&self, host: &Host<'_>) -> bool {
        self.own_hosts.names(host)
    }

    /// The origin that a browser shows for a request to this host. It is `public_url` if that names the host
    /// with this port, or if the request names none, as behind a proxy that maps ports; however the request
    /// came here. Else the scheme is that of the request. `None`: no browser knows such a host.
    pub fn origin_of(&self, host: &Host<'_>, is_https: bool) -> Option<Origin> {
        let is_public_port = |port| port == self.public_url.port();
        if self.is_public_host(host) && host.port().is_none_or(is_public_port) {
            return Some(self.public_url.clone());
        }
        let scheme = if is_https { "https" } else { "http" };
        let port = host.port().map(|port| format!(":{port}"));
        let port = port.unwrap_or_default();
        Origin::parse(&format!("{scheme}://{}{port}", host.name())).ok()
    }

    /// Whether an origin is the gateway's own on the host that a request names: with the scheme and port of
    /// the request, or with those of `public_url`, since something in front may end TLS or map ports. Other
    /// ports of the host have other servers.
    pub fn is_own_origin(&self, origin: &Origin, host: &Host<'_>, is_https: bool) -> bool {
        let named = origin.host();
        named.is_some_and(|named| named.name().eq_ignore_ascii_case(host.name()))
            && (origin.has_scheme_and_port_of(&self.public_url)
                || self.origin_of(host, is_https).as_ref() == Some(origin))
    }

    /// Whether a path is that of another proxy's check request.
    pub fn is_question(&self, path: &str) -> bool {
        path == self.check || self.asked_path(path.as_bytes()).is_some()
    }

    /// Whether a path is where a browser renews a bound session. The browser has it from the gateway, which
    /// writes it in one way.
    pub fn is_renewal(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.api_prefix());
        let below = below.and_then(|path| path.strip_prefix("/device-bound/"));
        below.is_some_and(|path| path.ends_with("/refresh"))
    }

    /// What a proxy appended to the path of its check request, including the query.
    pub fn asked_path<'a>(&self, target: &'a [u8]) -> Option<&'a [u8]> {
        target
            .strip_prefix(self.check.as_bytes())
            .filter(|rest| rest.starts_with(b"/"))
    }

    /// The far end of a connection. An end without an address is a peer on the same machine.
    pub fn peer(&self, address: Option<&SocketAddr>, connection: &Connection) -> Peer<'_> {
        let address = address
            .and_then(SocketAddr::as_inet)
            .map(|inet| inet.ip().to_canonical());
        Peer {
            address: address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            is_https: connection.is_https,
            sender: match connection.is_of_unnamed {
                true => Sender::Unnamed,
                false => Sender::Peer,
            },
            trusted_proxies: &self.trusted_proxies,
        }
    }

    /// The counters of a request: its route's, or those of the gateway's own endpoints, or of
    /// requests that are for neither.
    pub fn route_counters(&self, name: &str) -> &RouteCounters {
        match self.counters.get(name) {
            Some(counters) => counters,
            None if name == self.own_route => &self.own,
            None => &self.unrouted,
        }
    }

    /// What the gateway's own endpoints are called in place of a route.
    pub fn own_route(&self) -> &'static str {
        self.own_route
    }

    /// Counts a request that passes without a credential.
    pub fn count_anonymous(&self) {
        self.anonymous.inc();
    }

    /// Counts a granted request of an issuer.
    pub fn count_granted(&self, metrics: &Metrics, issuer: &str, source: &str) {
        match self.granted.get(issuer) {
            Some(granted) => granted.count(source),
            None => metrics
                .decisions
                .with_label_values(&[issuer, source, "allowed", "ok"])
                .inc(),
        }
    }
}
