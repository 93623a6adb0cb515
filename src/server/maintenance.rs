//! Periodic maintenance: dropping ended sessions, storing activity, sweeping the store.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};

use super::state::State;

mod trusted_time;

use trusted_time::TrustedTime;

/// Keeps memory and store in order until `stopped`. Each duty has a task of its own: however much one has to
/// do, or however long the store takes over it, the others keep their intervals.
pub(super) async fn keep_house(state: State, mut stopped: watch::Receiver<bool>) {
    let time = TrustedTime::default();
    // Whatever is under way ends with the set.
    let mut duties = JoinSet::new();
    duties.spawn(forget(state.clone()));
    duties.spawn(write(state.clone()));
    duties.spawn(tend_keys(state.clone()));
    duties.spawn(sweep_rows(state.clone(), time.clone()));
    duties.spawn(sweep_old_events(state, time));
    // A sender that is gone means the same as a stop.
    let _ = stopped.wait_for(|stop| *stop).await;
    duties.shutdown().await;
}

async fn forget(state: State) {
    let mut ticks = every(FORGET_INTERVAL);
    loop {
        ticks.tick().await;
        state.exchange().sweep();
        measure_store(&state).await;
    }
}

async fn write(state: State) {
    let mut ticks = every(state.exchange().sessions().activity_interval());
    loop {
        ticks.tick().await;
        write_activity(&state).await;
    }
}

async fn tend_keys(state: State) {
    let ahead = state.exchange().minter().keys.schedule().publish_ahead;
    let mut ticks = every((ahead / 8).clamp(SHORTEST_KEY_INTERVAL, LONGEST_KEY_INTERVAL));
    loop {
        ticks.tick().await;
        state.exchange().signing_keys().maintain().await;
    }
}

async fn sweep_rows(state: State, time: TrustedTime) {
    let mut ticks = every(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        compare_clocks(&state).await;
        sweep_store(&state, &time).await;
    }
}

/// Keeps events within their bounds. However many there are, this removes them faster than they are written.
async fn sweep_old_events(state: State, time: TrustedTime) {
    let mut ticks = every(SWEEP_INTERVAL);
    loop {
        ticks.tick().await;
        sweep_events(&state, &time).await;
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Writes down when sessions were last used. What fails is tried again the next time.
pub(super) async fn write_activity(state: &State) {
    if let Err(error) = state.exchange().sessions().write_activity().await {
        debug!(%error, "the times of last activity were not stored");
    }
}

async fn measure_store(state: &State) {
    // A file whose size is not known for a moment is measured the next time.
    if let Ok(Some(bytes)) = state.store.bytes().await {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        state.metrics.store_bytes.set(bytes);
    }
}

/// Asks the database what time it is. What it does not answer is asked the next time.
async fn compare_clocks(state: &State) {
    let asked = (SystemTime::now(), Instant::now());
    if let Ok(Some(theirs)) = state.store.clock().await {
        state.database_clock.answered(asked, theirs);
    }
}

async fn sweep_store(state: &State, time: &TrustedTime) {
    let now = match time.now(state).await {
        Ok(now) => {
            state.exchange().sessions().trust(now);
            now
        }
        Err(error) => {
            warn!(%error, "expired records were not removed from the store");
            return;
        }
    };
    for _ in 0..MOST_BATCHES {
        match state.store.sweep(now, now.minus(AUDIT_KEPT)).await {
            Ok(swept) => {
                state.metrics.store_swept.inc_by(swept.removed as u64);
                if swept.finished {
                    state.metrics.store_sweeps.inc();
                    return;
                }
            }
            Err(error) => {
                warn!(%error, "expired records were not removed from the store");
                return;
            }
        }
        // Requests that write have the store between two batches.
        sleep(BATCH_PAUSE).await;
    }
}

/// Takes out the events that are no longer kept.
async fn sweep_events(state: &State, time: &TrustedTime) {
    let settings = state.live_config.view().config.events.clone();
    let before = match time.now(state).await {
        Ok(now) => now.minus(settings.keep),
        Err(error) => {
            warn!(%error, "old events were not removed from the store");
            return;
        }
    };
    loop {
        let swept = state.store.sweep_events(before, settings.max_events);
        match swept.await {
            Ok(swept) if swept.events == 0 => return,
            Ok(swept) => {
                state.metrics.store_swept.inc_by(swept.events as u64);
                for (webhook, pending) in swept.pending {
                    let lost = state.metrics.webhook_lost.with_label_values(&[&webhook]);
                    lost.inc_by(pending);
                }
            }
            Err(error) => {
                warn!(%error, "old events were not removed from the store");
                return;
            }
        }
        sleep(BATCH_PAUSE).await;
    }
}

const FORGET_INTERVAL: Duration = Duration::from_secs(5);
const SHORTEST_KEY_INTERVAL: Duration = Duration::from_millis(250);
const LONGEST_KEY_INTERVAL: Duration = Duration::from_secs(60);
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
const BATCH_PAUSE: Duration = Duration::from_millis(20);
/// The limit of one sweep, so that other work gets its turn; the next sweep continues from there.
const MOST_BATCHES: usize = 200;
const AUDIT_KEPT: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::time::timeout;
    use uuid::Uuid;

    use super::trusted_time::LATEST;
    use super::*;
    use crate::clock::UnixTime;
    use crate::config::load::parse;
    use crate::store::{Digest, Gated, When};

    /// The state of a gateway, with gates at its store.
    async fn gated(folder: &Path) -> (State, Arc<Gated>) {
        let text = format!(
            "public_url: http://a.test\nlisteners: [{{address: '127.0.0.1:0'}}]\n\
             store: {{path: '{}'}}\n",
            folder.join("store.redb").display()
        );
        let config = parse(text.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"));
        let state = State::build(&config).await.unwrap();
        let gates = Arc::new(Gated::new(Arc::clone(&state.store)));
        let store = gates.clone();
        (State { store, ..state }, gates)
    }

    #[tokio::test]
    async fn a_sweep_that_takes_long_holds_up_no_other_duty() {
        let folder = tempfile::tempdir().unwrap();
        let (state, gates) = gated(folder.path()).await;
        let mut sweeping = gates.hold("sweep", When::Before);
        let (stop, stopped) = watch::channel(false);
        let keeping = tokio::spawn(keep_house(state, stopped));
        sweeping.reached().await;
        let before = gates.calls("bytes");
        // From here on time passes as soon as nobody has anything to do.
        tokio::time::pause();
        let measured = async {
            while gates.calls("bytes") < before + 2 {
                sleep(FORGET_INTERVAL).await;
            }
        };
        let measured = timeout(100 * FORGET_INTERVAL, measured).await;
        measured.expect("the sweep held up what is done every few seconds");
        stop.send_replace(true);
        keeping.await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_is_ahead_removes_nothing() {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let now = UnixTime::now();
        let past = now.minus(40 * DAY);
        for (database, latest, removed) in [
            (Some(past), None, false),
            (Some(now), None, true),
            // A store on this machine.
            (None, None, false),
            (None, Some(past), false),
            (None, Some(now), true),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (state, gates) = gated(folder.path()).await;
            if let Some(time) = database {
                gates.set_clock(time);
            }
            if let Some(time) = latest {
                let text = time.0.to_string();
                state.store.put_setting(LATEST, &text).await.unwrap();
            }
            let (alias, sid) = (Digest([1; 32]), Uuid::now_v7());
            let until = now.minus(10 * DAY);
            let put = state.store.put_session_alias(alias, sid, until);
            put.await.unwrap();
            sweep_store(&state, &TrustedTime::default()).await;
            let left = state.store.sid_of_alias(alias, UnixTime(0)).await.unwrap();
            assert_eq!(left.is_none(), removed, "{database:?} {latest:?}");
        }
    }
}
