//! What the configuration means to the endpoints.

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::Caller;
use super::oauth::{Clients, Grants};
use super::sdk::{self, SelfService};
use crate::canonical::{AllowedOrigin, Host, Origin};
use crate::clock::UnixTime;
use crate::credential::TokenSources;
use crate::origin::{self, OwnOrigin};
use crate::rejection::{Code, Rejection};
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

    /// The field that takes the SDK's cookie away.
    pub fn sdk_cookie_removal(&self) -> Option<HeaderValue> {
        sdk::cookie::removal(self.sdk_cookie_place())
    }

    fn sdk_cookie_place(&self) -> sdk::cookie::Place<'_> {
        sdk::cookie::Place {
            domain: self.sdk.cookie_domain.as_deref(),
            is_https: self.is_https,
        }
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
    /// page of the gateway's own origins or of those of login pages.
    pub fn leads_to(&self, address: &str) -> bool {
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
                || self.login_origins.contains(&origin))
    }

    /// A path as an address with a host: the one that was asked, if it is a known one.
    pub fn absolute(&self, address: &str, headers: &HeaderMap) -> String {
        if !address.starts_with('/') {
            return address.to_owned();
        }
        let scheme = if self.is_https { "https" } else { "http" };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let here = host.map(|host| format!("{scheme}://{host}"));
        let known = here.filter(|here| self.origins.iter().any(|listed| listed.admits(here)));
        let origin = known.as_deref().unwrap_or(self.public_url.as_str());
        format!("{origin}{address}")
    }

    /// A page that names itself must be listed, or of the host that it calls. Programs name none.
    pub fn check_page(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), Rejection> {
        match headers.contains_key(http::header::ORIGIN) {
            true => self.check_origin(caller, &Method::POST, headers),
            false => Ok(()),
        }
    }

    /// The rule for requests that read or set a cookie: they come from a page that may send one.
    pub fn check_origin(
        &self,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.and_then(|host| Host::parse(host).ok());
        let own = OwnOrigin {
            is_https: caller.is_https,
            host: host.ok_or_else(|| Rejection::new(Code::InvalidRequest, "host_missing"))?,
        };
        origin::allows(method, false, headers, &own, &self.origins)?;
        Ok(())
    }

    /// Whether a request by a cookie may come from its page, where no form may send it either.
    pub fn check_cookie_use(
        &self,
        caller: &Caller,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), Rejection> {
        self.check_origin(caller, method, headers)?;
        let safe = matches!(*method, Method::GET | Method::HEAD);
        if safe || is_json(headers) {
            return Ok(());
        }
        let rejection = Rejection::new(Code::InvalidRequest, "content_type_not_json");
        Err(rejection.with_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE))
    }
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
