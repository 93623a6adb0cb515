//! The snippet with which another proxy asks the gateway, for one configuration.
//!
//! A snippet that is copied from a page knows nothing of `forward.identity`, of issuers' header fields
//! or of the names that routes set. Each name that is missing in it is one that a client can send to the
//! app, so snippets are written by the program that knows them all.

use askama::Template;
use clap::ValueEnum;

use crate::config::Config;
use crate::credential::{DOMAIN_SESSION_COOKIE, INSECURE_SESSION_COOKIE, SESSION_COOKIE};
use crate::listener::ListenAddress;
use crate::proxy::connection::CLIENT_FIELDS;
use crate::proxy::numbered_cookies::NUMBERED;
use crate::proxy::request::headers::{OWN_FIELDS, identity_names};
use foreign::{Foreign, OF_THE_QUESTION};

mod foreign;

/// A proxy that stays in front of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names are those of the proxies")]
pub(in crate::cli) enum Proxy {
    Nginx,
    Caddy,
    Traefik,
    Envoy,
    Haproxy,
}

/// Why there is no snippet for a configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecipeError {
    /// No listener that another proxy can ask in plain HTTP.
    #[error("no listener on TCP without TLS has `forward_auth: true`, which lets the proxy ask")]
    NoListener,
    /// No server that another proxy can send requests to.
    #[error("no route has an upstream with a server at `HOST:PORT`")]
    NoServer,
    /// A field that not every proxy can name.
    #[error("`{0}`: a field that another proxy sets has letters, digits, `-` and `_` only")]
    Field(String),
    /// The snippet cannot be written.
    #[error(transparent)]
    Template(#[from] askama::Error),
}

/// The snippet for this proxy.
pub(super) fn recipe(config: &Config, proxy: Proxy) -> Result<String, RecipeError> {
    let names = Names::of(config)?;
    Ok(match proxy {
        Proxy::Nginx => Nginx { names: &names }.render()?,
        Proxy::Caddy => Caddy { names: &names }.render()?,
        Proxy::Traefik => Traefik { names: &names }.render()?,
        Proxy::Envoy => Envoy { names: &names }.render()?,
        Proxy::Haproxy => Haproxy { names: &names }.render()?,
    } + "\n")
}

#[derive(Template)]
#[template(path = "forward-auth/nginx.conf", escape = "none")]
struct Nginx<'a> {
    names: &'a Names,
}

#[derive(Template)]
#[template(path = "forward-auth/Caddyfile", escape = "none")]
struct Caddy<'a> {
    names: &'a Names,
}

#[derive(Template)]
#[template(path = "forward-auth/traefik.yaml", escape = "none")]
struct Traefik<'a> {
    names: &'a Names,
}

#[derive(Template)]
#[template(path = "forward-auth/envoy.yaml", escape = "none")]
struct Envoy<'a> {
    names: &'a Names,
}

#[derive(Template)]
#[template(path = "forward-auth/haproxy.cfg", escape = "none")]
struct Haproxy<'a> {
    names: &'a Names,
}

/// What snippets name.
struct Names {
    api: String,
    session_cookie: &'static str,
    gateway: Place,
    app: Place,
    /// Fields of a grant, which replace the client's.
    copied: Vec<Copied>,
    /// Fields that carry credentials to the gateway and go no further.
    removed: Vec<String>,
    /// Fields that decide about the route.
    matched: Vec<String>,
    /// Fields, and spellings of fields, that are none of the client's.
    spoofable: Vec<String>,
    /// Fields of other proxies, which applications may believe.
    foreign: Vec<Foreign>,
    /// How the names of whole families of them begin.
    families: Vec<Foreign>,
    /// The same as patterns for Traefik, in lines.
    patterns: Vec<String>,
    /// Fields by which the gateway would take a client's word for the proxy's.
    of_the_question: [&'static str; 8],
    /// Fields of the answer with a cookie each, as Caddy names them.
    cookie_fields: Vec<String>,
    /// The same as nginx names variables.
    cookies: Vec<String>,
    /// The field that offers a browser to bind its session to the device.
    offer: Copied,
}

struct Copied {
    name: String,
    /// As nginx names a variable.
    variable: String,
}

struct Place {
    host: String,
    port: u16,
}

impl Names {
    fn of(config: &Config) -> Result<Self, RecipeError> {
        let mut copied = vec!["Authorization".to_owned(), "Cookie".to_owned()];
        let edited = config
            .routes
            .iter()
            .flat_map(|route| route.request_headers.incoming())
            .map(|(name, _)| name.as_str());
        let granted = [
            config.forward.header.as_str(),
            "X-Vestibule-User",
            "X-Vestibule-Session",
        ]
        .into_iter()
        .chain(identity_names(&config.forward, &config.routes))
        .chain(edited);
        add(&mut copied, granted);
        let issuers = config.issuers.iter();
        let read = issuers.filter_map(|issuer| Some(issuer.header.as_ref()?.as_str()));
        let own = OWN_FIELDS.iter().copied().chain(CLIENT_FIELDS);
        let mut removed = Vec::new();
        add(&mut removed, read.chain(own));
        removed.retain(|name| !has(&copied, name));

        // `Authorization` and `Cookie` are asked about, as is what issuers read, under its own name.
        let mut spoofable = Vec::new();
        for name in copied.iter().skip(2) {
            add(&mut spoofable, spellings(name).iter().map(String::as_str));
        }
        for name in &removed {
            let others = spellings(name).into_iter().skip(1).collect::<Vec<_>>();
            add(&mut spoofable, others.iter().map(String::as_str));
        }
        let (families, foreign) = foreign::fields(config, &copied, &removed);
        let mut matched = Vec::new();
        let matches = config.routes.iter().filter_map(|it| it.matches.as_ref());
        add(&mut matched, matches.flat_map(|wanted| wanted.fields()));
        matched.retain(|name| !has(&removed, name));
        for name in copied.iter().chain(&removed).chain(&matched) {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !name.bytes().all(is_plain) {
                return Err(RecipeError::Field(name.clone()));
            }
        }
        Ok(Self {
            api: config.api_prefix.as_base().to_owned(),
            session_cookie: match (config.public_url.is_https(), config.session.cookie.domain()) {
                (true, None) => SESSION_COOKIE,
                (true, Some(_)) => DOMAIN_SESSION_COOKIE,
                (false, _) => INSECURE_SESSION_COOKIE,
            },
            gateway: gateway(config).ok_or(RecipeError::NoListener)?,
            app: app(config).ok_or(RecipeError::NoServer)?,
            copied: copied.into_iter().map(Copied::new).collect(),
            removed,
            matched,
            spoofable,
            patterns: foreign::patterns(&families, &foreign),
            foreign,
            families,
            of_the_question: OF_THE_QUESTION,
            cookie_fields: NUMBERED.iter().map(|name| capitalised(name)).collect(),
            cookies: NUMBERED.iter().map(|name| variable(name)).collect(),
            offer: Copied::new("Secure-Session-Registration".to_owned()),
        })
    }
}

impl Copied {
    fn new(name: String) -> Self {
        let variable = variable(&name);
        Self { name, variable }
    }
}

/// The name of a field in the spelling of Go, with a capital letter for each word.
fn capitalised(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// The name of a field in a variable of nginx.
fn variable(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Where the gateway is asked: on this machine, if it listens everywhere.
fn gateway(config: &Config) -> Option<Place> {
    let plain = config
        .listeners
        .iter()
        .filter(|listener| listener.forward_auth && listener.tls.is_none());
    let mut addresses = plain.filter_map(|listener| match &listener.address {
        ListenAddress::Inet(address) => Some(*address),
        ListenAddress::Unix(_) => None,
    });
    let address = addresses.next()?;
    let host = match (address.ip().is_unspecified(), address.is_ipv4()) {
        (false, _) => address.ip().to_string(),
        (true, true) => "127.0.0.1".to_owned(),
        (true, false) => "::1".to_owned(),
    };
    let port = address.port();
    Some(Place { host, port })
}

/// A server of the first route's upstream.
fn app(config: &Config) -> Option<Place> {
    let mut names = config.routes.iter().flat_map(|route| route.upstreams());
    names.find_map(|(_, name)| {
        let upstream = config.upstreams.get(name)?;
        upstream.servers.iter().find_map(|server| {
            let text = server.address.as_str();
            let (host, port) = text.rsplit_once(':')?;
            Some(Place {
                host: host.trim_matches(['[', ']']).to_owned(),
                port: port.parse().ok()?,
            })
        })
    })
}

/// The spellings of a field that some servers take for one, the name itself first: they read `_` as `-`.
fn spellings(name: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let dashes = name.matches('-').count();
    for letter in name.chars() {
        let both = letter == '-' && dashes <= MOST_DASHES;
        let underscored = both.then(|| {
            let underscored = found.iter().map(|text| format!("{text}_"));
            underscored.collect::<Vec<_>>()
        });
        found.iter_mut().for_each(|text| text.push(letter));
        found.extend(underscored.unwrap_or_default());
    }
    if dashes > MOST_DASHES {
        found.push(name.replace('-', "_"));
    }
    found
}

fn add<'a>(names: &mut Vec<String>, more: impl Iterator<Item = &'a str>) {
    for name in more {
        if !has(names, name) {
            names.push(name.to_owned());
        }
    }
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Beyond these, all dashes or none are underscores.
const MOST_DASHES: usize = 3;
