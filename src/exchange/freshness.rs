//! For how long what is held may be believed without word from the store.

use std::time::Duration;

use arc_swap::ArcSwap;

use crate::clock::moment::Moment;

/// The end of that time, looked at by each request: a process that was stopped, or a machine that was
/// suspended, answers before anything else in it has had its turn.
#[derive(Debug)]
pub(super) struct Freshness(ArcSwap<Held>);

#[derive(Debug)]
struct Held {
    /// The store had its say about all that is held at this moment.
    since: Moment,
    /// The bound; `None`: there is none.
    most: Option<Duration>,
}

impl Freshness {
    pub(super) fn new() -> Self {
        Self(ArcSwap::from_pointee(Held {
            since: Moment::now(),
            most: None,
        }))
    }

    /// The store was asked at that time, and has answered with everything until then.
    pub(super) fn renew(&self, asked_at: Moment, most: Option<Duration>) {
        let since = asked_at;
        self.0.store(Held { since, most }.into());
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        let held = self.0.load();
        held.most.is_some_and(|most| held.since.elapsed() >= most)
    }

    /// Nothing is held any more but what the store is asked for from `now` on.
    pub(super) fn start_over(&self, now: Moment) {
        self.0.rcu(|held| Held {
            since: held.since.latest(now),
            most: held.most,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_over_when_nothing_was_heard_for_as_long_as_that() {
        let second = Duration::from_secs(1);
        // The wall clock, which no test stops, must not decide.
        let long = second * 1000;
        let freshness = Freshness::new();
        assert!(!freshness.is_over(), "nobody set a bound");
        let asked_at = Moment::now();
        tokio::time::advance(long / 2).await;
        // From the question on, however long the answer took.
        freshness.renew(asked_at, Some(long));
        assert!(!freshness.is_over());
        tokio::time::advance(long / 2).await;
        assert!(freshness.is_over());
        freshness.start_over(Moment::now());
        assert!(!freshness.is_over());
        tokio::time::advance(long).await;
        assert!(freshness.is_over());
        freshness.renew(Moment::now(), None);
        tokio::time::advance(long * 1000).await;
        assert!(!freshness.is_over());
    }

    /// The clock that timers follow stands still meanwhile.
    #[tokio::test(start_paused = true)]
    async fn it_is_over_after_a_suspension_of_the_machine_for_as_long_as_that() {
        let long = Duration::from_secs(1000);
        let freshness = Freshness::new();
        for (away, over) in [(long, true), (long / 2, false)] {
            for asked_at in [
                Moment::now().before_suspension(away),
                // A virtual machine that was paused has only its wall clock, once it was set.
                Moment::now().before_step(away),
            ] {
                freshness.renew(asked_at, Some(long));
                assert_eq!(freshness.is_over(), over, "{away:?}");
                freshness.start_over(Moment::now());
                assert!(!freshness.is_over());
            }
        }
    }
}
