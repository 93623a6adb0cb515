//! Webhooks: events of the store, sent to the apps that want them.
//!
//! Each event is delivered at least once, and those of one user in their order; there is no order
//! between users. An event that is not accepted holds back the later ones of its user alone. One
//! gateway delivers to a webhook at a time (a lease in the store), and when it is gone another one
//! continues from what it wrote down. A receiver that is down costs nobody anything: what it has not
//! accepted is in the store anyway, as events, for as long as those are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

mod backoff;
mod client;
mod deliverer;
mod message;
mod plan;
pub mod settings;
mod signature;
#[cfg(test)]
mod tests;

pub use message::{Data, Message};
pub use settings::{EventSettings, Webhook};

use client::Client;
use deliverer::Deliverer;

use crate::clock::UnixTime;
use crate::metrics::Metrics;
use crate::store::{Event, NumberedEvent, Store, StoreError};

/// What delivers.
pub struct Webhooks {
    /// Where events and deliveries are.
    pub store: Arc<dyn Store>,
    /// Counts attempts.
    pub metrics: Arc<Metrics>,
    /// The environment that events are of.
    pub environment_id: Uuid,
}

impl Webhooks {
    /// Makes webhooks known, so that no event from now on is missed.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn begin(&self, configured: &[Webhook]) -> Result<(), StoreError> {
        for webhook in configured {
            let lease = self
                .store
                .lease_webhook(&webhook.name, Uuid::nil(), Duration::ZERO);
            lease.await?;
        }
        Ok(())
    }

    /// Delivers to the webhooks that `configured` says, until `stopped`. A webhook whose settings
    /// change continues under the new ones within a second.
    pub async fn run(
        self,
        configured: impl Fn() -> Vec<Webhook>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let mut running: HashMap<String, Running> = HashMap::new();
        loop {
            let webhooks = configured();
            let mut outdated = running;
            running = HashMap::new();
            for webhook in &webhooks {
                if let Some((name, task)) = outdated.remove_entry(&webhook.name) {
                    match task.settings == *webhook && !task.task.is_finished() {
                        true => drop(running.insert(name, task)),
                        false => task.stop().await,
                    }
                }
            }
            for (name, task) in outdated {
                task.stop().await;
                self.metrics.forget_webhook(&name);
            }
            for webhook in webhooks {
                let name = webhook.name.clone();
                running.entry(name).or_insert_with(|| self.start(webhook));
            }
            let stop = stopped.wait_for(|stop| *stop);
            if tokio::time::timeout(LOOK, stop).await.is_ok() {
                break;
            }
        }
        for task in running.into_values() {
            task.stop().await;
        }
    }

    fn start(&self, settings: Webhook) -> Running {
        let (stop, stopped) = watch::channel(false);
        let deliverer = Deliverer {
            client: Client::new(&settings),
            settings: settings.clone(),
            store: Arc::clone(&self.store),
            metrics: Arc::clone(&self.metrics),
            environment_id: self.environment_id,
            holder: Uuid::new_v4(),
        };
        Running {
            settings,
            stop,
            task: tokio::spawn(deliverer.run(stopped)),
        }
    }
}

/// The delivery to one webhook.
struct Running {
    settings: Webhook,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.send_replace(true);
        // One that panicked delivers nothing either.
        let _ = self.task.await;
    }
}

/// What a receiver answered to a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestAnswer {
    /// It accepted the event: a status of 2xx.
    pub is_accepted: bool,
    /// The status, or why there was none.
    pub answer: String,
}

/// Sends an event of nobody, once and now.
pub async fn test(webhook: &Webhook, environment_id: Uuid) -> TestAnswer {
    let event = NumberedEvent {
        sequence: 0,
        event: Event::test(UnixTime::now()),
    };
    let id = event.event.id.to_string();
    let message = Message::new(event, environment_id);
    // It consists of texts and numbers: this cannot fail.
    let body = serde_json::to_vec(&message).unwrap_or_default();
    let answer = Client::new(webhook).send(&id, body.into()).await;
    TestAnswer {
        is_accepted: answer.is_accepted,
        answer: answer.text,
    }
}

/// Between looks at the configuration.
const LOOK: Duration = Duration::from_secs(1);
