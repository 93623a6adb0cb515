//! One consistent set of keys, ready to sign and to verify.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use serde_json::json;

use super::rotation::is_gone;
use super::{KeyRules, KeysError};
use crate::clock::UnixTime;
use crate::session::signer::{Signer, SignerError};
use crate::store::{KeyState, SigningKeyRecord};

/// One consistent set of keys.
pub struct Keyring {
    current: Arc<Signer>,
    all: Vec<(KeyStatus, Arc<Signer>)>,
    jwks: Bytes,
    etag: HeaderValue,
    key_validity: TokenKeyValidity,
}

/// A key without its private half, for operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// The key's id.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: &'static str,
    /// Its state in the lifecycle.
    pub state: KeyState,
    /// When it started or will start to sign.
    pub activates_at: UnixTime,
    /// When it stopped signing; `None` if it still signs or has not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<UnixTime>,
    /// Until when a retired key is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_until: Option<UnixTime>,
    /// Whether it is in the key set.
    pub published: bool,
}

/// Whether tokens minted under a set of keys can still be verified with the published key set. Once
/// lost, it never returns.
#[derive(Clone, Debug)]
pub struct TokenKeyValidity(Arc<AtomicBool>);

impl TokenKeyValidity {
    /// Whether tokens signed under this key set can still be verified.
    pub fn is_valid(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Keyring {
    /// Opens the keys that are not gone by the time `now`.
    pub(super) fn new(
        records: &[SigningKeyRecord],
        rules: &KeyRules,
        now: UnixTime,
    ) -> Result<Self, KeysError> {
        let mut current = None;
        let mut all = Vec::with_capacity(records.len());
        for record in records.iter().filter(|record| !is_gone(record, now)) {
            let private_key = rules.key_encryption.open(record)?;
            let signer = Arc::new(Signer::from_pkcs8(record.algorithm, &private_key)?);
            let signs =
                record.state == KeyState::Current && record.algorithm == rules.schedule.algorithm;
            if signs {
                current = Some(Arc::clone(&signer));
            }
            let status = KeyStatus {
                kid: record.kid.clone(),
                algorithm: signer.algorithm(),
                state: record.state,
                activates_at: record.activates_at,
                retires_at: record.retires_at,
                published_until: record.published_until,
                published: signs || !rules.current_only,
            };
            all.push((status, signer));
        }
        let current = current.ok_or(SignerError::Read)?;
        let published = all.iter().filter(|(status, _)| status.published);
        let published: Vec<_> = published.map(|(_, signer)| signer.public_jwk()).collect();
        let jwks = Bytes::from(json!({ "keys": published }).to_string());
        let tag = URL_SAFE_NO_PAD.encode(digest(&SHA256, &jwks));
        // Quoted base64url is visible ASCII, which a header value takes.
        let etag = HeaderValue::from_str(&format!("\"{tag}\"")).map_err(|_| SignerError::Read)?;
        Ok(Self {
            current,
            all,
            jwks,
            etag,
            key_validity: TokenKeyValidity(Arc::new(AtomicBool::new(true))),
        })
    }

    /// The key that signs.
    pub fn current(&self) -> &Arc<Signer> {
        &self.current
    }

    /// The key of that id, published or not.
    pub fn by_kid(&self, kid: &str) -> Option<&Arc<Signer>> {
        self.all
            .iter()
            .find(|(status, _)| status.kid == kid)
            .map(|(_, signer)| signer)
    }

    /// Each key, the oldest first.
    pub fn keys(&self) -> impl Iterator<Item = &KeyStatus> {
        self.all.iter().map(|(status, _)| status)
    }

    /// Names the state of the key set (RFC 9110 section 8.8.3).
    pub fn etag(&self) -> HeaderValue {
        self.etag.clone()
    }

    /// The key set as served (RFC 7517 section 5).
    pub fn jwks(&self) -> Bytes {
        self.jwks.clone()
    }

    /// Whether what is minted under this set can be verified; see [`TokenKeyValidity`].
    pub fn key_validity(&self) -> TokenKeyValidity {
        self.key_validity.clone()
    }

    /// This set as the successor of `former`. The tokens of `former` stay valid as long as each of
    /// its keys that may have signed a live token stays published.
    pub(super) fn after(self, former: &Self, now: UnixTime) -> Self {
        let stays = |status: &&KeyStatus| {
            let is_over = status.published_until.is_some_and(|until| until <= now);
            let never_signed = status.state == KeyState::Next;
            let published = |kid: &str| self.keys().any(|own| own.kid == kid && own.published);
            !status.published || is_over || never_signed || published(&status.kid)
        };
        let all_stay = former.keys().filter(|status| !stays(status)).count() == 0;
        match all_stay {
            true => Self {
                key_validity: former.key_validity(),
                ..self
            },
            false => self,
        }
    }

    /// Invalidates the tokens minted under this set, unless `successor` still vouches for them.
    pub(super) fn let_go_unless(&self, successor: &Self) {
        if !Arc::ptr_eq(&self.key_validity.0, &successor.key_validity.0) {
            self.key_validity.0.store(false, Ordering::Release);
        }
    }
}
