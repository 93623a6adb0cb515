//! The issuers of the running gateway.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use url::Url;

use crate::issuer::{AcceptedIss, IssuerSettings};
use crate::jwks::IssuerKeys;

/// One issuer: its settings, its keys and its switch.
pub struct Issuer {
    name: Arc<str>,
    settings: IssuerSettings,
    keys: Arc<IssuerKeys>,
    enabled: AtomicBool,
    generation: AtomicU64,
    /// The first configuration under which it is in force, and the first under which it no longer is.
    since: AtomicU32,
    until: AtomicU32,
}

impl Issuer {
    /// An issuer that verifies with `keys`, which others fetch.
    pub fn new(settings: IssuerSettings, keys: Arc<IssuerKeys>) -> Self {
        Self {
            name: settings.name.as_str().into(),
            enabled: AtomicBool::new(settings.enabled),
            generation: AtomicU64::new(0),
            since: AtomicU32::new(0),
            until: AtomicU32::new(u32::MAX),
            settings,
            keys,
        }
    }

    /// The name in logs, metrics and on the dashboard.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The exact `iss` of its tokens, or their template when it has tenants. What a token said is
    /// [`super::Verified::iss`].
    pub fn iss(&self) -> &str {
        &self.settings.iss
    }

    /// What the configuration says.
    pub fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// What verifies its tokens now, and fetches more.
    pub fn keys(&self) -> &Arc<IssuerKeys> {
        &self.keys
    }

    /// Where browsers log out at the provider: what the configuration says, else what discovery found.
    pub fn end_session_endpoint(&self) -> Option<Url> {
        let found = || self.keys.end_session_endpoint().map(|url| (*url).clone());
        self.settings.end_session_endpoint.clone().or_else(found)
    }

    /// Whether its tokens are accepted.
    pub fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// Switches it on or off, from the very next request on.
    pub fn set_enabled(&self, enabled: bool) {
        self.enabled.store(enabled, Ordering::Release);
        self.invalidate();
    }

    /// Grows with every change of what decides over its tokens, its keys left out; a verdict
    /// reached under another generation is void.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Says which configuration, by its number, is the first that has it.
    pub fn enters(&self, configuration: u32) {
        self.since.store(configuration, Ordering::Release);
    }

    /// Says which configuration, by its number, is the first that no longer has it.
    pub fn leaves(&self, configuration: u32) {
        self.until.store(configuration, Ordering::Release);
    }

    /// Whether a configuration has it.
    pub fn is_in_force(&self, configuration: u32) -> bool {
        self.since.load(Ordering::Acquire) <= configuration
            && configuration < self.until.load(Ordering::Acquire)
    }

    /// Voids every verdict reached so far.
    pub fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The issuers by exact `iss`.
#[derive(Debug)]
pub struct Issuers {
    all: Vec<Arc<Issuer>>,
    by_iss: HashMap<String, Entry>,
    max_token_size: usize,
}

/// What an `iss` stands for.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) issuer: Arc<Issuer>,
    /// The spelling of this `iss` by which users are known.
    pub(super) canonical_iss: String,
    /// The tenant that this `iss` names, under a template.
    pub(super) tenant: Option<String>,
}

impl Entry {
    fn new(issuer: &Arc<Issuer>, accepted: AcceptedIss) -> Self {
        Self {
            issuer: Arc::clone(issuer),
            canonical_iss: accepted.canonical,
            tenant: accepted.tenant,
        }
    }
}

impl Issuers {
    /// Whether an enabled issuer with `required_for_ready` has no keys yet.
    pub fn lacks_required_keys(&self) -> bool {
        self.iter()
            .filter(|issuer| issuer.enabled() && issuer.settings().required_for_ready)
            .any(|issuer| !issuer.keys().status().has_keys)
    }

    /// Issuers without keys yet; a [`crate::jwks::JwksService`] brings them.
    pub fn build(settings: &[IssuerSettings]) -> Result<Self, IssuersError> {
        let with_keys = |issuer: &IssuerSettings| {
            Arc::new(Issuer::new(
                issuer.clone(),
                Arc::new(IssuerKeys::new(issuer.key_settings())),
            ))
        };
        Self::from_issuers(settings.iter().map(with_keys).collect())
    }

    /// Issuers for other settings. One whose settings are the same is the same: it keeps its keys,
    /// its switch and what it vouches for. One whose keys depend on the same settings keeps those,
    /// and nothing else.
    pub fn succeeding(settings: &[IssuerSettings], earlier: &Self) -> Result<Self, IssuersError> {
        let issuer = |settings: &IssuerSettings| {
            let before = earlier.by_name(&settings.name);
            if let Some(before) = before.filter(|before| before.settings == *settings) {
                return Arc::clone(before);
            }
            let wanted = settings.key_settings();
            let keys = match before {
                Some(before) if *before.keys.key_settings() == wanted => Arc::clone(&before.keys),
                _ => Arc::new(IssuerKeys::new(wanted)),
            };
            Arc::new(Issuer::new(settings.clone(), keys))
        };
        Self::from_issuers(settings.iter().map(issuer).collect())
    }

    /// Issuers that exist already, such as those that a reload leaves as they are.
    pub fn from_issuers(all: Vec<Arc<Issuer>>) -> Result<Self, IssuersError> {
        let mut by_iss = HashMap::new();
        for (position, issuer) in all.iter().enumerate() {
            if all
                .iter()
                .take(position)
                .any(|other| other.name == issuer.name)
            {
                return Err(IssuersError::DuplicateName(issuer.name.to_string()));
            }
            for accepted in issuer.settings.accepted_iss() {
                if accepted.by_preset {
                    continue;
                }
                let iss = accepted.iss.clone();
                if let Some(other) = by_iss.insert(iss.clone(), Entry::new(issuer, accepted)) {
                    return Err(IssuersError::DuplicateIss {
                        iss,
                        first: other.issuer.name.to_string(),
                        second: issuer.name.to_string(),
                    });
                }
            }
        }
        // A spelling that only a preset knows stands back.
        for issuer in &all {
            for accepted in issuer.settings.accepted_iss() {
                by_iss
                    .entry(accepted.iss.clone())
                    .or_insert_with(|| Entry::new(issuer, accepted));
            }
        }
        Ok(Self {
            all,
            by_iss,
            max_token_size: DEFAULT_TOKEN_SIZE,
        })
    }

    /// Refuses an issuer whose `iss` is that of the gateway's own tokens: what the gateway signs
    /// must never come in as somebody else's.
    pub fn refuse_own(&self, own: &str) -> Result<(), IssuersError> {
        match self.get(own) {
            Some(issuer) => Err(IssuersError::OwnIss(issuer.name.to_string())),
            None => Ok(()),
        }
    }

    /// These issuers with another bound on a token's length in bytes (`limits.token_size`).
    pub fn with_max_token_size(self, max_token_size: usize) -> Self {
        Self {
            max_token_size,
            ..self
        }
    }

    /// The bound on a token's length in bytes.
    pub fn max_token_size(&self) -> usize {
        self.max_token_size
    }

    /// The issuer of tokens with exactly this `iss`.
    pub fn get(&self, iss: &str) -> Option<&Arc<Issuer>> {
        self.entry(iss).map(|entry| &entry.issuer)
    }

    /// The issuer with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Issuer>> {
        self.all.iter().find(|issuer| &*issuer.name == name)
    }

    /// All, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.all.iter()
    }

    /// Each one's keys, for the service that fetches.
    pub fn key_sets(&self) -> impl Iterator<Item = &Arc<IssuerKeys>> {
        self.all.iter().map(|issuer| issuer.keys())
    }

    pub(super) fn entry(&self, iss: &str) -> Option<&Entry> {
        self.by_iss.get(iss)
    }

    pub(super) fn known_iss(&self) -> impl Iterator<Item = &str> {
        self.by_iss.keys().map(String::as_str)
    }
}

/// Why issuers do not go together.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuersError {
    /// Two issuers with one `iss`: which keys verify would be left to chance.
    #[error("the issuers `{first}` and `{second}` have the same `iss`, `{iss}`")]
    DuplicateIss {
        /// The `iss`.
        iss: String,
        /// The name of the one.
        first: String,
        /// The name of the other.
        second: String,
    },
    /// Two issuers with one name: logs and metrics could not tell them apart.
    #[error("two issuers are named `{0}`")]
    DuplicateName(String),
    /// An issuer with the gateway's own `iss`.
    #[error("the issuer `{0}` has the `iss` of the gateway's own tokens")]
    OwnIss(String),
}

/// The default of `limits.token_size`.
const DEFAULT_TOKEN_SIZE: usize = 16 * 1024;
