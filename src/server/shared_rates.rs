//! Exchanges what gateways count together, in the background.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::limit::Sharing;
use crate::limit::sharing::Count;
use crate::metrics::Metrics;
use crate::store::{Digest, MOST_RATE_KEYS, RateCount, RateExchange, Store, StoreError};

/// Exchanges counts with other gateways.
pub(super) struct RateExchanges {
    pub(super) sharing: Arc<Sharing>,
    pub(super) store: Arc<dyn Store>,
    pub(super) metrics: Arc<Metrics>,
    /// The time between two exchanges.
    pub(super) every: Duration,
}

impl RateExchanges {
    /// Exchanges until `stopped`.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let exchanging = async {
            let (mut exchange, mut sweep) = (interval(self.every), interval(SWEEP));
            for ticks in [&mut exchange, &mut sweep] {
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            let mut takes_new = true;
            loop {
                tokio::select! {
                    _ = exchange.tick() => self.exchange(takes_new).await,
                    _ = sweep.tick() => {
                        // While it fails, exchanges fail as well, and say so.
                        if let Ok(keys) = self.store.sweep_rates().await {
                            takes_new = keys <= MOST_RATE_KEYS;
                        }
                    }
                }
            }
        };
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => {}
            () = exchanging => {}
        }
    }

    async fn exchange(&self, takes_new: bool) {
        let outcome = self.exchange_once(takes_new).await;
        let result = if outcome.is_ok() { "ok" } else { "failed" };
        self.metrics
            .rate_exchanges
            .with_label_values(&[result])
            .inc();
        self.metrics
            .rates_unshared
            .inc_by(self.sharing.take_unshared());
        self.metrics.rates_alone.set(outcome.is_err().into());
        let was_alone = self.sharing.is_alone();
        self.sharing.set_alone(outcome.is_err());
        match outcome {
            Ok(near_limit) => {
                let near_limit = i64::try_from(near_limit).unwrap_or(i64::MAX);
                self.metrics.rates_near_limit.set(near_limit);
                if was_alone {
                    info!("rates are counted together with other gateways again");
                }
            }
            Err(error) if !was_alone => {
                warn!(%error, "rates are counted by this gateway alone");
            }
            Err(_) => {}
        }
    }

    /// Hands over what passed, and hears which keys are near their limit: how many.
    async fn exchange_once(&self, takes_new: bool) -> Result<usize, StoreError> {
        let counts = self.sharing.collect(HANDED_OVER);
        let now = Instant::now();
        let exchange = RateExchange {
            counts: counts.iter().map(|count| as_of(now, count)).collect(),
            takes_new,
            limit: HEARD,
        };
        match self.store.exchange_rates(exchange).await {
            Ok(heard) => {
                let near_limit = heard.len();
                let owed = heard.into_iter().map(|debt| (debt.key.0, debt.owed));
                self.sharing.hear(owed);
                Ok(near_limit)
            }
            Err(error) => {
                self.sharing.put_back(counts);
                Err(error)
            }
        }
    }
}

fn as_of(now: Instant, count: &Count) -> RateCount {
    RateCount {
        key: Digest(count.key),
        cost: count.cost,
        age: now.saturating_duration_since(count.since),
        period: count.period,
    }
}

const SWEEP: Duration = Duration::from_secs(10);
/// Keys handed over in one exchange.
const HANDED_OVER: usize = 1000;
/// Keys near their limit that are heard of.
const HEARD: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limiter;
    use crate::store::{Gated, TestStore, When};

    /// Gateways on one store, with a limit of 10 in ten hours.
    struct Gateways {
        store: Arc<Gated>,
        of: Vec<(RateExchanges, Limiter<u128>)>,
        _store: TestStore,
    }

    impl Gateways {
        fn new(count: usize) -> Self {
            let engine = TestStore::new();
            let store = engine.gated();
            let gateway = |_| {
                let sharing = Arc::new(Sharing::new(&[7; 32]));
                let rate = "10/10h".parse().unwrap();
                let limiter = Limiter::shared(rate, 100, "limit", Some(&sharing));
                let exchanges = RateExchanges {
                    sharing,
                    store: Arc::clone(&store) as Arc<dyn Store>,
                    metrics: Arc::new(Metrics::new().unwrap()),
                    every: Duration::from_secs(1),
                };
                (exchanges, limiter)
            };
            Self {
                of: (0..count).map(gateway).collect(),
                store,
                _store: engine,
            }
        }

        /// How many of `tries` the gateway lets pass.
        fn passes(&self, gateway: usize, tries: usize) -> usize {
            let (_, limiter) = &self.of[gateway];
            (0..tries).filter(|_| limiter.take(1).is_ok()).count()
        }

        async fn exchange(&self) {
            // Twice: the first hears nothing of the last in the first round.
            for _ in 0..2 {
                for (exchanges, _) in &self.of {
                    exchanges.exchange(true).await;
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_one_lets_pass_the_others_do_not() {
        let gateways = Gateways::new(3);
        assert_eq!(gateways.passes(0, 7), 7);
        gateways.exchange().await;
        assert_eq!(gateways.passes(1, 9), 3);
        gateways.exchange().await;
        let passed: usize = (0..3).map(|gateway| gateways.passes(gateway, 9)).sum();
        assert_eq!(passed, 0);
        let near = &gateways.of[2].0.metrics.rates_near_limit;
        assert_eq!(near.get(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn between_two_exchanges_each_lets_pass_what_one_may_and_no_more_is_lost() {
        let gateways = Gateways::new(3);
        let at_once: usize = (0..3).map(|gateway| gateways.passes(gateway, 99)).sum();
        assert_eq!(at_once, 3 * 10);
        gateways.exchange().await;
        for _ in 0..5 {
            let more: usize = (0..3).map(|gateway| gateways.passes(gateway, 99)).sum();
            assert_eq!(more, 0, "all of it has to be paid back");
            gateways.exchange().await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_counted_while_the_store_is_away_is_handed_over_afterwards() {
        let gateways = Gateways::new(2);
        let (one, _) = &gateways.of[0];
        assert_eq!(gateways.passes(0, 7), 7);
        gateways.store.fail_next("exchange_rates");
        one.exchange(true).await;
        assert!(one.sharing.is_alone());
        assert_eq!(one.metrics.rates_alone.get(), 1);
        assert_eq!(gateways.passes(0, 9), 3, "as if it were the only one");
        gateways.exchange().await;
        assert!(!one.sharing.is_alone());
        assert_eq!(one.metrics.rates_alone.get(), 0);
        assert_eq!(gateways.passes(1, 9), 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_request_waits_for_an_exchange() {
        let gateways = Gateways::new(1);
        assert_eq!(gateways.passes(0, 4), 4);
        let mut held = gateways.store.hold("exchange_rates", When::Before);
        let exchange = gateways.of[0].0.exchange(true);
        let meanwhile = async {
            held.reached().await;
            assert_eq!(gateways.passes(0, 99), 6);
            held.open();
        };
        tokio::join!(exchange, meanwhile);
        let counts = gateways.of[0].0.sharing.collect(9);
        assert_eq!(counts.len(), 1, "what passed meanwhile is for the next one");
    }
}
