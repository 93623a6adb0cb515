//! What a logout does beyond ending the session.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a logout does beyond ending the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename = "Logout", deny_unknown_fields, default)]
pub struct LogoutSettings {
    /// Delete the issuer's cookie as well: on logout, and when a browser with an ended session is
    /// redirected to the login page, which may otherwise send it back. Requires that the issuer's
    /// `cookie_domain` or `cookie_path` says how the cookie is set.
    pub clear_issuer_cookie: bool,
    /// Lead a browser that logs out by a form to the logout of its provider as well: to the issuer's
    /// `end_session_endpoint`, which discovery finds where the file does not name it.
    pub at_provider: bool,
}
