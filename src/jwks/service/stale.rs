//! When keys are too old to be used.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::moment::Moment;

/// The end of the time for which keys may be used, also over a suspension of the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale {
    since: Moment,
    after: Duration,
}

impl Stale {
    /// So long from now on.
    pub(super) fn after(after: Duration) -> Self {
        let since = Moment::now();
        Self { since, after }
    }

    /// Returns once the time is over.
    pub(super) async fn reached(&self) {
        loop {
            let left = self.after.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return;
            }
            // Timers stand still while the machine is suspended.
            sleep(left.min(LONGEST_SLEEP)).await;
        }
    }
}

/// Between looks at the clocks.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keys_grow_old_while_the_machine_is_suspended() {
        let hour = Duration::from_secs(3600);
        for (away, old) in [(hour, true), (hour / 2, false)] {
            let stale = Stale::after(hour);
            let stale = Stale {
                since: stale.since.before_suspension(away),
                ..stale
            };
            assert_eq!(stale.reached().now_or_never().is_some(), old, "{away:?}");
            stale.reached().await;
        }
    }
}
