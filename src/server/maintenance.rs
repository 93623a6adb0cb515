//! Periodic maintenance: dropping ended sessions, storing activity, sweeping the store.

use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};

use super::state::State;
use crate::clock::UnixTime;

/// Keeps memory and store small until `stopped`.
pub(super) async fn keep_house(state: State, mut stopped: watch::Receiver<bool>) {
    let stop = async move {
        // A sender that is gone means the same as a stop.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    tokio::pin!(stop);
    let mut forget = interval(FORGET_INTERVAL);
    let mut write = interval(state.exchange().sessions().activity_interval());
    let mut sweep = interval(SWEEP_INTERVAL);
    let ahead = state.exchange().minter().keys.schedule().publish_ahead;
    let mut keys = interval((ahead / 8).clamp(SHORTEST_KEY_INTERVAL, LONGEST_KEY_INTERVAL));
    for ticks in [&mut forget, &mut write, &mut sweep, &mut keys] {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    measure_store(&state).await;
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = forget.tick() => {
                state.exchange().sweep();
                measure_store(&state).await;
            }
            _ = write.tick() => write_activity(&state).await,
            _ = keys.tick() => state.exchange().signing_keys().maintain().await,
            // The store may be closed before all of it is swept.
            _ = sweep.tick() => tokio::select! {
                () = &mut stop => return,
                () = async {
                    compare_clocks(&state).await;
                    sweep_store(&state).await;
                } => {}
            },
        }
    }
}

/// Keeps events within their bounds until `stopped`. However many there are, this removes them faster
/// than they are written.
pub(super) async fn keep_events(state: State, mut stopped: watch::Receiver<bool>) {
    let sweeping = async {
        let mut sweep = interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweep.tick().await;
            sweep_events(&state).await;
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = sweeping => {}
    }
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

async fn sweep_store(state: &State) {
    let now = UnixTime::now();
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
async fn sweep_events(state: &State) {
    let settings = state.live_config.view().config.events.clone();
    let before = UnixTime::now().minus(settings.keep);
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
