//! How often something may happen, for each of many keys.
//!
//! The arithmetic is governor's (GCRA: a bucket that refills evenly); what is kept of the keys is
//! bounded: a flood of new keys evicts keys that are seen once before those that are seen often,
//! and an evicted key starts with a full bucket. Gateways can count together ([`sharing`]).

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::RateLimiter;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use quick_cache::sync::Cache;
use uuid::Uuid;

mod rate;
pub mod settings;
pub mod sharing;

pub use rate::{Rate, RateError};
pub use settings::Limits;
pub use sharing::Sharing;

use sharing::{Passes, SharedLimit};

/// What is counted for.
pub trait Key: Eq + Hash + Clone {
    /// The same at all gateways, and different for different keys of a limit.
    fn bytes(&self) -> [u8; 16];
}

impl Key for IpAddr {
    fn bytes(&self) -> [u8; 16] {
        match self {
            Self::V4(address) => address.to_ipv6_mapped().octets(),
            Self::V6(address) => address.octets(),
        }
    }
}

impl Key for Uuid {
    fn bytes(&self) -> [u8; 16] {
        self.into_bytes()
    }
}

/// Of a hash.
impl Key for u128 {
    fn bytes(&self) -> [u8; 16] {
        self.to_be_bytes()
    }
}

/// Refuses what happens too often for one key. Costs no I/O, and no lock that all keys share.
pub struct Limiter<K, C = MonotonicClock>
where
    K: Key,
    C: Clock,
{
    /// `None`: it refuses nothing.
    limiter: Option<Governor<K, C>>,
}

/// It happened too often; how long until it may again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften(pub Duration);

impl<K: Key> Limiter<K> {
    /// A limiter that remembers about `keys` keys, and counts together with the limits of this name and
    /// rate at other gateways.
    pub fn shared(rate: Rate, keys: usize, name: &str, sharing: Option<&Arc<Sharing>>) -> Self {
        let limit = rate.quota().zip(sharing).map(|(quota, sharing)| {
            let period = quota.burst_size_replenished_in();
            sharing.limit(name, quota.replenish_interval(), period)
        });
        Self::with_clock(rate, keys, limit, MonotonicClock)
    }
}

impl<K: Key, C: Clock> Limiter<K, C> {
    fn with_clock(rate: Rate, keys: usize, shared: Option<SharedLimit>, clock: C) -> Self {
        let limiter = rate.quota().map(|quota| {
            let buckets = Buckets {
                kept: Cache::new(keys),
                shared,
                begun: Instant::now(),
            };
            RateLimiter::new(quota, buckets, clock)
        });
        Self { limiter }
    }

    /// Counts that it happens now.
    ///
    /// # Errors
    ///
    /// It happened too often; then it is not counted.
    pub fn take(&self, key: K) -> Result<(), TooOften> {
        self.attempt(&Attempt::Take(key))
    }

    /// Whether it might happen now; counts nothing. For what is only counted once it went wrong.
    ///
    /// # Errors
    ///
    /// It happened too often.
    pub fn look(&self, key: K) -> Result<(), TooOften> {
        self.attempt(&Attempt::Look(key))
    }

    fn attempt(&self, attempt: &Attempt<K>) -> Result<(), TooOften> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        limiter
            .check_key(attempt)
            .map_err(|refusal| TooOften(refusal.wait_time_from(limiter.clock().now())))
    }
}

impl<K: Key, C: Clock> fmt::Debug for Limiter<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("is_off", &self.limiter.is_none())
            .finish_non_exhaustive()
    }
}

/// The key for counting a client: its IPv4 address, or the network of its IPv6 address, because one
/// household has 2^64 addresses.
pub fn client_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & NETWORK_BITS;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

type Governor<K, C> = RateLimiter<Attempt<K>, Buckets<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Attempt<K> {
    Take(K),
    Look(K),
}

/// A bucket for each key that is remembered.
struct Buckets<K> {
    kept: Cache<K, Arc<Bucket>>,
    shared: Option<SharedLimit>,
    /// Levels are times since then.
    begun: Instant,
}

#[derive(Default)]
struct Bucket {
    level: InMemoryState,
    /// What other gateways are to hear of.
    passes: Option<Arc<Passes>>,
}

impl<K: Key> Buckets<K> {
    fn bucket(&self, key: &K) -> Bucket {
        Bucket {
            level: InMemoryState::default(),
            passes: self.shared.as_ref().map(|limit| limit.account(key.bytes())),
        }
    }

    /// The level of a key at all gateways together, if any of them is known to be near its limit.
    fn heard(&self, key: &K, bucket: Option<&Bucket>) -> Option<Nanos> {
        let limit = self.shared.as_ref()?;
        let passes = bucket.and_then(|bucket| bucket.passes.as_ref());
        let digest = || passes.map_or_else(|| limit.digest(key.bytes()), |passes| passes.key);
        let until = limit.sharing.heard(digest)?;
        Some(until.saturating_duration_since(self.begun).into())
    }
}

impl<K: Key> StateStore for Buckets<K> {
    type Key = Attempt<K>;

    fn measure_and_replace<T, F, E>(&self, attempt: &Attempt<K>, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        match attempt {
            Attempt::Take(key) => {
                let new = || Ok::<_, E>(Arc::new(self.bucket(key)));
                let bucket = self.kept.get_or_insert_with(key, new)?;
                let heard = self.heard(key, Some(&bucket));
                let level = &bucket.level;
                let taken =
                    level.measure_and_replace(&NotKeyed::NonKey, |own| decide(own.max(heard)))?;
                if let (Some(passes), Some(limit)) = (&bucket.passes, &self.shared) {
                    passes.add(&limit.sharing);
                }
                Ok(taken)
            }
            Attempt::Look(key) => match self.kept.get(key) {
                // Puts back what was there.
                Some(bucket) => {
                    let heard = self.heard(key, Some(&bucket));
                    let level = &bucket.level;
                    level.measure_and_replace(&NotKeyed::NonKey, |own| {
                        decide(own.max(heard))
                            .map(|(outcome, _)| (outcome, own.unwrap_or_default()))
                    })
                }
                None => decide(self.heard(key, None)).map(|(outcome, _)| outcome),
            },
        }
    }
}

const NETWORK_BITS: u128 = !0 << 64;

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn limiter(text: &str, keys: usize) -> (Limiter<u128, FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::with_clock(rate(text), keys, None, clock.clone());
        (limiter, clock)
    }

    #[test]
    fn refuses_what_is_too_often_and_says_how_long() {
        let (limiter, clock) = limiter("3/3s", 10);
        for _ in 0..3 {
            assert_eq!(limiter.take(1), Ok(()));
        }
        assert_eq!(limiter.take(1), Err(TooOften(Duration::from_secs(1))));
        assert_eq!(limiter.take(2), Ok(()), "another key has its own bucket");
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.take(1), Ok(()));
        assert_eq!(limiter.take(1), Err(TooOften(Duration::from_secs(1))));
    }

    #[test]
    fn a_look_counts_nothing() {
        let (limiter, clock) = limiter("1/1s", 10);
        for _ in 0..3 {
            assert_eq!(limiter.look(1), Ok(()));
        }
        assert_eq!(limiter.take(1), Ok(()));
        assert_eq!(limiter.look(1), Err(TooOften(Duration::from_secs(1))));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.look(1), Ok(()));
        assert_eq!(limiter.take(1), Ok(()));
    }

    #[test]
    fn an_endless_flood_of_keys_is_bounded_and_evicts_no_busy_key() {
        let (limiter, _clock) = limiter("2/1h", 1_000);
        let _ = limiter.take(0);
        let _ = limiter.take(0);
        for key in 1..100_000 {
            let _ = limiter.take(key);
            assert!(limiter.take(0).is_err(), "evicted by {key}");
        }
        let buckets = limiter.limiter.unwrap().into_state_store();
        assert!(buckets.kept.len() <= 1_100, "{}", buckets.kept.len());
    }

    #[test]
    fn off_refuses_nothing() {
        let (limiter, _clock) = limiter("off", 10);
        assert!((0..1_000).all(|_| limiter.take(1).is_ok()));
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let network = |text: &str| client_network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
