//! What operators say of servers while the gateway runs: one is drained, or has another weight.

use std::num::NonZeroU8;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Address, Upstream};

/// What holds of a server in place of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerOverride {
    /// It gets no new requests. Those that it has continue, and it is probed as before.
    pub is_drained: bool,
    /// Its weight; `None` for the configured one.
    pub weight: Option<NonZeroU8>,
}

/// A server as requests find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerState<'a> {
    /// As the configuration writes its address.
    pub address: &'a str,
    /// The weight that the configuration says.
    pub configured_weight: NonZeroU8,
    /// What operators say.
    pub overridden: ServerOverride,
}

impl ServerState<'_> {
    /// The weight in force.
    pub fn weight(&self) -> NonZeroU8 {
        self.overridden.weight.unwrap_or(self.configured_weight)
    }
}

impl Upstream {
    /// Puts in force what `wanted` says of each server, by its text in the configuration, in place of
    /// all that was said before. Requests that a server has are not touched.
    pub fn override_servers(&self, wanted: impl Fn(&str) -> ServerOverride) {
        let servers = self.settings.servers.iter();
        let new: Vec<_> = servers.map(|it| wanted(it.address.as_str())).collect();
        let mut overrides = self
            .overrides
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *overrides == new {
            return;
        }
        let old = std::mem::replace(&mut *overrides, new);
        for (number, server) in self.settings.servers.iter().enumerate() {
            let before = old.get(number).copied().unwrap_or_default();
            let after = overrides.get(number).copied().unwrap_or_default();
            if before != after {
                let weight = after.weight.unwrap_or(server.weight);
                tracing::info!(
                    upstream = %self.name,
                    server = server.address.as_str(),
                    drained = after.is_drained,
                    weight,
                    "an operator's override of a server changed"
                );
            }
        }
        self.publish_with(&overrides, |host, port| self.known(host, port), |_| true);
    }

    /// All servers, in the order of the configuration.
    pub fn servers(&self) -> Vec<ServerState<'_>> {
        let overrides = self
            .overrides
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let servers = self.settings.servers.iter().enumerate();
        servers
            .map(|(number, server)| ServerState {
                address: server.address.as_str(),
                configured_weight: server.weight,
                overridden: overrides.get(number).copied().unwrap_or_default(),
            })
            .collect()
    }

    /// Whether a server gets no new requests because an operator drains it.
    pub fn is_drained(&self, server: &Address) -> bool {
        self.has_drained.load(Ordering::Relaxed)
            && self
                .members
                .load()
                .get(server)
                .is_some_and(|member| member.is_drained)
    }

    /// Whether that is so of all that have an address.
    pub fn are_all_drained(&self) -> bool {
        let members = self.members.load();
        !members.is_empty() && members.values().all(|member| member.is_drained)
    }
}
