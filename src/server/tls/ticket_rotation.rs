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
use crate::session::keys::key_encryption::{KeyEncryption, Sealed};
use crate::store::{Store, StoreError};

/// Keeps the keys of this gateway those of all.
pub struct TicketRotation {
    store: Arc<dyn Store>,
    key_encryption: Arc<KeyEncryption>,
    /// For how long a key seals, and for how long it only opens then.
    period: Duration,
    keys: Arc<TicketKeys>,
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
            failed: Rarely::new(),
        };
        rotation.turn().await;
        rotation
    }

    pub(super) fn keys(&self) -> Arc<TicketKeys> {
        Arc::clone(&self.keys)
    }

    pub(super) fn period(&self) -> Duration {
        self.period
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
        let (mut kept, mut keys) = (Vec::new(), Vec::new());
        for one in &before {
            // The same of a key that cannot be decrypted.
            if let Some(key) = self.opened(one).filter(|key| now < key.until) {
                kept.push(one.clone());
                keys.push(key);
            }
        }
        if let Some(from) = self.next(&keys, now) {
            let (one, key) = self.make(from)?;
            kept.push(one);
            keys.push(key);
        }
        for (one, key) in kept.iter_mut().zip(&keys) {
            if !self
                .key_encryption
                .is_newest(one.secret.sealed_with.as_deref())
            {
                one.secret = self.sealed(&one.name, &key.secret)?;
            }
        }
        if kept != before {
            // Keys and times: this cannot fail.
            let text = Zeroizing::new(serde_json::to_string(&kept).unwrap_or_default());
            let replace = self
                .store
                .replace_setting(SETTING, seen.as_deref(), Some(&text), now);
            replace.await?;
        }
        self.keys.replace(keys);
        Ok(())
    }

    /// From when on another key seals, if it is to be created now: a while ahead, so that all gateways
    /// have it by then.
    fn next(&self, keys: &[TicketKey], now: UnixTime) -> Option<UnixTime> {
        let Some(newest) = keys.iter().map(|key| key.from).max() else {
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
        let until = from.plus(self.period * 2);
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

    fn opened(&self, kept: &Kept) -> Option<TicketKey> {
        let name = URL_SAFE_NO_PAD.decode(&kept.name).ok()?;
        let secret = self
            .key_encryption
            .open_as(&sealed_as(&kept.name), &kept.secret);
        Some(TicketKey {
            name: name.try_into().ok()?,
            secret: secret.ok()?,
            from: kept.from,
            until: kept.from.plus(self.period * 2),
        })
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
    use crate::store::{Embedded, StoreSettings};

    #[tokio::test]
    async fn gateways_share_keys_and_create_the_next_one_ahead() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: folder.path().join("store"),
            ..StoreSettings::default()
        };
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&settings).unwrap());
        let period = Duration::from_secs(4 * 3600);
        let start = async || {
            let plain = KeyEncryption::new(&[], Uuid::nil()).unwrap();
            TicketRotation::start(Arc::clone(&store), Arc::new(plain), period).await
        };
        let (one, two) = (start().await, start().await);
        let names = |rotation: &TicketRotation| rotation.keys.names();
        assert_eq!(names(&one).len(), 1);
        assert_eq!(names(&one), names(&two));

        let key = |from| TicketKey {
            name: [0; NAME],
            secret: Zeroizing::new(Vec::new()),
            from: UnixTime(from),
            until: UnixTime(from).plus(period * 2),
        };
        let hour = 3600;
        assert_eq!(one.next(&[key(0)], UnixTime(3 * hour - 1)), None);
        assert_eq!(
            one.next(&[key(0)], UnixTime(3 * hour)),
            Some(UnixTime(4 * hour))
        );
        let both = [key(0), key(4 * hour)];
        assert_eq!(one.next(&both, UnixTime(3 * hour)), None);
        // Nobody was there to create it in time.
        assert_eq!(
            one.next(&[key(0)], UnixTime(7 * hour)),
            Some(UnixTime(7 * hour))
        );
        store.close().await;
    }
}
