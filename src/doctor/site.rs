//! What is known of the set-up before the attacks: which requests are served, and by whom.

use super::credential::Credential;
use super::echo::{Echo, Forwarded};
use super::observe::{Observation, observe};
use super::pace::Pace;
use super::request::Request;
use super::target::Target;
use super::{DoctorError, Plan, wire};

/// The set-up, as its ordinary requests show it.
pub(super) struct Site {
    pub(super) target: Target,
    pub(super) echo: Option<Echo>,
    pub(super) credential: Option<Credential>,
    pub(super) must_refuse: Vec<String>,
    pub(super) public_keys: Option<serde_json::Value>,
    pub(super) identity_fields: Vec<String>,
    /// The path that is to be guarded.
    pub(super) protected: String,
    /// The ordinary request, without a credential.
    pub(super) anonymous: Seen,
    /// The ordinary request with the credential.
    pub(super) known: Option<Seen>,
    /// Whether the protected path refuses who has no credential.
    pub(super) is_guarded: bool,
    /// Whether the credential opens the protected path.
    pub(super) is_opened: bool,
}

/// What came of an ordinary request.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) forwarded: Option<Forwarded>,
}

impl From<Observation> for Seen {
    fn from(observation: Observation) -> Self {
        Self {
            forwarded: observation.forwarded,
        }
    }
}

impl Site {
    /// Sends the ordinary requests.
    ///
    /// # Errors
    ///
    /// If nobody answers.
    pub(super) async fn learn(plan: Plan, pace: &Pace) -> Result<Self, DoctorError> {
        let protected = plan.protected.unwrap_or_else(|| plan.target.path.clone());
        let mut site = Self {
            target: plan.target,
            echo: plan.echo,
            credential: plan.credential,
            must_refuse: plan.must_refuse,
            public_keys: plan.public_keys,
            identity_fields: plan.identity_fields,
            protected,
            anonymous: Seen::default(),
            known: None,
            is_guarded: false,
            is_opened: false,
        };
        pace.turn().await;
        let first = site.get(&site.target.path).encode("first");
        if let Err(error) = wire::exchange(&site.target, &first).await {
            return Err(DoctorError::Unreachable(site.target.to_string(), error));
        }
        let has_echo = site.echo.is_some();
        pace.turn().await;
        let path = site.get(&site.target.path);
        site.anonymous = site.observe(&path).await.into();
        pace.turn().await;
        let guarded = site.get(&site.protected);
        site.is_guarded = !site.observe(&guarded).await.passed(has_echo);
        if let Some(credential) = &site.credential {
            pace.turn().await;
            let known = site.observe(&credential.to(path)).await;
            pace.turn().await;
            let opened = site.observe(&credential.to(guarded)).await;
            site.known = Some(known.into());
            site.is_opened = opened.passed(has_echo);
        }
        Ok(site)
    }

    /// Sends a request and gathers what comes of it.
    pub(super) async fn observe(&self, request: &Request) -> Observation {
        observe(&self.target, self.echo.as_ref(), request).await
    }

    /// A request for a path, without a credential.
    pub(super) fn get(&self, path: &str) -> Request {
        Request::new("GET", path, &self.target.authority)
    }

    /// A request that is known to arrive at the echo server: without a credential, if that is enough.
    pub(super) fn arriving(&self) -> Option<Request> {
        self.arriving_by("GET", &self.target.path)
    }

    /// A request by this method for this target that is known to arrive at the echo server.
    pub(super) fn arriving_by(&self, method: &str, target: &str) -> Option<Request> {
        let request = Request::new(method, target, &self.target.authority);
        self.with_access(request)
    }

    /// Adds the credential where none are not served.
    pub(super) fn with_access(&self, request: Request) -> Option<Request> {
        if self.anonymous.forwarded.is_some() {
            return Some(request);
        }
        let known = self.known.as_ref()?;
        known.forwarded.as_ref()?;
        Some(self.credential.as_ref()?.to(request))
    }

    /// The ordinary requests that arrive, without and with the credential, and as what they do.
    pub(super) fn arrivals(&self) -> Vec<(Request, &Forwarded)> {
        let plain = || self.get(&self.target.path);
        let anonymous = self.anonymous.forwarded.as_ref();
        let anonymous = anonymous.map(|seen| (plain(), seen));
        let known = self
            .known
            .as_ref()
            .and_then(|known| known.forwarded.as_ref());
        let known = known.zip(self.credential.as_ref());
        let known = known.map(|(seen, credential)| (credential.to(plain()), seen));
        anonymous.into_iter().chain(known).collect()
    }

    /// Whether the path is guarded, and the credential opens it.
    pub(super) fn judges_tokens(&self) -> bool {
        self.is_guarded && self.is_opened
    }

    /// A text for the report.
    pub(super) fn redacted(&self, text: String) -> String {
        match &self.credential {
            Some(credential) => credential.redact(&text),
            None => text,
        }
    }

    pub(super) fn has_echo(&self) -> bool {
        self.echo.is_some()
    }
}
