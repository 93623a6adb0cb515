//! What operators change: issuers that they make, and switches.
//!
//! A change is written down before it takes effect, so that one that was answered survives a
//! restart and reaches every gateway. Turning off is the exception: it takes effect first.

use serde_json::Value;
use tracing::warn;
use uuid::Uuid;

use super::stored::{Document, Stored, setting_of, switch_of};
use super::version::BasedOn;
use super::{BuildError, InForce, LiveConfig};
use crate::clock::UnixTime;
use crate::config::load::made::{self, SetAside};
use crate::diagnostic::Diagnostic;
use crate::identity::access::KnownIssuers;
use crate::jwt::Issuers;
use crate::store::{AuditRecord, StoreError};

/// Why an operator's change was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The issuer is the file's, which no operator writes from here.
    #[error("the issuer `{0}` comes from the configuration file; change it there")]
    FromFile(String),
    /// There is one of this name.
    #[error("there is an issuer named `{0}`")]
    Exists(String),
    /// There is no issuer with this name.
    #[error("there is no such issuer")]
    Unknown,
    /// There is no origin with this id.
    #[error("there is no such origin")]
    UnknownOrigin,
    /// There is no access list with this id.
    #[error("there is no such access list")]
    UnknownAccessList,
    /// With a second issuer, this list would no longer mean the people whom it means now.
    #[error(
        "with this issuer, entries of the access list `{0}` that name no issuer would no longer count for \
         the users of the present one: name the issuer in these entries first, or turn the list off"
    )]
    ListNamesNoIssuer(String),
    /// The issuer's settings are not those that the change is based on.
    #[error("somebody else changed this issuer in the meantime")]
    Changed,
    /// There is no such server.
    #[error("there is no such server")]
    UnknownServer,
    /// The settings are invalid, or conflict with another issuer.
    #[error("{}", said(.0))]
    Invalid(Vec<Diagnostic>),
    /// The store did not keep it, or another operator was faster.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be put in force.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// An issuer's settings on both sides of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Empty if they were damaged.
    pub before: Document,
    /// As they are kept.
    pub after: Document,
}

fn said(errors: &[Diagnostic]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

impl LiveConfig {
    /// Creates an issuer and returns its name.
    ///
    /// # Errors
    ///
    /// It is not one, its name is taken, an access list would not know whom it means any more, or the store did
    /// not keep it.
    pub async fn create(&self, document: Document) -> Result<String, ChangeError> {
        let Some(Value::String(name)) = document.get("name").cloned() else {
            let missing = Diagnostic::error("name", "missing key");
            return Err(ChangeError::Invalid(vec![missing]));
        };
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        if in_force.has_in_file(&name) || stored.text(&name).is_some() {
            return Err(ChangeError::Exists(name));
        }
        in_force.check(&stored, &name, &document)?;
        self.write(&mut in_force, stored, &name, Some(document))
            .await?;
        Ok(name)
    }

    /// Replaces an issuer that an operator created. Settings that do not say whether it is enabled leave
    /// that as it is, also where it was turned off and that is not written down yet.
    ///
    /// # Errors
    ///
    /// The settings are invalid, there is no issuer with this name, it comes from the file, it is not
    /// what the change is based on, an access list would not know whom it means any more, or the store failed
    /// to save it.
    pub async fn replace(
        &self,
        name: &str,
        mut document: Document,
        based_on: &BasedOn,
    ) -> Result<Replaced, ChangeError> {
        let named = document
            .entry("name")
            .or_insert_with(|| Value::String(name.to_owned()));
        if named != name {
            let other = Diagnostic::error("name", "must be the same name as in the path");
            return Err(ChangeError::Invalid(vec![other]));
        }
        // Its settings say whether it is on: nothing that was asked for before is written over them.
        let _turn = self.switching.lock().await;
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        if in_force.has_in_file(name) {
            return Err(ChangeError::FromFile(name.to_owned()));
        }
        let text = stored.text(name).ok_or(ChangeError::Unknown)?;
        let before: Option<Document> = serde_json::from_str(text).ok();
        if !based_on.is_met_by(before.as_ref()) {
            return Err(ChangeError::Changed);
        }
        let before = before.unwrap_or_default();
        // What was turned off here is off, although what is stored does not say so yet.
        let is_off_here = self.off_here.has(name).then_some(Value::Bool(false));
        if let Some(enabled) = is_off_here.or_else(|| before.get("enabled").cloned()) {
            document.entry("enabled").or_insert(enabled);
        }
        in_force.check(&stored, name, &document)?;
        let after = document.clone();
        self.write(&mut in_force, stored, name, Some(document))
            .await?;
        Ok(Replaced { before, after })
    }

    /// Deletes an issuer created by an operator, in force or set aside, and says what it was.
    ///
    /// # Errors
    ///
    /// There is no issuer with this name, it comes from the file, it is not what the change is based
    /// on, or the store failed to delete it.
    pub async fn delete(&self, name: &str, based_on: &BasedOn) -> Result<Document, ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let Some(text) = stored.text(name) else {
            return Err(if in_force.has_in_file(name) {
                ChangeError::FromFile(name.to_owned())
            } else {
                ChangeError::Unknown
            });
        };
        let before: Option<Document> = serde_json::from_str(text).ok();
        if !based_on.is_met_by(before.as_ref()) {
            return Err(ChangeError::Changed);
        }
        self.write(&mut in_force, stored, name, None).await?;
        Ok(before.unwrap_or_default())
    }

    /// Turns an issuer on or off, for the next request and after restarts: one that an operator
    /// created in its settings, one from the file with a switch in addition to the file. A switch
    /// with the same value as the file is removed, so that the file decides again.
    ///
    /// # Errors
    ///
    /// There is no issuer with this name, or the store failed to save the change. An issuer that
    /// was to be turned off is off at this gateway nevertheless, and stays so: it is written down as soon as
    /// the store can, unless an operator turns it on before, or this process ends.
    pub async fn set_enabled(&self, name: &str, enabled: bool) -> Result<(), ChangeError> {
        if !enabled {
            // At once, also while another switch waits for the store.
            self.turn_off_here(name)?;
        }
        let _turn = self.switching.lock().await;
        match enabled {
            true => self.off_here.forget(name),
            // Should it have been turned on in the meantime.
            false => self.turn_off_here(name)?,
        }
        let written = self.write_switch(name, enabled).await;
        match &written {
            Ok(()) => self.off_here.forget(name),
            Err(_) => self.off_here.fails(),
        }
        written
    }

    /// Writes down which issuers were turned off here, where that failed before; whether nothing is left.
    pub(super) async fn switch_off_what_is_left(&self) -> bool {
        let mut is_all = true;
        for name in self.off_here.names() {
            let _turn = self.switching.lock().await;
            if !self.off_here.has(&name) {
                continue;
            }
            match self.write_switch(&name, false).await {
                Ok(()) => {
                    self.off_here.forget(&name);
                    self.record_switch_off(name).await;
                }
                // Nobody can turn on what is gone.
                Err(ChangeError::Unknown) => self.off_here.forget(&name),
                Err(error) => {
                    warn!(issuer = name, %error, "an issuer that was turned off is off at this gateway; \
                        it is not written down yet");
                    is_all = false;
                }
            }
        }
        is_all
    }

    fn turn_off_here(&self, name: &str) -> Result<(), ChangeError> {
        let known = |issuers: &Issuers| issuers.by_name(name).is_some();
        if !known(self.parts.exchange().issuers()) {
            return Err(ChangeError::Unknown);
        }
        self.off_here.add(name);
        // Those that come into force from here on are switched with this in mind.
        self.off_here.put_in_force(self.parts.exchange().issuers());
        Ok(())
    }

    async fn write_switch(&self, name: &str, enabled: bool) -> Result<(), ChangeError> {
        let issuer = self.parts.exchange().issuers().by_name(name).cloned();
        let issuer = issuer.ok_or(ChangeError::Unknown)?;
        if self.view().made.contains_key(name) {
            return self.set_managed_enabled(name, enabled).await;
        }
        let setting = switch_of(name);
        let value = (enabled != issuer.settings().enabled).then(|| enabled.to_string());
        let store = &self.parts.store;
        loop {
            let seen = store.setting(&setting).await?;
            if seen == value {
                break;
            }
            let now = UnixTime::now();
            let replaced = store
                .replace_setting(&setting, seen.as_deref(), value.as_deref(), now)
                .await;
            match replaced {
                Ok(()) => break,
                // Another operator was faster; the last one to write wins.
                Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.catch_up().await?;
        self.end_with_issuers().await?;
        Ok(())
    }

    /// The operator who asked for it was answered that it could not be written.
    async fn record_switch_off(&self, name: String) {
        let record = AuditRecord {
            id: Uuid::now_v7(),
            at: UnixTime::now(),
            actor: "gateway".to_owned(),
            action: "issuer.disable".to_owned(),
            target: Some(name),
            detail: Document::new(),
        };
        if let Err(error) = self.parts.store.append_audit(record).await {
            warn!(%error, "the audit record of an issuer that was turned off could not be written");
        }
    }

    async fn set_managed_enabled(&self, name: &str, enabled: bool) -> Result<(), ChangeError> {
        let mut in_force = self.changes.lock().await;
        let stored = Stored::read(&*self.parts.store).await?;
        let text = stored.text(name).ok_or(ChangeError::Unknown)?;
        let document: Result<Document, _> = serde_json::from_str(text);
        let mut document = document.map_err(|_| StoreError::Corrupt("settings"))?;
        document.insert("enabled".to_owned(), Value::Bool(enabled));
        // The rest of it stays as it is, also where the rules for new issuers refuse it.
        let others = stored.join_without(&in_force.file, Some(name)).config;
        let refused = |aside: SetAside| ChangeError::Invalid(aside.into_diagnostics());
        made::stored(&document, &others).map_err(refused)?;
        self.write(&mut in_force, stored, name, Some(document))
            .await
    }

    /// Writes down what was checked, and puts it in force.
    async fn write(
        &self,
        in_force: &mut InForce,
        stored: Stored,
        name: &str,
        document: Option<Document>,
    ) -> Result<(), ChangeError> {
        let text = document.map(|document| Value::Object(document).to_string());
        let (setting, now) = (setting_of(name), UnixTime::now());
        let store = &self.parts.store;
        store
            .replace_setting(&setting, stored.text(name), text.as_deref(), now)
            .await?;
        // What was written is the newest word.
        self.off_here.forget(name);
        let stored = Stored::read(&**store).await?;
        let file = in_force.file.clone();
        self.take(in_force, file, stored).await?;
        Ok(())
    }
}

impl InForce {
    fn has_in_file(&self, name: &str) -> bool {
        self.file.issuers.iter().any(|issuer| issuer.name == name)
    }

    /// Checks what an operator writes against all others that are in force.
    fn check(&self, stored: &Stored, name: &str, document: &Document) -> Result<(), ChangeError> {
        let others = stored.join_without(&self.file, Some(name)).config;
        let issuer = made::issuer(document, &others).map_err(ChangeError::Invalid)?;
        let now = KnownIssuers::new(&stored.join(&self.file).config.issuers);
        let later = KnownIssuers::new(others.issuers.iter().chain([&issuer]));
        let mut lists = stored.access_lists();
        match lists.find(|list| now.lose_by(&later, list)) {
            Some(list) => Err(ChangeError::ListNamesNoIssuer(list.name.clone())),
            None => Ok(()),
        }
    }
}
