//! What is sent next: the first of each user's events that is due.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::settings::Webhook;
use crate::clock::UnixTime;
use crate::store::{Delivery, DeliveryState, NumberedEvent};

/// A user's events, or those of nobody.
pub(super) type Lane = Option<uuid::Uuid>;

/// What one round does.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Deliveries to send, those of each lane in their order.
    pub(super) lanes: Vec<Vec<Delivery>>,
    /// What is to be written, unless sending it says something else.
    pub(super) rows: BTreeMap<u64, Delivery>,
    /// Up to which event all have a delivery then.
    pub(super) up_to: u64,
    /// When the next delivery is due that is not due now.
    pub(super) next_due: Option<UnixTime>,
}

/// How the receiver is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Receiver {
    /// How many attempts failed since the last one that did not.
    failures: u32,
    /// When it last accepted something after it had been down.
    recovered_at: Option<UnixTime>,
    /// When it was tried last.
    tried_at: UnixTime,
}

impl Receiver {
    /// Learns what an attempt came to.
    pub(super) fn learn(&mut self, accepted: bool, now: UnixTime) {
        self.tried_at = now;
        if !accepted {
            self.failures = self.failures.saturating_add(1);
            return;
        }
        if self.is_down() {
            self.recovered_at = Some(now);
        }
        self.failures = 0;
    }

    /// It accepted nothing for so long that one event at a time finds out whether it does again.
    pub(super) fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

    /// Whether it may be tried again.
    pub(super) fn is_probed(&self, settings: &Webhook, now: UnixTime) -> bool {
        self.is_down() && now >= self.tried_at.plus(settings.max_retry_after.min(PROBE))
    }

    fn is_due(&self, delivery: &Delivery, settings: &Webhook, now: UnixTime) -> bool {
        let failed_before = |recovered_at| delivery.last_at.is_some_and(|at| at < recovered_at);
        delivery.next_at <= now
            || self.recovered_at.is_some_and(failed_before)
            // The clock was set back.
            || now.plus(settings.max_retry_after.saturating_mul(2)) < delivery.next_at
    }
}

/// Plans a round. `pending` are the oldest that the store has, `busy` the lanes of which something is
/// being sent, and `fresh` the events after `up_to` that there is room for.
pub(super) fn plan(
    settings: &Webhook,
    receiver: &Receiver,
    pending: Vec<Delivery>,
    fresh: &[NumberedEvent],
    busy: &HashSet<Lane>,
    now: UnixTime,
    up_to: u64,
) -> Plan {
    let mut plan = Plan {
        up_to,
        ..Plan::default()
    };
    let mut lanes = Lanes::default();
    for delivery in pending {
        let is_over = delivery.since.plus(settings.give_up_after) < now;
        if receiver.is_down() && is_over && !busy.contains(&delivery.user_id) {
            plan.park(delivery);
            continue;
        }
        let is_due = receiver.is_due(&delivery, settings, now);
        lanes.push(delivery, is_due);
    }
    for event in fresh {
        let delivery = Delivery::pending(event, now);
        let is_over = delivery.since.plus(settings.give_up_after) < now;
        if !settings.wants(event.event.kind) {
            plan.up_to = event.sequence;
            continue;
        }
        if receiver.is_down() {
            if is_over {
                plan.up_to = event.sequence;
                plan.park(delivery);
                continue;
            }
            // What would fail is not tried. One may show that the receiver is back.
            if !lanes.order.is_empty() || !receiver.is_probed(settings, now) {
                break;
            }
        }
        plan.up_to = event.sequence;
        plan.rows.insert(event.sequence, delivery.clone());
        lanes.push(delivery, true);
    }
    let due = lanes.due(busy);
    plan.next_due = lanes.next_due().filter(|_| !receiver.is_down());
    plan.lanes = match receiver.is_down() {
        false => due,
        true if receiver.is_probed(settings, now) => lanes_for_probe(lanes, busy),
        true => Vec::new(),
    };
    plan
}

impl Plan {
    fn park(&mut self, delivery: Delivery) {
        let parked = Delivery {
            state: DeliveryState::Parked,
            ..delivery
        };
        self.rows.insert(parked.sequence, parked);
    }
}

/// Deliveries by lane, in the order of their first event.
#[derive(Default)]
struct Lanes {
    order: Vec<Lane>,
    waiting: HashMap<Lane, (bool, Vec<Delivery>)>,
}

impl Lanes {
    /// A lane is due when its first delivery is.
    fn push(&mut self, delivery: Delivery, is_due: bool) {
        let lane = delivery.user_id;
        let waiting = self.waiting.entry(lane).or_insert_with(|| {
            self.order.push(lane);
            (is_due, Vec::new())
        });
        waiting.1.push(delivery);
    }

    fn next_due(&self) -> Option<UnixTime> {
        let later = self.waiting.values().filter(|(is_due, _)| !is_due);
        later
            .filter_map(|(_, waiting)| Some(waiting.first()?.next_at))
            .min()
    }

    fn due(&self, busy: &HashSet<Lane>) -> Vec<Vec<Delivery>> {
        let free = self.order.iter().filter(|lane| !busy.contains(*lane));
        let due = free.filter_map(|lane| self.waiting.get(lane).filter(|(is_due, _)| *is_due));
        due.map(|(_, deliveries)| deliveries.clone()).collect()
    }
}

/// The first delivery of all.
fn lanes_for_probe(lanes: Lanes, busy: &HashSet<Lane>) -> Vec<Vec<Delivery>> {
    if !busy.is_empty() {
        return Vec::new();
    }
    let first = lanes.order.first().and_then(|lane| lanes.waiting.get(lane));
    let first = first.and_then(|(_, deliveries)| deliveries.first());
    first.map(|first| vec![first.clone()]).into_iter().collect()
}

const DOWN_AFTER: u32 = 20;
/// Between attempts at a receiver that is down.
const PROBE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::store::{Event, EventKind};

    fn settings() -> Webhook {
        let text = r#"{"name": "app", "url": "https://app.example", "secrets": []}"#;
        serde_json::from_str(text).unwrap()
    }

    fn event(sequence: u64, user: u128) -> NumberedEvent {
        let mut event = Event::test(NOW);
        event.data.user_id = Some(Uuid::from_u128(user));
        NumberedEvent { sequence, event }
    }

    fn pending(sequence: u64, user: u128, next_at: UnixTime) -> Delivery {
        Delivery {
            attempts: 1,
            last_at: Some(NOW.minus(Duration::from_secs(5))),
            ..Delivery::pending(&event(sequence, user), next_at)
        }
    }

    fn down() -> Receiver {
        let mut receiver = Receiver::default();
        for _ in 0..DOWN_AFTER {
            receiver.learn(false, NOW);
        }
        assert!(receiver.is_down());
        receiver
    }

    fn sent(plan: &Plan) -> Vec<Vec<u64>> {
        let numbers = |lane: &Vec<Delivery>| lane.iter().map(|one| one.sequence).collect();
        plan.lanes.iter().map(numbers).collect()
    }

    #[test]
    fn a_users_events_wait_for_the_one_that_failed() {
        let later = NOW.plus(Duration::from_secs(60));
        let waiting = vec![pending(1, 1, later), pending(2, 2, NOW)];
        let fresh = [event(3, 1), event(4, 2), event(5, 3)];
        let receiver = Receiver::default();
        let nobody = HashSet::new();
        let all = plan(
            &settings(),
            &receiver,
            waiting.clone(),
            &fresh,
            &nobody,
            NOW,
            2,
        );
        assert_eq!(sent(&all), [vec![2, 4], vec![5]]);
        assert_eq!((all.up_to, all.next_due), (5, Some(later)));
        let written: Vec<_> = all.rows.keys().copied().collect();
        assert_eq!(written, [3, 4, 5]);

        let busy = HashSet::from([Some(Uuid::from_u128(2))]);
        let all = plan(&settings(), &receiver, waiting, &fresh, &busy, NOW, 2);
        assert_eq!(sent(&all), [vec![5]]);
    }

    #[test]
    fn what_is_not_wanted_is_passed_over() {
        let settings = Webhook {
            events: [EventKind::UserCreated].into(),
            ..settings()
        };
        let mut unwanted = event(1, 1);
        unwanted.event.kind = EventKind::SessionCreated;
        let nobody = HashSet::new();
        let receiver = Receiver::default();
        let all = plan(
            &settings,
            &receiver,
            Vec::new(),
            &[unwanted],
            &nobody,
            NOW,
            0,
        );
        assert_eq!((all.up_to, all.rows.len(), sent(&all).len()), (1, 0, 0));
    }

    #[test]
    fn a_receiver_that_is_down_is_tried_with_one_event_at_a_time() {
        let (settings, nobody) = (settings(), HashSet::new());
        let waiting = || vec![pending(1, 1, NOW), pending(2, 2, NOW)];
        let fresh = [event(3, 3)];
        let receiver = down();
        let all = plan(&settings, &receiver, waiting(), &fresh, &nobody, NOW, 2);
        assert_eq!((sent(&all).len(), all.up_to), (0, 2));
        let later = NOW.plus(PROBE);
        let all = plan(&settings, &receiver, waiting(), &fresh, &nobody, later, 2);
        assert_eq!(sent(&all), [vec![1]]);
        let all = plan(&settings, &receiver, Vec::new(), &fresh, &nobody, later, 2);
        assert_eq!((sent(&all), all.up_to), (vec![vec![3]], 3));

        // Once it is back, nobody waits for a pause that was long.
        let mut receiver = receiver;
        receiver.learn(true, NOW);
        let far = NOW.plus(settings.max_retry_after);
        let waiting = vec![pending(1, 1, far), pending(2, 2, far)];
        let all = plan(&settings, &receiver, waiting.clone(), &[], &nobody, NOW, 2);
        assert_eq!(sent(&all), [vec![1], vec![2]]);
        let all = plan(
            &settings,
            &Receiver::default(),
            waiting,
            &[],
            &nobody,
            NOW,
            2,
        );
        assert_eq!(sent(&all).len(), 0);
    }

    #[test]
    fn what_a_receiver_that_is_down_has_missed_for_three_days_is_parked() {
        let settings = settings();
        let over = NOW.plus(settings.give_up_after + Duration::from_secs(1));
        let mut busy = HashSet::new();
        let waiting = vec![pending(1, 1, NOW)];
        let all = plan(
            &settings,
            &down(),
            waiting.clone(),
            &[event(2, 2)],
            &busy,
            over,
            1,
        );
        let parked: Vec<_> = all.rows.values().map(|one| one.state).collect();
        assert_eq!(parked, [DeliveryState::Parked; 2]);
        assert_eq!((all.up_to, sent(&all).len()), (2, 0));
        busy.insert(Some(Uuid::from_u128(1)));
        let all = plan(&settings, &down(), waiting, &[], &busy, over, 1);
        assert!(all.rows.is_empty(), "it is being sent");
    }

    const NOW: UnixTime = UnixTime(1_800_000_000);
}
