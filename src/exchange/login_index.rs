//! The names under which logins' sessions are found by their issuers' `sid`.

use crate::issuer::IssuerSettings;
use crate::store::Digest;

/// The name under which a login's session is found by the issuer's `sid`; `None` for issuers whose
/// logout tokens are not accepted.
pub(super) fn of(settings: &IssuerSettings, iss: &str, login: Option<&str>) -> Option<Digest> {
    (!settings.accepted_logout_audience().is_empty())
        .then_some(login)
        .flatten()
        .map(|login| index(iss, login))
}

/// The name of one login.
pub(super) fn index(iss: &str, login: &str) -> Digest {
    Digest::of(&["login", iss, login])
}
