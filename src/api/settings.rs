//! What the configuration means to the endpoints.

use axum::http::{HeaderMap, HeaderValue, Method};

use super::oauth::Clients;
use crate::canonical::Host;
use crate::config::{Config, Origin};
use crate::credential::{TokenSources, TokenSourcesError};
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
    /// What an assertion may ask for.
    pub step_up: StepUp,
    /// Whether clients come by `https`.
    pub is_https: bool,
    public_url: Origin,
    /// `public_url` and `allowed_origins`.
    origins: Vec<Origin>,
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
}

impl ApiSettings {
    /// Takes the settings from the configuration.
    pub fn new(config: &Config) -> Result<Self, TokenSourcesError> {
        let issuer = config.sdk_issuer();
        Ok(Self {
            token_sources: TokenSources::new(config)?,
            sdk: SdkView {
                has_issuer: issuer.is_some(),
                cookie_name: issuer.and_then(|issuer| issuer.cookie_name.clone()),
                sets_cookie: config.sdk.cookie,
            },
            clients: Clients::new(&config.clients),
            step_up: StepUp::new(&config.step_up),
            is_https: config.public_url.is_https(),
            public_url: config.public_url.clone(),
            origins: std::iter::once(&config.public_url)
                .chain(&config.allowed_origins)
                .cloned()
                .collect(),
        })
    }

    /// The address of the gateway.
    pub fn public_url(&self) -> &Origin {
        &self.public_url
    }

    /// The `Origin` field of a page that may call the endpoints. `None`: another page, or no page.
    pub fn page<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let mut fields = headers.get_all(http::header::ORIGIN).iter();
        let origin = fields.next().filter(|_| fields.next().is_none())?;
        let listed = |listed: &Origin| listed.as_str().as_bytes() == origin.as_bytes();
        self.origins.iter().any(listed).then_some(origin)
    }

    /// A page that names itself must be one that may call. Programs name none.
    pub fn check_page(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        if !headers.contains_key(http::header::ORIGIN) || self.page(headers).is_some() {
            return Ok(());
        }
        Err(Rejection::new(Code::Forbidden, "origin_foreign"))
    }

    /// The rule for requests that read or set a cookie: they come from a page that may call, and
    /// no form can send them.
    pub fn check_cookie_use(&self, method: &Method, headers: &HeaderMap) -> Result<(), Rejection> {
        let (_, authority) = self
            .public_url
            .as_str()
            .split_once("://")
            .unwrap_or_default();
        let host = Host::parse(authority)
            .map_err(|_| Rejection::new(Code::Internal, "public_url_unfit"))?;
        let own = OwnOrigin {
            is_https: self.is_https,
            host,
        };
        origin::allows(method, false, headers, &own, &self.origins)?;
        let safe = matches!(*method, Method::GET | Method::HEAD);
        if safe || is_json(headers) {
            return Ok(());
        }
        let rejection = Rejection::new(Code::InvalidRequest, "content_type_not_json");
        Err(rejection.with_status(http::StatusCode::UNSUPPORTED_MEDIA_TYPE))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(http::header::CONTENT_TYPE);
    let media_type = value
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"))
}
