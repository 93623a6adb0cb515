//! The checks of a token or a request, as pages list them: what failed on top, what passed below.

use crate::jwt::{Step, Verdict};

/// Checks by their verdicts.
pub(super) struct Checks<'a> {
    /// Those that did not succeed: what failed before what could not be performed.
    pub(super) failed: Vec<&'a Step>,
    pub(super) passed: Vec<&'a Step>,
}

impl<'a> Checks<'a> {
    pub(super) fn of(steps: &'a [Step]) -> Self {
        let (mut failed, passed): (Vec<_>, Vec<_>) = steps.iter().partition(did_not_pass);
        failed.sort_by_key(|step| step.verdict == Verdict::Skipped);
        Self { failed, passed }
    }

    /// Whether what passed is read at once: nothing failed, and a check says why.
    pub(super) fn opens_passed(&self) -> bool {
        self.failed.is_empty() && self.passed.iter().any(|step| step.hint.is_some())
    }

    /// How many passed, in words.
    pub(super) fn count_of_passed(&self) -> String {
        match self.passed.len() {
            1 => "1 check passed".to_owned(),
            count => format!("{count} checks passed"),
        }
    }

    /// A verdict as a word.
    pub(super) fn word(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Skipped => "skipped",
        }
    }

    /// A verdict as a class of the style.
    pub(super) fn tone(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Pass => "good",
            Verdict::Fail => "bad",
            Verdict::Skipped => "quiet",
        }
    }
}

pub(super) fn did_not_pass(step: &&Step) -> bool {
    step.verdict != Verdict::Pass
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_comes_first_and_what_was_skipped_after_it() {
        let step = |name, verdict, hint: Option<&str>| Step {
            name,
            verdict,
            code: None,
            hint: hint.map(str::to_owned),
        };
        let mut steps = vec![
            step("format", Verdict::Pass, Some("It is one.")),
            step("keys", Verdict::Skipped, None),
            step("signature", Verdict::Fail, None),
        ];
        let checks = Checks::of(&steps);
        let names = |steps: &[&Step]| steps.iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names(&checks.failed), ["signature", "keys"]);
        assert_eq!(names(&checks.passed), ["format"]);
        assert_eq!(
            (checks.opens_passed(), &*checks.count_of_passed()),
            (false, "1 check passed")
        );
        steps.truncate(1);
        assert!(Checks::of(&steps).opens_passed());
    }
}
