//! What an issuer's keys depend on.

use zeroize::Zeroizing;

use super::{IssuerSettings, JwksSettings, KeyFormat, KeySource, SecretEncoding};
use crate::secret::Secret;

/// Everything that decides how an issuer's keys are had, and nothing else. Whoever fetches or keeps
/// keys is given these and no other settings, so that keys are the same exactly where these are.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySettings {
    /// The issuer's name.
    pub name: String,
    /// The source of its keys.
    pub source: KeySource,
    /// What the `issuer` of the discovery document may be; empty without discovery.
    pub discovered_iss: Vec<String>,
    /// The format of the published keys.
    pub key_format: KeyFormat,
    /// Allow `http` key-set addresses that are not on loopback.
    pub insecure_http: bool,
    /// Refuse addresses in loopback, private or link-local ranges.
    pub deny_private_networks: bool,
    /// Let a discovery document lead to another host in those ranges.
    pub allow_private_jwks_uri: bool,
    /// A shared secret for HS256.
    pub hs256_secret: Option<Secret>,
    /// How the secret's bytes are written.
    pub hs256_secret_encoding: SecretEncoding,
    /// When a key disappears from the key set, end the sessions that were opened with it.
    pub revoke_on_key_removal: bool,
    /// Whether keys that share their `kid` are of use, because all are tried.
    pub try_all_keys: bool,
    /// How keys are fetched and kept.
    pub jwks: JwksSettings,
}

impl IssuerSettings {
    /// What its keys depend on.
    pub fn key_settings(&self) -> KeySettings {
        KeySettings {
            name: self.name.clone(),
            source: self.source.clone(),
            discovered_iss: match self.source {
                KeySource::Discovery(_) => {
                    self.accepted_iss().into_iter().map(|it| it.iss).collect()
                }
                _ => Vec::new(),
            },
            key_format: self.key_format,
            insecure_http: self.insecure_http,
            deny_private_networks: self.deny_private_networks,
            allow_private_jwks_uri: self.allow_private_jwks_uri,
            hs256_secret: self.hs256_secret.clone(),
            hs256_secret_encoding: self.hs256_secret_encoding,
            revoke_on_key_removal: self.revoke_on_key_removal,
            try_all_keys: self.try_all_keys,
            jwks: self.jwks.clone(),
        }
    }
}

impl KeySettings {
    /// The bytes of the shared secret.
    pub fn hs256_key(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.hs256_secret_encoding
            .decode(self.hs256_secret.as_ref()?.expose())
    }

    /// Whether there is something to fetch.
    pub fn is_fetched(&self) -> bool {
        match self.source {
            KeySource::Url(_)
            | KeySource::ByKid(_)
            | KeySource::Discovery(_)
            | KeySource::File(_) => true,
            KeySource::Inline(_) | KeySource::SecretOnly => false,
        }
    }
}
