//! What gateways count together. Times are hours, so that those of a test do not matter.

use std::time::Duration;

use super::{Engine, HOUR};
use crate::store::{Digest, RateCount, RateDebt, RateExchange, Store};

pub(super) async fn what_passed_at_gateways_adds_up(engine: &dyn Engine) {
    let store = engine.open().await;
    // Half of the limit is not near it.
    assert_eq!(exchange(&*store, [count(1, 50)]).await, []);
    assert_eq!(exchange(&*store, [count(2, 30)]).await, []);
    assert_eq!(exchange(&*store, [count(1, 20)]).await, [(1, 70)]);
    // Those that owe most are first, whoever asks.
    assert_eq!(exchange(&*store, [count(2, 50)]).await, [(2, 80), (1, 70)]);
    assert_eq!(exchange(&*store, []).await, [(2, 80), (1, 70)]);
    // More than the limit is owed, too.
    let both = [count(1, 90), count(2, 0)];
    assert_eq!(exchange(&*store, both).await, [(1, 160), (2, 80)]);
    let one = RateExchange {
        limit: 1,
        ..exchange_of([])
    };
    assert_eq!(owed(store.exchange_rates(one).await.unwrap()), [(1, 160)]);
    store.close().await;
}

pub(super) async fn what_passed_earlier_is_paid_back_since(engine: &dyn Engine) {
    let store = engine.open().await;
    let aged = |key, hours, age: u32| RateCount {
        age: age * HOUR,
        ..count(key, hours)
    };
    let counts = [aged(1, 80, 20), aged(2, 80, 200), count(3, 55)];
    assert_eq!(exchange(&*store, counts).await, [(1, 60), (3, 55)]);
    // What is owed already is not paid back twice.
    let counts = [aged(3, 10, 20), aged(2, 30, 10)];
    assert_eq!(exchange(&*store, counts).await, [(3, 65), (1, 60)]);
    // The second owed nothing when its 30 passed.
    let heard = exchange(&*store, [count(2, 35)]).await;
    assert_eq!(heard, [(3, 65), (1, 60), (2, 55)]);
    store.close().await;
}

pub(super) async fn keys_that_owe_nothing_are_swept_and_new_ones_can_be_left_out(
    engine: &dyn Engine,
) {
    let store = engine.open().await;
    let paid = RateCount {
        age: 3 * HOUR,
        ..count(1, 1)
    };
    assert_eq!(exchange(&*store, [paid, count(2, 40)]).await, []);
    assert_eq!(store.sweep_rates().await.unwrap(), 1);
    let known_only = RateExchange {
        takes_new: false,
        ..exchange_of([count(2, 40), count(3, 80)])
    };
    let heard = store.exchange_rates(known_only).await.unwrap();
    assert_eq!(owed(heard), [(2, 80)]);
    assert_eq!(store.sweep_rates().await.unwrap(), 1);
    assert_eq!(exchange(&*store, [count(3, 70)]).await, [(2, 80), (3, 70)]);
    assert_eq!(store.sweep_rates().await.unwrap(), 2);
    store.close().await;
}

fn count(key: u8, hours: u32) -> RateCount {
    RateCount {
        key: Digest([key; 32]),
        cost: hours * HOUR,
        age: Duration::ZERO,
        period: 100 * HOUR,
    }
}

fn exchange_of<const N: usize>(counts: [RateCount; N]) -> RateExchange {
    RateExchange {
        counts: counts.to_vec(),
        takes_new: true,
        limit: 10,
    }
}

async fn exchange<const N: usize>(store: &dyn Store, counts: [RateCount; N]) -> Vec<(u8, u64)> {
    let heard = store.exchange_rates(exchange_of(counts)).await;
    owed(heard.unwrap())
}

/// Keys and the hours that they owe, of which the latest has begun.
fn owed(heard: Vec<RateDebt>) -> Vec<(u8, u64)> {
    let hours = |debt: &RateDebt| debt.owed.as_secs().div_ceil(3600);
    let owed = heard.iter().map(|debt| (debt.key.0[0], hours(debt)));
    owed.collect()
}
