//! Another look at the file while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tracing::{error, info, warn};
use utoipa::ToSchema;
use uuid::Uuid;

use super::look::Look;
use super::restart::Conflict;
use super::stored::Stored;
use super::{BuildError, LiveConfig, View, restart};
use crate::clock::UnixTime;
use crate::config::ConfigError;
use crate::config::load::Loaded;
use crate::diagnostic::Diagnostic;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::route::lowered::{Routes, lowered};
use crate::store::AuditRecord;

/// What asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReloadTrigger)]
pub enum Trigger {
    /// SIGHUP.
    Signal,
    /// The file is another one.
    File,
    /// An operator.
    Api,
}

/// What a reload came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reload)]
pub struct Attempt {
    /// When it happened.
    pub at: UnixTime,
    /// What asked for it.
    pub trigger: Trigger,
    /// Whether the file is in force. If not, everything is as before.
    pub succeeded: bool,
    /// Why not, in a word for programs: `config_invalid`, or `config_needs_restart` if the file is valid and
    /// conflicts with what only changes with a restart.
    pub code: Option<&'static str>,
    /// Why not, one line for each problem.
    pub error: Option<String>,
    /// Where in the file.
    pub problems: Vec<Diagnostic>,
    /// What its operator should know of a file that is in force.
    pub warnings: Vec<Diagnostic>,
    /// The keys whose values changed.
    pub changed: Vec<&'static str>,
    /// Routes that are gone or ask for less than before.
    pub lowered: Vec<String>,
    /// What the file says otherwise than it is until a restart.
    pub needs_restart: Vec<&'static str>,
}

/// What a reload that succeeded came to.
struct Reloaded {
    warnings: Vec<Diagnostic>,
    changed: Vec<&'static str>,
    lowered: Vec<String>,
    needs_restart: Vec<&'static str>,
}

/// Why the file is not in force.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    #[error("this gateway was not started from a file")]
    NoFile,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Conflict(#[from] Conflict),
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl LiveConfig {
    /// The file that is looked at.
    pub fn file(&self) -> Option<PathBuf> {
        self.view().config.file.clone()
    }

    /// The latest reload, if there was any.
    pub fn last_attempt(&self) -> Option<Arc<Attempt>> {
        self.last_attempt.load_full()
    }

    pub(super) fn looked(&self) -> Option<Look> {
        self.looked.load().as_deref().copied()
    }

    /// Reads the file, checks and builds all of it, and puts it in force; if anything is invalid,
    /// the last valid one stays in force.
    pub async fn reload(&self, trigger: Trigger) -> Arc<Attempt> {
        let mut attempt = Attempt {
            at: UnixTime::now(),
            trigger,
            succeeded: false,
            code: None,
            error: None,
            problems: Vec::new(),
            warnings: Vec::new(),
            changed: Vec::new(),
            lowered: Vec::new(),
            needs_restart: self.view().needs_restart.clone(),
        };
        match self.try_reload().await {
            Ok(reloaded) => {
                attempt.succeeded = true;
                attempt.warnings = reloaded.warnings;
                attempt.changed = reloaded.changed;
                attempt.lowered = reloaded.lowered;
                attempt.needs_restart = reloaded.needs_restart;
            }
            Err(error) => attempt.failed(error),
        }
        attempt.record(&self.parts.metrics);
        self.write_down(&attempt).await;
        let attempt = Arc::new(attempt);
        self.last_attempt.store(Some(Arc::clone(&attempt)));
        attempt
    }

    async fn try_reload(&self) -> Result<Reloaded, ReloadError> {
        let mut in_force = self.changes.lock().await;
        let path = in_force.file.file.clone().ok_or(ReloadError::NoFile)?;
        let unreadable = |error| ConfigError::Read {
            file: path.clone(),
            error: std::io::Error::other(error),
        };
        let reading = path.clone();
        // The look comes first: what is written after it is news.
        let read =
            tokio::task::spawn_blocking(move || (Look::at(&reading), Loaded::read(&reading)));
        let (look, file) = read.await.map_err(unreadable)?;
        self.looked.store(look.map(Arc::new));
        let Loaded {
            config: file,
            warnings,
            ..
        } = file?;
        let read = restart::changeable(&in_force.file, &file)?;
        let stored = match Stored::read(&*self.parts.store).await {
            Ok(stored) => stored,
            Err(error) => {
                warn!(%error, "the store is unavailable; the file is reloaded with the last known \
                    settings from it");
                in_force.stored.clone()
            }
        };
        let earlier = (self.parts.snapshot.load_full(), in_force.file.clone());
        self.take(&mut in_force, read.config, stored).await?;
        // Listeners only change with a restart.
        let listeners: Vec<String> = earlier.1.listeners.iter().map(Listener::name).collect();
        let lowered = lowered(
            Routes {
                table: &earlier.0.proxy.routes,
                settings: &earlier.1.routes,
            },
            Routes {
                table: &self.parts.snapshot.load().proxy.routes,
                settings: &in_force.file.routes,
            },
            &listeners,
        );
        let view = self.view.load_full();
        self.view.store(Arc::new(View {
            config: view.config.clone(),
            made: view.made.clone(),
            conflicting: view.conflicting.clone(),
            spared: view.spared.clone(),
            origins: view.origins.clone(),
            needs_restart: read.needs_restart.clone(),
        }));
        Ok(Reloaded {
            warnings,
            changed: read.changed,
            lowered,
            needs_restart: read.needs_restart,
        })
    }

    /// Leaves in the audit what became less protected.
    async fn write_down(&self, attempt: &Attempt) {
        if attempt.lowered.is_empty() {
            return;
        }
        let lowered: Vec<Value> = attempt
            .lowered
            .iter()
            .take(MOST_TOLD)
            .cloned()
            .map(Value::from)
            .collect();
        let detail = [
            ("trigger".to_owned(), attempt.trigger.label().into()),
            ("lowered".to_owned(), lowered.into()),
        ];
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: attempt.at,
            actor: "gateway".to_owned(),
            action: "routes.lowered".to_owned(),
            target: Some("file".to_owned()),
            detail: detail.into_iter().collect(),
        };
        if let Err(error) = self.parts.store.append_audit(record).await {
            warn!(%error, "the audit record of lowered protection could not be written");
        }
    }
}

impl Attempt {
    /// Whether the file is valid, and waits for a restart as a whole.
    pub fn waits_for_restart(&self) -> bool {
        self.code == Some(NEEDS_RESTART)
    }

    fn failed(&mut self, error: ReloadError) {
        self.error = Some(error.to_string());
        self.code = Some(match &error {
            ReloadError::Conflict(_) => NEEDS_RESTART,
            ReloadError::NoFile | ReloadError::Config(_) | ReloadError::Build(_) => INVALID,
        });
        match error {
            ReloadError::Conflict(conflict) => self.needs_restart = conflict.needs_restart,
            ReloadError::Config(ConfigError::Invalid { diagnostics, .. }) => {
                self.problems = diagnostics;
            }
            ReloadError::NoFile | ReloadError::Config(_) | ReloadError::Build(_) => {}
        }
    }

    /// Logs and counts it.
    fn record(&self, metrics: &Metrics) {
        let trigger = self.trigger.label();
        let (needs_restart, changed) = (self.needs_restart.join(", "), self.changed.join(", "));
        if self.succeeded {
            info!(trigger, changed, "the configuration was reloaded");
            if !needs_restart.is_empty() {
                warn!(keys = needs_restart, "changes in the file need a restart");
            }
            for warning in &self.warnings {
                warn!(%warning, "a problem in the configuration file");
            }
            for change in self.lowered.iter().take(MOST_TOLD) {
                warn!(change, "a reload lowered what routes ask for");
            }
            stamp(metrics);
        } else {
            let reason = match self.problems.as_slice() {
                [] => self.error.as_deref().unwrap_or_default(),
                // A line each, below.
                _ => "the file is invalid",
            };
            error!(
                trigger,
                reason, "the configuration was not reloaded; the last valid one stays in force"
            );
            for problem in &self.problems {
                error!(%problem, "a problem in the configuration file");
            }
        }
        metrics
            .config_last_reload_success
            .set(i64::from(self.succeeded));
        metrics
            .config_needs_restart
            .set(i64::from(!self.needs_restart.is_empty()));
        let result = if self.succeeded { "success" } else { "failure" };
        metrics
            .config_reloads
            .with_label_values(&[trigger, result])
            .inc();
    }
}

impl Trigger {
    /// The word in logs and metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::File => "file",
            Self::Api => "api",
        }
    }
}

/// The code of a file that cannot be used.
const INVALID: &str = "config_invalid";
/// The code of a file that can be used, and not before a restart.
const NEEDS_RESTART: &str = "config_needs_restart";
/// How many lowered routes the log and the audit name.
const MOST_TOLD: usize = 100;

/// Notes that the configuration in force was read now.
pub(super) fn stamp(metrics: &Metrics) {
    let now = i64::try_from(UnixTime::now().0).unwrap_or(i64::MAX);
    metrics.config_last_reload_success_timestamp.set(now);
}
