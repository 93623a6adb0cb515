//! Origins that operators allow in addition to those of the file, for all gateways.

use serde_json::json;
use uuid::Uuid;

use super::operators::ChangeError;
use super::stored::{ORIGIN, Stored, StoredOrigin};
use super::{InForce, LiveConfig};
use crate::canonical::AllowedOrigin;
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;

impl LiveConfig {
    /// Allows an origin, at all gateways.
    ///
    /// # Errors
    ///
    /// It is none, there are too many, or the store did not keep it.
    pub async fn allow_origin(&self, origin: &str) -> Result<StoredOrigin, ChangeError> {
        let invalid =
            |message: String| ChangeError::Invalid(vec![Diagnostic::error("origin", message)]);
        let parsed = AllowedOrigin::parse(origin).map_err(|error| invalid(error.to_string()))?;
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let text = parsed.to_string();
        if let Some(known) = stored.origins().find(|known| known.origin == text) {
            return Ok(known.clone());
        }
        if stored.origins().count() >= MOST_ORIGINS {
            return Err(invalid(format!("there are {MOST_ORIGINS} origins already")));
        }
        let allowed = StoredOrigin {
            id: Uuid::new_v4(),
            origin: text,
            created_at: UnixTime::now(),
        };
        let text = json!(allowed).to_string();
        self.put(&mut in_force, allowed.id, None, Some(&text))
            .await?;
        Ok(allowed)
    }

    /// Takes back an origin that an operator allowed.
    ///
    /// # Errors
    ///
    /// There is none with this id, or the store did not write it down.
    pub async fn disallow_origin(&self, id: Uuid) -> Result<StoredOrigin, ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let known = stored.origins().find(|known| known.id == id);
        let known = known.ok_or(ChangeError::UnknownOrigin)?.clone();
        let text = json!(known).to_string();
        self.put(&mut in_force, id, Some(&text), None).await?;
        Ok(known)
    }

    async fn put(
        &self,
        in_force: &mut InForce,
        id: Uuid,
        seen: Option<&str>,
        text: Option<&str>,
    ) -> Result<(), ChangeError> {
        let store = &self.parts.store;
        let setting = setting_of(id);
        let now = UnixTime::now();
        store.replace_setting(&setting, seen, text, now).await?;
        let stored = Stored::read(&**store).await?;
        let file = in_force.file.clone();
        self.take(in_force, file, stored).await?;
        Ok(())
    }
}

/// The name of the setting that keeps an origin.
fn setting_of(id: Uuid) -> String {
    format!("{ORIGIN}{id}")
}

/// Each request of a page is compared with all of them.
const MOST_ORIGINS: usize = 200;
