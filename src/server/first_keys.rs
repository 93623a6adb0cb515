//! The issuers' first keys, which a gateway waits for before it is ready.

use std::future::Future;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval_at};
use tracing::info;

use super::state::State;

/// Waits until the first fetch of each enabled issuer has succeeded or failed. What takes long says how
/// far it is.
pub(super) async fn first_keys(state: &State) {
    let exchange = state.exchange();
    let issuers = exchange.issuers().iter().filter(|one| one.enabled());
    let fetches = issuers.map(|issuer| (&**issuer.name(), issuer.keys().first_fetch()));
    let begun = Instant::now();
    all(fetches, PAUSE, |done, missing| {
        info!(
            fetched = done,
            of = done + missing.len(),
            waiting_for = %names(missing),
            seconds = begun.elapsed().as_secs(),
            "the issuers' first keys are fetched"
        );
    })
    .await;
}

/// Waits for all of them; in between, says how many are done and which are missing.
async fn all<'a>(
    fetches: impl Iterator<Item = (&'a str, impl Future<Output = ()>)>,
    pause: Duration,
    mut say: impl FnMut(usize, &[&str]),
) {
    let mut missing = Vec::new();
    let mut under_way = FuturesUnordered::new();
    for (name, fetch) in fetches {
        missing.push(name);
        under_way.push(async move {
            fetch.await;
            name
        });
    }
    let all = missing.len();
    let mut ticks = interval_at(tokio::time::Instant::now() + pause, pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            fetched = under_way.next() => match fetched {
                Some(name) => missing.retain(|other| *other != name),
                None => return,
            },
            _ = ticks.tick() => say(all - missing.len(), &missing),
        }
    }
}

fn names(missing: &[&str]) -> String {
    let (named, more) = missing.split_at(missing.len().min(NAMED));
    let mut text = named.join(", ");
    if !more.is_empty() {
        text += &format!(" and {} more", more.len());
    }
    text
}

/// How often it is said how far the fetches are.
const PAUSE: Duration = Duration::from_secs(2);
/// Issuers that are named.
const NAMED: usize = 5;

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_takes_long_says_how_far_it_is() {
        let (answer, answered) = oneshot::channel::<()>();
        let slow = async { answered.await.unwrap() };
        let at_once = futures::future::ready(());
        let fetches = [
            ("slow", futures::future::Either::Left(slow)),
            ("fast", futures::future::Either::Right(at_once)),
        ];
        let (mut answer, mut said) = (Some(answer), Vec::new());
        all(
            fetches.into_iter(),
            Duration::from_millis(1),
            |done, missing| {
                said.push((done, names(missing)));
                if let Some(answer) = answer.take() {
                    answer.send(()).unwrap();
                }
            },
        )
        .await;
        assert_eq!(said[0], (1, "slow".to_owned()));
    }

    #[tokio::test]
    async fn what_is_there_at_once_says_nothing() {
        let fetches = [("fast", futures::future::ready(()))];
        all(fetches.into_iter(), PAUSE, |done, _| panic!("{done}")).await;
    }

    #[test]
    fn a_few_are_named() {
        assert_eq!(names(&["a", "b"]), "a, b");
        assert_eq!(names(&["a"; 7]), "a, a, a, a, a and 2 more");
    }
}
