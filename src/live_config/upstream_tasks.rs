//! The background tasks of each upstream: resolving its names and probing its servers.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::watch;

use crate::upstream::{HealthChecks, Resolver, ResolverSettings, Upstream};

/// The upstreams that are looked after, each until its sender is dropped.
#[derive(Default)]
pub(super) struct UpstreamTasks(Vec<(Arc<Upstream>, watch::Sender<bool>)>);

impl UpstreamTasks {
    /// Looks after these, too. Names of new ones are resolved when this returns, so that their
    /// first requests find addresses.
    pub(super) async fn start<'a>(
        &mut self,
        settings: &ResolverSettings,
        upstreams: impl Iterator<Item = &'a Arc<Upstream>>,
    ) {
        let is_new = |one: &&Arc<Upstream>| !self.0.iter().any(|(it, _)| Arc::ptr_eq(it, one));
        let new: Vec<_> = upstreams.filter(is_new).cloned().collect();
        let resolved = new.into_iter().map(|upstream| async {
            let mut resolver = Resolver::new(settings, [Arc::clone(&upstream)]);
            resolver.resolve_all().await;
            (upstream, resolver)
        });
        for (upstream, resolver) in join_all(resolved).await {
            let (stop, stopped) = watch::channel(false);
            tokio::spawn(resolver.run(stopped.clone()));
            tokio::spawn(HealthChecks::new([Arc::clone(&upstream)]).run(stopped));
            self.0.push((upstream, stop));
        }
    }

    /// Looks after no others any more.
    pub(super) fn keep_only<'a>(&mut self, upstreams: impl Iterator<Item = &'a Arc<Upstream>>) {
        let kept: Vec<_> = upstreams.collect();
        self.0
            .retain(|(one, _)| kept.iter().any(|kept| Arc::ptr_eq(kept, one)));
    }
}
