//! What keys owe, in memory: only one gateway uses the file, and nothing of it has to last.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::Embedded;
use crate::store::shared_rates::RATE_SWEEP;
use crate::store::{
    Digest, MOST_RATE_KEYS, RateCount, RateDebt, RateExchange, SharedRates, StoreError,
};

/// What keys owe.
#[derive(Debug, Default)]
pub(super) struct Debts(Mutex<HashMap<Digest, Debt>>);

#[derive(Clone, Copy, Debug)]
struct Debt {
    until: Instant,
    period: Duration,
}

impl Debts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SharedRates for Embedded {
    async fn exchange_rates(&self, exchange: RateExchange) -> Result<Vec<RateDebt>, StoreError> {
        let now = Instant::now();
        let mut debts = self.debts.lock();
        for count in exchange.counts {
            let RateCount {
                key,
                cost,
                age,
                period,
            } = count;
            if !exchange.takes_new && !debts.contains_key(&key) {
                continue;
            }
            let from = now.checked_sub(age).unwrap_or(now);
            let known = debts.get(&key).map_or(from, |debt| debt.until.max(from));
            let until = known.checked_add(cost).unwrap_or(known);
            debts.insert(key, Debt { until, period });
        }
        let near = debts.iter().filter_map(|(key, debt)| {
            let owed = debt.until.saturating_duration_since(now);
            let is_near = owed > debt.period / 2;
            is_near.then_some(RateDebt { key: *key, owed })
        });
        let mut near: Vec<_> = near.collect();
        near.sort_unstable_by_key(|debt| std::cmp::Reverse(debt.owed));
        near.truncate(exchange.limit);
        Ok(near)
    }

    async fn sweep_rates(&self) -> Result<usize, StoreError> {
        let now = Instant::now();
        let mut debts = self.debts.lock();
        let paid = debts.iter().filter(|(_, debt)| debt.until <= now);
        let paid: Vec<_> = paid.map(|(key, _)| *key).take(RATE_SWEEP).collect();
        for key in paid {
            debts.remove(&key);
        }
        Ok(debts.len().min(MOST_RATE_KEYS + 1))
    }
}
