//! Certificates that the gateway orders from a certificate authority itself (RFC 8555).

use std::path::PathBuf;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::text_schema::HttpUrlText;

/// A certificate that the gateway orders, and renews in time.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acme {
    /// The names in the certificate, at most 100. A wildcard is not possible.
    pub domains: Vec<String>,
    /// Where the authority writes to when something is wrong with the account.
    #[serde(default)]
    pub email: Option<String>,
    /// The operator agrees to the authority's terms of service. Nothing is ordered without it.
    #[serde(default)]
    pub terms_of_service_agreed: bool,
    /// The authority's directory, an `https` URL.
    #[serde(default = "lets_encrypt")]
    #[schemars(with = "HttpUrlText")]
    pub directory: Url,
    /// The authorities that vouch for the directory's own server, as a PEM file; by default those of
    /// the system.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// How the gateway proves that the names are its own. By default `http_01` if a listener has
    /// `redirect_to_https`, otherwise `tls_alpn_01`.
    #[serde(default)]
    pub challenge: Option<AcmeChallenge>,
    /// The account with the authority that the gateway's account belongs to, where it asks for one
    /// (external account binding).
    #[serde(default)]
    pub external_account: Option<ExternalAccount>,
}

/// How the gateway proves that a name is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AcmeChallenge {
    /// By a file that the listeners with `redirect_to_https` serve, at port 80 (RFC 8555 section 8.3).
    #[serde(rename = "http_01")]
    Http01,
    /// By a certificate that this listener shows, at port 443 (RFC 8737).
    #[serde(rename = "tls_alpn_01")]
    TlsAlpn01,
}

/// An account that the authority knows already.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalAccount {
    /// Its identifier with the authority.
    pub id: String,
    /// Its key, in Base64url as the authority shows it.
    pub key: Secret,
}

impl Acme {
    /// How its names are proven, where a listener redirects to `https` or none does.
    pub fn challenge(&self, redirects: bool) -> AcmeChallenge {
        self.challenge.unwrap_or(match redirects {
            true => AcmeChallenge::Http01,
            false => AcmeChallenge::TlsAlpn01,
        })
    }

    /// The name of its certificate in logs and metrics.
    pub fn name(&self) -> &str {
        self.domains.first().map_or("", String::as_str)
    }

    /// How many names a certificate can have.
    pub const MOST_DOMAINS: usize = 100;
}

impl ExternalAccount {
    /// The bytes of the key, with padding or without; none if they are something else.
    pub fn key_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let config = GeneralPurposeConfig::new();
        let config = config.with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let decoded = GeneralPurpose::new(&URL_SAFE, config).decode(self.key.expose());
        decoded.ok().map(Zeroizing::new)
    }
}

#[allow(clippy::expect_used, reason = "the text is a URL, which a test reads")]
fn lets_encrypt() -> Url {
    Url::parse("https://acme-v02.api.letsencrypt.org/directory").expect("a URL")
}
