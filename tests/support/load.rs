//! Requests at a bounded rate while something changes.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval};

/// A running load.
pub struct Load {
    stop: watch::Sender<bool>,
    running: JoinHandle<BTreeMap<String, usize>>,
}

impl Load {
    /// Starts `request` so often in a second; it returns what came of it.
    pub fn start<F>(rate: u64, request: impl Fn() -> F + Send + 'static) -> Self
    where
        F: Future<Output = String> + Send + 'static,
    {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_nanos(1_000_000_000 / rate));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut requests = JoinSet::new();
            let mut outcomes = BTreeMap::new();
            loop {
                ticks.tick().await;
                if *stopped.borrow() {
                    break;
                }
                requests.spawn(request());
                while let Some(outcome) = requests.try_join_next() {
                    *outcomes.entry(outcome.unwrap()).or_default() += 1;
                }
            }
            while let Some(outcome) = requests.join_next().await {
                *outcomes.entry(outcome.unwrap()).or_default() += 1;
            }
            outcomes
        });
        Self { stop, running }
    }

    /// Stops, and says how often which outcome was.
    pub async fn outcomes(self) -> BTreeMap<String, usize> {
        self.stop.send_replace(true);
        self.running.await.unwrap()
    }
}
