//! What the configuration means to the endpoints.

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::Caller;
use super::oauth::{Clients, Grants};
use super::sdk::{self, SelfService};
use crate::canonical::{AllowedOrigin, Host, Origin, OwnHosts};
use crate::clock::UnixTime;
use crate::credential::{OwnCookie, TokenSources};
use crate::origin::{self, AttachedBy, OwnOrigin};
use crate::rejection::{Code, Rejection};
use crate::session::cookie::{self, CookiePlace};
use crate::stepup::StepUp;

/// Everything that the endpoints read of the configuration.
#[derive(Debug)]
pub struct ApiSettings {
    /// Where tokens are looked for.
    pub token_sources: TokenSources,
    /// The settings that SDKs see.
    pub sdk: SdkView,
    /// Programs with credentials of their own.
    pub clients: Clients,
    /// The grants of the token endpoint in addition to token exchange.
    pub grants: Grants,
    /// What users can change of their own record.
    pub self_service: SelfService,
    /// What an assertion may ask for.
    pub step_up: StepUp,
    /// Whether clients come by `https`.
    pub is_https: bool,
    /// What the endpoints' paths begin with.
    pub api_prefix: String,
    /// The address of the gateway.
    pub public_url: Origin,
    /// Whether a logout leads on to the provider's.
    pub logs_out_at_provider: bool,
    /// The hosts of `public_url` and of routes.
    pub own_hosts: OwnHosts,
    /// `public_url` and `allowed_origins`.
    pub origins: Vec<AllowedOrigin>,
    /// The origins of login pages.
    pub login_origins: Vec<String>,
}

/// How SDKs keep and send their tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SdkView {
    /// Whether there is an issuer whose settings SDKs see.
    pub has_issuer: bool,
    /// The cookie with that issuer's token.
    pub cookie_name: Option<String>,
    /// The gateway keeps the session token in a cookie that no script reads.
    pub sets_cookie: bool,
    /// The domain of that cookie; `None`: it is for the gateway's host alone.
    pub cookie_domain: Option<String>,
}

impl ApiSettings {
    /// The SDK's cookie with this token, until then. `None`: it does not fit a header field.
    pub fn sdk_cookie(&self, token: &str, until: UnixTime) -> Option<HeaderValue> {
        sdk::cookie::holding(token, until, self.sdk_cookie_place())
    }

    /// The fields that take the SDK's cookie away, also where an earlier configuration set that of a request
    /// with these fields.
    pub fn sdk_cookie_removal(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let mut fields = self.sdk_cookie_elsewhere(headers);
        fields.extend(sdk::cookie::removal(self.sdk_cookie_place()));
        fields
    }

    /// Those that take it away there alone: next to a new one, it would be a twin.
    pub fn sdk_cookie_elsewhere(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let sources = &self.token_sources;
        sources.removal_elsewhere(OwnCookie::Sdk, headers)
    }

    /// The fields that take the gateway's session cookie away, also where an earlier configuration set that of a
    /// request with these fields.
    pub fn session_cookie_removal(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let sources = &self.token_sources;
        let mut fields = sources.removal_elsewhere(OwnCookie::Session, headers);
        fields.push(cookie::clear(CookiePlace {
            name: sources.session_cookie(),
            domain: sources.session_cookie_domain(),
        }));
        fields
    }

    fn sdk_cookie_place(&self) -> sdk::cookie::Place<'_> {
        sdk::cookie::Place {
            domain: self.sdk.cookie_domain.as_deref(),
            is_https: self.is_https,
        }
    }

    /// Whether the token that answers a request belongs into the SDK's cookie: where the gateway sets one,
    /// unless the client is no page and keeps its token itself.
    pub fn keeps_in_cookie(&self, headers: &HeaderMap) -> bool {
        self.sdk.sets_cookie && !sdk::native::is_native(headers, &self.token_sources)
    }

    /// The address of the gateway.
    pub fn public_url(&self) -> &Origin {
        &self.public_url
    }

    /// The `Origin` field of a page that is listed: `public_url` or one of `allowed_origins`.
    /// `None`: another page, or no page.
    pub fn page<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut fields = headers.get_all(http::header::ORIGIN).iter();
        let origin = fields.next().filter(|_| fields.next().is_none())?;
        let origin = origin.to_str().ok()?;
        let is_listed = self.origins.iter().any(|listed| listed.admits(origin));
        is_listed.then_some(origin)
    }

    /// Whether a browser may be sent to an address that a request names: a path on the same host, or a
    /// page of a host that `public_url` or a route names, of the allowed origins or of those of login pages.
    pub fn leads_to(&self, address: &str, caller: &Caller, headers: &HeaderMap) -> bool {
        // What browsers read in ways of their own is in no address that was written in good faith.
        let is_plain = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'\\';
        if address.len() > LONGEST_ADDRESS || !address.bytes().all(is_plain) {
            return false;
        }
        if address.starts_with('/') {
            return !address.starts_with("//");
        }
        let Ok(url) = Url::parse(address) else {
            return false;
        };
        let origin = url.origin().ascii_serialization();
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && (self.origins.iter().any(|listed| listed.admits(&origin))
                || self.login_origins.contains(&origin)
                || self.is_own_site(&url, caller, headers))
    }

    /// Whether an address is of one of the gateway's hosts, where browsers reach it: at the port of this
    /// request or of `public_url`, and without TLS only if they come so.
    fn is_own_site(&self, url: &Url, caller: &Caller, headers: &HeaderMap) -> bool {
        let host = url.host_str().and_then(|host| Host::parse(host).ok());
        let is_named = host.is_some_and(|host| self.own_hosts.names(&host));
        let (port, default) = match url.scheme() {
            "https" => (url.port_or_known_default(), 443),
            _ if self.is_by_https(caller) => return false,
            _ => (url.port_or_known_default(), 80),
        };
        let here = request_host(headers).map(|host| host.port().unwrap_or(default));
        let public = Url::parse(self.public_url.as_str()).ok();
        let public = public.and_then(|public| public.port_or_known_default());
        is_named && port.is_some() && (port == here || port == public)
    }

    fn is_by_https(&self, caller: &Caller) -> bool {
        self.is_https || caller.is_https
    }

    /// A path as an address with a host: the one that was asked, if it is a known one.
    pub fn absolute(&self, address: &str, caller: &Caller, headers: &HeaderMap) -> String {
        if !address.starts_with('/') {
            return address.to_owned();
        }
        let is_https = self.is_by_https(caller);
        let scheme = if is_https { "https" } else { "http" };
        let known = request_host(headers).and_then(|host| {
            let here = format!("{scheme}://{}", host.authority());
            let is_listed = || self.origins.iter().any(|listed| listed.admits(&here));
            (self.own_hosts.names(&host) || is_listed()).then_some(here)
        });
        let origin = known.as_deref().unwrap_or(self.public_url.as_str());
        format!("{origin}{address}")
    }

    /// A page that names itself must be listed, or of the host that it calls. Programs name none.
    pub fn check_page(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), Rejection> {
        match headers.contains_key(http::header::ORIGIN) {
            true => self.check_origin(AttachedBy::Browser, caller, &Method::POST, headers),
            false => Ok(()),
        }
    }

    /// The rule for requests that read or set a cookie, or to which a proxy adds a browser's credential: they come
    /// from a page that may send one.
    pub fn check_origin(
        &self,
        attached_by: AttachedBy,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        let own = own_origin(caller, headers)?;
        origin::allows(attached_by, method, false, headers, &own, &self.origins)?;
        Ok(())
    }

    /// Whether a request by a cookie may come from its page, where no form may send it either.
    pub fn check_cookie_use(
        &self,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        self.check_origin(AttachedBy::Browser, caller, method, headers)?;
        let safe = matches!(*method, Method::GET | Method::HEAD);
        if safe || is_json(headers) {
            return Ok(());
        }
        let rejection = Rejection::new(Code::InvalidRequest, "content_type_not_json");
        Err(rejection.with_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE))
    }
}

fn own_origin<'a>(caller: &Caller, headers: &'a HeaderMap) -> Result<OwnOrigin<'a>, Rejection> {
    let host = request_host(headers);
    Ok(OwnOrigin {
        is_https: caller.is_https,
        host: host.ok_or_else(|| Rejection::new(Code::InvalidRequest, "host_missing"))?,
    })
}

/// The host that a request was sent to.
fn request_host(headers: &HeaderMap) -> Option<Host<'_>> {
    let host = headers.get(HOST)?.to_str().ok()?;
    Host::parse(host).ok()
}

/// Longer than browsers' address bars show.
const LONGEST_ADDRESS: usize = 2048;

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(http::header::CONTENT_TYPE);
    let media_type = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}
