//! Refusals by the digest of the token that is refused.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;

use crate::clock::UnixTime;
use crate::exchange::digest::TokenDigest;
use crate::exchange::version::ConfigVersion;
use crate::jwt::{Generations, Issuer, Refusal};
use crate::rejection::Rejection;

/// Tokens that cannot become valid while their issuer stays the same: malformed, with a bad
/// signature, expired; and, for a few seconds, those of people whom access lists keep out. The table
/// is small, and a flood of new entries only evicts others of its kind.
pub(super) struct RefusedTokens {
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
    /// From when on it may be decided otherwise: the issuer may have other keys, the user another address.
    doubtful_from: Option<Instant>,
}

/// The issuer whose keys and settings the refusal was decided under.
#[derive(Clone)]
struct Under {
    issuer: Arc<Issuer>,
    generations: Generations,
}

impl Under {
    fn is_as_it_was(&self, version: ConfigVersion) -> bool {
        self.issuer.is_in_force(version.number) && self.generations == Generations::of(&self.issuer)
    }
}

impl RefusedTokens {
    /// Room for `capacity` refusals.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            refused: Cache::new(capacity),
        }
    }

    /// The refusal, if it would be decided again at the time `now` under this configuration.
    pub(super) fn get(
        &self,
        digest: &TokenDigest,
        now: UnixTime,
        version: ConfigVersion,
    ) -> Option<Rejection> {
        let refused = self.refused.get(digest)?;
        let is_doubtful = refused.doubtful_from.is_some_and(|at| at <= Instant::now());
        let stands = refused.version == version
            && refused.at <= now
            && !is_doubtful
            && refused
                .under
                .as_ref()
                .is_none_or(|under| under.is_as_it_was(version));
        stands.then_some(refused.rejection)
    }

    /// Removes all entries from the cache.
    pub(super) fn forget_all(&self) {
        self.refused.clear();
    }

    /// Remembers a permanent refusal, decided at the time `at`; one that no issuer's rules decided
    /// stands by itself.
    pub(super) fn remember(
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

    /// Remembers a refusal by what is known of a user, for [`BRIEFLY`]. Lists come with a configuration, so that
    /// it is not found under others.
    pub(super) fn remember_briefly(
        &self,
        digest: TokenDigest,
        rejection: Rejection,
        (at, version): (UnixTime, ConfigVersion),
    ) {
        let refused = Refused {
            rejection,
            at,
            version,
            under: None,
            doubtful_from: Some(Instant::now() + BRIEFLY),
        };
        self.refused.insert(digest, refused);
    }
}

/// How long somebody who was let in meanwhile may still be refused.
const BRIEFLY: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jwks::KeySet;
    use crate::jwt::fixture::{self, NOW, Signer};
    use crate::jwt::{Issuers, verify};
    use crate::rejection::Code;

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

    /// By a key that is not the issuer's, under the name of one that is.
    fn forged(_: &Signer) -> String {
        let header = json!({ "alg": "ES256", "kid": "k" });
        Signer::new("ES256").sign(&header, &fixture::claims())
    }

    #[test]
    fn a_refusal_is_of_its_configuration_and_of_no_time_before_it() {
        let (_issuers, refused, digest) = remembered(without_subject);
        let (first, second) = (ConfigVersion::FIRST, Duration::from_secs(1));
        for (now, version, found) in [
            (NOW, first, true),
            (NOW.plus(second), first, true),
            // The clock was ahead when it was decided.
            (NOW.minus(second), first, false),
            (NOW, first.next(true), false),
        ] {
            let stands = refused.get(&digest, now, version).is_some();
            assert_eq!(stands, found, "{now:?} {version:?}");
        }
    }

    /// The issuer may have another key by then, and the user may be on another list.
    #[test]
    fn what_keys_and_lists_decide_is_remembered_for_a_while() {
        for is_by_keys in [false, true] {
            let token = if is_by_keys { forged } else { without_subject };
            let (_issuers, refused, digest) = remembered(token);
            let entry = refused.refused.get(&digest).unwrap();
            assert_eq!(entry.doubtful_from.is_some(), is_by_keys);
        }
        let (refused, digest) = (RefusedTokens::new(8), TokenDigest::of("t"));
        let kept_out = Rejection::new(Code::NoAccess, "access_blocked");
        refused.remember_briefly(digest, kept_out, (NOW, ConfigVersion::FIRST));
        let stands = || refused.get(&digest, NOW, ConfigVersion::FIRST).is_some();
        assert!(stands());
        let mut entry = refused.refused.get(&digest).unwrap();
        assert!(entry.doubtful_from.is_some());
        entry.doubtful_from = Some(Instant::now());
        refused.refused.insert(digest, entry);
        assert!(!stands());
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
