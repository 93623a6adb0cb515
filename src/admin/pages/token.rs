//! The result of a test of a token, as pages show it.

use serde_json::Value;

use crate::jwks::KeysStatus;
use crate::jwt::{Explanation, Verdict};

/// What came of a test.
pub(super) struct TestResult {
    /// The verdict of every check.
    pub(super) explanation: Explanation,
    /// Whether nothing but a switch that is off stands against the token.
    only_off: bool,
    /// The keys of settings that are not in force, where they were tested.
    pub(super) keys: Option<KeysStatus>,
}

impl TestResult {
    pub(super) fn new(explanation: Explanation, keys: Option<KeysStatus>) -> Self {
        let mut failed = explanation
            .steps
            .iter()
            .filter(|step| step.verdict != Verdict::Pass);
        let first = failed.next().and_then(|step| step.code);
        let only_off = first == Some("issuer_disabled") && failed.next().is_none();
        Self {
            explanation,
            only_off,
            keys,
        }
    }

    /// A part of the token, for people.
    pub(super) fn pretty(&self, part: &Value) -> String {
        format!("{part:#}")
    }

    /// The verdict in a few words.
    pub(super) fn headline(&self) -> &'static str {
        if self.explanation.valid {
            "accepted"
        } else if self.only_off {
            "accepted once the issuer is on"
        } else {
            "refused"
        }
    }

    /// The verdict as a class of the style.
    pub(super) fn tone(&self) -> &'static str {
        if self.explanation.valid {
            "good"
        } else if self.only_off {
            "warn"
        } else {
            "bad"
        }
    }

    /// A check's verdict as a word.
    pub(super) fn word(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }

    /// A check's verdict as a class of the style.
    pub(super) fn tone_of(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "good",
            Verdict::Fail => "bad",
            Verdict::Skipped => "quiet",
        }
    }
}
