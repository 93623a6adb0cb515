//! The delivery to one webhook.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};
use uuid::Uuid;

use super::backoff;
use super::client::Client;
use super::message::Message;
use super::plan::{Lane, Plan, Receiver, plan};
use super::settings::Webhook;
use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::store::{Delivery, DeliveryState, NumberedEvent, Store, StoreError};

/// What delivers to one webhook, as long as it is the one that does.
pub(super) struct Deliverer {
    pub(super) settings: Webhook,
    pub(super) client: Client,
    pub(super) store: Arc<dyn Store>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) environment_id: Uuid,
    /// A name of this task among those of all gateways.
    pub(super) holder: Uuid,
}

/// What came of a lane.
type Sent<'a> = BoxFuture<'a, (Lane, Vec<Attempt>)>;

/// What came of a delivery.
struct Attempt {
    delivery: Delivery,
    /// Whether the receiver accepted the event; `None` if it was not sent.
    is_accepted: Option<bool>,
}

impl Deliverer {
    /// Delivers until `stopped`.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let name = &self.settings.name;
        let stop = stopped.wait_for(|stop| *stop);
        tokio::pin!(stop);
        let mut is_failing = false;
        loop {
            let held = tokio::select! {
                _ = &mut stop => break,
                held = self.hold() => held,
            };
            self.metrics.forget_webhook(name);
            match held {
                Ok(()) => is_failing = false,
                Err(error) if !is_failing => {
                    warn!(webhook = name, %error, "events cannot be delivered at the moment");
                    is_failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                _ = &mut stop => break,
                () = sleep(NEXT_LEASE) => {}
            }
        }
        // A store that is away has forgotten the lease soon anyway.
        let _ = self.store.release_webhook(name, self.holder).await;
    }

    async fn lease(&self) -> Result<Option<u64>, StoreError> {
        let name = &self.settings.name;
        self.store.lease_webhook(name, self.holder, LEASE).await
    }

    /// Delivers as long as no other gateway does. What is being sent when it returns is sent again by
    /// whoever is next.
    async fn hold(&self) -> Result<(), StoreError> {
        let name = &self.settings.name;
        let Some(mut up_to) = self.lease().await? else {
            return Ok(());
        };
        self.metrics.expect_webhook(name);
        // What the store has of it, unless it is set back.
        let mut stored = up_to;
        let mut leased = Instant::now();
        let mut measured: Option<Instant> = None;
        let mut receiver = Receiver::default();
        let mut latest = self.store.latest_event();
        let permits = Semaphore::new(AT_ONCE);
        let mut in_flight: FuturesUnordered<Sent<'_>> = FuturesUnordered::new();
        let mut busy: HashSet<Lane> = HashSet::new();
        loop {
            if leased.elapsed() > LEASE / 3 {
                let found = self.lease().await?;
                if found.is_none_or(|found| found < stored) {
                    self.give_way(found, stored);
                    return Ok(());
                }
                leased = Instant::now();
            }
            if measured.is_none_or(|at| at.elapsed() > MEASURED_EVERY) {
                self.measure(up_to).await?;
                measured = Some(Instant::now());
            }
            latest.borrow_and_update();
            let pending = self.store.pending_deliveries(name, MOST_PENDING).await?;
            let fresh = match pending.len() < MOST_PENDING {
                true => self.fresh(&mut up_to).await?,
                false => Vec::new(),
            };
            let now = UnixTime::now();
            let Plan {
                lanes,
                mut rows,
                up_to: reached,
                next_due,
            } = plan(
                &self.settings,
                &receiver,
                pending,
                &fresh,
                &busy,
                now,
                up_to,
            );
            for lane in lanes {
                busy.insert(lane.first().and_then(|delivery| delivery.user_id));
                in_flight.push(Box::pin(self.send_lane(lane, &permits)));
            }
            let until = Instant::now() + ROUND;
            while let Ok(Some((lane, sent))) = timeout_at(until, in_flight.next()).await {
                busy.remove(&lane);
                for attempt in sent {
                    if let Some(is_accepted) = attempt.is_accepted {
                        receiver.learn(is_accepted, UnixTime::now());
                    }
                    rows.insert(attempt.delivery.sequence, attempt.delivery);
                }
            }
            if !rows.is_empty() || reached > up_to {
                let rows = rows.into_values().collect();
                let store = &self.store;
                let put = store.put_deliveries(name, self.holder, stored, reached, rows);
                if !put.await? {
                    self.give_way(self.lease().await?, stored);
                    return Ok(());
                }
                (up_to, stored) = (reached, reached);
            } else if in_flight.is_empty() {
                let soon = next_due.map_or(IDLE, |at| UnixTime::now().until(at).min(IDLE));
                tokio::select! {
                    changed = latest.changed() => if changed.is_err() {
                        sleep(IDLE).await;
                    },
                    () = sleep(soon.max(ROUND / 10)) => {}
                }
            }
        }
    }

    /// Says why the delivery does not continue from where it was: at `stored`, where the store has `found`.
    fn give_way(&self, found: Option<u64>, stored: u64) {
        let name = &self.settings.name;
        match found {
            Some(up_to) if up_to < stored => warn!(
                webhook = name,
                up_to, "the store was set back; events are delivered from where it is now"
            ),
            _ => info!(webhook = name, "another gateway delivers"),
        }
    }

    /// The next events that have no delivery yet. Those that were removed before are lost.
    async fn fresh(&self, up_to: &mut u64) -> Result<Vec<NumberedEvent>, StoreError> {
        let name = &self.settings.name;
        let feed = self.store.events_since(*up_to, AT_A_TIME).await?;
        if *up_to < feed.swept {
            let lost = feed.swept - *up_to;
            warn!(
                webhook = name,
                lost, "events were removed before they were delivered"
            );
            let counter = &self.metrics.webhook_lost;
            counter.with_label_values(&[name]).inc_by(lost);
            *up_to = feed.swept;
        }
        Ok(feed.events)
    }

    /// Sends the deliveries of a lane one after the other, until one is not accepted.
    async fn send_lane(&self, lane: Vec<Delivery>, permits: &Semaphore) -> (Lane, Vec<Attempt>) {
        let of = lane.first().and_then(|delivery| delivery.user_id);
        let mut sent = Vec::new();
        for delivery in lane {
            let Some(attempt) = self.send(delivery, permits).await else {
                break;
            };
            let is_pending = attempt.delivery.state == DeliveryState::Pending;
            sent.push(attempt);
            if is_pending {
                break;
            }
        }
        (of, sent)
    }

    /// Sends one event. `None`: the store does not respond.
    async fn send(&self, delivery: Delivery, permits: &Semaphore) -> Option<Attempt> {
        let _permit = permits.acquire().await.ok()?;
        let Some(event) = self.store.event(delivery.sequence).await.ok()? else {
            // It was swept since its delivery was read, and is counted there.
            return Some(Attempt {
                delivery: Delivery {
                    state: DeliveryState::Parked,
                    answer: Some("the event is no longer kept".to_owned()),
                    ..delivery
                },
                is_accepted: None,
            });
        };
        let mut message = Message::new(event, self.environment_id);
        if self.settings.include_email {
            message = message.with_email(&*self.store).await.ok()?;
        }
        let body = serde_json::to_vec(&message).ok()?;
        let id = delivery.event_id.to_string();
        let answer = self.client.send(&id, body.into()).await;
        let outcome = match answer.is_accepted {
            true => "accepted",
            false => "refused",
        };
        let labels = [self.settings.name.as_str(), outcome];
        self.metrics
            .webhook_attempts
            .with_label_values(&labels)
            .inc();
        let now = UnixTime::now();
        let sent = backoff::after(&self.settings, delivery, &answer, now);
        if sent.state == DeliveryState::Parked {
            let name = &self.settings.name;
            warn!(webhook = name, event = %sent.event_id, "an event was not accepted and is parked");
        }
        Some(Attempt {
            delivery: sent,
            is_accepted: Some(answer.is_accepted),
        })
    }

    async fn measure(&self, up_to: u64) -> Result<(), StoreError> {
        let name = self.settings.name.as_str();
        let outstanding = self.store.count_deliveries(name).await?;
        let feed = self.store.events_since(up_to, 1).await?;
        let pending = self.store.pending_deliveries(name, 1).await?;
        let waiting = feed.latest.saturating_sub(up_to);
        let since = pending.first().map(|delivery| delivery.since);
        let oldest = feed
            .events
            .iter()
            .map(|row| row.event.at)
            .chain(since)
            .min();
        let lag = oldest.map_or(0, |at| at.until(UnixTime::now()).as_secs());
        let gauge = self.metrics.webhook_lag.with_label_values(&[name]);
        gauge.set(i64::try_from(lag).unwrap_or(i64::MAX));
        for (state, number) in [
            ("waiting", waiting),
            ("pending", outstanding.pending),
            ("parked", outstanding.parked),
        ] {
            let gauge = self
                .metrics
                .webhook_events
                .with_label_values(&[name, state]);
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

/// How long a gateway is the one that delivers, unless it says so again: how long another one waits
/// after a crash.
const LEASE: Duration = Duration::from_secs(10);
/// Between attempts to become the one.
const NEXT_LEASE: Duration = Duration::from_secs(2);
/// Requests at once.
const AT_ONCE: usize = 16;
/// Events that are read at a time.
const AT_A_TIME: usize = 200;
/// Deliveries that wait for another attempt. With more, later events wait in the feed.
const MOST_PENDING: usize = 1000;
/// How long what was sent is waited for before what is known is written down.
const ROUND: Duration = Duration::from_millis(500);
/// How long nothing is looked for, if nobody says that there is something.
const IDLE: Duration = Duration::from_secs(1);
const MEASURED_EVERY: Duration = Duration::from_secs(5);
