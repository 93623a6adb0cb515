//! The time by which rows are removed for good: a clock that is wrong, at boot for example, removes nothing.
//!
//! With a database its clock has to agree. A store on this machine keeps the latest time that was trusted:
//! a clock that is further ahead of it than rows outlive their time is doubted until an issuer's clock
//! agrees, or until it has run for hours without a step. Meanwhile what is past is what was past then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tracing::warn;

use crate::clock::UnixTime;
use crate::clock::other_clock::Ahead;
use crate::server::state::State;
use crate::store::{PageRequest, StoreError, agreed_time};

/// The time that is trusted. One per process.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustedTime(Arc<Mutex<Option<Doubt>>>);

/// A clock that is doubted.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// Since when it has not been set, by itself and by the clock that never is.
    since: (UnixTime, Instant),
    /// When it was last complained of.
    said: Instant,
}

/// What is known at a moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    here: UnixTime,
    at: Instant,
    /// The latest time that was trusted.
    latest: Option<UnixTime>,
    others: Others,
}

/// What issuers' clocks say to this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Nothing,
    Agree,
    Disagree,
}

impl TrustedTime {
    /// The time now, or an earlier one while this machine's clock is doubted.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub(super) async fn now(&self, state: &State) -> Result<UnixTime, StoreError> {
        let here = UnixTime::now();
        if let Some(agreed) = agreed_time(&*state.store, here).await? {
            return Ok(agreed);
        }
        let mut doubt = self.0.lock().await;
        let latest = state.store.setting(LATEST).await?;
        let latest = match latest.and_then(|text| text.parse().ok()) {
            Some(latest) => Some(UnixTime(latest)),
            None => last_opened(state).await?,
        };
        let reading = Reading {
            here,
            at: Instant::now(),
            latest,
            others: Others::of(state),
        };
        let trusted = judge(&mut doubt, reading);
        if trusted < here {
            complain(&mut doubt, reading);
        } else if is_worth_noting(reading) {
            state.store.put_setting(LATEST, &here.0.to_string()).await?;
        }
        Ok(trusted)
    }
}

/// When the newest session was opened: the latest time that is known of a store from before times were trusted,
/// or that only imports have touched. `None`: none ever was, so there is little to remove.
async fn last_opened(state: &State) -> Result<Option<UnixTime>, StoreError> {
    let newest = state.store.sessions(None, PageRequest::first(1)).await?;
    let newest = newest.items.first();
    Ok(newest.map(|session| session.opened_at.max(session.last_seen)))
}

impl Others {
    fn of(state: &State) -> Self {
        let exchange = state.exchange();
        let issuers = exchange.issuers().iter().filter(|issuer| issuer.enabled());
        let ahead = issuers.filter_map(|issuer| issuer.keys().clock.ahead());
        Self::saying(ahead)
    }

    /// That this machine's is behind is no reason to keep anything longer.
    fn saying(clocks: impl Iterator<Item = Ahead>) -> Self {
        let far = i64::try_from(PLAUSIBLE.as_secs()).unwrap_or(i64::MAX);
        let (disagree, agree): (Vec<Ahead>, Vec<Ahead>) =
            clocks.partition(|ahead| ahead.surely() >= far);
        match (agree.len(), disagree.len()) {
            (0, 0) => Self::Nothing,
            (agree, disagree) if agree > disagree => Self::Agree,
            _ => Self::Disagree,
        }
    }
}

/// The time to go by.
fn judge(doubt: &mut Option<Doubt>, reading: Reading) -> UnixTime {
    let Reading {
        here,
        at,
        latest,
        others,
    } = reading;
    let is_near = latest.is_some_and(|latest| here <= latest.plus(PLAUSIBLE));
    let is_trusted = match others {
        Others::Agree => true,
        Others::Nothing => is_near || has_run_on(doubt, here, at),
        Others::Disagree => false,
    };
    if is_trusted {
        *doubt = None;
        return here;
    }
    let since = (here, at);
    let doubt = doubt.get_or_insert(Doubt { since, said: at });
    if others == Others::Disagree {
        // Only what nobody has contradicted counts.
        doubt.since = since;
    }
    here.min(latest.unwrap_or_default())
}

/// Whether the clock has been doubted for long, and was not set meanwhile.
fn has_run_on(doubt: &mut Option<Doubt>, here: UnixTime, at: Instant) -> bool {
    let Some(doubt) = doubt else {
        return false;
    };
    let (began, began_at) = doubt.since;
    let ran = at.saturating_duration_since(began_at);
    let was_set = here < began || began.until(here).abs_diff(ran) > STEP;
    if was_set {
        doubt.since = (here, at);
    }
    !was_set && ran >= CONVINCING
}

/// A clock that is behind, as at the boot of a machine without one, takes nothing back until others agree.
fn is_worth_noting(reading: Reading) -> bool {
    let here = reading.here;
    reading.latest.is_none_or(|latest| {
        let is_behind = here < latest && reading.others == Others::Agree;
        is_behind || here >= latest.plus(NOTED_EVERY)
    })
}

/// Says now and then that nothing is removed. A store that never had a time has little to remove.
fn complain(doubt: &mut Option<Doubt>, reading: Reading) {
    let (Some(doubt), Some(latest)) = (doubt, reading.latest) else {
        return;
    };
    if reading.at.saturating_duration_since(doubt.said) < COMPLAINED_EVERY {
        return;
    }
    doubt.said = reading.at;
    let ahead_seconds = latest.until(reading.here).as_secs();
    warn!(
        ahead_seconds,
        "this machine's clock is far ahead of the time when the store was last in use, so nothing that has expired \
         since is removed; if the clock is wrong, set it; if it is right, removal resumes by itself: once issuers' \
         clocks agree, or after the gateway has run for six hours"
    );
}

/// The setting with the latest time that was trusted.
pub(super) const LATEST: &str = "trusted_time";
/// Less than the time that rows outlive theirs: what is trusted wrongly by this much removes nothing.
const PLAUSIBLE: Duration = Duration::from_secs(3600);
/// How far the clock may drift while it is doubted.
const STEP: Duration = Duration::from_secs(30);
/// How long a clock that nobody contradicts has to run before it is believed: at boot it is set within minutes.
const CONVINCING: Duration = Duration::from_secs(6 * 3600);
const NOTED_EVERY: Duration = Duration::from_secs(300);
const COMPLAINED_EVERY: Duration = Duration::from_secs(1800);

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixTime = UnixTime(1_700_000_000);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn reading(here: UnixTime, latest: Option<UnixTime>, others: Others) -> Reading {
        Reading {
            here,
            at: Instant::now(),
            latest,
            others,
        }
    }

    #[test]
    fn a_clock_that_jumped_is_believed_when_others_agree() {
        let far = NOON.plus(40 * DAY);
        for (here, others, trusted) in [
            (NOON.plus(MINUTE), Others::Nothing, NOON.plus(MINUTE)),
            (NOON.minus(DAY), Others::Nothing, NOON.minus(DAY)),
            (far, Others::Nothing, NOON),
            (far, Others::Agree, far),
            (far, Others::Disagree, NOON),
            (NOON.plus(MINUTE), Others::Disagree, NOON),
        ] {
            let judged = judge(&mut None, reading(here, Some(NOON), others));
            assert_eq!(judged, trusted, "{here:?} {others:?}");
        }
        // A store that never had a time has nothing that is surely past.
        let judged = judge(&mut None, reading(far, None, Others::Nothing));
        assert_eq!(judged, UnixTime(0));
    }

    #[test]
    fn a_clock_that_nobody_contradicts_is_believed_after_hours_without_a_step() {
        let begun = Instant::now();
        let begin = NOON.plus(40 * DAY);
        for (after, by_itself, others, believed) in [
            (7 * HOUR, 7 * HOUR, Others::Nothing, true),
            (5 * HOUR, 5 * HOUR, Others::Nothing, false),
            (7 * HOUR, 9 * HOUR, Others::Nothing, false),
            (7 * HOUR, 7 * HOUR, Others::Disagree, false),
        ] {
            let mut doubt = None;
            let first = reading(begin, Some(NOON), Others::Nothing);
            judge(&mut doubt, Reading { at: begun, ..first });
            let here = begin.plus(by_itself);
            let second = Reading {
                at: begun + after,
                ..reading(here, Some(NOON), others)
            };
            let expected = if believed { here } else { NOON };
            assert_eq!(judge(&mut doubt, second), expected, "{after:?} {others:?}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_takes_nothing_back_until_others_agree() {
        for (here, others, noted) in [
            (NOON.minus(DAY), Others::Nothing, false),
            (NOON.minus(DAY), Others::Agree, true),
            (NOON.plus(MINUTE), Others::Nothing, false),
            (NOON.plus(6 * MINUTE), Others::Nothing, true),
        ] {
            let is_noted = is_worth_noting(reading(here, Some(NOON), others));
            assert_eq!(is_noted, noted, "{here:?} {others:?}");
        }
    }

    #[test]
    fn most_of_the_others_decide() {
        let clock = |ahead| Ahead {
            least: ahead,
            most: ahead,
        };
        for (others, says) in [
            (&[][..], Others::Nothing),
            (&[0, 5, -9000], Others::Agree),
            (&[0, 9000, 0], Others::Agree),
            (&[0, 9000], Others::Disagree),
            (&[9000], Others::Disagree),
        ] {
            let clocks = others.iter().copied().map(clock);
            assert_eq!(Others::saying(clocks), says, "{others:?}");
        }
    }
}
