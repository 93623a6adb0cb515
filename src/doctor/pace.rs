//! How fast requests may be sent.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Lets at most a number of requests go in each second.
pub(super) struct Pace(Mutex<Interval>);

impl Pace {
    /// `rate` is in requests a second; none would never end, so it is at least one.
    pub(super) fn new(rate: u32) -> Self {
        let period = Duration::from_secs(1) / rate.max(1);
        let mut ticks = interval_at(Instant::now(), period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self(Mutex::new(ticks))
    }

    /// Waits until the next request may go.
    pub(super) async fn turn(&self) {
        self.0.lock().await.tick().await;
    }
}
