//! From the whole configuration to what each room reads of it.

use std::sync::Arc;

use super::Config;
use crate::api::ApiSettings;
use crate::api::oauth::{Clients, Grants};
use crate::api::settings::SdkView;
use crate::canonical::{AllowedOrigin, Host, OwnHosts};
use crate::claims::ClaimPaths;
use crate::credential::{TokenSourceSettings, TokenSources};
use crate::exchange;
use crate::identity::{AccessLists, Policy};
use crate::issuer::IssuerSettings;
use crate::proxy;
use crate::resources::Descriptors;
use crate::route::RouteTableSettings;
use crate::route::protected_resource::name_of;
use crate::route::settings::{HeaderOperations, LoginUrl};
use crate::stepup::StepUp;
use crate::template::Template;

impl Config {
    /// The issuer whose settings SDKs see.
    pub fn sdk_issuer(&self) -> Option<&IssuerSettings> {
        match (&self.sdk.issuer, self.issuers.as_slice()) {
            (Some(name), issuers) => issuers.iter().find(|issuer| issuer.name == *name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// The claims of external tokens that anything asks for, so that sessions keep them.
    pub fn claim_paths(&self) -> ClaimPaths {
        let rules = self.routes.iter().flat_map(|route| {
            let calls = route.mcp.iter().flat_map(|mcp| &mcp.calls);
            let of_calls = calls.flat_map(|call| call.require.keys());
            route.require.keys().chain(of_calls)
        });
        let copied = self.session.claims_from.values();
        let named = rules.chain(copied).map(String::as_str);
        let named = named.chain(self.admin.sign_in.claims());
        ClaimPaths::new(named.chain(self.templates().flat_map(Template::claims)))
    }

    /// Whether anything needs the names of users' issuers, so that sessions must keep them.
    pub fn mentions_issuer(&self) -> bool {
        self.templates().any(Template::mentions_issuer)
    }

    /// Whether anything needs users' email addresses, so that sessions must keep them.
    pub fn mentions_email(&self) -> bool {
        self.templates().any(Template::mentions_email)
    }

    /// The values of all header fields that are set or added.
    fn templates(&self) -> impl Iterator<Item = &Template> {
        let requests = self.routes.iter().map(|route| &route.request_headers);
        let responses = self.routes.iter().map(|route| &route.response_headers);
        let incoming = requests
            .chain(responses)
            .flat_map(HeaderOperations::incoming);
        incoming
            .map(|(_, text)| text)
            .chain(self.forward.identity.values())
    }

    /// The gateway's origin, and those that it shares its cookies with.
    pub fn own_origins(&self) -> impl Iterator<Item = AllowedOrigin> {
        let own = std::iter::once(self.public_url.clone().into());
        own.chain(self.allowed_origins.iter().cloned())
    }

    /// The host of `public_url`, without its port.
    fn public_host(&self) -> &str {
        let authority = self.public_url.as_str().split_once("://");
        let host = authority.and_then(|(_, authority)| Host::parse(authority).ok());
        host.map_or("", |host| host.name())
    }

    /// The hosts to which browsers may be sent back.
    pub fn own_hosts(&self) -> OwnHosts {
        let routes = self.routes.iter();
        let of_routes = routes.filter_map(|route| route.host.as_ref());
        OwnHosts::new(&self.public_url, of_routes)
    }

    /// Whether SDKs keep their token in a cookie and send it that way: because the gateway sets
    /// that cookie, or because they set it themselves if the issuer's token is in one.
    pub fn reads_sdk_cookie(&self) -> bool {
        let issuer_cookie = self.sdk_issuer().map(|issuer| issuer.cookie_name.is_some());
        self.sdk.cookie.is_on() || issuer_cookie == Some(true)
    }

    /// The `iss` of the gateway's own tokens.
    pub fn own_iss(&self) -> String {
        format!("{}{}", self.public_url, self.api_prefix)
    }

    /// Where tokens are looked for.
    pub fn token_sources(&self) -> TokenSourceSettings<'_> {
        TokenSourceSettings {
            issuers: &self.issuers,
            is_https: self.public_url.is_https(),
            sets_sdk_cookie: self.sdk.cookie.is_on(),
            sdk_cookie_domain: self.sdk.cookie.domain(),
            reads_sdk_cookie: self.reads_sdk_cookie(),
            public_host: self.public_host(),
            own_iss: self.own_iss(),
            session_cookie_domain: self.session.cookie.domain(),
            clear_issuer_cookie: self.logout.clear_issuer_cookie,
            device_bound: self.session.device_bound.is_on(),
            token_size: self.limits.token_size,
        }
    }

    /// How long sessions last, and whose they are.
    pub fn sign_in_policy(&self) -> Policy {
        let trusted = self
            .issuers
            .iter()
            .filter(|issuer| self.link_by_verified_email && issuer.email_trusted);
        Policy {
            max_age: self.session.max_age,
            idle_timeout: self.session.idle_timeout,
            max_sessions: self.session.max_sessions_per_user,
            link_by_email: trusted
                .flat_map(IssuerSettings::accepted_iss)
                .map(|accepted| accepted.canonical)
                .collect(),
            access: AccessLists::default(),
            claims: self.claim_paths(),
            claims_size: usize::try_from(self.limits.session_claims.as_u64()).unwrap_or(usize::MAX),
            durable_sessions: self.store.postgres.is_some(),
        }
    }

    /// The identifiers of the routes' protected resources.
    pub fn resources(&self) -> Vec<Arc<str>> {
        let routes = self.routes.iter();
        let names = routes.filter_map(|route| name_of(route, self.public_url.as_str()));
        names.map(|name| name.as_str().into()).collect()
    }

    /// What an exchange is configured by.
    pub fn exchange(&self) -> exchange::Settings {
        exchange::Settings {
            policy: self.sign_in_policy(),
            session_cookie: self.session.cookie.is_on(),
            sdk_cookie: self.sdk.cookie.is_on(),
            device_bound: self.session.device_bound,
            device_bound_ttl: self.session.device_bound_ttl,
            step_up_scopes: self.step_up.scopes.clone(),
            outlive_issuer: self.sessions_outlive_issuer,
            shares_store: self.store.postgres.is_some(),
            max_staleness: self.session.revocation_max_staleness,
            forward: self.forward.clone(),
            keep_email: self.mentions_email(),
            keep_issuer: self.mentions_issuer(),
            pages: self.own_origins().collect(),
            resources: self.resources(),
            cached_sessions: self.limits.token_cache,
            cached_bytes: self.limits.token_cache_size.as_u64(),
            cached_refusals: self.limits.refused_cache,
        }
    }

    /// Everything that the endpoints read.
    pub fn api(&self) -> ApiSettings {
        let issuer = self.sdk_issuer();
        let sdk = SdkView {
            has_issuer: issuer.is_some(),
            cookie_name: issuer
                .and_then(|issuer| issuer.cookie_name.as_ref())
                .map(ToString::to_string),
            sets_cookie: self.sdk.cookie.is_on(),
            cookie_domain: self.sdk.cookie.domain().map(str::to_owned),
        };
        let routes = self.routes.iter();
        let login_pages = routes.filter_map(|route| route.login_url.as_ref());
        ApiSettings {
            token_sources: TokenSources::new(&self.token_sources()),
            sdk,
            clients: Clients::new(&self.clients),
            grants: Grants::new(&self.grants),
            self_service: self.sdk.self_service.clone(),
            step_up: StepUp::new(&self.step_up),
            is_https: self.public_url.is_https(),
            api_prefix: self.api_prefix.as_base().to_owned(),
            public_url: self.public_url.clone(),
            logs_out_at_provider: self.logout.at_provider,
            own_hosts: self.own_hosts(),
            origins: self.own_origins().collect(),
            login_origins: login_pages
                .chain(&self.login_url)
                .filter_map(LoginUrl::origin)
                .map(ToString::to_string)
                .collect(),
        }
    }

    /// Which requests go where.
    pub fn route_table(&self) -> RouteTableSettings<'_> {
        RouteTableSettings {
            routes: &self.routes,
            api_prefix: &self.api_prefix,
            public_url: self.public_url.as_str(),
            allowed_origins: self.own_origins().collect(),
            login_url: self.login_url.as_ref(),
            device_bound: self.session.device_bound,
            limits: &self.limits,
            upstreams: &self.upstreams,
        }
    }

    /// Everything that the proxy reads.
    pub fn proxy(&self) -> proxy::Settings<'_> {
        proxy::Settings {
            public_url: &self.public_url,
            routes: self.route_table(),
            upstreams: &self.upstreams,
            requests_per_upstream: self.descriptors().per_upstream,
            token_sources: self.token_sources(),
            logs_out_at_provider: self.logout.at_provider,
            forward: &self.forward,
            error_page: self.error_page.as_deref(),
            brand: &self.brand,
            log: &self.log,
            traces: &self.traces,
            trusted_proxies: &self.trusted_proxies,
            forwarded_fields: self.forwarded_fields,
            trusted_fields: &self.trusted_fields,
            client_fields: &self.client_fields,
            health_path: self.server.health_path.as_ref(),
        }
    }

    /// How the descriptors that the process may have now are shared out.
    pub fn descriptors(&self) -> Descriptors {
        let sockets = self.listeners.len() + self.admin.connections + 2 * self.issuers.len();
        let store = match self.store.postgres {
            Some(_) => self.store.postgres_connections + 1,
            None => 2,
        };
        Descriptors::share(&self.limits, sockets + store)
    }
}
