//! What the store holds of a certificate, as settings.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::UnixTime;
use crate::listener::Acme;
use crate::session::keys::key_encryption::Sealed;

/// A certificate, and what came of the last attempts to order it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The one in use; none before the first one was issued.
    #[serde(default)]
    pub(super) certificate: Option<Kept>,
    /// How many attempts have failed since.
    #[serde(default)]
    pub(super) failures: u32,
    /// Before which nobody tries again.
    #[serde(default)]
    pub(super) retry_at: Option<UnixTime>,
    /// Why the last attempt failed.
    #[serde(default)]
    pub(super) error: Option<String>,
    /// What the authority was asked of the certificate.
    #[serde(default)]
    pub(super) advice: Option<Advice>,
}

/// What an authority was asked of a certificate's renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Advice {
    /// When it is asked again.
    pub(super) ask_at: UnixTime,
    /// Whether it gives such advice.
    pub(super) is_given: bool,
}

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// PEM, the server's own certificate first.
    pub(super) chain: String,
    /// PKCS#8 DER (RFC 5958).
    pub(super) key: Sealed,
    /// When the next one is ordered.
    pub(super) renew_at: UnixTime,
    /// When it ends.
    pub(super) expires_at: UnixTime,
}

/// One answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// The name that is proven.
    pub(super) domain: String,
    /// By which the authority asks for it over HTTP.
    pub(super) token: String,
    /// The answer (RFC 8555 section 8.1).
    pub(super) key_authorization: String,
    /// Whether it is shown in a certificate and not served over HTTP.
    pub(super) is_tls: bool,
    /// After which it is not given any more.
    pub(super) until: UnixTime,
}

/// What names a certificate in the store: its authority and its first name, so that another list of
/// names continues with the certificate that there is.
pub(super) fn id(settings: &Acme) -> String {
    short_digest(&[settings.directory.as_str(), settings.name()])
}

/// The setting that holds its [`Record`].
pub(super) fn certificate_row(settings: &Acme) -> String {
    format!("{CERTIFICATES}{}", id(settings))
}

/// The setting that holds its [`Answer`]s while it is ordered.
pub(super) fn challenge_row(settings: &Acme) -> String {
    format!("acme.challenge:{}", id(settings))
}

/// The setting that holds the account with its authority.
pub(super) fn account_row(settings: &Acme) -> String {
    let email = settings.email.as_deref().unwrap_or_default();
    let external = settings.external_account.as_ref();
    let external = external.map_or("", |account| account.id.as_str());
    let parts = [settings.directory.as_str(), email, external];
    format!("acme.account:{}", short_digest(&parts))
}

/// 128 bits of what the parts amount to.
fn short_digest(parts: &[&str]) -> String {
    // No part contains a line break.
    let digest = digest(&SHA256, parts.join("\n").as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref().get(..16).unwrap_or_default())
}

/// What settings with a [`Record`] begin with.
pub(super) const CERTIFICATES: &str = "acme.certificate:";
