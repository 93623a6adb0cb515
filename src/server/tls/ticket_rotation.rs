//! The keys of tickets in the store, which all gateways share and any of them rotates.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;
use zeroize::Zeroizing;

use super::tickets::{NAME, TicketKey, TicketKeys};
use crate::clock::UnixTime;
use crate::clock::rarely::Rarely;
use crate::session::keys::key_encryption::{KeyEncryption, Reencryption, Sealed};
use crate::store::{Store, StoreError};

/// Keeps the keys of this gateway those of all.
pub struct TicketRotation {
    store: Arc<dyn Store>,
    key_encryption: Arc<KeyEncryption>,
    /// For how long a key seals, and for how long it only opens then.
    period: Duration,
    keys: Arc<TicketKeys>,
    reencryption: Reencryption,
    failed: Rarely,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    name: String,
    secret: Sealed,
    from: UnixTime,
}

impl TicketRotation {
    /// Reads the keys, and creates the first one if there is none. A store that is away costs new
    /// connections a whole handshake and nothing else.
    pub async fn start(
        store: Arc<dyn Store>,
        key_encryption: Arc<KeyEncryption>,
        period: Duration,
    ) -> Self {
        let rotation = Self {
            store,
            key_encryption,
            period,
            keys: Arc::default(),
            reencryption: Reencryption::default(),
            failed: Rarely::new(),
        };
        rotation.turn().await;
        rotation
    }

    pub(super) fn keys(&self) -> Arc<TicketKeys> {
        Arc::clone(&self.keys)
    }

    /// Rotates, and takes over what other gateways did, until `stopped`. `changes` says when a setting
    /// of the store has changed.
    pub async fn run(
        self: Arc<Self>,
        mut changes: watch::Receiver<u64>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        loop {
            changes.borrow_and_update();
            self.turn().await;
            tokio::select! {
                _ = &mut stop => return,
                Ok(()) = changes.changed() => {}
                () = sleep((self.period / 16).clamp(SHORTEST_LOOK, LONGEST_LOOK)) => {}
            }
        }
    }

    async fn turn(&self) {
        for _ in 0..ATTEMPTS {
            match self.tend().await {
                Ok(()) => return,
                // Another gateway was faster.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => {
                    if let Some(times) = self.failed.due() {
                        warn!(%error, times, "the keys of TLS tickets cannot be read or rotated");
                    }
                    return;
                }
            }
        }
    }

    async fn tend(&self) -> Result<(), StoreError> {
        let now = UnixTime::now();
        let seen = self.store.setting(SETTING).await?;
        let read = seen.as_deref().map(serde_json::from_str::<Vec<Kept>>);
        // What cannot be read is replaced: nothing is lost but a few resumptions.
        let before = read.and_then(Result::ok).unwrap_or_default();
        let in_time = before.iter().filter(|one| now < self.end_of(one.from));
        // One that cannot be decrypted here was encrypted by a gateway that can: it stays.
        let opened = in_time.map(|one| (one.clone(), self.opened(one)));
        let mut held: Vec<(Kept, Option<TicketKey>)> = opened.collect();
        let newest = held.iter().map(|(one, _)| one.from).max();
        if let Some(from) = self.next(newest, now) {
            let (one, key) = self.make(from)?;
            held.push((one, Some(key)));
        }
        if self.reencryption.is_due() {
            for (one, key) in &mut held {
                let sealed_with = one.secret.sealed_with.as_deref();
                if let Some(key) = key
                    && !self.key_encryption.is_newest(sealed_with)
                {
                    one.secret = self.sealed(&one.name, &key.secret)?;
                }
            }
        }
        let (kept, keys): (Vec<_>, Vec<_>) = held.into_iter().unzip();
        if kept != before {
            // Keys and times: this cannot fail.
            let text = Zeroizing::new(serde_json::to_string(&kept).unwrap_or_default());
            let replace = self
                .store
                .replace_setting(SETTING, seen.as_deref(), Some(&text), now);
            replace.await?;
            self.reencryption.done();
        }
        self.keys.replace(keys.into_iter().flatten().collect());
        Ok(())
    }

    /// From when on another key seals, if it is to be created now: a while ahead, so that all gateways
    /// have it by then.
    fn next(&self, newest: Option<UnixTime>, now: UnixTime) -> Option<UnixTime> {
        let Some(newest) = newest else {
            return Some(now);
        };
        let due = newest.plus(self.period);
        (due <= now.plus(self.period / 4)).then(|| due.max(now))
    }

    fn make(&self, from: UnixTime) -> Result<(Kept, TicketKey), StoreError> {
        let mut name = [0; NAME];
        let mut secret = Zeroizing::new(vec![0; 32]);
        let filled = rand::fill(&mut name).and_then(|()| rand::fill(&mut secret));
        filled.map_err(|_| StoreError::Unavailable("no random bytes".to_owned()))?;
        let text = URL_SAFE_NO_PAD.encode(name);
        let kept = Kept {
            secret: self.sealed(&text, &secret)?,
            name: text,
            from,
        };
        let until = self.end_of(from);
        Ok((
            kept,
            TicketKey {
                name,
                secret,
                from,
                until,
            },
        ))
    }

    fn sealed(&self, name: &str, secret: &[u8]) -> Result<Sealed, StoreError> {
        let sealed = self.key_encryption.seal_as(&sealed_as(name), secret);
        sealed.map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// The key, decrypted now or before.
    fn opened(&self, kept: &Kept) -> Option<TicketKey> {
        let name = URL_SAFE_NO_PAD.decode(&kept.name).ok()?;
        let secret = self
            .key_encryption
            .open_as(&sealed_as(&kept.name), &kept.secret);
        let Ok(secret) = secret else {
            return self.keys.named(&name);
        };
        Some(TicketKey {
            name: name.try_into().ok()?,
            secret,
            from: kept.from,
            until: self.end_of(kept.from),
        })
    }

    /// After which a key opens nothing.
    fn end_of(&self, from: UnixTime) -> UnixTime {
        from.plus(self.period * 2)
    }
}

fn sealed_as(name: &str) -> String {
    format!("{SETTING}:{name}")
}

const SETTING: &str = "tls.ticket_keys";
/// Gateways that find the rotation due at the same time.
const ATTEMPTS: usize = 5;
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::session::keys::key_encryption::tests::secret;
    use crate::store::TestStore;

    const PERIOD: Duration = Duration::from_secs(4 * 3600);

    /// Gateways on one store.
    struct Gateways(TestStore);

    impl Gateways {
        fn new() -> Self {
            Self(TestStore::new())
        }

        async fn start(&self, key_encryption_keys: &[u8]) -> TicketRotation {
            let secrets: Vec<_> = key_encryption_keys.iter().copied().map(secret).collect();
            let key_encryption = KeyEncryption::new(&secrets, Uuid::nil()).unwrap();
            TicketRotation::start(self.0.store(), Arc::new(key_encryption), PERIOD).await
        }

        async fn kept(&self) -> Option<String> {
            self.0.store().setting(SETTING).await.unwrap()
        }
    }

    #[tokio::test]
    async fn gateways_share_keys_and_create_the_next_one_ahead() {
        let gateways = Gateways::new();
        let (one, two) = (gateways.start(&[]).await, gateways.start(&[]).await);
        assert_eq!(one.keys.names().len(), 1);
        assert_eq!(one.keys.names(), two.keys.names());

        let hour = 3600;
        let next = |newest: u64, now: u64| {
            let next = one.next(Some(UnixTime(newest * hour)), UnixTime(now));
            next.map(|from| from.0 / hour)
        };
        assert_eq!(next(0, 3 * hour - 1), None);
        assert_eq!(next(0, 3 * hour), Some(4));
        assert_eq!(next(4, 3 * hour), None);
        // Nobody was there to create it in time.
        assert_eq!(next(0, 7 * hour), Some(7));
        assert_eq!(one.next(None, UnixTime(hour)), Some(UnixTime(hour)));
    }

    /// During a change of the key-encryption key, gateways have other lists of them: they write nothing
    /// over and over, and every one still opens the tickets that it could open before.
    #[tokio::test]
    async fn gateways_with_other_key_encryption_keys_leave_each_others_keys() {
        for before in [&[1][..], &[1, 2]] {
            let gateways = Gateways::new();
            let old = gateways.start(before).await;
            let (names, sealed) = (old.keys.names(), gateways.kept().await);
            let new = gateways.start(&[2, 1]).await;
            assert_ne!(
                gateways.kept().await,
                sealed,
                "encrypted again at the start"
            );
            for _ in 0..3 {
                let kept = gateways.kept().await;
                old.turn().await;
                new.turn().await;
                assert_eq!(gateways.kept().await, kept);
            }
            assert_eq!(old.keys.names(), names);
            assert_eq!(new.keys.names(), names);
        }
    }

    #[tokio::test]
    async fn a_gateway_without_the_key_encryption_key_waits_for_the_next_rotation() {
        let gateways = Gateways::new();
        gateways.start(&[1]).await;
        let kept = gateways.kept().await;
        let other = gateways.start(&[2]).await;
        assert!(other.keys.names().is_empty());
        assert_eq!(gateways.kept().await, kept);
        assert_eq!(gateways.start(&[1]).await.keys.names().len(), 1);
    }
}
