//! The result of a test of a token, as pages show it: the verdict, what failed first, and what the
//! token says.

use serde_json::Value;

use super::checks::{Checks, did_not_pass};
use super::moment;
use crate::admin::token_test::Tested;
use crate::jwt::{Content, numeric_date};

/// What came of a test.
pub(super) struct TestResult {
    pub(super) tested: Tested,
    /// The token as it was pasted.
    pub(super) token: String,
    /// Whether nothing but a switch that is off stands against the token.
    only_off: bool,
}

impl TestResult {
    pub(super) fn new(tested: Tested, token: String) -> Self {
        let mut failed = tested.explanation.steps.iter().filter(did_not_pass);
        let first = failed.next().and_then(|step| step.code);
        let only_off = first == Some("issuer_disabled") && failed.next().is_none();
        Self {
            tested,
            token,
            only_off,
        }
    }

    /// The verdict in a few words.
    pub(super) fn headline(&self) -> &'static str {
        if self.tested.explanation.valid {
            "accepted"
        } else if self.only_off {
            "accepted once the issuer is on"
        } else {
            "refused"
        }
    }

    /// The verdict as a class of the style.
    pub(super) fn tone(&self) -> &'static str {
        if self.tested.explanation.valid {
            "good"
        } else if self.only_off {
            "warn"
        } else {
            "bad"
        }
    }

    /// What was checked.
    pub(super) fn checks(&self) -> Checks<'_> {
        Checks::of(&self.tested.explanation.steps)
    }

    /// The header as text, if it can be read.
    pub(super) fn header(&self) -> Option<String> {
        self.content().map(|content| pretty(&content.header))
    }

    /// The claims as text, if they can be read.
    pub(super) fn claims(&self) -> Option<String> {
        self.content().map(|content| pretty(&content.claims))
    }

    /// The moments that the claims name, in words.
    pub(super) fn moments(&self) -> Vec<(&'static str, String)> {
        let claims = self.content().map(|content| &content.claims);
        let named = |name: &'static str| {
            let at = numeric_date(claims?.get(name)?)?;
            Some((name, moment(&at)))
        };
        ["iat", "nbf", "auth_time", "exp"]
            .into_iter()
            .filter_map(named)
            .collect()
    }

    fn content(&self) -> Option<&Content> {
        self.tested.explanation.content.as_ref()
    }
}

fn pretty(part: &Value) -> String {
    format!("{part:#}")
}
