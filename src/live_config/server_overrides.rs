//! What operators say of servers for a while, kept in the store for all gateways: one is drained, or
//! has another weight. Each row has an end, after which it counts no more, whether or not the store
//! answers then.

use std::time::Duration;

use tracing::warn;

use super::LiveConfig;
use super::operators::ChangeError;
use super::stored_override::{
    OverrideKind, OverrideRow, SERVER_OVERRIDE, StoredOverride, put_in_force,
};
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::store::StoreError;

impl LiveConfig {
    /// What operators say of servers now.
    pub fn server_overrides(&self) -> Vec<StoredOverride> {
        let now = UnixTime::now();
        let rows = self.server_overrides.load();
        rows.iter()
            .map(|row| &row.says)
            .filter(|says| says.until > now)
            .cloned()
            .collect()
    }

    /// Says something of a server at all gateways, in place of what was said of this kind before.
    ///
    /// # Errors
    ///
    /// There is no such server, there are too many rows, another operator was faster, or the store did
    /// not keep it.
    pub async fn override_server(&self, says: StoredOverride) -> Result<(), ChangeError> {
        if !self.has_server(&says.upstream, &says.server) {
            return Err(ChangeError::UnknownServer);
        }
        let store = &self.parts.store;
        let setting = says.kind.setting_of(&says.upstream, &says.server);
        let seen = store.setting(&setting).await?;
        if seen.is_none() && store.settings(SERVER_OVERRIDE).await?.len() >= MOST_ROWS {
            let message = format!("{MOST_ROWS} servers are overridden already");
            let problem = Diagnostic::error("server", message);
            return Err(ChangeError::Invalid(vec![problem]));
        }
        // It consists of texts and numbers: this cannot fail.
        let text = serde_json::to_string(&says).unwrap_or_default();
        let now = UnixTime::now();
        store
            .replace_setting(&setting, seen.as_deref(), Some(&text), now)
            .await?;
        self.catch_up().await
    }

    /// Ends what is said of a server, at all gateways; whether anything was.
    ///
    /// # Errors
    ///
    /// There is no such server, another operator was faster, or the store did not keep it.
    pub async fn end_override(
        &self,
        upstream: &str,
        server: &str,
        kind: OverrideKind,
    ) -> Result<bool, ChangeError> {
        let store = &self.parts.store;
        let setting = kind.setting_of(upstream, server);
        let seen = store.setting(&setting).await?;
        match &seen {
            None if !self.has_server(upstream, server) => return Err(ChangeError::UnknownServer),
            None => return Ok(false),
            Some(seen) => {
                let now = UnixTime::now();
                store
                    .replace_setting(&setting, Some(seen), None, now)
                    .await?;
            }
        }
        self.catch_up().await?;
        Ok(true)
    }

    fn has_server(&self, upstream: &str, server: &str) -> bool {
        let snapshot = self.parts.snapshot.load();
        let mut upstreams = snapshot.proxy.upstreams();
        let named = upstreams.find(|it| **it.name() == *upstream);
        named.is_some_and(|it| it.servers().iter().any(|one| one.address == server))
    }

    /// Puts an end to what is over; how long until something else is.
    pub(super) async fn end_overrides(&self) -> Option<Duration> {
        // Nothing newer is put in force meanwhile.
        let in_force = self.changes.lock().await;
        let now = UnixTime::now();
        let snapshot = self.parts.snapshot.load();
        put_in_force(&in_force.stored.overrides, snapshot.proxy.upstreams());
        let rows = in_force.stored.overrides.iter();
        let ends = rows.map(|row| row.says.until).filter(|until| *until > now);
        ends.min().map(|first| now.until(first))
    }

    /// Takes rows out of the store that nobody needs: of times that are past, and of servers that the
    /// configuration has not had for long.
    pub(super) async fn sweep_overrides(&self) {
        let now = UnixTime::now();
        let is_over = |row: &&OverrideRow| {
            let says = &row.says;
            let is_of_nobody = !self.has_server(&says.upstream, &says.server)
                && says.since.plus(UNKNOWN_KEPT) < now;
            says.until.plus(ENDED_KEPT) < now || is_of_nobody
        };
        let rows = self.server_overrides.load_full();
        for row in rows.iter().filter(is_over) {
            let store = &self.parts.store;
            let (setting, text) = (&row.setting, Some(row.text.as_str()));
            match store.replace_setting(setting, text, None, now).await {
                // Another gateway was faster.
                Ok(()) | Err(StoreError::Conflict(_)) => {}
                Err(error) => {
                    warn!(%error, "expired overrides of servers could not be removed; the next sweep tries again");
                    return;
                }
            }
        }
    }
}

/// Every gateway holds all of them and looks through them at each change.
const MOST_ROWS: usize = 200;
/// Longer than clocks differ.
const ENDED_KEPT: Duration = Duration::from_secs(60);
/// A configuration may reach one gateway before another.
const UNKNOWN_KEPT: Duration = Duration::from_secs(24 * 3600);
