//! Fresh proofs (step-up): assertions, and the elevated tokens that they bring.

use super::Text;

pub(super) const TEXTS: &[Text] = &[
    ("elevated_expired", "Elevated token expired", ANOTHER),
    (
        "elevated_invalid",
        "Not an elevated token",
        "`X-Dyn-Elevated-Access-Token` has something else than an elevated token of this gateway.",
    ),
    (
        "elevated_of_another_session",
        "Elevated token of another session",
        "The elevated token belongs to another session than the request's credential. The client has to ask for one with the same session.",
    ),
    (
        "elevated_scope",
        "Elevated token for another scope",
        "The elevated token is for other scopes than the route's `step_up`. The client has to ask for one for this scope.",
    ),
    (
        "elevated_used",
        "Elevated token used before",
        "An elevated token works once. The client has to ask for another one, or see `step_up.single_use`.",
    ),
    (
        "assertion_of_another_user",
        "Assertion of another user",
        "The assertion's user is not the session's.",
    ),
    (
        "assertion_scope_unknown",
        "Assertion without a known scope",
        "The assertion's `scope` is missing, or not in `step_up.scopes`.",
    ),
    (
        "assertion_signed_in",
        "Assertion was a login",
        "This token signed somebody in before, so it is no fresh proof. The issuer has to issue another one for the step-up.",
    ),
    (
        "assertion_too_old",
        "Assertion is too old",
        "The assertion's `iat` is more than 10 minutes ago. The client has to get a fresh one from the issuer.",
    ),
    (
        "assertion_without_iat",
        "Assertion without a time",
        "The assertion has no `iat`, so nobody knows whether it is fresh. `step_up.allow_missing_iat` accepts that.",
    ),
    (
        "assertion_without_jti",
        "Assertion without an id",
        "The assertion has no `jti`, by which its second use would be noticed. Have the issuer add one.",
    ),
];

const ANOTHER: &str =
    "An elevated token is valid for a few minutes. The client has to ask for another one.";
