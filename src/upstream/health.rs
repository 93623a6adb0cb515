//! Probes servers in the background.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Upstream;

/// Probes the servers of all upstreams that configure it, each at its own pace.
#[derive(Debug)]
pub struct HealthChecks {
    upstreams: Vec<Arc<Upstream>>,
}

impl HealthChecks {
    /// Takes the upstreams whose servers are probed.
    pub fn new(upstreams: impl IntoIterator<Item = Arc<Upstream>>) -> Self {
        let is_probed = |upstream: &Arc<Upstream>| upstream.balancer.probe_every().is_some();
        Self {
            upstreams: upstreams.into_iter().filter(is_probed).collect(),
        }
    }

    /// Runs until `shutdown` turns true or its sender is gone.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let mut probes = JoinSet::new();
        for upstream in self.upstreams {
            probes.spawn(async move {
                let Some(interval) = upstream.balancer.probe_every() else {
                    return;
                };
                let mut ticks = tokio::time::interval(interval);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    upstream.balancer.probe().await;
                }
            });
        }
        // Dropping the set stops the probes. An error means that the sender is gone.
        let _ = shutdown.wait_for(|stop| *stop).await;
    }

    /// Probes each server once.
    #[cfg(test)]
    pub(super) async fn probe_all(&self) {
        for upstream in &self.upstreams {
            upstream.balancer.probe().await;
        }
    }
}
