//! The configured places of tokens in a request.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytesize::ByteSize;
use http::header::{AUTHORIZATION, COOKIE, HeaderName};

use super::clerk;
use super::supabase;
use crate::issuer::{AuthorizationField, CookieFormat, IssuerSettings};

/// The session cookie's name under `https`; the prefix keeps other origins from setting it.
pub const SESSION_COOKIE: &str = "__Host-vestibule";
/// The session cookie's name under `https` when it is for a whole domain.
pub const DOMAIN_SESSION_COOKIE: &str = "__Secure-vestibule";
/// The session cookie's name under plain `http`, where the prefix cannot be used.
pub const INSECURE_SESSION_COOKIE: &str = "vestibule";
/// The name of the cookie that counts how often a browser was sent to the login page under `https`.
pub const LOGIN_COOKIE: &str = "__Host-vestibule-login";
/// The same under plain `http`.
pub const INSECURE_LOGIN_COOKIE: &str = "vestibule-login";
/// The name of the cookie of operators who are logged in to the dashboard, which only the admin
/// listener sets. Ports share cookies, so browsers send it to the same host's public listener, too.
pub const DASHBOARD_COOKIE: &str = "vestibule_admin";
/// The platform's SDK keeps its token in this cookie when asked to.
pub const SDK_COOKIE: &str = "DYNAMIC_JWT_TOKEN";

/// What the configuration says of where tokens are.
#[derive(Clone, Debug)]
pub struct TokenSourceSettings<'a> {
    /// Whose tokens, and in which fields and cookies.
    pub issuers: &'a [IssuerSettings],
    /// Whether clients come by `https`.
    pub is_https: bool,
    /// Whether the gateway keeps SDKs' tokens in [`SDK_COOKIE`].
    pub sets_sdk_cookie: bool,
    /// The domain of that cookie; `None`: it is for the gateway's host alone.
    pub sdk_cookie_domain: Option<&'a str>,
    /// Whether SDKs send their token in [`SDK_COOKIE`].
    pub reads_sdk_cookie: bool,
    /// The host of `public_url`, without its port.
    pub public_host: &'a str,
    /// The `iss` of the gateway's own tokens.
    pub own_iss: String,
    /// The domain of the session cookie; `None`: it is for the gateway's host alone.
    pub session_cookie_domain: Option<&'a str>,
    /// Whether a logout deletes the issuer's cookie as well.
    pub clear_issuer_cookie: bool,
    /// Whether sessions of the session cookie can be bound to devices.
    pub device_bound: bool,
    /// The maximum size of a token.
    pub token_size: ByteSize,
}

/// Where tokens are looked for.
#[derive(Debug)]
pub struct TokenSources {
    /// The issuers whose tokens `Authorization` may carry; `None` for all.
    authorized: Option<Vec<Arc<str>>>,
    /// Those whose tokens it may carry under another scheme than `Bearer`, or without one.
    pub(super) of_any_scheme: Vec<Arc<str>>,
    pub(super) headers: Vec<Place<HeaderName>>,
    pub(super) cookies: Vec<Place<CookiePlace>>,
    pub(super) session_cookie: &'static str,
    /// Whether a session cookie is looked for next to other credentials.
    pub(super) device_bound: bool,
    pub(super) sdk_cookie: Option<&'static str>,
    /// The domain of the session cookie; `None`: it is for the gateway's host alone.
    cookie_domain: Option<Box<str>>,
    pub(super) sdk_cookie_domain: Option<Box<str>>,
    /// Whether the gateway sets the SDK's cookie.
    pub(super) sets_sdk_cookie: bool,
    /// The domains that a cookie of the host of `public_url` can be set for, that host first.
    pub(super) domains: Vec<Box<str>>,
    /// The `iss` of the gateway's own tokens.
    pub(super) own_iss: Box<str>,
    /// The cookies that nobody but the gateway sets, that of the dashboard first.
    own_cookies: Vec<&'static str>,
    /// Further cookies of providers: their names, or what these begin with.
    further_cookies: Vec<Box<str>>,
    cookie_prefixes: Vec<Box<str>>,
    /// The same with the issuers that say so.
    companions: Vec<Companion>,
    pub(super) longest_token: usize,
    pub(super) clears: bool,
}

impl TokenSources {
    /// From the configuration. Several issuers may share a header field or a cookie.
    pub fn new(settings: &TokenSourceSettings<'_>) -> Self {
        let (mut headers, mut cookies) = (Vec::new(), Vec::new());
        let (mut further_cookies, mut cookie_prefixes) = (Vec::new(), Vec::new());
        let mut companions = Vec::new();
        for issuer in settings.issuers {
            let owner: Arc<str> = issuer.name.as_str().into();
            if let Some(field) = &issuer.header {
                let name = field.name().clone();
                add_owner(&mut headers, name, Arc::clone(&owner), issuer);
            }
            if let Some(text) = &issuer.cookie_name {
                let format = issuer.cookie_format;
                let name = Box::from(&**text);
                let place = CookiePlace { name, format };
                add_owner(&mut cookies, place, Arc::clone(&owner), issuer);
                if format == CookieFormat::Clerk {
                    cookie_prefixes.push(clerk::prefix(text).into());
                }
            }
            for name in &issuer.strip_cookies {
                companions.extend(Companion::new(name, &owner));
                match name.strip_suffix('*') {
                    // Else every cookie would leave.
                    Some("") => {}
                    Some(prefix) => cookie_prefixes.push(prefix.into()),
                    None => further_cookies.push(name.as_str().into()),
                }
            }
        }
        let named = |is_chosen: fn(AuthorizationField) -> bool| -> Vec<Arc<str>> {
            let issuers = settings.issuers.iter();
            let chosen = issuers.filter(|issuer| is_chosen(issuer.authorization));
            chosen.map(|it| it.name.as_str().into()).collect()
        };
        let authorized = named(AuthorizationField::is_read);
        Self {
            authorized: (authorized.len() < settings.issuers.len()).then_some(authorized),
            of_any_scheme: named(|field| field == AuthorizationField::AnyScheme),
            headers,
            cookies,
            session_cookie: match (settings.is_https, settings.session_cookie_domain) {
                (true, None) => SESSION_COOKIE,
                (true, Some(_)) => DOMAIN_SESSION_COOKIE,
                (false, _) => INSECURE_SESSION_COOKIE,
            },
            device_bound: settings.device_bound,
            clears: settings.clear_issuer_cookie,
            cookie_domain: settings.session_cookie_domain.map(Box::from),
            sdk_cookie_domain: settings.sdk_cookie_domain.map(Box::from),
            sets_sdk_cookie: settings.sets_sdk_cookie,
            domains: domains(settings.public_host),
            own_iss: settings.own_iss.as_str().into(),
            own_cookies: OWN_COOKIES
                .into_iter()
                .chain(settings.sets_sdk_cookie.then_some(SDK_COOKIE))
                .collect(),
            further_cookies,
            cookie_prefixes,
            companions,
            sdk_cookie: settings.reads_sdk_cookie.then_some(SDK_COOKIE),
            longest_token: usize::try_from(settings.token_size.as_u64()).unwrap_or(usize::MAX),
        }
    }

    /// Whether `Authorization` may carry anybody's token.
    pub fn reads_authorization(&self) -> bool {
        self.authorized.as_ref().is_none_or(|all| !all.is_empty())
    }

    /// The issuers whose tokens it may carry; empty for all.
    pub(super) fn authorized(&self) -> &[Arc<str>] {
        self.authorized.as_deref().unwrap_or_default()
    }

    /// The name of the session cookie that this gateway reads and sets.
    pub fn session_cookie(&self) -> &'static str {
        self.session_cookie
    }

    /// The domain that it is for; `None`: the gateway's host alone.
    pub fn session_cookie_domain(&self) -> Option<&str> {
        self.cookie_domain.as_deref()
    }

    /// The name of the cookie that counts redirects to the login page.
    pub fn login_cookie(&self) -> &'static str {
        match self.session_cookie {
            INSECURE_SESSION_COOKIE => INSECURE_LOGIN_COOKIE,
            _ => LOGIN_COOKIE,
        }
    }

    /// The names of the cookies that nobody but the gateway sets, that of the dashboard first.
    pub fn own_cookies(&self) -> &[&'static str] {
        &self.own_cookies
    }

    /// Issuers' header fields.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|place| &place.name)
    }

    /// The header fields in which requests present credentials.
    pub fn fields(&self) -> Vec<HeaderName> {
        let mut fields = vec![AUTHORIZATION, COOKIE];
        fields.extend(self.headers().cloned());
        fields
    }

    /// The names of all cookies that hold credentials, used here or not. Those in chunks are
    /// named by [`Self::chunked_cookies`].
    pub fn cookies(&self) -> impl Iterator<Item = &[u8]> {
        let issuers = self.cookies.iter().map(|place| &place.name.name);
        let issuers = issuers.chain(&self.further_cookies);
        let own = OWN_COOKIES.into_iter().chain([SDK_COOKIE]);
        issuers
            .map(|name| name.as_bytes())
            .chain(own.map(str::as_bytes))
    }

    /// Whether a cookie by this name holds, or may be a part of what holds, a credential.
    pub fn holds_credentials(&self, name: &str) -> bool {
        let is_of_issuer = self.cookies.iter().any(|it| it.name.is(name.as_bytes()));
        let mut prefixes = self.cookie_prefixes.iter();
        let mut known = self.cookies();
        is_of_issuer
            || known.any(|it| it.eq_ignore_ascii_case(name.as_bytes()))
            || prefixes.any(|prefix| name.starts_with(&**prefix))
    }

    /// Whether a cookie by this name has, or is a part of what has, the token of one of these issuers, or is
    /// another one of theirs and nobody else's.
    pub fn is_cookie_of(&self, issuers: &[Box<str>], name: &[u8]) -> bool {
        if issuers.is_empty() {
            return false;
        }
        let is_one = |other: &Arc<str>| issuers.iter().any(|one| **one == **other);
        let mut places = self.cookies.iter().filter(|place| place.name.is(name));
        let own = || OWN_COOKIES.into_iter().chain([SDK_COOKIE]);
        match places.next() {
            Some(place) => {
                place.issuers.iter().any(is_one)
                    || places.any(|place| place.issuers.iter().any(is_one))
            }
            None if own().any(|own| own.as_bytes() == name) => false,
            None => {
                let mut companions = self.companions.iter().filter(|one| one.is(name)).peekable();
                companions.peek().is_some() && companions.all(|one| is_one(&one.issuer))
            }
        }
    }

    /// What the names of further cookies begin with that hold credentials.
    pub fn cookie_prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.cookie_prefixes.iter().map(|prefix| prefix.as_bytes())
    }

    /// The names under which chunks of a credential are numbered: `NAME.0`, `NAME.1`.
    pub fn chunked_cookies(&self) -> impl Iterator<Item = &str> {
        let chunked = |place: &&Place<CookiePlace>| place.name.format == CookieFormat::SupabaseSsr;
        self.cookies
            .iter()
            .filter(chunked)
            .map(|place| &*place.name.name)
    }
}

/// A field or cookie, and the names of the issuers whose tokens it carries.
#[derive(Debug)]
pub(super) struct Place<N> {
    pub(super) name: N,
    pub(super) issuers: Vec<Arc<str>>,
    /// Every `iss` of those issuers' tokens.
    pub(super) iss: Vec<String>,
    /// How that cookie is set, if one of the issuers' settings say.
    pub(super) scope: Option<CookieScope>,
    /// Of a field: whether a proxy in front sets it for browsers that it knows by a cookie, as one of the
    /// issuers' settings say.
    pub(super) by_proxy: bool,
}

/// A cookie, and how it carries a token.
#[derive(Debug, PartialEq)]
pub(super) struct CookiePlace {
    pub(super) name: Box<str>,
    pub(super) format: CookieFormat,
}

impl CookiePlace {
    /// Whether a cookie by this name is it, or a part of it.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        name == self.name.as_bytes()
            || std::str::from_utf8(name).is_ok_and(|name| match self.format {
                CookieFormat::Token => false,
                CookieFormat::SupabaseSsr => supabase::is_part(&self.name, name),
                CookieFormat::Clerk => name.starts_with(&clerk::prefix(&self.name)),
            })
    }
}

/// Another cookie of an issuer, which no token is read from.
#[derive(Debug)]
struct Companion {
    name: Box<str>,
    /// The names of such cookies only begin so.
    is_prefix: bool,
    issuer: Arc<str>,
}

impl Companion {
    /// `None` for what would be every cookie.
    fn new(text: &str, issuer: &Arc<str>) -> Option<Self> {
        let prefix = text.strip_suffix('*');
        let name = prefix.unwrap_or(text);
        (!name.is_empty()).then(|| Self {
            name: name.into(),
            is_prefix: prefix.is_some(),
            issuer: Arc::clone(issuer),
        })
    }

    fn is(&self, name: &[u8]) -> bool {
        match self.is_prefix {
            true => name.starts_with(self.name.as_bytes()),
            false => name == self.name.as_bytes(),
        }
    }
}

/// How an issuer's cookie is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CookieScope {
    pub(super) domain: Option<Box<str>>,
    pub(super) path: Box<str>,
}

fn add_owner<N: PartialEq>(
    places: &mut Vec<Place<N>>,
    name: N,
    owner: Arc<str>,
    issuer: &IssuerSettings,
) {
    let is_known = issuer.cookie_domain.is_some() || issuer.cookie_path.is_some();
    let scope = is_known.then(|| CookieScope {
        domain: issuer.cookie_domain.as_deref().map(Box::from),
        path: issuer.cookie_path.as_deref().unwrap_or("/").into(),
    });
    let iss = issuer.accepted_iss().into_iter().map(|it| it.iss);
    match places.iter_mut().find(|place| place.name == name) {
        Some(place) => {
            place.issuers.push(owner);
            place.iss.extend(iss);
            place.scope = place.scope.take().or(scope);
            place.by_proxy |= issuer.header_from_cookie;
        }
        None => places.push(Place {
            name,
            issuers: vec![owner],
            iss: iss.collect(),
            scope,
            by_proxy: issuer.header_from_cookie,
        }),
    }
}

/// A host name and the domains that it is below. An address is in none, and browsers take no cookie for a
/// domain of one label.
fn domains(host: &str) -> Vec<Box<str>> {
    let is_address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
    let mut rest = Some(host).filter(|_| !is_address);
    let domains = std::iter::from_fn(|| {
        let domain = rest?;
        rest = domain.split_once('.').map(|(_, parent)| parent);
        Some(domain)
    });
    domains
        .filter(|domain| domain.contains('.'))
        .map(Box::from)
        .collect()
}

/// The cookies that the gateway alone sets, under all their names, that of the dashboard first. No application gets
/// or sets one.
const OWN_COOKIES: [&str; 6] = [
    DASHBOARD_COOKIE,
    SESSION_COOKIE,
    DOMAIN_SESSION_COOKIE,
    INSECURE_SESSION_COOKIE,
    LOGIN_COOKIE,
    INSECURE_LOGIN_COOKIE,
];
