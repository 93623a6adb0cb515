//! Lists of who may sign in, which operators keep for all gateways.

use serde_json::json;
use uuid::Uuid;

use super::operators::ChangeError;
use super::stored::{ACCESS_LIST, Stored};
use super::{InForce, LiveConfig};
use crate::clock::UnixTime;
use crate::diagnostic::Diagnostic;
use crate::identity::AccessList;

impl LiveConfig {
    /// All lists, enabled or not, by name.
    ///
    /// # Errors
    ///
    /// The store does not answer.
    pub async fn access_lists(&self) -> Result<Vec<AccessList>, ChangeError> {
        let stored = Stored::read(&*self.parts.store).await?;
        let mut lists: Vec<_> = stored.access_lists().cloned().collect();
        lists.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        Ok(lists)
    }

    /// Adds a list.
    ///
    /// # Errors
    ///
    /// There are too many, it is not valid, or the store did not keep it.
    pub async fn add_access_list(&self, list: AccessList) -> Result<AccessList, ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        if stored.access_lists().count() >= MOST_LISTS {
            return Err(invalid(
                "name",
                format!("there are {MOST_LISTS} lists already"),
            ));
        }
        check(&list)?;
        self.put_list(&mut in_force, None, Some(&list)).await?;
        Ok(list)
    }

    /// Changes a list, from the next sign-in on and at all gateways; the list afterwards.
    ///
    /// # Errors
    ///
    /// There is none with this id, what it becomes is not valid, or the store did not keep it.
    pub async fn change_access_list(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut AccessList) + Send,
    ) -> Result<AccessList, ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let old = stored.access_lists().find(|list| list.id == id);
        let old = old.ok_or(ChangeError::UnknownAccessList)?;
        let mut new = old.clone();
        change(&mut new);
        check(&new)?;
        if *old != new {
            self.put_list(&mut in_force, Some(old), Some(&new)).await?;
        }
        Ok(new)
    }

    /// Deletes a list, and says what it was.
    ///
    /// # Errors
    ///
    /// There is none with this id, or the store did not write it down.
    pub async fn delete_access_list(&self, id: Uuid) -> Result<AccessList, ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let old = stored.access_lists().find(|list| list.id == id);
        let old = old.ok_or(ChangeError::UnknownAccessList)?;
        self.put_list(&mut in_force, Some(old), None).await?;
        Ok(old.clone())
    }

    async fn put_list(
        &self,
        in_force: &mut InForce,
        old: Option<&AccessList>,
        new: Option<&AccessList>,
    ) -> Result<(), ChangeError> {
        let Some(list) = new.or(old) else {
            return Ok(());
        };
        let setting = format!("{ACCESS_LIST}{}", list.id);
        let text = |list: &AccessList| json!(list).to_string();
        let (seen, value) = (old.map(text), new.map(text));
        let store = &self.parts.store;
        let now = UnixTime::now();
        store
            .replace_setting(&setting, seen.as_deref(), value.as_deref(), now)
            .await?;
        let stored = Stored::read(&**store).await?;
        let file = in_force.file.clone();
        self.take(in_force, file, stored).await?;
        Ok(())
    }
}

fn check(list: &AccessList) -> Result<(), ChangeError> {
    if list.entries.len() > MOST_ENTRIES {
        return Err(invalid(
            "entries",
            format!("a list has at most {MOST_ENTRIES} entries"),
        ));
    }
    list.check()
        .map_err(|(member, why)| invalid(member, why.to_owned()))
}

fn invalid(member: &str, message: String) -> ChangeError {
    ChangeError::Invalid(vec![Diagnostic::error(member, message)])
}

/// Each sign-in looks at all lists that are enabled.
const MOST_LISTS: usize = 50;
/// A list is one record of the store.
const MOST_ENTRIES: usize = 2000;
