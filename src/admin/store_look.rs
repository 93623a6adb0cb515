//! What the store says of itself, within the time that a probe has.
//!
//! A database that is slow or away answers by its own timeouts, after many seconds. Who asks whether the
//! gateway serves cannot wait for that: a kubelet takes no answer for a bad one, and would take every
//! gateway out of service although known sessions continue.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;

use super::complaint::Degraded;
use crate::clock::rarely::Rarely;
use crate::store::{Store, StoreError};

/// The latest look at the store. There is one at a time: otherwise each probe would leave another one
/// behind at a store that is away.
#[derive(Default)]
pub struct StoreLook {
    latest: Mutex<Option<Look>>,
    late: Rarely,
}

/// A look that has begun. It ends by itself, whoever waits for it, so that its failures are counted.
struct Look {
    task: JoinHandle<()>,
    seen: watch::Receiver<Seen>,
}

/// What a look has found by now.
#[derive(Clone, Default)]
struct Seen {
    has_answered: bool,
    is_over: bool,
    degraded: Vec<Degraded>,
}

impl StoreLook {
    /// What is degraded of the store and of these webhooks; never later than [`PATIENCE`].
    pub(super) async fn degraded(
        &self,
        store: &Arc<dyn Store>,
        webhooks: Vec<String>,
    ) -> Vec<Degraded> {
        let mut seen = self.begin(store, webhooks);
        // What is known by then counts, also of a look that broke off.
        let _ = timeout(PATIENCE, seen.wait_for(|seen| seen.is_over)).await;
        let Seen {
            has_answered,
            is_over,
            mut degraded,
        } = seen.borrow().clone();
        if !is_over && let Some(times) = self.late.due() {
            warn!(times, has_answered, "the store does not answer in time");
        }
        if !has_answered {
            degraded.push(of_store("the store does not respond"));
        } else if !is_over {
            let text =
                "the store responds slowly: it is not known whether events for webhooks are parked";
            degraded.push(Degraded::warning(text, "/dashboard/webhooks"));
        }
        degraded
    }

    /// Joins the look that has begun and has not ended, or begins one.
    fn begin(&self, store: &Arc<dyn Store>, webhooks: Vec<String>) -> watch::Receiver<Seen> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let running = latest
            .as_ref()
            .filter(|look| !look.seen.borrow().is_over && !look.task.is_finished());
        if let Some(look) = running {
            return look.seen.clone();
        }
        let (show, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(look(Arc::clone(store), webhooks, show));
        *latest = Some(Look {
            task,
            seen: seen.clone(),
        });
        seen
    }
}

async fn look(store: Arc<dyn Store>, webhooks: Vec<String>, show: watch::Sender<Seen>) {
    let health = store.health().await;
    let is_healthy = health.is_ok();
    show.send_modify(|seen| {
        seen.has_answered = true;
        // What else it was asked would wait for it in vain.
        seen.is_over = !is_healthy;
        seen.degraded.extend(health.err().map(|error| of(&error)));
    });
    if !is_healthy {
        return;
    }
    let mut found = Vec::new();
    for some in webhooks.chunks(AT_ONCE) {
        let asked = some.iter().map(|webhook| of_webhook(&*store, webhook));
        found.extend(join_all(asked).await.into_iter().flatten());
    }
    show.send_modify(|seen| {
        seen.is_over = true;
        seen.degraded = found;
    });
}

/// The exact cause is in the log, except for one that operators can fix themselves.
fn of(error: &StoreError) -> Degraded {
    match error {
        StoreError::Full(cause) => of_store(&format!("the store cannot be written ({cause})")),
        StoreError::ReadOnly => of_store("the store cannot be written (the database is read-only)"),
        StoreError::Replaced => {
            of_store("the store cannot be written (its file was removed, emptied or replaced)")
        }
        _ => of_store("the store does not respond"),
    }
}

fn of_store(what: &str) -> Degraded {
    Degraded::bad(
        format!("{what}: known sessions continue, new sign-ins are refused"),
        "/dashboard/sessions",
    )
}

/// Events that nobody sends again by themselves. Asked of the store, since only one of all gateways
/// delivers to a webhook and measures it.
async fn of_webhook(store: &dyn Store, name: &str) -> Option<Degraded> {
    // A store that fails in between is the complaint of the next look.
    let parked = store.count_deliveries(name).await.ok()?.parked;
    (parked > 0).then(|| {
        Degraded::warning(
            format!(
                "events for the webhook {name} are parked ({parked}): repair its receiver, and send \
                 them again"
            ),
            format!("/dashboard/webhooks/{name}"),
        )
    })
}

/// How long the store may take to say how it is. Probes wait a little longer: `timeoutSeconds` in
/// `packaging`.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How many webhooks are asked about at once: each takes one of the store's connections.
const AT_ONCE: usize = 4;

#[cfg(test)]
mod tests;
