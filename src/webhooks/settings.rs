//! Webhooks and the feed of events, as the configuration has them.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::diagnostic::Diagnostic;
use crate::public_network::{is_loopback, names_private_address};
use crate::secret::Secret;
use crate::store::EventKind;
use crate::text_schema::{DurationText, HttpUrlText};

/// How long events are kept.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// How long events and their deliveries are kept for the feed and for webhooks.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "DurationText")]
    pub keep: Duration,
    /// The maximum number of events that are kept. Beyond it the oldest are removed, delivered or not.
    pub max_events: u64,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(7 * 24 * 3600),
            max_events: 1_000_000,
        }
    }
}

/// An address that events are sent to.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Its name in metrics, on the dashboard and in commands: lower-case letters, digits, `-` and `.`.
    /// How far the webhook is, is stored under this name.
    pub name: String,
    /// Where events are sent: an `https` URL.
    #[schemars(with = "HttpUrlText")]
    pub url: Url,
    /// The secrets that sign. To rotate one, add the new one before the old one, and remove the old
    /// one once the receiver verifies with the new one. A secret is `whsec_` followed by Base64, or any
    /// text of at least 24 characters.
    pub secrets: Vec<Secret>,
    /// Which events are sent. All by default.
    #[serde(default)]
    pub events: BTreeSet<EventKind>,
    /// Add the user's own verified email address, as it is when the event is sent.
    #[serde(default)]
    pub include_email: bool,
    /// Send to addresses in private networks, too.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "whoever controls the name of the receiver can point the gateway \
        at services inside your network"))]
    pub allow_private_networks: bool,
    /// Send without encryption to hosts other than loopback.
    #[serde(default)]
    #[schemars(extend("x-unsafe" = "events can be read on the way"))]
    pub insecure_http: bool,
    /// How long the receiver can take to respond.
    #[serde(with = "humantime_serde", default = "default_timeout")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// How long after a first failure an event is sent again. The pause doubles with each failure.
    #[serde(with = "humantime_serde", default = "default_retry_after")]
    #[schemars(with = "DurationText")]
    pub retry_after: Duration,
    /// The longest pause between two attempts.
    #[serde(with = "humantime_serde", default = "default_max_retry_after")]
    #[schemars(with = "DurationText")]
    pub max_retry_after: Duration,
    /// How long an event is sent again before it is parked.
    #[serde(with = "humantime_serde", default = "default_give_up_after")]
    #[schemars(with = "DurationText")]
    pub give_up_after: Duration,
}

impl Webhook {
    /// Whether it wants events of a kind.
    pub fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::Test || self.events.is_empty() || self.events.contains(&kind)
    }

    fn diagnostics(&self, path: &str, found: &mut Vec<Diagnostic>) {
        let mut error = |key: &str, message: &str| {
            found.push(Diagnostic::error(format!("{path}.{key}"), message));
        };
        let fits =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        if !(1..=LONGEST_NAME).contains(&self.name.len()) || !self.name.bytes().all(fits) {
            error(
                "name",
                "must have 1 to 64 lower-case letters, digits, `-` and `.`",
            );
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            error("url", "must contain no user and no password");
        } else if self.url.fragment().is_some() {
            error("url", "must contain no fragment");
        } else if self.url.as_str().len() > LONGEST_URL {
            error("url", "is longer than 2048 characters");
        }
        let is_near = is_loopback(&self.url);
        match self.url.scheme() {
            "https" => {}
            "http" if is_near || self.insecure_http => {}
            "http" => error(
                "url",
                "must start with `https://` (or set `insecure_http: true`)",
            ),
            _ => error("url", "must start with `https://`"),
        }
        if !self.allow_private_networks && (is_near || names_private_address(&self.url)) {
            error(
                "url",
                "is in a private network: set `allow_private_networks: true` if that is intended",
            );
        }
        if !(1..=MOST_SECRETS).contains(&self.secrets.len()) {
            error("secrets", "must contain 1 to 4 secrets");
        }
        for (at, secret) in self.secrets.iter().enumerate() {
            if super::signature::Key::parse(secret).is_none() {
                let message = "must be `whsec_` and the Base64 of 24 to 64 bytes, or a text of 24 to \
                    512 characters";
                error(&format!("secrets[{at}]"), message);
            }
        }
        if self.events.contains(&EventKind::Test) {
            error("events", "`webhook.test` is always sent");
        }
        for (key, time) in [
            ("timeout", self.timeout),
            ("retry_after", self.retry_after),
            ("give_up_after", self.give_up_after),
        ] {
            if time.as_secs() == 0 {
                error(key, "must be at least 1s");
            }
        }
        if self.timeout > LONGEST_TIMEOUT {
            error("timeout", "must be at most 60s");
        }
        if self.max_retry_after < self.retry_after {
            error("max_retry_after", "must not be shorter than `retry_after`");
        }
    }
}

/// What is wrong with the settings, beyond what their types say.
pub fn diagnostics(webhooks: &[Webhook], events: &EventSettings) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if webhooks.len() > MOST_WEBHOOKS {
        found.push(Diagnostic::error("webhooks", "there can be at most 16"));
    }
    for (at, webhook) in webhooks.iter().enumerate() {
        let path = format!("webhooks[{at}]");
        webhook.diagnostics(&path, &mut found);
        if webhooks
            .iter()
            .take(at)
            .any(|other| other.name == webhook.name)
        {
            found.push(Diagnostic::error(
                format!("{path}.name"),
                "the name is used twice",
            ));
        }
        if events.keep < webhook.give_up_after {
            let message = "events are removed before this time is over: set `events.keep` to more";
            found.push(Diagnostic::error(format!("{path}.give_up_after"), message));
        }
    }
    if events.max_events == 0 {
        found.push(Diagnostic::error("events.max_events", "must be at least 1"));
    }
    found
}

fn default_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_retry_after() -> Duration {
    Duration::from_secs(5)
}

fn default_max_retry_after() -> Duration {
    Duration::from_secs(6 * 3600)
}

fn default_give_up_after() -> Duration {
    Duration::from_secs(3 * 24 * 3600)
}

const MOST_WEBHOOKS: usize = 16;
const MOST_SECRETS: usize = 4;
const LONGEST_NAME: usize = 64;
const LONGEST_URL: usize = 2048;
/// A receiver that takes longer would hold the few requests that are sent at once.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);
