//! From what the configuration, the resolver and operators say to the servers that requests find.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::members::{self, Members};
use super::server_override::ServerOverride;
use super::{Address, Upstream};

impl Upstream {
    /// Takes the addresses that `resolve` knows for each name in place of all before.
    pub(super) fn publish_resolved(&self, resolve: impl Fn(&str, u16) -> Vec<Address>) {
        if self.publish(resolve, |_| false) {
            self.log_servers();
        }
    }

    pub(super) fn log_servers(&self) {
        let members = self.members.load();
        let addresses: Vec<_> = members.keys().map(ToString::to_string).collect();
        tracing::info!(upstream = %self.name, ?addresses, "servers changed");
    }

    /// Publishes the servers with their addresses; whether that changed anything. The share of servers
    /// that are not here yet grows slowly, unless they `were` there.
    pub(super) fn publish(
        &self,
        resolve: impl Fn(&str, u16) -> Vec<Address>,
        were: impl Fn(&Address) -> bool,
    ) -> bool {
        let overrides = self.overrides.lock();
        let overrides = overrides.unwrap_or_else(PoisonError::into_inner);
        self.publish_with(&overrides, resolve, were)
    }

    /// Publishes the servers with what operators say of each. Whoever calls holds `overrides`.
    pub(super) fn publish_with(
        &self,
        overrides: &[ServerOverride],
        resolve: impl Fn(&str, u16) -> Vec<Address>,
        were: impl Fn(&Address) -> bool,
    ) -> bool {
        let mut members = members::resolved(&self.settings, &self.peers, overrides, resolve);
        for (address, member) in &mut members {
            member.tag = self.sticky.as_ref().map(|sticky| sticky.tag(address));
        }
        let earlier = self.members.load_full();
        members::keep_counts(&mut members, &earlier);
        if members::are_same(&members, &earlier) {
            return false;
        }
        // Requests pick by the balancer and then look here: what they may still pick stays until
        // they no longer can.
        let mut both = Members::clone(&earlier);
        both.extend(members.clone());
        let has_drained = members.values().any(|member| member.is_drained);
        self.members.store(Arc::new(both));
        self.has_drained.store(has_drained, Ordering::Relaxed);
        let now = self.started.elapsed();
        self.ejections
            .set_servers(members.keys().cloned(), now, were);
        self.welcome_back(&members, &earlier);
        self.balancer.publish(&members);
        self.members.store(Arc::new(members));
        true
    }

    /// Lets the share of those servers grow slowly that were drained and are back.
    fn welcome_back(&self, members: &Members, earlier: &Members) {
        let now = self.started.elapsed();
        for (address, member) in members {
            let was_drained = earlier.get(address).is_some_and(|it| it.is_drained);
            if was_drained && !member.is_drained {
                self.ejections.begin(address, now);
            }
        }
    }
}
