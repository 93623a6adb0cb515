//! A report as other tools read it: SARIF 2.1.0.

use serde_json::{Value, json};

use super::catalogue::{Kind, Severity};
use super::report::{Finding, Report};

/// One run with the rules that were broken.
#[must_use]
pub fn to_sarif(report: &Report) -> Value {
    let rules: Vec<_> = report
        .findings
        .iter()
        .map(|finding| rule(finding.kind))
        .collect();
    let results: Vec<_> = report
        .findings
        .iter()
        .enumerate()
        .map(|(index, finding)| result(index, finding, &report.target))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "vestibule doctor",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn rule(kind: &Kind) -> Value {
    json!({
        "id": kind.id,
        "shortDescription": { "text": kind.title },
        "help": { "text": format!("{} See {}.", kind.remedy, kind.reference) },
        "defaultConfiguration": { "level": level(kind.severity) },
        "properties": { "security-severity": score(kind.severity), "tags": ["security"] },
    })
}

fn result(index: usize, finding: &Finding, target: &str) -> Value {
    let shown = finding.evidence.first();
    let shown = shown.map_or(String::new(), |one| {
        format!(" Sent: {}. Seen: {}.", one.sent, one.seen)
    });
    json!({
        "ruleId": finding.kind.id,
        "ruleIndex": index,
        "level": level(finding.kind.severity),
        "message": { "text": format!("{}.{shown}", finding.kind.title) },
        "locations": [{
            "physicalLocation": { "artifactLocation": { "uri": target } },
        }],
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// What code hosts sort by, on the scale of CVSS.
const fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}
