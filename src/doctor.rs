//! `vestibule doctor`: sends the known attacks on authenticating proxies to a *running* set-up, this
//! gateway or any other, and reports which of them came through.
//!
//! A probe is a request and what must not come of it; [`catalogue`] says for each kind of fault what
//! it is, where it is described, and how to close it. Nothing that is sent changes state: requests
//! are `GET`, `HEAD`, `OPTIONS` and `TRACE`, and what could make an application act goes only to the
//! doctor's own [`echo`] server. The rate is bounded, and so is each answer's size and time.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};

use crate::clock::UnixTime;

pub mod catalogue;
mod credential;
pub mod echo;
mod forgery;
mod meaning;
mod observe;
mod own_key;
mod pace;
mod probe;
mod probes;
mod report;
mod request;
mod sarif;
mod site;
pub mod target;
mod tls;
mod wire;

pub use catalogue::{Kind, Severity};
pub use credential::{Carrier, Credential};
pub use echo::Echo;
pub use meaning::examine as examine_config;
pub use report::{Evidence, Finding, Report, Skipped};
pub use sarif::to_sarif;
pub use target::{Target, TargetError};

use pace::Pace;
use probe::Probe;
use site::Site;

/// What to examine.
pub struct Plan {
    /// The running set-up, and a path of it that the echo server answers, where there is one.
    pub target: Target,
    /// A path that nobody gets without a credential; the target's own path, if there is no other.
    pub protected: Option<String>,
    /// A valid credential.
    pub credential: Option<Credential>,
    /// Tokens that must not pass: expired, for another audience, of another issuer.
    pub must_refuse: Vec<String>,
    /// The issuer's public keys, a JSON Web Key Set (RFC 7517): an attacker has them, too.
    pub public_keys: Option<serde_json::Value>,
    /// Fields by which the set-up tells its applications who somebody is, besides the usual ones.
    pub identity_fields: Vec<String>,
    /// The upstream to which the target's path leads.
    pub echo: Option<Echo>,
    /// At most this many requests a second.
    pub rate: u32,
}

/// Why nothing could be examined.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The target does not answer.
    #[error("{0} does not answer: {1}")]
    Unreachable(String, wire::WireError),
    /// An own server could not be started.
    #[error("the echo server cannot listen: {0}")]
    Echo(#[from] std::io::Error),
}

/// Sends all probes for which the plan has what they need. After each, `so_far` gets how many were
/// answered, of how many.
///
/// # Errors
///
/// If the target does not answer at all. A probe that is not answered is an observation like others.
pub async fn examine(
    plan: Plan,
    mut so_far: impl FnMut(usize, usize),
) -> Result<Report, DoctorError> {
    let (begun, started) = (Instant::now(), UnixTime::now());
    let pace = Pace::new(plan.rate);
    let site = Site::learn(plan, &pace).await?;
    let mut skipped = Vec::new();
    let all = probes::all(&site, &mut skipped);
    let count = all.len();
    let observed = stream::iter(all).map(|probe| run(&site, &pace, probe));
    let mut answered = 0;
    let mut evidence: Vec<_> = observed
        .buffer_unordered(AT_ONCE)
        .inspect(|_| {
            answered += 1;
            so_far(answered, count);
        })
        .filter_map(async |found| found)
        .collect()
        .await;
    evidence.extend(tls::examine(&site.target).await);
    Ok(Report {
        target: site.target.to_string(),
        started,
        duration: begun.elapsed(),
        probes: count,
        findings: report::grouped(evidence),
        skipped,
    })
}

async fn run(site: &Site, pace: &Pace, probe: Probe) -> Option<(&'static Kind, Evidence)> {
    pace.turn().await;
    let observation = site.observe(&probe.request).await;
    let seen = site.redacted((probe.judge)(&observation)?);
    let sent = site.redacted(probe.request.shown());
    Some((probe.kind, Evidence { sent, seen }))
}

/// Probes that wait for an answer at the same time.
const AT_ONCE: usize = 6;

/// How long an answer may take. What hangs for longer has been refused well enough.
const PATIENCE: Duration = Duration::from_millis(1500);
