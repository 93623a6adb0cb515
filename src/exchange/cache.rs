//! The cache of tokens: sessions for valid ones, refusals for those that can never become valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use prometheus::IntCounter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use super::digest::TokenDigest;
use super::session::Session;
use super::version::ConfigVersion;
use crate::clock::UnixTime;
use crate::jwt::{Generations, Issuer, Refusal};
use crate::metrics::Metrics;
use crate::rejection::Rejection;

/// Sessions by token digest: bounded, sharded, read without a lock shared by all requests.
pub struct SessionCache {
    sessions: Cache<TokenDigest, Arc<Session>, Memory, DefaultHashBuilder, Evictions>,
    epoch: AtomicU64,
    hits: IntCounter,
}

impl SessionCache {
    /// Room for `capacity` sessions that take about `bytes` of memory at most.
    pub fn new(capacity: usize, bytes: u64, metrics: &Metrics) -> Self {
        let hits = metrics.token_cache.with_label_values(&["hit"]);
        let evictions = Evictions {
            count: metrics.token_cache_evictions.clone(),
            dropped: DefaultLifecycle::default(),
        };
        Self {
            sessions: Cache::with(
                capacity,
                bytes,
                Memory {
                    least: bytes / (capacity as u64).max(1),
                },
                DefaultHashBuilder::default(),
                evictions,
            ),
            epoch: AtomicU64::new(0),
            hits,
        }
    }

    /// The session, if what it was granted on still holds under this configuration.
    pub fn get(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Arc<Session>> {
        let session = self.sessions.get(digest)?;
        if session.is_valid(now, version) {
            self.hits.inc();
            return Some(session);
        }
        self.sessions.remove(digest);
        None
    }

    /// Whether there is one, whatever has become of it.
    pub fn holds(&self, digest: &TokenDigest) -> bool {
        self.sessions.peek(digest).is_some()
    }

    /// Grows each time that all are forgotten.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Remembers a session that was begun in this epoch.
    pub fn insert(&self, digest: TokenDigest, session: Arc<Session>, epoch: u64) {
        self.sessions.insert(digest, session);
        // Checked after the insertion, so that a concurrent removal that missed the entry is
        // noticed.
        if self.epoch() != epoch {
            self.sessions.remove(&digest);
        }
    }

    /// Removes all entries, including those that are being created.
    pub fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.sessions.clear();
    }

    /// How many are remembered.
    pub fn count(&self) -> usize {
        self.sessions.len()
    }
}

/// Weighs sessions by their memory, and small ones as a share of the whole, so that neither their
/// number nor their memory exceeds its bound.
#[derive(Clone)]
struct Memory {
    least: u64,
}

impl Weighter<TokenDigest, Arc<Session>> for Memory {
    fn weight(&self, _: &TokenDigest, session: &Arc<Session>) -> u64 {
        (session.memory() as u64).max(self.least).max(1)
    }
}

/// Counts evicted entries and drops them, as the cache would by default.
#[derive(Clone)]
struct Evictions {
    count: IntCounter,
    dropped: DefaultLifecycle<TokenDigest, Arc<Session>>,
}

impl Lifecycle<TokenDigest, Arc<Session>> for Evictions {
    type RequestState = <DefaultLifecycle<TokenDigest, Arc<Session>> as Lifecycle<
        TokenDigest,
        Arc<Session>,
    >>::RequestState;

    fn on_evict(&self, state: &mut Self::RequestState, digest: TokenDigest, session: Arc<Session>) {
        self.count.inc();
        self.dropped.on_evict(state, digest, session);
    }
}

/// Tokens that cannot become valid while their issuer stays the same: malformed, with a bad
/// signature, expired. The table is small, and a flood of new entries only evicts others of its
/// kind.
pub struct RefusedTokens {
    refused: Cache<TokenDigest, Refused>,
}

#[derive(Clone)]
struct Refused {
    rejection: Rejection,
    /// When it was decided. A clock that was ahead then, and no longer is, may have decided it.
    at: UnixTime,
    /// Under which configuration: others may have other bounds.
    version: ConfigVersion,
    under: Option<Under>,
    /// From when on the issuer may be asked again whether it has other keys.
    doubtful_from: Option<Instant>,
}

/// The issuer whose keys and settings the refusal was decided under.
#[derive(Clone)]
struct Under {
    issuer: Arc<Issuer>,
    generations: Generations,
}

impl RefusedTokens {
    /// Room for `capacity` refusals.
    pub fn new(capacity: usize) -> Self {
        Self {
            refused: Cache::new(capacity),
        }
    }

    /// The refusal, if it would be decided again at the time `now` under this configuration.
    pub fn get(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Rejection> {
        let refused = self.refused.get(digest)?;
        let same = match &refused.under {
            Some(under) => {
                under.issuer.is_in_force(version.number)
                    && under.generations == Generations::of(&under.issuer)
            }
            None => true,
        };
        let doubtful = refused.doubtful_from.is_some_and(|at| at <= Instant::now());
        let decided_alike = same && refused.version == version && refused.at <= now;
        (decided_alike && !doubtful).then_some(refused.rejection)
    }

    /// Removes all entries from the cache.
    pub fn forget_all(&self) {
        self.refused.clear();
    }

    /// Remembers a permanent refusal, decided at the time `at`; one that no issuer's rules decided
    /// stands by itself.
    pub fn remember(
        &self,
        digest: TokenDigest,
        rejection: Rejection,
        refusal: Option<&Refusal>,
        (at, version): (UnixTime, ConfigVersion),
    ) {
        let under = refusal.and_then(|refusal| refusal.issuer().zip(refusal.generations()));
        let doubtful_from = refusal
            .filter(|refusal| refusal.is_by_keys())
            .and_then(Refusal::issuer)
            .map(|issuer| Instant::now() + issuer.settings().jwks.unknown_kid_cooldown);
        let under = under.map(|(issuer, generations)| Under {
            issuer: Arc::clone(issuer),
            generations,
        });
        let refused = Refused {
            rejection,
            at,
            version,
            under,
            doubtful_from,
        };
        self.refused.insert(digest, refused);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwks::KeySet;
    use crate::jwt::fixture::{self, NOW, Signer};
    use crate::jwt::{Issuers, verify};

    /// A refusal that was reached under an issuer's settings and keys, and remembered.
    fn remembered(token: impl Fn(&Signer) -> String) -> (Issuers, RefusedTokens, TokenDigest) {
        let signer = Signer::new("ES256");
        let issuers = fixture::issuers(fixture::settings(json!({})), &[signer.jwk("k")]);
        let token = token(&signer);
        let refusal = verify(&token, &issuers, NOW).unwrap_err();
        assert!(refusal.is_permanent());
        let (refused, digest) = (RefusedTokens::new(8), TokenDigest::of(&token));
        refused.remember(
            digest,
            Rejection::from(&refusal),
            Some(&refusal),
            (NOW, ConfigVersion::FIRST),
        );
        (issuers, refused, digest)
    }

    fn without_subject(signer: &Signer) -> String {
        let mut claims = fixture::claims();
        claims.as_object_mut().unwrap().remove("sub");
        signer.sign(&json!({ "alg": "ES256", "kid": "k" }), &claims)
    }

    #[test]
    fn a_refusal_lasts_as_long_as_the_settings_and_keys_that_it_was_reached_under() {
        let (_issuers, refused, digest) = remembered(without_subject);
        assert!(refused.get(&digest, NOW, ConfigVersion::FIRST).is_some());
        assert!(
            refused
                .get(&TokenDigest::of("another"), NOW, ConfigVersion::FIRST)
                .is_none()
        );

        let (issuers, refused, digest) = remembered(without_subject);
        issuers.by_name("idp").unwrap().invalidate();
        assert!(
            refused.get(&digest, NOW, ConfigVersion::FIRST).is_none(),
            "under other settings"
        );

        let (issuers, refused, digest) = remembered(without_subject);
        let keys = json!({ "keys": [Signer::new("ES256").jwk("k")] }).to_string();
        let keys = KeySet::parse(keys.as_bytes()).unwrap();
        issuers.by_name("idp").unwrap().keys().turn_over(keys);
        assert!(
            refused.get(&digest, NOW, ConfigVersion::FIRST).is_none(),
            "under other keys"
        );
    }
}
