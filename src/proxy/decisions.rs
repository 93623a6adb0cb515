//! Counts decisions about credentials by issuer, source, outcome and reason, whatever was decided
//! about: a request to forward, one that another proxy asks about, a call of the gateway's own API.

use super::counters::SELF_ISSUED;
use super::snapshot::ProxySettings;
use crate::metrics::{Metrics, OTHER};
use crate::rejection::{Code, Rejection};

/// Where the decisions under one configuration are counted.
#[derive(Clone, Copy)]
pub struct Decisions<'a> {
    settings: &'a ProxySettings,
    metrics: &'a Metrics,
}

impl<'a> Decisions<'a> {
    /// Under this configuration.
    pub fn new(settings: &'a ProxySettings, metrics: &'a Metrics) -> Self {
        Self { settings, metrics }
    }

    /// A session, on the word of this issuer; `None`: of our own token.
    pub fn allowed(&self, issuer: Option<&str>, source: &'static str) {
        let issuer = issuer.unwrap_or(SELF_ISSUED);
        self.settings.count_granted(self.metrics, issuer, source);
    }

    /// Nobody, because no credential was presented.
    pub fn anonymous(&self) {
        self.settings.count_anonymous();
    }

    /// Nobody, although a credential was presented or could have been.
    pub fn anonymous_because(&self, source: &str, reason: &str) {
        self.count(OTHER, source, "anonymous", reason);
    }

    /// A refusal of a credential that names this issuer, or none that is configured.
    pub fn refused(&self, issuer: Option<&str>, source: &str, rejection: &Rejection) {
        let issuer = issuer.unwrap_or(OTHER);
        self.count(issuer, source, "refused", rejection.reason);
    }

    fn count(&self, issuer: &str, source: &str, outcome: &str, reason: &str) {
        let decisions = &self.metrics.decisions;
        decisions
            .with_label_values(&[issuer, source, outcome, reason])
            .inc();
    }
}

/// Whether a call of the API was refused for its credential, not for its form.
pub fn is_about_credential(rejection: &Rejection) -> bool {
    match rejection.code {
        Code::TokenMissing
        | Code::TokenInvalid
        | Code::TokenExpired
        | Code::LoginRequired
        | Code::StepUpRequired
        | Code::ScopeInvalid
        | Code::ScopeInsufficient
        | Code::Forbidden
        | Code::NoAccess
        | Code::Conflict
        | Code::TooManyRequests
        | Code::Unavailable => true,
        Code::InvalidRequest
        | Code::NotFound
        | Code::TooLarge
        | Code::Timeout
        | Code::UpstreamFailed
        | Code::UpstreamTimeout
        | Code::Internal => false,
    }
}
