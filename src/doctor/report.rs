//! What was found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::catalogue::{self, Kind, Severity};
use crate::clock::UnixTime;

/// The result of an examination.
#[derive(Debug)]
pub struct Report {
    /// What was examined: a URL or a file.
    pub target: String,
    /// When it began.
    pub started: UnixTime,
    /// How long it took.
    pub duration: Duration,
    /// How many probes were sent.
    pub probes: usize,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// What was not tried.
    pub skipped: Vec<Skipped>,
}

/// A fault, with what shows it.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Which fault.
    #[serde(flatten)]
    pub kind: &'static Kind,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What was sent, and what came through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// The request, or a setting's path.
    pub sent: String,
    /// What came of it.
    pub seen: String,
}

/// A group of probes that could not be sent.
#[derive(Debug, Serialize)]
pub struct Skipped {
    /// What was not tried.
    pub probes: &'static str,
    /// What it needs.
    pub reason: &'static str,
    /// What they need was given, and did not do: an echo server that nothing reaches, a credential that
    /// opens nothing. A run that is to find faults there has found nothing out.
    pub in_vain: bool,
}

/// Findings in the catalogue's order within their severity, so that two reports can be compared.
pub(super) fn grouped(evidence: Vec<(&'static Kind, Evidence)>) -> Vec<Finding> {
    let mut by_kind: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for (kind, one) in evidence {
        by_kind.entry(kind.id).or_default().push(one);
    }
    let mut findings: Vec<_> = catalogue::all()
        .into_iter()
        .filter_map(|kind| {
            let mut evidence = by_kind.remove(kind.id)?;
            evidence.sort();
            evidence.dedup();
            evidence.truncate(EVIDENCE);
            Some(Finding { kind, evidence })
        })
        .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.kind.severity));
    findings
}

impl Report {
    /// Adds what another examination found.
    pub fn join(&mut self, other: Self) {
        self.probes += other.probes;
        self.findings.extend(other.findings);
        self.skipped.extend(other.skipped);
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.kind.severity));
    }

    /// Whether a fault is at least as bad as this.
    #[must_use]
    pub fn fails_at(&self, severity: Severity) -> bool {
        let mut found = self.findings.iter();
        found.any(|finding| finding.kind.severity >= severity)
    }

    /// Whether probes that were asked for could not be sent.
    #[must_use]
    pub fn is_in_vain(&self) -> bool {
        self.skipped.iter().any(|skipped| skipped.in_vain)
    }

    /// One object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "tool": { "name": "vestibule doctor", "version": env!("CARGO_PKG_VERSION") },
            "target": self.target,
            "started_at": self.started.rfc3339(),
            "duration_ms": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "probes": self.probes,
            "findings": self.findings,
            "skipped": self.skipped,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let kind = finding.kind;
            writeln!(
                f,
                "{:<8}  {}  {}",
                kind.severity.label(),
                kind.id,
                kind.title
            )?;
            for one in &finding.evidence {
                writeln!(f, "          sent: {}", one.sent)?;
                writeln!(f, "          seen: {}", one.seen)?;
            }
            writeln!(f, "          see:  {}", kind.reference)?;
            writeln!(f, "          fix:  {}\n", kind.remedy)?;
        }
        for one in &self.skipped {
            writeln!(f, "skipped   {}: {}", one.probes, one.reason)?;
        }
        let seconds = self.duration.as_secs_f32();
        let (probes, found) = (self.probes, self.findings.len());
        let faults = if found == 1 { "fault" } else { "faults" };
        writeln!(
            f,
            "{}: {probes} probes in {seconds:.1} s, {found} {faults}",
            self.target
        )
    }
}

/// Examples of one fault.
const EVIDENCE: usize = 3;
